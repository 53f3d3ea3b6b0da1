"""A command pays at start-up for what it uses, and for nothing else."""

import subprocess
import sys

import pytest

from tests.support.imports import HEAVY
from tests.support.program import Program


def imported(program: Program, *arguments: str) -> set[str]:
    """The modules that a run imports, as the interpreter tells it."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "webex_token_cli", *arguments],
        env=program.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("get", "--help"),
        ("exec", "--help"),
        ("login", "--help"),
        ("logout", "--help"),
        ("export", "--help"),
        ("import", "--help"),
        ("service", "install", "--help"),
        ("doctor", "--help"),
        ("completion", "zsh"),
        (),
    ],
)
def test_asking_for_help_imports_nothing_heavy(program: Program, arguments: tuple[str, ...]) -> None:
    assert imported(program, *arguments) & HEAVY == set()


def test_a_token_in_the_file_store_is_read_without_anything_heavy(signed_in: Program) -> None:
    found = {line: imported(signed_in, *line.split()) & HEAVY for line in ("get", "show", "exec true", "export")}
    # An export has the redirect URI, which the module for PKCE reads.
    assert found == {"get": set(), "show": set(), "exec true": set(), "export": {"hashlib"}}


def test_a_token_in_the_secret_service_is_read_without_the_keyring_library(
    program: Program, keyring_session: dict[str, str]
) -> None:
    in_keyring = program.having(**keyring_session, WEBEX_TOKEN_STORE="keyring", WEBEX_TOKEN_PROFILE="start-up")
    assert in_keyring.run("login").status == 0
    # Without --verbose, what the keyring prints is held back, and the interpreter's report of its imports as well.
    lines = (("-v", "get"), ("-v", "show"), ("-v", "exec", "true"))
    found = {arguments: imported(in_keyring, *arguments) & HEAVY for arguments in lines}
    assert found == {key: {"cryptography"} for key in found}


def test_help_imports_no_command(program: Program) -> None:
    commands = {name for name in imported(program, "--help") if name.startswith("webex_token_cli.commands.")}
    assert commands == set()
