"""The supervisor: it sets variables, writes the log, and restarts a command that failed."""

import os
import sys
from pathlib import Path

import pytest

from webex_token_cli.cli.supervised import main
from webex_token_cli.service.supervisor import run_logged, supervise


@pytest.mark.parametrize("last", [0, 2, 3])
def test_a_failed_command_is_started_again_after_a_minute_until_a_restart_is_useless(last: int) -> None:
    statuses, pauses = iter([1, 4, 5, -9, 3221225786, last, 1]), list[float]()
    assert supervise(lambda: next(statuses), pauses.append) == last
    assert pauses == [60.0] * 5
    assert next(statuses) == 1


def test_the_command_gets_its_variables_and_its_output_is_appended_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEBEX_TOKEN_STORE", "keyring")
    log = tmp_path / "new" / "webex-token.log"
    code = (
        "import os, sys; print(os.environ['WEBEX_TOKEN_STORE'], os.environ['A'], sys.argv[1]); "
        "print('failed', file=sys.stderr); sys.exit(3)"
    )
    for _ in range(2):
        command = [sys.executable, "-c", code, "x=^24;y"]
        assert main([str(log), "WEBEX_TOKEN_STORE=file", "A=b=c^25;", "--", *command]) == 3
    assert sorted(log.read_text().splitlines()) == ["failed"] * 2 + ["file b=c% x=$y"] * 2


def test_a_command_that_cannot_be_started_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "webex-token.log"
    missing = str(tmp_path / "nothing")
    assert run_logged([missing], {}, log) == 1
    text = log.read_text()
    assert text.startswith(f"{missing} cannot be started: ")
    assert text.endswith("No such file or directory\n" if os.name == "posix" else "\n")  # Windows has words of its own
