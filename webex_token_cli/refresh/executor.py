"""Tasks that run side by side, a few at a time, and whose results go to the one thread that submitted them."""

import concurrent.futures
import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

# Seconds of one step of the wait for running tasks. On Windows, Ctrl-C is noticed only between two steps.
_STEP = 0.5


class Executor(Protocol[T]):
    """Runs tasks and hands out their results."""

    def submit(self, task: Callable[[], T], /) -> None:
        """Run ``task``, which must not raise, as soon as a thread is free."""

    def finished(self) -> list[T]:
        """Return the results that came in since the last call."""

    def close(self) -> list[T]:
        """Drop the tasks that have not started, wait for the others, and return their results."""


class ThreadExecutor(Generic[T]):
    """Runs tasks in up to ``size`` threads. Each result calls ``wake`` in the thread that produced it."""

    def __init__(self, size: int, wake: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="watch")
        self._wake = wake
        self._results: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._unfinished: set[Future[T]] = set()

    def submit(self, task: Callable[[], T]) -> None:
        """Run ``task`` in a thread."""
        future = self._pool.submit(task)
        self._unfinished.add(future)
        future.add_done_callback(self._done)

    def _done(self, future: "Future[T]") -> None:
        self._unfinished.discard(future)
        if not future.cancelled():
            self._results.put(future.result())
            self._wake()

    def finished(self) -> list[T]:
        """Return the results that came in since the last call."""
        results = []
        while not self._results.empty():
            results.append(self._results.get())
        return results

    def close(self) -> list[T]:
        """Drop the tasks that have not started, wait for the others, and return their results."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        while unfinished := self._unfinished.copy():
            concurrent.futures.wait(unfinished, timeout=_STEP)
        # The last result may not be in the queue yet; its thread ends after that.
        self._pool.shutdown()
        return self.finished()
