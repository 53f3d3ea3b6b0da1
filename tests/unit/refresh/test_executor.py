"""The threads of a watch: each result arrives, and a watch that ends waits for what runs and for nothing else."""

import threading
import time
from functools import partial

from webex_token_cli.refresh.executor import ThreadExecutor

PATIENCE = 30.0


def test_each_result_arrives_once_and_wakes_the_watch() -> None:
    woken = threading.Semaphore(0)
    executor = ThreadExecutor[str](2, woken.release)
    for name in ("a", "b", "c"):
        executor.submit(partial(str, name))
    assert all(woken.acquire(timeout=PATIENCE) for _ in range(3))
    assert sorted(executor.finished()) == ["a", "b", "c"]
    assert executor.finished() == []
    assert executor.close() == []


def test_a_watch_that_ends_waits_for_what_runs_and_drops_what_has_not_begun() -> None:
    executor = ThreadExecutor[str](1, lambda: None)
    begun, may_end, closed = threading.Event(), threading.Event(), threading.Event()
    results: list[str] = []
    worked: list[float] = []

    def running() -> str:
        begun.set()
        return "running" if may_end.wait(PATIENCE) else "too late"

    def close() -> None:
        before = time.thread_time()
        results.extend(executor.close())
        worked.append(time.thread_time() - before)
        closed.set()

    executor.submit(running)
    executor.submit(lambda: "waiting")
    assert begun.wait(PATIENCE)
    closing = threading.Thread(target=close)
    closing.start()
    assert not closed.wait(0.2)
    may_end.set()
    closing.join(PATIENCE)
    assert results == ["running"]
    assert worked[0] < 0.1, "the wait keeps the processor busy"
