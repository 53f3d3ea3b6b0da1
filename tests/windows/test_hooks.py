"""Hooks on Windows: a shell command reaches cmd as it was written, and one that hangs leaves nothing behind."""

import itertools
import os
import sys
from pathlib import Path

import pytest

from tests.support.program import wait_until
from webex_token_cli.refresh.hooks import HookFailed, run_hook
from webex_token_cli.system.windows_users import program_of

assert sys.platform == "win32"

# Saves its process number and its arguments in the file argv[1], and then waits for as long as argv[2] says.
TELL = """
import os, sys, time
with open(sys.argv[1], "w") as told:
    told.write(f"{os.getpid()} {sys.argv[3:]}")
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    script = tmp_path / "with a blank" / "tell.py"
    script.parent.mkdir()
    script.write_text(TELL, encoding="ascii")
    return script


def test_quotes_in_a_hook_are_those_of_cmd(script: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    run_hook(f'"{sys.executable}" "{script}" "{told}" 0 "two words" & exit 0', os.environ, "the-new-access-token")
    assert told.read_text().endswith("['two words']")


def test_a_hook_that_hangs_is_killed_with_its_children(script: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    clock = itertools.chain(itertools.repeat(0.0, 1), iter(lambda: 61.0 if told.exists() else 0.0, None))
    with pytest.raises(HookFailed, match="did not end within 60 seconds, and was killed"):
        run_hook(f'"{sys.executable}" "{script}" "{told}" 600', os.environ, "token", clock=lambda: next(clock))
    wait_until(lambda: program_of(int(told.read_text().split()[0] or 0)) is None, timeout=10)


def test_what_a_hook_leaves_running_goes_on(script: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    run_hook(f'start /b "" "{sys.executable}" "{script}" "{told}" 1.5', os.environ, "token")
    wait_until(lambda: told.exists() and told.read_text() != "")
    assert program_of(int(told.read_text().split()[0])) == "python.exe"
