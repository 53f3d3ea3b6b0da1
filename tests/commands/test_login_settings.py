"""``login``: where its settings and the client secret come from, and settings that it refuses."""

import subprocess

import pexpect
import pytest

from tests.support.in_process import run_in_process
from tests.support.program import WEBEX_TOKEN, Program
from tests.support.stored import config_file, stored_files
from tests.support.terminal import at_a_terminal, end_of
from webex_token_cli.sandbox import Sandbox


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
        (
            ["--flow", "device", "--listen", "[::1]:9", "--behind-proxy"],
            {},
            "has no use for --listen and --behind-proxy.",
        ),
        (["--flow", "device", "--tls-cert", "x"], {}, "for --tls-cert.\nLeave it out, or use --flow browser.\n"),
        (["--flow", "paste", "--tls-key", "x"], {}, "--flow paste has no use for --tls-key."),
        (["--flow", "paste", "--client-secret-file", "-"], {}, "Standard input cannot hold both the client secret and"),
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
        (["--scope", "spark:all b\udcffd"], {}, "'b d' cannot be a scope."),
        ([], {"WEBEX_SCOPES": "spark:all sp\u00e4rk"}, "'sp\u00e4rk' cannot be a scope."),
        (["--add-scope", "\u201cspark:kms\u201d"], {}, "cannot be a scope."),
        (["--login-hint", "ada\n@example.com"], {}, "'--login-hint': it is not one line of text."),
        (["--login-hint", "ada\udcff@example.com"], {}, "'--login-hint': it is not one line of text."),
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
    done = run_in_process(program.having(**variables), "login", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
    assert stored_files(program) == {}


def test_a_second_sign_in_needs_no_settings(signed_in: Program) -> None:
    bare = signed_in.having(
        WEBEX_TOKEN_API_URL=None,
        WEBEX_CLIENT_ID=None,
        WEBEX_CLIENT_SECRET=None,
        WEBEX_REDIRECT_URI=None,
        WEBEX_TOKEN_STORE=None,
    )
    before = config_file(signed_in).stat()
    # The store is named in config.ini and the secret is in the store, so that nothing is asked for.
    assert bare.run("login").status == 0
    after = config_file(signed_in).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_client_secret_from_a_file_comes_before_the_environments(program: Program, sandbox: Sandbox) -> None:
    file = program.home / "secret"
    program.home.mkdir()
    file.write_text(f"{sandbox.client_secret}\n")
    wrong = program.having(WEBEX_CLIENT_SECRET="wrong")
    assert wrong.run("login", "--client-secret-file", str(file)).status == 0
    assert wrong.run("login", "--client-secret-file", "-", stdin=sandbox.client_secret).status == 0
    assert wrong.run("login").status == 3


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


def test_the_client_secret_is_not_shown_if_standard_input_is_a_terminal(program: Program, sandbox: Sandbox) -> None:
    wrong = program.having(WEBEX_CLIENT_SECRET="wrong")
    with at_a_terminal(wrong, "login", "--client-secret-file", "-") as terminal:
        terminal.expect_exact("Client Secret (hidden): ")
        terminal.sendline(sandbox.client_secret)
        status, shown = end_of(terminal)
    assert (status, "Signed in as Ada Lovelace" in shown, sandbox.client_secret in shown) == (0, True, False)


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
    terminal.sendline(sandbox.client_id)
    terminal.expect_exact("Client Secret (hidden): ")
    terminal.sendline(sandbox.client_secret)
    terminal.expect_exact("Signed in as Ada Lovelace")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    assert sandbox.client_secret not in str(terminal.before)
