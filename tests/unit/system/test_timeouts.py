"""Calls that may hang, on threads that are reused when they have nothing to do."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.support.program import wait_until
from webex_token_cli.system import timeouts
from webex_token_cli.system.timeouts import (
    ExclusiveCalls,
    ReusedThreads,
    RunningCall,
    TimeoutExceeded,
    on_new_thread,
    with_timeout,
)


def test_a_call_takes_a_thread_that_has_nothing_to_do() -> None:
    run = ReusedThreads().run
    used = set()
    for _ in range(20):
        used.add(with_timeout(threading.current_thread, 10, run=run))
        time.sleep(0.005)  # the thread has told the result, and is about to become idle
    assert len(used) < 5


def test_a_call_that_hangs_has_its_thread_for_itself() -> None:
    run, release = ReusedThreads().run, threading.Event()
    with pytest.raises(TimeoutExceeded):
        with_timeout(release.wait, 0.05, run=run)
    assert [with_timeout(lambda: "done", 10, run=run) for _ in range(3)] == ["done"] * 3
    release.set()


def test_every_call_of_many_at_once_is_made_though_threads_end_all_the_time() -> None:
    run = ReusedThreads(idle=0.001).run
    for _ in range(50):
        calls = [RunningCall(partial(int, number), run) for number in range(10)]
        assert all(call.wait(10) for call in calls)
        assert [call.result() for call in calls] == list(range(10))


def test_a_thread_waits_for_a_call_that_is_slow_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    def start_slowly(work: Callable[[], None]) -> None:
        on_new_thread(work)
        time.sleep(0.05)

    monkeypatch.setattr(timeouts, "on_new_thread", start_slowly)
    assert with_timeout(lambda: "done", 5, run=ReusedThreads(idle=0.01).run) == "done"


def test_idle_threads_end_and_an_error_leaves_them_usable() -> None:
    run = ReusedThreads(idle=0.01).run
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            with_timeout(lambda: 1 / 0, 10, run=run)
    last = with_timeout(threading.current_thread, 10, run=run)
    wait_until(lambda: not last.is_alive())


def test_neither_a_call_that_hangs_nor_an_idle_thread_keeps_a_process_alive() -> None:
    script = (
        "import threading; from webex_token_cli.system.timeouts import ReusedThreads\n"
        "threads = ReusedThreads(idle=60)\n"
        "threads.run(lambda: None); threads.run(threading.Event().wait); print('end')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "end\n"


def test_many_threads_wait_no_longer_than_one_for_a_call_that_hangs() -> None:
    calls, release = ExclusiveCalls(one_at_a_time=True), threading.Event()

    def gives_up(_: int) -> bool:
        with pytest.raises(TimeoutExceeded):
            calls(release.wait, 0.5)
        return True

    began = time.monotonic()
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(gives_up, range(8)))
    assert time.monotonic() - began < 2.5  # one after the other would take four seconds
    release.set()
    assert calls(lambda: "done", 10) == "done"


def test_no_call_waits_for_its_turn_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "_LONGEST_QUEUE", 0.1)
    calls, begun, release = ExclusiveCalls(one_at_a_time=True), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        release.wait()

    slow = threading.Thread(target=calls, args=(call, 5))
    slow.start()
    begun.wait()
    with pytest.raises(TimeoutExceeded):
        calls(lambda: "too late", 5)
    release.set()
    slow.join()
