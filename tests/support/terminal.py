"""The program in a pseudo-terminal that a test reads and types into."""

import contextlib
import re
from collections.abc import Iterator

import pexpect

from tests.support.program import WEBEX_TOKEN, Program


@contextlib.contextmanager
def at_a_terminal(
    program: Program, *arguments: str, columns: int = 400, rows: int = 60
) -> "Iterator[pexpect.spawn[str]]":
    """Run the command in a pseudo-terminal. If it still runs when the context ends, it is killed."""
    child: pexpect.spawn[str] = pexpect.spawn(
        str(WEBEX_TOKEN),
        list(arguments),
        env={"TERM": "xterm", **program.environment, "PYTHONUTF8": "1"},
        encoding="utf-8",
        timeout=20,
        dimensions=(rows, columns),
    )
    try:
        yield child
    finally:
        child.close(force=True)


def read(child: "pexpect.spawn[str]", pattern: str) -> str:
    """Wait until ``pattern`` is printed. Returns its first group."""
    child.expect(pattern)
    assert isinstance(child.match, re.Match)
    return str(child.match[1])


def end_of(child: "pexpect.spawn[str]") -> tuple[int | None, str]:
    """Wait until the command ends: its exit status, and the output since the last ``read``."""
    child.expect(pexpect.EOF)
    child.wait()
    return child.exitstatus, str(child.before)
