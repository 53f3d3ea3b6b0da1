"""System pieces that a test needs: without one it is skipped, and on CI it fails."""

import os
import shutil

import pytest

ON_CI = os.environ.get("CI") == "true"


def require(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        said = f"not on this machine: {', '.join(missing)}"
        if ON_CI:
            pytest.fail(said)
        pytest.skip(said)
