"""Packages of Node for a test, from the package registry."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.requirements import ON_CI


def install_packages(folder: Path) -> None:
    """Install what ``folder``'s package.json names. Skips the test, and fails it on CI, if it cannot be had."""
    done = subprocess.run(
        ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel", "error"],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    if done.returncode and not ON_CI:
        pytest.skip(f"no npm registry: {done.stderr[:200]}")
    assert done.returncode == 0, done.stderr
