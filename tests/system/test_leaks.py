"""Secrets reach only their destination: checks of requests, the browser, files and unexpected errors."""

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Program, wait_until
from tests.support.stored import DAY, age
from webex_token_cli.sandbox import RecordedRequest, Rules, Sandbox
from webex_token_cli.signin.finish import SignIn
from webex_token_cli.store import records
from webex_token_cli.store.local import store as local_store

pytestmark = pytest.mark.long


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True, auto_approve=True, device_interval=1)


@pytest.fixture
def program(program: Program, tmp_path: Path) -> Program:
    """The program with its own temporary folder, and a browser that records its arguments, environment and page."""
    browser = tmp_path / "browser"
    browser.write_text(
        '#!/bin/sh\nfor each in cmdline environ; do tr "\\0" "\\n" </proc/$$/$each; done '
        f'>>{tmp_path}/given\ncurl -sL -o {tmp_path}/page "$1"\n'
    )
    browser.chmod(0o700)
    (tmp_path / "tmp").mkdir()
    return program.having(BROWSER=f"{browser} %s", TMPDIR=str(tmp_path / "tmp"))


def secrets_of(sandbox: Sandbox) -> set[str]:
    """The client secret, and every token and code that the sandbox has issued."""
    secrets = set(sandbox.issued)
    assert len(secrets) > 4
    return secrets


def secrets_in(text: str, sandbox: Sandbox) -> list[str]:
    return [secret for secret in secrets_of(sandbox) if secret in text]


def decoded_authorization(request: RecordedRequest) -> str:
    """The Authorization header, in which the credentials of the Basic scheme are decoded."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return f"{scheme} {base64.b64decode(value).decode()}" if scheme == "Basic" else f"{scheme} {value}"


def places_of(secret: str, request: RecordedRequest) -> set[str]:
    """Where the request holds the secret: names of form fields, or the scheme of the Authorization header."""
    form = {name: values[0] for name, values in parse_qs(request.body).items()}
    places = {name for name, value in form.items() if secret in value}
    if secret in decoded_authorization(request):
        places.add(request.headers["Authorization"].split()[0])
    return places


def test_each_secret_is_sent_where_it_belongs_and_nowhere_else(program: Program, sandbox: Sandbox) -> None:
    for arguments in (
        ["login"],
        ["login", "--flow", "device"],
        ["refresh"],
        ["show", "--check"],
        ["watch", "--once"],
        ["doctor"],
    ):
        assert run_in_process(program, *arguments).status == 0
    age(program, 14 * DAY - 60)
    assert run_in_process(program, "get").status == 0
    exported = run_in_process(program, "export").out
    assert run_in_process(program, "import", "-p", "moved", stdin=exported).status == 0
    assert run_in_process(program, "logout", "--revoke").status == 0
    places: dict[str, set[str]] = {}
    for request in sandbox.requests:
        other_headers = {name: value for name, value in request.headers.items() if name != "Authorization"}
        for secret in secrets_of(sandbox):
            assert secret not in request.path + request.query
            assert secret not in str(other_headers)
            places.setdefault(request.path, set()).update(places_of(secret, request))
    assert {path: names for path, names in places.items() if names} == {
        "/v1/access_token": {"client_secret", "code", "code_verifier", "refresh_token"},
        "/v1/device/token": {"Basic", "device_code"},
        "/v1/people/me": {"Bearer"},
        "/v1/authorizations/tokenExpiry": {"Bearer"},
        "/idb/oauth2/v1/revoke": {"Basic", "token"},
    }
    assert {request.path for request in sandbox.requests} == {
        *("/v1/authorize", "/v1/access_token", "/v1/people/me", "/v1/device/authorize", "/v1/device/token"),
        *("/v1/authorizations/tokenExpiry", "/idb/oauth2/v1/revoke", "/v1/.well-known/openid-configuration"),
    }


def test_the_browser_receives_the_sign_in_address_and_no_secret(
    program: Program, sandbox: Sandbox, tmp_path: Path
) -> None:
    assert run_in_process(program, "--debug", "login").status == 0
    given = (tmp_path / "given").read_text()
    assert "/oauth?start=" in given
    assert "state=" not in given
    assert "WEBEX_TOKEN_HOME=" in given
    assert secrets_in(given, sandbox) == []
    page = tmp_path / "page"
    wait_until(lambda: page.exists() and "</html>" in page.read_text())  # the browser goes on for a moment
    assert secrets_in(page.read_text(), sandbox) == []


def files_with_secrets(sandbox: Sandbox, folder: Path) -> Iterator[str]:
    for file in folder.rglob("*"):
        if file.is_file() and secrets_in(file.read_bytes().decode("latin-1"), sandbox):
            yield str(file.relative_to(folder))


def vars_of(value: object) -> dict[str, object]:
    """Every field of a dataclass, including those that its repr hides."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}  # type: ignore[attr-defined]


def fail_to_decode(text: str, entry: str) -> None:
    raise RuntimeError(f"{entry}: {text}")


def fail_to_import(values: object, entry: str) -> None:
    raise RuntimeError(f"{entry}: {values}")


def fail_to_store(self: object, response: object) -> None:
    raise RuntimeError(f"{vars_of(self)} {vars_of(response)}")


@contextlib.contextmanager
def failing_with_secrets(command: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have ``command`` fail with an unexpected error whose text holds all secrets that it works with."""
    with monkeypatch.context() as patch:
        if command == "login":
            patch.setattr(SignIn, "keep", fail_to_store)
        elif command == "import":
            patch.setattr(records, "from_values", fail_to_import)
        else:
            patch.setattr(local_store, "decode", fail_to_decode)
        yield


COMMANDS = {
    "show": [["show"], ["show", "--all", "--json"], ["show", "--check"]],
    "get": [["get"], ["get", "--min-valid", "30d"]],
    "exec": [["exec", "true"], ["exec", "--min-valid", "30d", "--env", "X", "true"]],
    "refresh": [["refresh"], ["refresh", "--all", "--json"]],
    "watch": [["watch", "--once"]],
    "doctor": [["doctor"], ["doctor", "--json"]],
    "export": [["export"]],
    "import": [["import"], ["import", "--json"]],
    "logout": [["logout", "--revoke"], ["logout", "--all", "--revoke"]],
    "login": [["login"], ["login", "--flow", "device", "--json"]],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unexpected_error_whose_text_holds_secrets_reveals_none(
    signed_in: Program, sandbox: Sandbox, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = run_in_process(signed_in, "export").out
    with failing_with_secrets(command, monkeypatch):
        for arguments in COMMANDS[command]:
            for flags in ([], ["--debug"], ["--verbose"]):
                done = run_in_process(signed_in, *flags, *arguments, stdin=exported)
                assert done.status == 1
                assert "RuntimeError" in done.out + done.err
                assert secrets_in(done.out + done.err, sandbox) == []
                if flags != ["--debug"] and command != "watch":
                    assert "Run again with --debug to see where it failed." in done.err
    if command == "login":
        assert "You are not signed in" in (tmp_path / "page").read_text()
        assert secrets_in((tmp_path / "page").read_text(), sandbox) == []
    assert set(files_with_secrets(sandbox, tmp_path)) == {"webex-token-home/credentials/webex-token+default.json"}
    assert run_in_process(signed_in, "get", "--no-refresh").status == 0


def test_a_login_over_https_leaves_nothing_in_the_temporary_folder(
    program: Program, sandbox: Sandbox, tmp_path: Path
) -> None:
    secure = sandbox.redirect_uri.replace("http://", "https://")
    sandbox.rules = Rules(redirect_uris=(secure,), auto_approve=True)
    # The browser stops at the certificate, so the login ends with its timeout.
    done = program.run("login", "--redirect-uri", secure, "--timeout", "2")
    assert done.status == 6
    assert list((tmp_path / "tmp").iterdir()) == []
