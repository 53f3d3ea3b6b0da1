"""Fixtures that tests of several commands share."""

from pathlib import Path

import pytest

from tests.support.program import Program


@pytest.fixture
def other_machine(program: Program, tmp_path: Path) -> Program:
    """The program on another machine, where only the store is chosen."""
    unset = {name: None for name in program.variables if name.startswith("WEBEX_")}
    return program.having(**{**unset, "WEBEX_TOKEN_HOME": str(tmp_path / "other"), "WEBEX_TOKEN_STORE": "file"})
