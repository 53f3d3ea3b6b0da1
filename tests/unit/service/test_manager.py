"""The commands that ask the service manager."""

import pytest

from webex_token_cli.service import manager
from webex_token_cli.service.manager import CommandResult, run_command

pytestmark = pytest.mark.posix


def test_a_command_that_is_missing_or_fails_raises_nothing() -> None:
    assert (run_command(["/nowhere/systemctl"]).status, run_command(["/nowhere/systemctl"]).reason) == (
        127,
        "/nowhere/systemctl: No such file or directory",
    )
    assert run_command(["sh", "-c", "echo out; echo 'First line.' >&2; echo second >&2; exit 4"]) == CommandResult(
        4, "out\n", "First line.\nsecond\n"
    )
    assert CommandResult(4, "out\n", "First line.\nsecond\n").reason == "First line"
    assert CommandResult(4).reason == "exit status 4"


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager, "_TIMEOUT", 0.1)
    assert run_command(["sleep", "60"]) == CommandResult(124, err="sleep did not end within 0 seconds")
