"""``login`` and the signals that end it."""

import contextlib
import json
import signal
import time
from pathlib import Path

import pexpect
import pytest

from tests.support.in_process import run_in_process
from tests.support.program import PROMPT, WEBEX_TOKEN, Program, wait_until
from tests.support.signing_in import sign_in
from tests.support.stored import record_file, stored_files
from webex_token_cli.sandbox.faults import Fault
from webex_token_cli.sandbox.server import Sandbox
from webex_token_cli.store.locks import locked


def test_ctrl_c_frees_the_port(program: Program, redirect_uri: str) -> None:
    with program.started("login", "--no-browser") as login:
        login.url()
        login.process.send_signal(signal.SIGINT)
        assert login.finish(5).status == 130
    with program.started("login", "--no-browser") as login:
        login.url()


def test_ctrl_c_at_the_question_ends_with_130(program: Program) -> None:
    fresh = program.having(WEBEX_CLIENT_ID=None)
    terminal = pexpect.spawn(str(WEBEX_TOKEN), ["login"], env=fresh.environment, encoding="utf-8", timeout=20)
    terminal.expect_exact("Client ID: ")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert (terminal.exitstatus, terminal.signalstatus) == (130, None)


def test_ctrl_c_during_the_exchange_stores_nothing_and_ends_at_once(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Fault("/v1/people/me", 200, {"Content-Type": "application/json"}, "{}", delay=30))
    with program.started("login") as login:
        wait_until(lambda: sandbox.in_flight > 0)
        asked = time.monotonic()
        login.process.send_signal(signal.SIGINT)
        done = login.finish()
    assert time.monotonic() - asked < PROMPT
    assert (done.status, done.out) == (130, "")
    assert stored_files(program) == {}


def test_ctrl_c_while_the_tokens_are_being_stored_does_not_end_the_sign_in(program: Program) -> None:
    sign_in(program)
    first = run_in_process(program, "get").out
    lock = record_file(program).with_suffix(".json.lock")
    with contextlib.ExitStack() as lock_owner, program.started("login", "--json") as login:
        lock_owner.enter_context(locked(lock, lambda _: None))
        login.wait_for("Waiting for another webex-token")
        login.process.send_signal(signal.SIGINT)
        time.sleep(0.3)  # the time in which a signal that is not deferred ends the process
        assert login.process.poll() is None
        lock_owner.close()
        done = login.finish()
    assert (done.status, json.loads(done.out)["profile"]) == (0, "default")
    assert run_in_process(program, "get").out != first


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_between_the_record_and_the_settings_waits_until_both_are_stored(
    program: Program, number: signal.Signals
) -> None:
    home = Path(program.variables["WEBEX_TOKEN_HOME"])
    with contextlib.ExitStack() as config_lock, program.started("login") as login:
        config_lock.enter_context(locked(home / ".config.ini.lock", lambda _: None))
        login.wait_for("Waiting for another webex-token")
        login.process.send_signal(number)
        time.sleep(0.3)  # the time in which a signal that is not deferred ends the process
        assert login.process.poll() is None
        config_lock.close()
        assert login.finish().status == -number
    assert "[default]" in (home / "config.ini").read_text()
    assert run_in_process(program, "get").status == 0
