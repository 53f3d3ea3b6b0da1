"""Fixtures that tests of several commands share."""

import os
from pathlib import Path

import pytest

from tests.support.in_process import ProgramInProcess
from tests.support.program import Program
from webex_token_cli.sandbox import Rules


@pytest.fixture
def rules(redirect_uri: str, request: pytest.FixtureRequest) -> Rules:
    """How the sandbox is set up. A test gives other rules as an indirect parameter, or overrides this fixture."""
    return Rules(redirect_uris=(redirect_uri,), **getattr(request, "param", {}))


@pytest.fixture
def program(program: Program) -> Program:
    """On Windows, a command that is run to its end has no process of its own, which takes seconds to start under Wine.

    `tests/windows` runs the commands as processes.
    """
    return ProgramInProcess(program.home, program.variables) if os.name == "nt" else program


@pytest.fixture
def other_machine(program: Program, tmp_path: Path) -> Program:
    """The program on another machine, where only the store is chosen."""
    unset = {name: None for name in program.variables if name.startswith("WEBEX_")}
    return program.having(**{**unset, "WEBEX_TOKEN_HOME": str(tmp_path / "other"), "WEBEX_TOKEN_STORE": "file"})
