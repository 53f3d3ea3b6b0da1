"""A watch that is stopped or suspended, loses its terminal, or whose clock is set: real signals and terminals."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from tests.support.program import PROMPT, WEBEX_TOKEN, Program, Running, wait_until
from tests.support.requirements import require
from tests.support.rounds import stored_in
from tests.support.stored import DAY, age
from tests.support.terminal import at_a_terminal
from webex_token_cli.sandbox import Answer, Rules, Sandbox

pytestmark = pytest.mark.long

RENEWED = (
    '{"access_token": "the-last-one", "expires_in": 1209599, "refresh_token": "r", "refresh_token_expires_in": 9999999}'
)


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, auto_approve=True, device_interval=1)


@pytest.fixture
def home(signed_in: Program) -> Path:
    return Path(signed_in.variables["WEBEX_TOKEN_HOME"])


def refreshes(sandbox: Sandbox) -> int:
    return sandbox.outcomes().count("renewed")


def test_after_a_suspension_it_checks_once_and_at_once(signed_in: Program, sandbox: Sandbox) -> None:
    with signed_in.started("watch", "--interval", "2", "--max-age", "1") as watch:
        wait_until(lambda: refreshes(sandbox) >= 2)
        watch.process.send_signal(signal.SIGSTOP)
        time.sleep(5)  # two rounds are missed, and the third is not due yet
        before = refreshes(sandbox)
        watch.process.send_signal(signal.SIGCONT)
        woken = time.monotonic()
        wait_until(lambda: refreshes(sandbox) > before)
        assert time.monotonic() - woken < 1
        time.sleep(1.5)
        assert refreshes(sandbox) == before + 1
        wait_until(lambda: refreshes(sandbox) == before + 2, timeout=5)


@pytest.fixture
def clock(signed_in: Program, tmp_path: Path) -> tuple[Program, Callable[[str], None]]:
    """The program with its own clock, and a function that sets it: ``+2d`` is two days ahead of this machine's."""
    require("faketime")
    file = tmp_path / "clock"

    def set_by(offset: str) -> None:
        file.with_suffix(".new").write_text(offset)
        file.with_suffix(".new").replace(file)

    set_by("+0")
    found = subprocess.run(["faketime", "-m", "-f", "+0", "env"], capture_output=True, encoding="utf-8", check=True)
    preload = next(line for line in found.stdout.splitlines() if line.startswith("LD_PRELOAD="))
    program = signed_in.having(
        LD_PRELOAD=preload.partition("=")[2],
        FAKETIME_TIMESTAMP_FILE=str(file),
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",  # setting the wall clock does not change the monotonic one
    )
    return program, set_by


def test_a_clock_that_is_set_is_noticed_at_once_and_causes_one_refresh(
    clock: tuple[Program, Callable[[str], None]], sandbox: Sandbox
) -> None:
    program, set_by = clock
    with program.started("watch", "--interval", "1") as watch:
        watch.wait_for("default  fresh: ")
        set_by("+2d")
        watch.wait_for("default  renewed: ", timeout=10)
        set_by("-3d")  # the stored times now lie in the future, so the token is refreshed once
        watch.wait_for("default  renewed: ", times=2, timeout=10)
        for expected in (2, 3):  # after that the checks find nothing due
            watch.process.send_signal(signal.SIGHUP)
            watch.wait_for("default  fresh: ", times=expected, timeout=10)
            time.sleep(1.1)
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0
    assert refreshes(sandbox) == 2


def in_flight(program: Program, sandbox: Sandbox, delay: float) -> None:
    """Make a refresh due, and delay the answer to it by ``delay`` seconds."""
    sandbox.order(Answer("/v1/access_token", 200, {}, RENEWED, delay=delay))
    age(program, 2 * DAY)


def interrupt(watch: Running, sandbox: Sandbox) -> None:
    """Ctrl-C, once the refresh is in flight."""
    wait_until(lambda: sandbox.in_flight > 0)
    watch.process.send_signal(signal.SIGINT)


def test_a_second_ctrl_c_ends_it_at_once_and_leaves_the_record_whole(
    signed_in: Program, sandbox: Sandbox, home: Path
) -> None:
    in_flight(signed_in, sandbox, delay=20)
    before = stored_in(home)
    with signed_in.started("watch") as watch:
        interrupt(watch, sandbox)
        with pytest.raises(subprocess.TimeoutExpired):
            watch.process.wait(1)
        asked = time.monotonic()
        watch.process.send_signal(signal.SIGINT)
        assert watch.finish().status == -signal.SIGINT
        assert time.monotonic() - asked < PROMPT
    assert stored_in(home) == before


def test_a_first_ctrl_c_waits_for_the_refresh_and_saves_it(signed_in: Program, sandbox: Sandbox, home: Path) -> None:
    in_flight(signed_in, sandbox, delay=1)
    with signed_in.started("watch") as watch:
        interrupt(watch, sandbox)
        done = watch.finish()
    stored = stored_in(home)
    assert (done.status, stored and stored.access_token) == (130, "the-last-one")
    assert "default  renewed: " in done.out


def test_sighup_stays_ignored_under_nohup(signed_in: Program, tmp_path: Path) -> None:
    with replace(signed_in, through=("nohup",)).started("watch") as watch:
        watch.wait_for("default  fresh: ")
        watch.process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            watch.process.wait(1)
        watch.process.send_signal(signal.SIGTERM)
        done = watch.finish()
    assert (done.status, done.out.count("fresh: ")) == (0, 1)  # SIGHUP did not start a check either


@pytest.mark.parametrize("delay", [0, 2], ids=["while waiting", "during a refresh"])
def test_closing_the_terminal_ends_it(signed_in: Program, sandbox: Sandbox, home: Path, delay: float) -> None:
    if delay:
        in_flight(signed_in, sandbox, delay)
    with at_a_terminal(signed_in, "watch") as child:
        if delay:
            wait_until(lambda: sandbox.in_flight > 0)
        else:
            child.expect("Next check in ")
        child.ptyproc.fileobj.close()  # type: ignore[attr-defined] # types-pexpect does not declare it
        wait_until(lambda: not child.isalive(), timeout=delay + 2)
        assert child.signalstatus is None  # it exited by itself, and no signal killed it
    stored = stored_in(home)
    assert stored is not None
    assert (stored.access_token == "the-last-one") == bool(delay)


def test_closing_the_terminal_does_not_start_a_check(signed_in: Program, tmp_path: Path) -> None:
    """Its output goes to a file, so only the terminal itself shows that it was closed."""
    log = tmp_path / "log"
    child: pexpect.spawn[str] = pexpect.spawn(
        "sh", ["-c", f"exec {WEBEX_TOKEN} watch >{log}"], env=signed_in.environment, encoding="utf-8", timeout=20
    )
    try:
        child.expect("Next check in ")
        wait_until(lambda: "fresh: " in log.read_text())
        child.ptyproc.fileobj.close()  # type: ignore[attr-defined] # types-pexpect does not declare it
        wait_until(lambda: not child.isalive(), timeout=2)
    finally:
        child.close(force=True)
    assert log.read_text().count("fresh: ") == 1


def test_a_stop_of_a_refresh_under_nohup_waits_for_the_answer_and_is_not_lost(
    signed_in: Program, sandbox: Sandbox, home: Path
) -> None:
    in_flight(signed_in, sandbox, delay=1)
    with replace(signed_in, through=("nohup",)).started("refresh") as refresh:
        wait_until(lambda: sandbox.in_flight > 0)
        refresh.process.send_signal(signal.SIGHUP)
        refresh.process.send_signal(signal.SIGTERM)
        assert refresh.finish().status == -signal.SIGTERM
    stored = stored_in(home)
    assert (stored and stored.access_token) == "the-last-one"
