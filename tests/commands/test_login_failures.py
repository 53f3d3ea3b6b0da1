"""``login`` when a sign-in fails: the message, the exit status, the page, and what stays stored."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.chromium import Chromium
from tests.support.in_process import run_in_process
from tests.support.ports import free_port
from tests.support.program import PROMPT, Program
from tests.support.stored import stored_files
from webex_token_cli.sandbox import Answer, Sandbox
from webex_token_cli.sandbox.accepting_browser import answer


@pytest.fixture
def stored(signed_in: Program) -> dict[str, bytes]:
    """The files of an earlier sign-in."""
    return stored_files(signed_in)


def error_of(stderr: str) -> str:
    """The error's two sentences, without the lines before them."""
    return stderr[stderr.index("Error: ") :] if "Error: " in stderr else stderr


def test_a_sign_in_denied_in_chromium(program: Program, chromium: Chromium, stored: dict[str, bytes]) -> None:
    with program.having(BROWSER=chromium.command).started("login") as login:
        with chromium.page(login) as page:
            page.press("Deny")
            page.wait_for_heading("You are not signed in")
            shown = page.text
        done = login.finish()
    message = "The sign-in was denied in the browser."
    hint = "Run `webex-token login` again and accept, if that was not meant."
    assert (done.status, done.out, error_of(done.err)) == (6, "", f"Error: {message}\n{hint}\n")
    assert message in shown
    assert hint in shown
    assert stored_files(program) == stored
    assert run_in_process(program, "get").status == 0


def test_a_wrong_client_secret_is_reported_in_chromium_and_in_the_terminal(
    program: Program, chromium: Chromium, stored: dict[str, bytes]
) -> None:
    wrong = program.having(BROWSER=chromium.command, WEBEX_CLIENT_SECRET="w" * 64)
    with wrong.started("login") as login:
        with chromium.page(login) as page:
            page.press("Accept")
            page.wait_for_heading("You are not signed in")
            shown = page.text
        done = login.finish()
    message, hint = error_of(done.err).removeprefix("Error: ").splitlines()
    assert (done.status, done.out) == (3, "")
    assert message.startswith("Webex does not accept the client id and client secret (HTTP 401, ")
    assert "tracking ID ROUTER_" in message
    assert message in shown
    assert hint in shown
    assert stored_files(program) == stored
    assert run_in_process(program, "get").status == 0


def test_a_sign_in_that_nobody_finishes_ends_after_its_timeout(
    program: Program, stored: dict[str, bytes], redirect_uri: str
) -> None:
    started = time.monotonic()
    done = program.run("login", "--no-browser", "--timeout", "2")
    assert time.monotonic() - started < 2 + PROMPT
    assert (done.status, done.out, error_of(done.err)) == (
        6,
        "",
        "Error: Nobody finished the sign-in within 2 seconds.\n"
        "Run `webex-token login` again, or `webex-token login --flow paste` where the browser cannot reach this "
        f"machine; if Webex's page showed an error, compare the redirect URI {redirect_uri} with the integration at "
        "developer.webex.com/my-apps, to the letter.\n",
    )
    assert stored_files(program) == stored
    assert run_in_process(program, "get").status == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_port_is_taken_on_either_loopback(program: Program, redirect_uri: str, address: str) -> None:
    port = int(redirect_uri.split(":")[2].split("/")[0])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family):
        done = program.run("login")
    assert (done.status, done.out, error_of(done.err)) == (
        2,
        "",
        f"Error: Port {port}, where {redirect_uri} leads, is taken by another program.\n"
        "End that program (another login, perhaps), or register a redirect URI with another port "
        "and give it with --redirect-uri; `webex-token login --flow paste` needs no port at all.\n",
    )
    assert stored_files(program) == {}


def test_an_unregistered_redirect_uri_is_reported_before_the_browser_opens(program: Program) -> None:
    uri = f"http://localhost:{free_port()}/elsewhere"
    done = program.run("login", "--redirect-uri", uri)
    assert (done.status, done.out) == (2, "")
    assert error_of(done.err).startswith("Error: Webex does not know the redirect URI for this integration (HTTP 400, ")
    assert "/authorize" not in done.err


def test_an_unknown_client_id_is_reported_before_the_browser_opens(program: Program) -> None:
    done = program.run("login", "--client-id", "Cunknown")
    assert (done.status, done.out) == (3, "")
    assert error_of(done.err).startswith("Error: Webex does not accept the client id and client secret (HTTP 401, ")


def test_a_scope_that_webex_refuses_is_named(program: Program) -> None:
    done = program.run("login", "--scope", "spark:all spark-admin:people_write")
    assert (done.status, done.out) == (2, "")
    assert "spark-admin:people_write" in error_of(done.err)
    assert "Tick them at developer.webex.com/my-apps" in error_of(done.err)


def test_the_browser_is_opened_while_webex_cannot_be_reached(program: Program) -> None:
    away = program.having(WEBEX_TOKEN_API_URL=f"http://127.0.0.1:{free_port()}/v1", BROWSER="true %s")
    done = away.run("login", "--timeout", "1")
    assert (done.status, done.out) == (6, "")
    assert done.err.count("/authorize?") == 1


def test_a_failed_exchange_is_temporary_when_webex_is_down(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Answer("/v1/access_token", 503, {"Retry-After": "7"}, "<html>down</html>"))
    done = program.run("login")
    assert (done.status, done.out) == (4, "")
    assert "Error: Webex cannot answer now (HTTP 503" in done.err
    assert stored_files(program) == {}


def test_a_new_token_that_webex_does_not_accept_is_not_stored(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Answer("/v1/people/me", 401, {"Content-Type": "application/json"}, "{}"))
    done = program.run("login")
    assert (done.status, done.out) == (3, "")
    assert "Error: Webex does not accept the access token (HTTP 401" in done.err
    assert stored_files(program) == {}


def test_the_page_reports_tokens_that_cannot_be_stored(program: Program, stored: dict[str, bytes]) -> None:
    credentials = Path(program.variables["WEBEX_TOKEN_HOME"], "credentials")
    with program.started("login", "--no-browser") as login:
        url = login.url()
        credentials.chmod(0o755)
        page = answer(url)
        done = login.finish()
        credentials.chmod(0o700)
    assert done.status == 5
    assert "You are not signed in" in page
    assert "others may use it (mode 0755)" in page
    assert "others may use it (mode 0755)" in error_of(done.err)
    assert stored_files(program) == stored


def test_the_page_reports_settings_that_cannot_be_stored_before_the_code_is_redeemed(
    program: Program, sandbox: Sandbox
) -> None:
    home = Path(program.variables["WEBEX_TOKEN_HOME"])
    with program.started("login", "--no-browser") as login:
        url = login.url()
        (home / "config.ini").mkdir(parents=True)
        page = answer(url)
        done = login.finish()
    assert done.status == 2
    assert "You are not signed in" in page
    assert error_of(done.err).startswith(f"Error: {home}/config.ini could not be ")
    assert sandbox.outcomes() == []
    assert stored_files(program) == {}


def test_a_lock_folder_of_another_user_is_reported_before_the_browser_opens(
    program: Program, sandbox: Sandbox, keyring_session: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom webex_token_cli.store.keyring import opening\n"
        "folder = Path(sys.argv.pop(1))\n"
        "opening.lock_folder_of_this_user = lambda: folder\n"
        "from webex_token_cli.main import main\nmain()"
    )
    squatted = program.home / "squatted"
    squatted.mkdir(parents=True, mode=0o755)
    done = subprocess.run(
        [sys.executable, "-c", code, str(squatted), "login", "-p", "squat"],
        env=program.having(**keyring_session, WEBEX_TOKEN_STORE="keyring").environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert done.returncode == 5
    assert f"The folder {squatted} cannot be trusted with locks: others may use it (mode 0755)." in done.stderr
    assert sandbox.journal == []
