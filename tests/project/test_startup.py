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


@pytest.mark.parametrize("name", ["get", "export"])
def test_get_and_export_import_the_keyring_and_nothing_for_the_network(program: Program, name: str) -> None:
    assert program.run("login").status == 0
    assert imported(program, name) & (HEAVY - {"cryptography", "ssl"}) == {"keyring"}


def test_exec_imports_what_get_does(program: Program) -> None:
    assert program.run("login").status == 0
    assert imported(program, "exec", "true") & HEAVY == imported(program, "get") & HEAVY


def test_help_imports_no_command(program: Program) -> None:
    commands = {name for name in imported(program, "--help") if name.startswith("webex_token_cli.commands.")}
    assert commands == set()
