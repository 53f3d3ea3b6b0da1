"""Signals that arrive while tokens are saved, each in a process of its own, and those that ask for a stop."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.program import Finished
from webex_token_cli.system.signals import StopRequest, _handled_signals

_START = "import os, signal, time; from webex_token_cli.system.signals import cleanup_on_signal, defer_signals\n"

# Has C's signal() install a handler that Python does not know, as an embedding application does before Python starts.
_HANDLER_FROM_C = f"""
import ctypes, sys
_TYPE = ctypes.CFUNCTYPE(None, ctypes.c_int)
in_c = _TYPE(lambda number: print("the host's own handler got", number))
ctypes.CDLL(None).signal(signal.SIGTERM, in_c)
if "before" in sys.argv:
    del sys.modules["_signal"], sys.modules["signal"], sys.modules["webex_token_cli.system.signals"]
    import signal
    {_START}
    assert signal.getsignal(signal.SIGTERM) is None
"""


def python(script: str, *arguments: str) -> Finished:
    done = subprocess.run(
        [sys.executable, "-u", "-c", _START + script, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.posix
def test_every_signal_that_was_deferred_is_delivered_in_the_order_of_arrival() -> None:
    script = """
for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: print(signal.Signals(number).name))
with defer_signals():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        os.kill(os.getpid(), number)
    print("saved")
"""
    assert python(script) == Finished(0, "saved\nSIGTERM\nSIGHUP\nSIGINT\n", "")


@pytest.mark.posix
def test_a_signal_after_one_whose_handler_raises_is_delivered_too() -> None:
    script = """
with defer_signals():
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    print("saved")
"""
    assert python(script) == Finished(-signal.SIGTERM, "saved\n", "")


@pytest.mark.parametrize("context", ["defer_signals()", "cleanup_on_signal(lambda: print('cleaned up'))"])
@pytest.mark.posix
def test_a_signal_that_is_ignored_stays_ignored_and_hides_no_other(context: str) -> None:
    script = f"""
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with {context}:
    os.kill(os.getpid(), signal.SIGHUP)
    print("saved")
    os.kill(os.getpid(), signal.SIGTERM)
print("never reached")
"""
    done = python(script)
    assert (done.status, done.out.replace("cleaned up\n", ""), done.err) == (-signal.SIGTERM, "saved\n", "")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("context", ["defer_signals()", "cleanup_on_signal(lambda: print('cleaned up'))"])
@pytest.mark.posix
def test_a_handler_that_c_code_set_before_or_after_python_started_stays_in_place(when: str, context: str) -> None:
    script = f"""{_HANDLER_FROM_C}
with {context}:
    os.kill(os.getpid(), signal.SIGTERM)
os.kill(os.getpid(), signal.SIGTERM)
print("still alive")
"""
    if when == "after" and not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells which signals a process handles")
    handled = "the host's own handler got 15\n"
    assert python(script, when) == Finished(0, f"{handled}{handled}still alive\n", "")


@pytest.mark.posix
def test_an_event_loop_of_the_host_gets_a_deferred_signal_once() -> None:
    script = """
import asyncio
async def host():
    got = []
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: got.append("SIGTERM"))
    with defer_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.1)
    print(got)
asyncio.run(host())
"""
    assert python(script) == Finished(0, "['SIGTERM']\n", "")


def test_in_a_thread_and_in_an_interpreter_beside_the_main_one_signals_are_the_hosts_alone() -> None:
    script = """
import threading
before = signal.getsignal(signal.SIGINT)
def inside():
    with defer_signals():
        assert signal.getsignal(signal.SIGINT) is before
        print("saved in a thread")
thread = threading.Thread(target=inside)
thread.start()
thread.join()
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
beside = "from webex_token_cli.system.signals import defer_signals; defer_signals().__enter__(); print('saved beside')"
raised = interpreters.run_string(interpreters.create(), beside)
assert raised is None, raised
"""
    assert python(script) == Finished(0, "saved in a thread\nsaved beside\n", "")


@pytest.mark.posix
def test_after_a_request_to_stop_no_wait_takes_time() -> None:
    with StopRequest() as stop:
        signal.raise_signal(signal.SIGTERM)
        begun = time.monotonic()
        for _ in range(2):
            stop.wait(5)
        assert (stop(), stop.received, time.monotonic() - begun < 5) == (True, signal.SIGTERM, True)


@pytest.mark.parametrize("text", [None, "SigCgt:\n", "SigIgn:\tunknown\n"], ids=["no file", "no mask", "no number"])
def test_where_the_system_does_not_tell_it_no_signal_counts_as_handled_by_c_code(
    tmp_path: Path, text: str | None
) -> None:
    status = tmp_path / "status"
    if text is not None:
        status.write_text(text)
    assert _handled_signals(status) == set()
    status.write_text("SigBlk:\t1\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000002\n")
    assert _handled_signals(status) == {2, 13}
