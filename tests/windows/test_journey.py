"""From the first sign-in to the logout, as a person on Windows does it: the tokens are in the Credential Manager."""

import sys

import pytest

from tests.support import credential_manager
from tests.support.program import Program
from webex_token_cli.sandbox.server import Sandbox

assert sys.platform == "win32"


@pytest.fixture
def person(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Program:
    """The program with the keyring that Windows has, and with entries of its own there."""
    prefix = f"{credential_manager.prefix()}{tmp_path}/"
    monkeypatch.setenv(credential_manager.PREFIX, prefix)
    return program.having(WEBEX_TOKEN_STORE=None)


@pytest.fixture
def signed_in(person: Program) -> Program:
    done = person.run("login")
    assert done.status == 0, done.err
    return person


def test_login_stores_the_tokens_in_the_credential_manager(signed_in: Program) -> None:
    assert any(name.endswith("webex-token") for name in credential_manager.entries())
    shown = signed_in.run("show")
    assert shown.status == 0, shown.err
    assert "Windows" in shown.out


def test_get_prints_what_webex_issued(signed_in: Program, sandbox: Sandbox) -> None:
    got = signed_in.run("get")
    assert (got.status, got.err) == (0, "")
    assert got.out == f"{sandbox.webex.access_tokens()[-1]}\n"
