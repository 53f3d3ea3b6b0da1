"""Signing in: what the person, the terminal and the store see, for every way it can go."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pexpect
import pytest

from tests.support.chromium import Chromium
from tests.support.ports import free_port
from tests.support.program import PROMPT, WEBEX_TOKEN, Program, wait_until
from webex_token_cli.sandbox.accepting_browser import answer
from webex_token_cli.sandbox.faults import Fault
from webex_token_cli.sandbox.server import Sandbox
from webex_token_cli.store.locks import locked


def files_below(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


@pytest.fixture
def signed_in(program: Program) -> dict[str, str]:
    """The files that an earlier, successful sign-in has stored."""
    assert program.run("login").status == 0
    return files_below(Path(program.variables["WEBEX_TOKEN_HOME"]))


def error_of(stderr: str) -> str:
    """The error's two sentences, without what was said before."""
    return stderr[stderr.index("Error: ") :] if "Error: " in stderr else stderr


def test_a_sign_in_stores_the_tokens_and_remembers_the_settings(program: Program, sandbox: Sandbox) -> None:
    done = program.run("login")
    home = Path(program.variables["WEBEX_TOKEN_HOME"])
    lines = done.out.splitlines()
    assert done.status == 0
    assert lines[0] == "Signed in as Ada Lovelace <ada@example.com> (profile default)."
    assert lines[1].startswith("The access token expires ")
    assert lines[2:] == [
        f"Stored in plain file {home}/credentials/webex-token+default.json.",
        "To keep it valid, run `webex-token watch`.",
    ]
    assert (home / "config.ini").read_text() == (
        "[default]\n"
        f"client_id = {sandbox.webex.client_id}\n"
        f"redirect_uri = {sandbox.webex.rules.redirect_uris[0]}\n"
        "scopes = spark:all\n"
        f"api_url = {sandbox.api_url}\n"
        "store = file\n"
    )
    record = home / "credentials" / "webex-token+default.json"
    assert json.loads(record.read_text())["access_token"] == sandbox.webex.grants[0].access_token
    modes = {str(p.relative_to(home)): oct(p.stat().st_mode & 0o777) for p in (home, *home.rglob("*"))}
    assert {name: mode for name, mode in modes.items() if not name.endswith(".lock")} == {
        ".": "0o700",
        "config.ini": "0o600",
        "credentials": "0o700",
        "credentials/webex-token+default.json": "0o600",
    }


def test_the_profile_alone_is_enough_the_second_time(program: Program, signed_in: dict[str, str]) -> None:
    bare = program.having(
        WEBEX_TOKEN_API_URL=None,
        WEBEX_CLIENT_ID=None,
        WEBEX_CLIENT_SECRET=None,
        WEBEX_REDIRECT_URI=None,
        WEBEX_TOKEN_STORE=None,
    )
    before = Path(program.variables["WEBEX_TOKEN_HOME"], "config.ini").stat()
    # The store is in config.ini, the secret in the store: nothing is asked for.
    assert bare.run("login").status == 0
    after = Path(program.variables["WEBEX_TOKEN_HOME"], "config.ini").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_authorization_request_is_what_the_field_asks_for(program: Program, sandbox: Sandbox) -> None:
    with program.started("login", "--no-browser", "--scope", "spark:all spark:kms") as login:
        first = parse_qs(urlsplit(login.url()).query)
    with program.started("login", "--no-browser", "--scope", "spark:all", "--scope", "spark:kms") as login:
        second = parse_qs(urlsplit(login.url()).query)
    fresh = {"state", "code_challenge"}
    assert {name: value for name, value in first.items() if name not in fresh} == {
        "response_type": ["code"],
        "client_id": [sandbox.webex.client_id],
        "redirect_uri": list(sandbox.webex.rules.redirect_uris),
        "scope": ["spark:all spark:kms"],
        "code_challenge_method": ["S256"],
    }
    assert {k: v for k, v in second.items() if k not in fresh} == {k: v for k, v in first.items() if k not in fresh}
    for name in fresh:
        assert first[name] != second[name]
        assert len(first[name][0]) == 43  # 256 bits in base64url


def test_denied_in_chromium(program: Program, chromium: Chromium, signed_in: dict[str, str]) -> None:
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
    assert files_below(Path(program.variables["WEBEX_TOKEN_HOME"])) == signed_in
    assert program.run("get").status == 0


def test_a_wrong_client_secret_is_said_in_chromium_and_in_the_terminal(
    program: Program, chromium: Chromium, signed_in: dict[str, str]
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
    assert files_below(Path(program.variables["WEBEX_TOKEN_HOME"])) == signed_in
    assert program.run("get").status == 0


def test_nobody_there(program: Program, signed_in: dict[str, str], redirect_uri: str) -> None:
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
    assert files_below(Path(program.variables["WEBEX_TOKEN_HOME"])) == signed_in
    assert program.run("get").status == 0


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
    assert not Path(program.variables["WEBEX_TOKEN_HOME"]).exists()


def test_an_unregistered_redirect_uri_is_said_before_the_browser_opens(program: Program) -> None:
    uri = f"http://localhost:{free_port()}/elsewhere"
    done = program.run("login", "--redirect-uri", uri)
    assert (done.status, done.out) == (2, "")
    assert error_of(done.err).startswith("Error: Webex does not know the redirect URI for this integration (HTTP 400, ")
    assert "/authorize" not in done.err


def test_an_unknown_client_id_is_said_before_the_browser_opens(program: Program) -> None:
    done = program.run("login", "--client-id", "Cunknown")
    assert (done.status, done.out) == (3, "")
    assert error_of(done.err).startswith("Error: Webex does not accept the client id and client secret (HTTP 401, ")


def test_a_scope_that_webex_refuses_is_named(program: Program) -> None:
    done = program.run("login", "--scope", "spark:all spark-admin:people_write")
    assert (done.status, done.out) == (2, "")
    assert "spark-admin:people_write" in error_of(done.err)
    assert "Tick them at developer.webex.com/my-apps" in error_of(done.err)


def test_webex_cannot_be_reached(program: Program) -> None:
    away = program.having(WEBEX_TOKEN_API_URL=f"http://127.0.0.1:{free_port()}/v1", BROWSER="true %s")
    done = away.run("login", "--timeout", "1")
    assert (done.status, done.out) == (6, "")
    assert done.err.count("/authorize?") == 1


def test_a_failed_exchange_is_temporary_when_webex_is_down(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Fault("/v1/access_token", 503, {"Retry-After": "7"}, "<html>down</html>"))
    done = program.run("login")
    assert (done.status, done.out) == (4, "")
    assert "Error: Webex cannot answer now (HTTP 503" in done.err
    assert not Path(program.variables["WEBEX_TOKEN_HOME"]).exists()


@pytest.mark.parametrize(
    ("fault", "warning"),
    [
        (Fault("/v1/people/me", 403, {"Content-Type": "application/json"}, "{}"), ""),
        (
            Fault("/v1/people/me", 502, {}, "bad"),
            "The person who signed in could not be looked up. Webex cannot answer now (HTTP 502",
        ),
    ],
)
def test_tokens_are_stored_when_the_person_cannot_be_looked_up(
    program: Program, sandbox: Sandbox, fault: Fault, warning: str
) -> None:
    sandbox.order(fault)
    done = program.run("login")
    assert done.status == 0
    assert warning in done.err
    assert done.out.splitlines()[:2] == [
        "Signed in as a person whose name these scopes do not tell (profile default).",
        "To see who a profile belongs to, add the scope spark:people_read with --scope.",
    ]
    assert program.run("get").status == 0


def test_a_new_token_that_webex_does_not_accept_is_not_stored(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Fault("/v1/people/me", 401, {"Content-Type": "application/json"}, "{}"))
    done = program.run("login")
    assert (done.status, done.out) == (3, "")
    assert "Error: Webex does not accept the access token (HTTP 401" in done.err
    assert not Path(program.variables["WEBEX_TOKEN_HOME"]).exists()


def test_a_narrow_scope_cannot_tell_who_it_is(program: Program) -> None:
    done = program.run("login", "--scope", "spark:rooms_read", "--json")
    told = json.loads(done.out)
    assert (told["person"], told["scopes"], told["scopes_not_granted"]) == (None, ["spark:rooms_read"], [])


def test_unexpected_requests_do_not_end_the_wait(program: Program, redirect_uri: str, sandbox: Sandbox) -> None:
    with program.started("login", "--no-browser") as login:
        url = login.url()
        for query in ("code=1&state=wrong", "code=1", "error=access_denied&state=wrong", "state="):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{redirect_uri}?{query}")
            assert refused.value.code == 400
            refused.value.close()
        assert "You are signed in" in answer(url)
        assert login.finish().status == 0


def test_the_bare_redirect_uri_leads_to_the_sign_in_page(program: Program, redirect_uri: str) -> None:
    with program.started("login", "--no-browser") as login:
        login.url()
        assert "You are signed in" in answer(redirect_uri)
        assert login.finish().status == 0


def test_the_page_comes_only_after_the_tokens_are_stored(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Fault("/v1/people/me", 500, {}, "", delay=0.3))
    with program.started("login", "--no-browser") as login:
        page = answer(login.url())
        stored = Path(program.variables["WEBEX_TOKEN_HOME"], "credentials", "webex-token+default.json").read_text()
        assert "You are signed in" in page
        assert json.loads(stored)["access_token"] == sandbox.webex.grants[0].access_token
        assert login.finish().status == 0


def test_the_page_says_so_when_the_tokens_cannot_be_stored(program: Program, signed_in: dict[str, str]) -> None:
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
    assert files_below(Path(program.variables["WEBEX_TOKEN_HOME"])) == signed_in


def test_ctrl_c_frees_the_port(program: Program, redirect_uri: str) -> None:
    with program.started("login", "--no-browser") as login:
        login.url()
        login.process.send_signal(signal.SIGINT)
        assert login.finish(5).status == 130
    with program.started("login", "--no-browser") as login:
        login.url()


def test_a_browser_that_cannot_be_opened_is_said_and_the_wait_goes_on(program: Program) -> None:
    with program.having(BROWSER="/nonexistent/browser %s").started("login") as login:
        login.wait_for("No browser opened by itself; open the address above by hand.")
        assert "You are signed in" in answer(login.url())
        assert login.finish().status == 0


def test_signing_in_with_another_store_moves_the_record(program: Program, keyring_session: dict[str, str]) -> None:
    moving = program.having(**keyring_session, WEBEX_TOKEN_STORE=None)
    assert moving.run("login", "-p", "mover", "--store", "keyring").status == 0
    assert moving.run("login", "-p", "mover", "--store", "file").status == 0
    assert "plain file" in moving.run("show", "-p", "mover").out
    assert moving.having(WEBEX_TOKEN_STORE="keyring").run("show", "-p", "mover").status == 3


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["-p", ".hidden"], {}, "'.hidden' cannot name a profile."),
        (["-p", "a b"], {}, "'a b' cannot name a profile."),
        (["-p", "x" * 65], {}, "cannot name a profile."),
        ([], {"WEBEX_TOKEN_PROFILE": "-x"}, "'-x' cannot name a profile."),
        (["--redirect-uri", "ftp://localhost/oauth"], {}, "starts with neither http:// nor https://"),
        (["--redirect-uri", "http://example.com/oauth"], {}, "because the redirect URI leads to another machine"),
        (
            ["--redirect-uri", "http://example.com/oauth", "--flow", "browser"],
            {},
            "leads to example.com, not to this machine",
        ),
        (["--flow", "teleport"], {}, "'teleport' is not one of"),
        (["--listen", "8000"], {}, "'8000' is not an address to listen on."),
        (["--tls-cert", "x"], {}, "--tls-cert and --tls-key go together."),
        (["--tls-cert", "x", "--tls-key", "y"], {}, "A TLS certificate is not used with the redirect URI http://"),
        ([], {"BROWSER": None}, "No browser can be opened here, because there is no display"),
        (["--redirect-uri", "http://localhost:8000/oauth?x=1"], {}, "has a query, a fragment or a user name"),
        (["--redirect-uri", "localhost"], {}, "is not a URI with a scheme and a host"),
        (["--redirect-uri", "http://localhost:0/"], {}, "has port 0, which nothing can listen on"),
        (["--redirect-uri", "http://localhost/a\\b"], {}, "has a path that browsers rewrite"),
        (["--redirect-uri", "http://localhost/a/../b"], {}, "has a path that browsers rewrite"),
        (["--redirect-uri", "http://.localhost/"], {}, "is not a URI with a scheme and a host"),
        (["--redirect-uri", f"http://{'a' * 64}.localhost/"], {}, "is not a URI with a scheme and a host"),
        (["--redirect-uri", "http://localhost:99999/"], {}, "is not a URI with a scheme and a host"),
        (["--api-url", "http://webexapis.com/v1"], {}, "cannot be the API base URL"),
        ([], {"WEBEX_TOKEN_API_URL": "ftp://127.0.0.1"}, "cannot be the API base URL"),
        ([], {"WEBEX_TOKEN_STORE": "disk"}, "'disk' is not one of"),
        (["--timeout", "0"], {}, "a duration must be at least a second"),
        ([], {"WEBEX_CLIENT_ID": None}, "No client id is configured for profile default."),
        ([], {"WEBEX_CLIENT_SECRET": None}, "No client secret is configured."),
        (["--client-secret-file", "/nonexistent"], {}, "The client secret could not be read from /nonexistent"),
        (["--client-secret-file", "/dev/null"], {}, "The client secret is empty"),
    ],
)
def test_wrong_usage_gets_a_sentence_and_exit_2(
    program: Program, arguments: list[str], variables: dict[str, str | None], message: str
) -> None:
    done = program.having(**variables).run("login", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
    assert not Path(program.variables["WEBEX_TOKEN_HOME"]).exists()


def test_the_client_secret_from_a_file_comes_before_the_environments(program: Program, sandbox: Sandbox) -> None:
    file = program.home / "secret"
    program.home.mkdir()
    file.write_text(f"{sandbox.webex.client_secret}\n")
    wrong = program.having(WEBEX_CLIENT_SECRET="wrong")
    assert wrong.run("login", "--client-secret-file", str(file)).status == 0
    assert wrong.run("login", "--client-secret-file", "-", stdin=sandbox.webex.client_secret).status == 0
    assert wrong.run("login").status == 3


def test_first_run_on_a_terminal_guides_the_person(program: Program, sandbox: Sandbox, redirect_uri: str) -> None:
    fresh = program.having(WEBEX_CLIENT_ID=None, WEBEX_CLIENT_SECRET=None)
    terminal = pexpect.spawn(
        str(WEBEX_TOKEN), ["login"], env=fresh.environment, encoding="utf-8", timeout=20, dimensions=(40, 160)
    )
    terminal.expect_exact("No integration is configured yet. Register one:")
    terminal.expect_exact("https://developer.webex.com/my-apps/new/integration")
    terminal.expect_exact(f"Enter exactly this Redirect URI:  {redirect_uri}")
    terminal.expect_exact("Tick these Scopes:                spark:all")
    terminal.expect_exact("Client ID: ")
    terminal.sendline(sandbox.webex.client_id)
    terminal.expect_exact("Client Secret (hidden): ")
    terminal.sendline(sandbox.webex.client_secret)
    terminal.expect_exact("Signed in as Ada Lovelace")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert sandbox.webex.client_secret not in str(terminal.before)


def test_ctrl_c_at_the_question_ends_with_130(program: Program) -> None:
    fresh = program.having(WEBEX_CLIENT_ID=None)
    terminal = pexpect.spawn(str(WEBEX_TOKEN), ["login"], env=fresh.environment, encoding="utf-8", timeout=20)
    terminal.expect_exact("Client ID: ")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert (terminal.exitstatus, terminal.signalstatus) == (130, None)


NOSY_BROWSER = """
import os, sys
from webex_token_cli.sandbox.accepting_browser import answer
print("Opening in existing browser session.", flush=True)
with open(sys.argv[1], "w") as seen:
    seen.write(" ".join(os.environ))
answer(sys.argv[2])
"""


def test_the_browser_neither_prints_into_the_answer_nor_gets_the_secret(program: Program, tmp_path: Path) -> None:
    browser, seen = tmp_path / "browser.py", tmp_path / "seen"
    browser.write_text(NOSY_BROWSER)
    done = program.having(BROWSER=f"{sys.executable} {browser} {seen} %s").run("login", "--json")
    assert (done.status, json.loads(done.out)["person"]) == (0, "Ada Lovelace <ada@example.com>")
    assert "Opening in existing browser session." in done.err
    assert "BROWSER" in seen.read_text().split()
    assert "WEBEX_CLIENT_SECRET" not in seen.read_text()


def test_settings_that_cannot_be_remembered_are_said_on_the_page_and_the_tokens_stay_stored(program: Program) -> None:
    home = Path(program.variables["WEBEX_TOKEN_HOME"])
    with program.started("login", "--no-browser") as login:
        url = login.url()
        (home / "config.ini").mkdir(parents=True)
        page = answer(url)
        done = login.finish()
    assert done.status == 2
    assert "You are not signed in" in page
    assert error_of(done.err).startswith(f"Error: {home}/config.ini could not be ")
    (home / "config.ini").rmdir()
    assert program.run("get").status == 0


def test_tokens_are_stored_when_webex_refuses_to_look_up_the_person(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Fault("/v1/people/me", 400, {"Content-Type": "application/json"}, '{"message": "odd"}'))
    done = program.run("login")
    assert done.status == 0
    assert "Warning: The person who signed in could not be looked up. " in done.err


def test_without_a_standard_error_a_sign_in_still_answers(program: Program) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} login --json 2>&-"],
        env=program.environment,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["profile"]) == (0, "default")


def test_ctrl_c_during_the_exchange_stores_nothing_and_ends_at_once(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Fault("/v1/people/me", 200, {"Content-Type": "application/json"}, "{}", delay=30))
    with program.started("login") as login:
        wait_until(lambda: sandbox.in_flight > 0)
        asked = time.monotonic()
        login.process.send_signal(signal.SIGINT)
        done = login.finish()
    assert time.monotonic() - asked < PROMPT
    assert (done.status, done.out) == (130, "")
    assert not Path(program.variables["WEBEX_TOKEN_HOME"], "credentials").exists()


def test_ctrl_c_when_the_tokens_are_being_stored_is_too_late_and_says_so(program: Program) -> None:
    assert program.run("login").status == 0
    first = program.run("get").out
    lock = Path(program.variables["WEBEX_TOKEN_HOME"], "credentials", "webex-token+default.json.lock")
    with contextlib.ExitStack() as lock_owner, program.started("login", "--json") as login:
        lock_owner.enter_context(locked(lock, lambda _: None))
        login.wait_for("Waiting for another webex-token")
        login.process.send_signal(signal.SIGINT)
        time.sleep(0.3)  # the time in which a signal that is not deferred ends the process
        assert login.process.poll() is None
        lock_owner.close()
        done = login.finish()
    assert (done.status, json.loads(done.out)["profile"]) == (0, "default")
    assert program.run("get").out != first


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
    assert program.run("get").status == 0


def test_a_full_disk_under_standard_output_is_said(program: Program) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} login >/dev/full"],
        env=program.environment,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "Error: The operating system reported a failure (No space left on device).\n" in done.stderr
    assert "Anything saved before the failure is still saved; `webex-token show` shows it." in done.stderr
    assert "Exception ignored" not in done.stderr
    assert program.run("get").status == 0


def test_the_browser_does_not_take_the_place_of_a_closed_stream(program: Program, tmp_path: Path) -> None:
    browser = tmp_path / "browser.py"
    browser.write_text(NOSY_BROWSER)
    for closed in ("2>&-", "2>&- <&-", "<&-"):
        done = subprocess.run(
            ["sh", "-c", f"{WEBEX_TOKEN} login --json {closed}"],
            env=program.having(BROWSER=f"{sys.executable} {browser} {tmp_path / 'seen'} %s").environment,
            capture_output=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )
        assert (done.returncode, json.loads(done.stdout)["profile"]) == (0, "default")


def test_a_closed_standard_input_holds_no_secret(program: Program) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} login --client-secret-file - <&-"],
        env=program.environment,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "The client secret could not be read from - (it is closed)." in done.stderr


def test_a_lock_folder_that_is_somebody_elses_is_said_before_the_browser_opens(
    program: Program, sandbox: Sandbox, keyring_session: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom webex_token_cli.store import backends\n"
        "folder = Path(sys.argv.pop(1))\n"
        "backends.lock_folder_of_this_user = lambda: folder\n"
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
