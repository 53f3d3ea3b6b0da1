"""Tests of what only Windows has. `.ci/windows` runs them on Python for Windows; elsewhere they are not collected."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import credential_manager

collect_ignore_glob = [] if os.name == "nt" else ["test_*.py"]


@pytest.fixture(autouse=True)
def _own_entries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The entries of a test are below the prefix of the run, at whose end all of them are removed."""
    if sys.platform == "win32":
        monkeypatch.setenv(credential_manager.PREFIX, f"{credential_manager.prefix()}{tmp_path.name}/")


@pytest.fixture
def is_full(request: pytest.FixtureRequest) -> bool:
    """Whether this run does the long counts."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def say() -> Callable[[object], None]:
    """Print the figures of a test, after the seconds that it took. `pytest -rP` shows what is printed."""
    started = time.monotonic()
    return lambda what: print(f"After {time.monotonic() - started:.0f} s: {what}")
