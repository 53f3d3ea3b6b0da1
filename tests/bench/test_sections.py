"""Each section of the benchmark runs, with the smallest numbers. What it measures is not asserted."""

import subprocess
import sys

import pytest

from tests.support.desktop import REQUIRED
from tests.support.folders import ROOT
from tests.support.requirements import require

pytestmark = [pytest.mark.machine, pytest.mark.xdist_group("bench"), pytest.mark.full]


def printed(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_commands_are_timed() -> None:
    require(*REQUIRED)
    out = printed("commands", "--runs", "1")
    for name in ("python -c pass", "oidc-token", "get", "wxc_sdk refresh", "get / keyring get"):
        assert f"{name} " in out or out.rstrip().endswith(name) or f"{name}\n" in out


def test_a_watch_at_rest_is_measured() -> None:
    require(*REQUIRED)
    out = printed("rest", "--profiles", "1", "--idle-rounds", "1")
    assert "private" in out
    assert "1 profiles" in out


def test_renewals_are_measured() -> None:
    out = printed("rounds", "--profiles", "2")
    assert "1 due, 100 ms an answer: " in out
    assert "(calculated from 2 of refresh --all)" in out


def test_the_sandboxs_refreshes_are_measured() -> None:
    out = printed("sandbox", "--grants", "100", "--seconds", "0.2")
    for grants in (16, 100):
        assert f"{grants} grants: 16 clients with a connection each were answered " in out


def test_an_unknown_section_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "nothing"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 2
    assert "There is no section nothing." in done.stderr
