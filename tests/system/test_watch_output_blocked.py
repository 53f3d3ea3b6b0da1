"""A watch whose output cannot be written: a full disk, a reader that stopped or ended, a stopped terminal."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import pytest

from tests.support.program import PROMPT, WEBEX_TOKEN, Program, wait_until
from tests.support.stored import age
from tests.support.terminal import at_a_terminal
from webex_token_cli.sandbox import Rules, Sandbox

WATCH = ("watch", "--interval", "1", "--max-age", "1")


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, auto_approve=True)


def renewals(sandbox: Sandbox) -> int:
    return sandbox.outcomes().count("renewed")


@contextmanager
def started(program: Program, *arguments: str, out: int, err: int = DEVNULL) -> Iterator["Popen[bytes]"]:
    with Popen([str(WEBEX_TOKEN), *arguments], env=program.environment, stdin=DEVNULL, stdout=out, stderr=err) as watch:
        try:
            yield watch
        finally:
            watch.kill()


def full_pipe() -> tuple[int, int]:
    """The two ends of a pipe that takes nothing more until somebody reads it."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for size in (65536, 1):
        try:
            while True:
                os.write(writer, b"\n" * size)
        except BlockingIOError:
            pass
    os.set_blocking(writer, True)
    return reader, writer


def drained(reader: int, until: str) -> str:
    """What the pipe gives until ``until`` has come."""
    text = ""
    while until not in text:
        text += os.read(reader, 65536).decode()
    return text.lstrip("\n")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_pipe_that_nobody_reads_stops_neither_renewals_nor_sigterm(
    signed_in: Program, sandbox: Sandbox, form: str
) -> None:
    reader, writer = full_pipe()
    with started(signed_in, *WATCH, "--log-format", form, out=writer, err=writer) as watch:
        wait_until(lambda: renewals(sandbox) >= 2)
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(PROMPT) == 0
    os.close(reader)
    os.close(writer)


def test_a_pipe_that_is_read_again_has_every_line_that_waited(signed_in: Program, sandbox: Sandbox) -> None:
    reader, writer = full_pipe()
    with started(signed_in, *WATCH, out=writer) as watch:
        wait_until(lambda: renewals(sandbox) >= 2)
        os.close(writer)
        lines = drained(reader, "renewed: ").splitlines()
        assert "  default  fresh: " in lines[0] or "  default  renewed: " in lines[0]
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(PROMPT) == 0
    os.close(reader)


def test_a_full_disk_stops_no_renewal(signed_in: Program, sandbox: Sandbox) -> None:
    with (
        Path("/dev/full").open("wb") as full,
        started(signed_in, *WATCH, out=full.fileno(), err=full.fileno()) as watch,
    ):
        wait_until(lambda: renewals(sandbox) >= 2)
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(PROMPT) == 0


def test_a_closed_output_stops_no_renewal(signed_in: Program, sandbox: Sandbox) -> None:
    with Popen(
        ["sh", "-c", f"exec {WEBEX_TOKEN} {' '.join(WATCH)} >&-"],
        env=signed_in.environment,
        stdin=DEVNULL,
        stderr=PIPE,
    ) as watch:
        wait_until(lambda: renewals(sandbox) >= 2)
        watch.send_signal(signal.SIGTERM)
        _, told = watch.communicate(timeout=PROMPT)
    assert watch.returncode == 0
    assert told.decode().count("Warning: The log of the watch cannot be written (Bad file descriptor).") == 1


def test_a_reader_that_goes_away_stops_no_renewal(signed_in: Program, sandbox: Sandbox) -> None:
    with started(signed_in, *WATCH, out=PIPE) as watch:
        assert watch.stdout is not None
        assert watch.stdout.readline().endswith(b"\n")
        watch.stdout.close()
        before = renewals(sandbox)
        wait_until(lambda: renewals(sandbox) >= before + 2)
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(PROMPT) == 0


def test_a_stopped_terminal_stops_neither_renewals_nor_sigterm(signed_in: Program, sandbox: Sandbox) -> None:
    with at_a_terminal(signed_in, *WATCH) as child:
        child.expect("renewed: ")
        child.send("\x13")  # Ctrl-S
        before = renewals(sandbox)
        wait_until(lambda: renewals(sandbox) >= before + 2)
        child.kill(signal.SIGTERM)
        wait_until(lambda: not child.isalive(), timeout=PROMPT)
        assert (child.exitstatus, child.signalstatus) == (0, None)


def test_one_round_whose_output_is_lost_renews_and_then_fails(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 2 * 86400)
    with (
        Path("/dev/full").open("wb") as full,
        started(signed_in, "watch", "--once", out=full.fileno(), err=PIPE) as watch,
    ):
        assert watch.stderr is not None
        assert watch.stderr.read().decode() == (
            "Error: The output could not be written (No space left on device).\n"
            "The tokens are stored all the same; send the output to a file or a pipe that can take it.\n"
        )
        assert watch.wait(PROMPT) == 1
    assert renewals(sandbox) == 1
