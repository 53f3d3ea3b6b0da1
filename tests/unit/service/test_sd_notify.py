"""The reports that reach a real notify socket, and silence if there is none."""

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from webex_token_cli.service.sd_notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket such as systemd listens on, and what NOTIFY_SOCKET says of it."""
    name = f"{tmp_path}/notify" if request.param == "path" else f"@webex-token-test-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0"))
        listening.settimeout(5)
        yield listening, name


@pytest.mark.posix
def test_each_message_arrives_whole(manager: tuple[socket.socket, str]) -> None:
    listening, name = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": name})
    sent = [
        notifier.ready("2 profiles are fresh"),
        notifier.ready(),
        notifier.status("next check in 59 minutes"),
        notifier.alive(),
        notifier.stopping(),
        notifier.stopping("a refresh is being saved"),
    ]
    assert [listening.recv(4096).decode() for _ in sent] == [
        "READY=1\nSTATUS=2 profiles are fresh",
        "READY=1",
        "STATUS=next check in 59 minutes",
        "WATCHDOG=1",
        "STOPPING=1",
        "STOPPING=1\nSTATUS=a refresh is being saved",
    ]
    assert sent == [True] * len(sent)


@pytest.mark.parametrize(
    ("text", "arrives"),
    [
        ("Ada’s token\nMAINPID=1\r\n\tis  fresh", "STATUS=Ada’s token MAINPID=1 is fresh"),
        ("a\0b\x1b[2J\udcff", "STATUS=a b [2J"),
        ("😀" * 5000, f"STATUS={'😀' * 299}…"),
    ],
)
@pytest.mark.posix
def test_a_status_is_one_short_line_whatever_is_in_it(
    manager: tuple[socket.socket, str], text: str, arrives: str
) -> None:
    listening, name = manager
    assert Notifier.from_environment({"NOTIFY_SOCKET": name}).status(text)
    assert listening.recv(65536).decode() == arrives
    assert len(arrives.encode()) < 4096


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_a_socket_nothing_is_sent(environment: dict[str, str]) -> None:
    notifier = Notifier.from_environment(environment)
    assert notifier == Notifier(None, None)
    assert [notifier.ready("x"), notifier.status("x"), notifier.alive(), notifier.stopping()] == [False] * 4


@pytest.mark.posix
def test_a_socket_that_cannot_be_reached_raises_nothing(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"{tmp_path}/gone")
    stream = tmp_path / "stream"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wrong_kind:
        wrong_kind.bind(str(stream))
        for name in (f"{tmp_path}/gone", f"{tmp_path}/never-was", str(stream), "/" + "x" * 200, "@" + "x" * 200):
            assert Notifier.from_environment({"NOTIFY_SOCKET": name}).ready() is False


@pytest.mark.posix
def test_a_full_queue_is_waited_for_a_second_and_no_longer(manager: tuple[socket.socket, str]) -> None:
    listening, name = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": name})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filling:
        filling.setblocking(False)
        filling.connect(name.replace("@", "\0"))
        with contextlib.suppress(BlockingIOError):
            while True:
                filling.send(b"STATUS=x")
    started, used = time.monotonic(), time.process_time()
    assert notifier.alive() is False
    assert 0.9 < time.monotonic() - started < 5
    assert time.process_time() - used < 0.3  # asleep, not asking over and over
    listening.recv(4096)
    assert notifier.alive() is True


@pytest.mark.parametrize(
    ("variables", "interval"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "300000000"}, 300.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "4711"}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "4712"}, None),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": ""}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "5s"}, None),
        ({"WATCHDOG_USEC": "9" * 400}, None),
        ({"WATCHDOG_PID": "4711"}, None),
    ],
)
def test_the_watchdog_is_obeyed_if_it_watches_this_process(variables: dict[str, str], interval: float | None) -> None:
    notifier = Notifier.from_environment(variables, pid=4711)
    assert (notifier.watchdog_interval, notifier.ping_every) == (interval, interval and interval / 2)


def test_a_process_is_known_by_its_own_id() -> None:
    named = {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}
    assert Notifier.from_environment(named).ping_every == 1.0
    code = (
        f"from webex_token_cli.service.sd_notify import Notifier; print(Notifier.from_environment({named}).ping_every)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], encoding="utf-8") == "None\n"
