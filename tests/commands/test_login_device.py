"""login --flow device: the installed command, with the person on another machine."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import Finished, Program, wait_until
from tests.support.stored import stored_files
from tests.support.terminal import at_a_terminal, end_of, read
from webex_token_cli.sandbox import Answer, Rules, Sandbox
from webex_token_cli.sandbox.accepting_browser import answer


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), device_interval=1, devices_get_jwts=True)


@contextlib.contextmanager
def relayed(program: Program, decision: str = "accept") -> Iterator[tuple[dict[str, object], list[Finished]]]:
    """What ``--json`` prints first, and, when the context ends, what the run came to."""
    runs: list[Finished] = []
    with program.started("login", "--flow", "device", "--json") as login:
        wait_until(lambda: "\n" in login.out, lambda: login.err, process=login.process)
        told = json.loads(login.out.splitlines()[0])
        answer(told["verification_uri_complete"], decision)
        yield told, runs
        runs.append(login.finish())


def test_another_program_relays_the_code(program: Program, sandbox: Sandbox) -> None:
    with relayed(program) as (told, runs):
        pass
    assert set(told) == {
        *("version", "verification_uri", "verification_uri_complete", "user_code", "expires_at", "interval")
    }
    assert (told["version"], told["verification_uri"]) == (1, sandbox.verification_uri)
    assert runs[0].status == 0
    result = json.loads(runs[0].out.partition("\n")[2])
    assert (result["profile"], result["person"]) == ("default", "Ada Lovelace <ada@example.com>")
    assert len(program.run("get").out) > 1500  # a JWT is long
    assert sandbox.outcomes("/v1/device/token")[-1] == "signed in"


def test_denied_on_the_other_machine(program: Program) -> None:
    with relayed(program, "deny") as (_, runs):
        pass
    assert runs[0].status == 6
    assert "Error: The sign-in was denied in the browser.\n" in runs[0].err
    assert not Path(program.variables["WEBEX_TOKEN_HOME"], "config.ini").exists()


def test_an_expired_device_code_ends_the_wait(program: Program, sandbox: Sandbox) -> None:
    with program.started("login", "--flow", "device") as login:
        login.wait_for("and enter the code")
        sandbox.advance(301)
        done = login.finish()
    assert done.status == 6
    assert "Error: The code was not entered in time (HTTP 400, tracking ID ROUTER_" in done.err
    assert "Run `webex-token login --flow device` again for a new code, or use --flow paste.\n" in done.err


def test_an_integration_without_the_helper_redirect_uris(program: Program, sandbox: Sandbox) -> None:
    sandbox.rules = Rules(helper_redirects=False)
    done = program.run("login", "--flow", "device")
    assert (done.status, done.out) == (2, "")
    assert done.err.count("https://oauth-helper-") == 4


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Answer("/v1/device/authorize", 503), 4),
        (Answer("/v1/device/authorize", 200, {}, "<html>"), 4),
        (Answer("/v1/device/token", 401, {}, '{"error": "invalid_client"}'), 3),
    ],
)
def test_a_device_sign_in_that_fails(program: Program, sandbox: Sandbox, fault: Answer, status: int) -> None:
    sandbox.order(fault)
    done = program.run("login", "--flow", "device")
    assert (done.status, done.out) == (status, "")
    assert stored_files(program) == {}


def test_a_client_id_that_webex_does_not_know(program: Program) -> None:
    done = program.having(WEBEX_CLIENT_ID="Cunknown").run("login", "--flow", "device")
    assert (done.status, done.out) == (3, "")
    assert "Webex does not accept the client id and client secret (HTTP 400, “" in done.err
    assert "Client Id is invalid”, tracking ID ROUTER_" in done.err


def test_a_scope_that_is_refused_is_named(program: Program) -> None:
    done = program.run("login", "--flow", "device", "--scope", "spark:all spark-admin:everything")
    assert (done.status, done.out) == (2, "")
    assert "Webex does not grant these scopes to this integration: spark:all spark-admin:everything (" in done.err


def test_a_person_at_a_terminal_sees_the_code_a_qr_code_and_a_countdown(program: Program, sandbox: Sandbox) -> None:
    with at_a_terminal(program, "login", "--flow", "device", columns=100) as child:
        user_code = read(child, r"enter the code\s+([0-9]{6})\s")
        complete = read(child, r"which has the code in it:\s+(\S+)\s")
        assert re.search(r"\?userCode=[0-9a-f]{64}$", complete)
        child.expect(r"(\x1b\[38;5;16;48;5;231m[█▀▄ ]{20,}\x1b\[0m\r\n){8,}")  # black on white, in half blocks
        first = read(child, r"Waiting for you to enter it … (4:5\d|5:00) left")
        assert read(child, r"Waiting for you to enter it … (4:5\d) left") < first
        answer(complete)
        child.expect_exact("Signed in as Ada Lovelace <ada@example.com> (profile default).")
        shown = str(child.before)
        status, rest = end_of(child)
    assert status == 0
    assert shown.endswith("\r\x1b[K")  # the countdown is wiped
    assert user_code not in complete
    assert [secret for secret in sandbox.issued if secret in shown + rest] == []


@pytest.mark.parametrize(
    ("columns", "rows", "variables", "countdown"),
    [
        (80, 24, {}, "\r\x1b[KWaiting for you to enter it"),
        (30, 60, {}, "\r\x1b[KWaiting for you to enter it"),
        (100, 60, {"NO_COLOR": "1"}, "\r\x1b[KWaiting for you to enter it"),
        (100, 60, {"TERM": "dumb"}, ""),
    ],
)
def test_a_qr_code_that_would_push_the_code_away_or_has_no_colours_is_not_drawn(
    program: Program, sandbox: Sandbox, columns: int, rows: int, variables: dict[str, str], countdown: str
) -> None:
    plain = program.having(**variables)
    with at_a_terminal(plain, "login", "--flow", "device", columns=columns, rows=rows) as child:
        complete = read(child, r"which has the code in it:\s+(\S+)\s")
        if countdown:
            child.expect_exact(countdown)
            assert not set(str(child.before)) & set("█▀▄")
        answer(complete)
        child.expect_exact("Signed in as ")
        shown = str(child.before)
    assert not set(shown) & set("█▀▄")
    assert ("\x1b" in shown) == bool(countdown)


def test_ctrl_c_ends_the_wait(program: Program) -> None:
    with at_a_terminal(program, "login", "--flow", "device") as child:
        child.expect_exact("Waiting for you to enter it")
        child.send("\x03")
        child.expect_exact("Interrupted.")
        assert end_of(child)[0] == 130
