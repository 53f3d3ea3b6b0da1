"""The output of a watch: JSON for machines, a countdown for people, and notifications for systemd."""

import io
import json
import os
import re
import signal
import socket
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.program import Program, wait_until
from tests.support.stored import age
from tests.support.terminal import at_a_terminal, end_of, read
from tests.support.world import DAY, RECORD, START
from webex_token_cli.cli.watch_log import LiveLine, profiles_in_words, status_in_words
from webex_token_cli.commands.watch import StatusDisplay
from webex_token_cli.errors import GrantRefused, TemporaryFailure
from webex_token_cli.refresh.events import Outlook
from webex_token_cli.refresh.schedule import ProfileState
from webex_token_cli.sandbox import Answer, Sandbox
from webex_token_cli.service.sd_notify import Notifier

KEYS = [
    "version", "time", "profile", "event", "message", "access_token_expires_at", "refresh_token_expires_at",
    "refreshed_at", "next_at", "failing_since", "error", "hint", "exit_status", "tracking_id", "attention",
    "attention_message",
]  # fmt: skip


def test_each_json_line_is_an_object_with_the_same_keys(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 2 * DAY)
    refused = '{"message": "The refresh token is revoked", "trackingId": "ROUTER_1"}'
    sandbox.order(Answer("/v1/access_token", 400, {}, refused))
    done = signed_in.run("watch", "--log-format", "json")
    started, refusal = map(json.loads, done.out.splitlines())
    assert (list(started), list(refusal)) == (KEYS, KEYS)
    assert done.err == (
        "Error: No profile is left that can be refreshed.\nSign in with `webex-token login`, then start again.\n"
    )
    times = {key: refusal.pop(key) for key in ("time", "access_token_expires_at", "refresh_token_expires_at")}
    assert times["access_token_expires_at"] - times["time"] == pytest.approx(12 * DAY, abs=60)
    assert refusal == {
        "version": 1,
        "profile": "default",
        "event": "needs sign-in",
        "message": "needs sign-in: Profile default: Webex no longer accepts the grant (HTTP 400, “The refresh "
        "token is revoked”, tracking ID ROUTER_1). Sign in with `webex-token login`.",
        "refreshed_at": refusal["refreshed_at"],
        "next_at": None,
        "failing_since": None,
        "error": "Profile default: Webex no longer accepts the grant (HTTP 400, “The refresh token is revoked”, "
        "tracking ID ROUTER_1).",
        "hint": "Sign in with `webex-token login`.",
        "exit_status": 3,
        "tracking_id": "ROUTER_1",
        "attention": "needs sign-in",
        "attention_message": refusal["error"] + " " + refusal["hint"],
    }


def test_on_a_terminal_a_line_counts_down_and_is_wiped_before_any_other(signed_in: Program) -> None:
    with at_a_terminal(signed_in, "watch", columns=80) as child:
        first = read(child, r"\r\x1b\[KNext check in (1:00:00|59:\d\d) · default 14 days left")
        assert read(child, r"\r\x1b\[KNext check in (1:00:00|59:\d\d) · default 14 days left") != first
        child.kill(signal.SIGHUP)
        read(child, r"\r\x1b\[K(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)  default  fresh: ")
        read(child, r"(Next check in (?:1:00:00|59:5\d))")
        child.send("\x03")
        status, rest = end_of(child)
    assert status == 130
    assert rest.endswith("\r\x1b[K")


def test_a_line_that_is_too_long_for_the_terminal_is_cut(signed_in: Program) -> None:
    with at_a_terminal(signed_in, "watch", columns=30) as child:
        line = read(child, r"\r\x1b\[K(Next check[^\r]*)\r")
    assert len(line) == 29
    assert line.endswith("…")


@pytest.mark.parametrize(("columns", "drawn"), [(20, "Next check in 0:40…"), (1, "…")])
def test_the_countdown_fits_the_terminal_of_standard_error_and_ignores_standard_output(
    columns: int, drawn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    written = io.StringIO()
    with open(controller), open(terminal, "w") as stream:  # noqa: PTH123 - descriptors have no path
        monkeypatch.setattr("sys.stderr", stream)
        LiveLine(written.write, lambda text: written.write(text) > 0).draw(Outlook(START + 40, 0, {}), START)
    assert written.getvalue() == f"\r\x1b[K{drawn}"


def test_without_a_terminal_there_is_no_countdown(signed_in: Program) -> None:
    with signed_in.started("watch") as watch:
        watch.wait_for("fresh: ")
    assert "\x1b" not in watch.out + watch.err


WAITING = ProfileState(given_up=True, error=GrantRefused("", ""))
FAILING = ProfileState(RECORD, failures=2, retry_at=START + 40, error=TemporaryFailure("", ""))


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ({}, "no profile"),
        ({"ada": ProfileState(RECORD)}, "ada 14 days left"),
        (
            {"ada": ProfileState(RECORD), "bob": WAITING, "cyd": FAILING, "new": ProfileState()},
            "ada 14 days left, bob needs sign-in, cyd retrying in 40 seconds, new …",
        ),
        ({str(n): ProfileState(RECORD) for n in range(5)}, "5 profiles: 5 fresh"),
        (
            {**{str(n): ProfileState(RECORD) for n in range(998)}, "bob": WAITING, "cyd": FAILING},
            "1000 profiles: 998 fresh, 1 failing, 1 waiting for a sign-in",
        ),
    ],
)
def test_the_states_of_the_profiles_in_words(states: dict[str, ProfileState], words: str) -> None:
    assert profiles_in_words(states, START) == words


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The end of the notify socket that systemd holds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(20)
        yield listening


def test_systemd_is_told_of_the_start_of_each_change_that_it_is_alive_and_of_the_end(
    signed_in: Program, manager: socket.socket
) -> None:
    told: list[str] = []

    def hear(pattern: str) -> None:
        def is_heard() -> bool:
            told.append(manager.recv(4096).decode())
            return re.fullmatch(pattern, told[-1]) is not None

        # Pings arrive for as long as the watch runs, so the socket's own timeout would never end this.
        wait_until(is_heard, lambda: f"{pattern} in {told}")

    program = signed_in.having(NOTIFY_SOCKET=str(manager.getsockname()), WATCHDOG_USEC="400000")
    with program.started("watch") as watch:
        first = r"READY=1\nSTATUS=default (…|14 days left); next check \d{4}-.*"
        hear(first)
        hear("WATCHDOG=1")
        hear("WATCHDOG=1")
        hear(r"STATUS=.*|WATCHDOG=1")
        assert signed_in.run("login", "-p", "late").status == 0
        watch.process.send_signal(signal.SIGHUP)
        hear(r"STATUS=default 14 days left, late 14 days left; next check \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
        watch.process.send_signal(signal.SIGTERM)
        hear("STOPPING=1")
        assert watch.finish().status == 0


def test_a_status_that_systemd_did_not_take_is_sent_again() -> None:
    sent: list[tuple[str, str]] = []

    @dataclass(frozen=True)
    class FullOnce(Notifier):
        def ready(self, status: str = "") -> bool:
            sent.append(("READY", status))
            return len(sent) > 1

        def status(self, text: str) -> bool:
            sent.append(("STATUS", text))
            return len(sent) > 3

        def alive(self) -> bool:
            return True

    first, second = (Outlook(START + 60, 0, {n: ProfileState(RECORD) for n in names}) for names in ("a", "ab"))
    display = StatusDisplay(lambda: START, None, FullOnce(b"@somewhere"))
    for outlook in (first, first, second, second, second):
        display(outlook)
    one, two = status_in_words(first, START), status_in_words(second, START)
    assert sent == [("READY", one), ("READY", one), ("STATUS", two), ("STATUS", two)]


def test_a_watch_whose_process_is_stopped_sends_no_watchdog_pings(signed_in: Program, manager: socket.socket) -> None:
    program = signed_in.having(NOTIFY_SOCKET=str(manager.getsockname()), WATCHDOG_USEC="200000")
    with program.started("watch") as watch:
        while manager.recv(4096) != b"WATCHDOG=1":
            pass
        os.kill(watch.process.pid, signal.SIGSTOP)
        manager.settimeout(0.5)
        wait_until(lambda: _is_silent(manager))
        os.kill(watch.process.pid, signal.SIGCONT)
        manager.settimeout(20)
        assert manager.recv(4096)


def _is_silent(manager: socket.socket) -> bool:
    try:
        manager.recv(4096)
    except TimeoutError:
        return True
    return False


def test_a_terminal_that_cannot_erase_gets_no_countdown(signed_in: Program) -> None:
    with at_a_terminal(signed_in.having(TERM="dumb"), "watch") as child:
        until_then = read(child, r"(?s)^(.*)fresh: ")
        child.send("\x03")
        status, rest = end_of(child)
    assert status == 130
    assert "Next check" not in until_then + rest
    assert "\x1b" not in until_then + rest


def test_without_colours_the_countdown_still_replaces_itself(signed_in: Program) -> None:
    with at_a_terminal(signed_in.having(NO_COLOR="1"), "watch", columns=80) as child:
        for _ in range(2):
            read(child, r"\r\x1b\[K(Next check in )(?:1:00:00|59:\d\d) · default 14 days left")
        child.send("\x03")
        assert end_of(child)[0] == 130
