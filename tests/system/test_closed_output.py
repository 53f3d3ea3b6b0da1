"""Commands whose standard output is closed or full: what they would have printed is missed, so they fail."""

import subprocess

import pytest

from tests.support.program import WEBEX_TOKEN, Finished, Program

CLOSED = (
    "Error: Standard output is closed, so the answer cannot be printed.\n"
    "Run the command again, and send its output to a terminal, a file or a pipe.\n"
)
FULL = (
    "Error: The operating system reported a failure (No space left on device).\n"
    "Anything saved before the failure is still saved; `webex-token show` shows it. Run again with --debug to see "
    "where it failed.\n"
)


def redirected(program: Program, command: str, redirection: str) -> Finished:
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} {command} {redirection}"],
        env=program.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "command", ["get", "export", "show", "show --all", "refresh", "completion bash", "service", "--version", "--help"]
)
def test_an_answer_that_cannot_be_printed_is_a_failure(signed_in: Program, command: str) -> None:
    assert redirected(signed_in, command, ">&-") == Finished(1, "", CLOSED)
    assert redirected(signed_in, command, ">/dev/full") == Finished(1, "", FULL)


def test_a_command_that_prints_no_answer_needs_no_output(signed_in: Program) -> None:
    assert redirected(signed_in, "exec -- true", ">&-") == Finished(0, "", "")
    assert redirected(signed_in, "nonsense 2>/dev/null", ">&-") == Finished(2, "", "")


def test_nothing_is_said_where_both_streams_are_closed(signed_in: Program) -> None:
    assert redirected(signed_in, "get", ">&- 2>&-") == Finished(1, "", "")
