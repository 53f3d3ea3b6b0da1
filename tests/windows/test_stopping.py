"""Programs that Ctrl-C, Ctrl-Break, a closed console, a logoff or a shutdown ends while tokens are being saved.

Windows calls the handlers as it does for a real event. Only the test of Ctrl-C in test_exec.py lets a console send it.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.program import Program, wait_until
from tests.support.signing_in import sign_in
from tests.support.stored import record_file
from tests.support.windows import WEBEX_TOKEN, Started, own_console, send, started
from webex_token_cli.sandbox import Answer, Sandbox

EVENTS = {"Ctrl-C": 0, "Ctrl-Break": 1, "a closed console": 2, "a logoff": 5, "a shutdown": 6}

# Webex's answer to a refresh, given a second after it was asked: the event arrives in between.
RENEWED = (
    '{"access_token": "the-last-one", "expires_in": 1209599, "refresh_token": "r", "refresh_token_expires_in": 9999999}'
)
IN_FLIGHT = 1.5


@pytest.fixture
def signed_in(tmp_path: Path, sandbox: Sandbox) -> Program:
    home = {"WEBEX_TOKEN_HOME": str(tmp_path / "home"), "WEBEX_TOKEN_STORE": "file"}
    program = Program(tmp_path, {**sandbox.environment, **home})
    sign_in(program)
    return program


@contextmanager
def in_flight(signed_in: Program, sandbox: Sandbox, *command: str) -> Iterator[Started]:
    """A command whose refresh waits for Webex's answer."""
    own_console()
    sandbox.order(Answer("/v1/access_token", 200, {"Content-Type": "application/json"}, RENEWED, delay=IN_FLIGHT))
    with started([*WEBEX_TOKEN, *command], {**os.environ, **signed_in.variables}) as program:
        wait_until(lambda: sandbox.in_flight, lambda: program.out, process=program.process)
        yield program


def stored_token(program: Program) -> str:
    return str(json.loads(record_file(program).read_text(encoding="utf-8"))["access_token"])


@pytest.mark.parametrize(
    ("event", "status"),
    [("Ctrl-C", 130), ("Ctrl-Break", 130), ("a closed console", 129), ("a logoff", 0), ("a shutdown", 0)],
)
def test_a_watch_saves_the_refresh_in_flight_and_ends_with_its_status(
    signed_in: Program, sandbox: Sandbox, event: str, status: int
) -> None:
    with in_flight(signed_in, sandbox, "watch", "--max-age", "1") as watch:
        send(EVENTS[event], watch.process)
        done = watch.finish()
    assert (done.status, stored_token(signed_in)) == (status, "the-last-one"), done


@pytest.mark.parametrize("event", EVENTS)
def test_a_refresh_in_flight_is_saved(signed_in: Program, sandbox: Sandbox, event: str) -> None:
    with in_flight(signed_in, sandbox, "refresh") as refresh:
        send(EVENTS[event], refresh.process)
        done = refresh.finish()
    assert stored_token(signed_in) == "the-last-one", done
    assert "renewed" not in done.out


NESTED = """
import time
from webex_token_cli.system.signals import StopRequest, defer_signals
with StopRequest() as stop:
    print("ready", flush=True)
    stop.wait(30)
    with defer_signals():
        print("saved", flush=True)
print(stop.received, flush=True)
"""


def test_a_save_that_begins_after_the_console_has_ended_is_not_blocked(tmp_path: Path) -> None:
    own_console()
    with started([sys.executable, "-c", NESTED], dict(os.environ)) as program:
        program.wait_for("ready")
        send(EVENTS["a closed console"], program.process)
        assert program.finish().out == "ready\nsaved\n1\n"


CLEANED_UP = """
import time
from webex_token_cli.system.signals import cleanup_on_signal
with cleanup_on_signal(lambda: print("cleaned up", flush=True)):
    print("ready", flush=True)
    for _ in range(300):
        time.sleep(0.1)
"""


@pytest.mark.parametrize("event", ["Ctrl-Break", "a closed console", "a logoff", "a shutdown"])
def test_what_has_to_be_cleaned_up_is_cleaned_up(event: str) -> None:
    own_console()
    with started([sys.executable, "-c", CLEANED_UP], dict(os.environ)) as program:
        program.wait_for("ready")
        send(EVENTS[event], program.process)
        assert program.finish().out == "ready\ncleaned up\n"
