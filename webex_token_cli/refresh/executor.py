"""Calls side by side, a few at a time, whose results come to the one thread that began them."""

import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Crew(Protocol[T]):
    """Does calls, and hands their results out."""

    def start(self, call: Callable[[], T], /) -> None:
        """Have ``call``, which raises nothing, done as soon as somebody is free."""

    def finished(self) -> list[T]:
        """The results since this was last called."""

    def close(self) -> list[T]:
        """Forget what nobody has begun, wait for the rest, and give its results."""


class Threads(Generic[T]):
    """A crew of ``size`` threads at most; ``wake`` is called, in one of them, whenever there is a result."""

    def __init__(self, size: int, wake: Callable[[], None]) -> None:
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="watch")
        self._wake = wake
        self._results: queue.SimpleQueue[T] = queue.SimpleQueue()

    def start(self, call: Callable[[], T]) -> None:
        """Have ``call`` done in a thread."""
        self._pool.submit(call).add_done_callback(self._done)

    def _done(self, future: "Future[T]") -> None:
        if not future.cancelled():
            self._results.put(future.result())
            self._wake()

    def finished(self) -> list[T]:
        """The results since this was last called."""
        results = []
        while not self._results.empty():
            results.append(self._results.get())
        return results

    def close(self) -> list[T]:
        """Forget what nobody has begun, wait for the rest, and give its results."""
        self._pool.shutdown(cancel_futures=True)
        return self.finished()
