"""Where secrets go, and where they do not: on the wire, to children, into files, out of accidents."""

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.support.folders import SUPPORT
from tests.support.program import Program
from tests.support.stored import DAY, age
from webex_token_cli.sandbox.journal import RecordedRequest
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox

ACCIDENTS = SUPPORT / "accidents"


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True, auto_approve=True, device_interval=1)


@pytest.fixture
def program(program: Program, tmp_path: Path) -> Program:
    """With a temporary folder of its own, and a browser that writes down all that it was given."""
    browser = tmp_path / "browser"
    browser.write_text(
        '#!/bin/sh\nfor each in cmdline environ; do tr "\\0" "\\n" </proc/$$/$each; done '
        f'>>{tmp_path}/given\ncurl -sL -o {tmp_path}/page "$1"\n'
    )
    browser.chmod(0o700)
    (tmp_path / "tmp").mkdir()
    return program.having(BROWSER=f"{browser} %s", TMPDIR=str(tmp_path / "tmp"))


def secrets_of(sandbox: Sandbox) -> set[str]:
    found = {*sandbox.webex.issued, sandbox.webex.client_secret}
    assert len(found) > 4
    return found


def secrets_in(text: str, sandbox: Sandbox) -> list[str]:
    return [secret for secret in secrets_of(sandbox) if secret in text]


def decoded(heard: RecordedRequest) -> str:
    """The Authorization header in words."""
    kind, _, value = heard.headers.get("Authorization", "").partition(" ")
    return f"{kind} {base64.b64decode(value).decode()}" if kind == "Basic" else f"{kind} {value}"


def test_each_secret_is_sent_where_it_belongs_and_nowhere_else(program: Program, sandbox: Sandbox) -> None:
    for arguments in (
        ["login"],
        ["login", "--flow", "device"],
        ["refresh"],
        ["show", "--check"],
        ["watch", "--once"],
        ["doctor"],
    ):
        assert program.run(*arguments).status == 0
    age(program, 14 * DAY - 60)
    assert program.run("get").status == 0
    assert program.run("import", "-p", "moved", stdin=program.run("export").out).status == 0
    assert program.run("logout", "--revoke").status == 1
    places: dict[str, set[str]] = {}
    for heard in sandbox.requests:
        form = {name: values[0] for name, values in parse_qs(heard.body).items()}
        for secret in secrets_of(sandbox):
            assert secret not in heard.path + heard.query
            if secret in decoded(heard):
                places.setdefault(heard.path, set()).add(heard.headers["Authorization"].split()[0])
            names = {name for name, value in form.items() if secret in value}
            places.setdefault(heard.path, set()).update(names)
            others = {name: value for name, value in heard.headers.items() if name != "Authorization"}
            assert secret not in str(others)
    assert {path: names for path, names in places.items() if names} == {
        "/v1/access_token": {"client_secret", "code", "code_verifier", "refresh_token"},
        "/v1/device/token": {"Basic", "device_code"},
        "/v1/people/me": {"Bearer"},
        "/v1/authorizations": {"Bearer"},
    }
    assert {heard.path for heard in sandbox.requests} == {
        *("/v1/authorize", "/v1/access_token", "/v1/people/me", "/v1/device/authorize", "/v1/device/token"),
        *("/v1/authorizations", "/v1/.well-known/openid-configuration"),
    }


def test_the_browser_gets_an_address_and_no_secret(program: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    assert program.run("--debug", "login").status == 0
    given = (tmp_path / "given").read_text()
    assert "/authorize?" in given
    assert "WEBEX_TOKEN_HOME=" in given
    assert secrets_in(given, sandbox) == []
    assert secrets_in((tmp_path / "page").read_text(), sandbox) == []


def files_that_tell(sandbox: Sandbox, folder: Path) -> Iterator[str]:
    for file in folder.rglob("*"):
        if file.is_file() and secrets_in(file.read_bytes().decode("latin-1"), sandbox):
            yield str(file.relative_to(folder))


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


@pytest.mark.parametrize("name", COMMANDS)
def test_an_accident_with_secrets_in_its_words_tells_none(
    program: Program, sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    assert program.run("login").status == 0
    accident = {"login": "keeping", "import": "importing"}.get(name, "reading")
    exported = program.run("export").out
    broken = program.having(PYTHONPATH=str(ACCIDENTS), WEBEX_TOKEN_TEST_ACCIDENT=accident)
    for arguments in COMMANDS[name]:
        for flags in ([], ["--debug"], ["--verbose"]):
            done = broken.run(*flags, *arguments, stdin=exported)
            assert done.status == 1
            assert "RuntimeError" in done.out + done.err
            assert secrets_in(done.out + done.err, sandbox) == []
            assert (
                ("Run again with --debug to see where it failed." in done.err)
                or flags == ["--debug"]
                or name == "watch"
            )
    if name == "login":
        assert "You are not signed in" in (tmp_path / "page").read_text()
        assert secrets_in((tmp_path / "page").read_text(), sandbox) == []
    told = set(files_that_tell(sandbox, tmp_path))
    assert told == {"webex-token-home/credentials/webex-token+default.json"}
    assert program.run("get", "--no-refresh").status == 0


def test_what_lies_in_the_temporary_folder_afterwards(program: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    secure = sandbox.webex.rules.redirect_uris[0].replace("http://", "https://")
    sandbox.webex.rules = Rules(redirect_uris=(secure,), auto_approve=True)
    done = program.run("login", "--redirect-uri", secure, "--timeout", "2")  # the browser stops at the certificate
    assert done.status == 6
    assert list((tmp_path / "tmp").iterdir()) == []
