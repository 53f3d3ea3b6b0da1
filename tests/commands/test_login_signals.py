"""``login`` and the signals that end it."""

import signal
import time
from pathlib import Path

import pexpect
import pytest

from tests.support.program import PROMPT, WEBEX_TOKEN, Program, wait_until
from tests.support.stored import stored_files
from webex_token_cli.sandbox import Answer, Sandbox
from webex_token_cli.store.local.locks import locked


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
    sandbox.order(Answer("/v1/people/me", 200, {"Content-Type": "application/json"}, "{}", delay=30))
    with program.started("login") as login:
        wait_until(lambda: sandbox.in_flight > 0)
        asked = time.monotonic()
        login.process.send_signal(signal.SIGINT)
        done = login.finish()
    assert time.monotonic() - asked < PROMPT
    assert (done.status, done.out) == (130, "")
    assert stored_files(program) == {}


@pytest.mark.parametrize(
    ("lock", "number", "status"),
    [
        ("credentials/webex-token+default.json.lock", signal.SIGINT, 130),
        (".config.ini.lock", signal.SIGTERM, -signal.SIGTERM),
    ],
)
def test_a_signal_during_the_wait_for_a_lock_ends_the_sign_in_with_the_code_still_good(
    program: Program, sandbox: Sandbox, lock: str, number: signal.Signals, status: int
) -> None:
    home = Path(program.variables["WEBEX_TOKEN_HOME"])
    with locked(home / lock, lambda _: None), program.started("login") as login:
        login.wait_for(f"Waiting for another webex-token that holds {home / lock} …")
        login.process.send_signal(number)
        assert login.finish(PROMPT).status == status
    assert (sandbox.outcomes(), stored_files(program)) == ([], {})
