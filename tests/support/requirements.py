"""System pieces that a test needs: without one it is skipped, and on CI it fails."""

import importlib.util
import os
import shutil

import pytest

ON_CI = os.environ.get("CI") == "true"


def require(*programs: str) -> None:
    _skip_without([program for program in programs if shutil.which(program) is None])


def require_modules(*modules: str) -> None:
    """What require() is for programs, for Python's packages. Those for developers are in the extra ``dev``."""
    _skip_without([module for module in modules if importlib.util.find_spec(module) is None])


def _skip_without(missing: list[str]) -> None:
    if missing:
        said = f"not on this machine: {', '.join(missing)}"
        if ON_CI:
            pytest.fail(said)
        pytest.skip(said)
