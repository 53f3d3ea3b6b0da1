"""The wheel and the sdist, built as a release builds them, from copies of what git would commit."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.folders import ROOT
from tests.support.requirements import require_modules


@dataclass(frozen=True)
class Distributions:
    """The files of one build."""

    wheel: Path
    sdist: Path


def tracked_files() -> list[str]:
    """The paths of the repository's files, and of those that are neither committed nor ignored yet.

    Skips the test where there is no git checkout, as in an unpacked sdist.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if listed.returncode:
        pytest.skip("not in a git checkout")
    return sorted(name for name in listed.stdout.splitlines() if (ROOT / name).exists())


def copy_of_the_repository(folder: Path) -> Path:
    """A copy whose files are all as old as this call, like those of a new clone."""
    for name in tracked_files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
        (folder / name).chmod((ROOT / name).stat().st_mode)
    return folder


def build(source: Path, target: Path) -> Distributions:
    """Build both from ``source`` into ``target``, with the build backend of this environment and without a network."""
    require_modules("hatchling", "hatch_fancy_pypi_readme")
    # The release sets no SOURCE_DATE_EPOCH: Hatchling then gives every file the same time.
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target)],
        cwd=source,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    return Distributions(wheel, sdist)
