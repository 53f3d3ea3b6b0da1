"""Whole runs of pytest, over suites as other people write them."""

import os
import sys

import pytest

from tests.support.suites import Suite

# What a run must not know: where the project's own tests run, and that it is CI, where pytest's summary is longer.
_LEFT_OUT = ("PYTEST_", "COVERAGE", "COV_", "CI")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite of tests in a folder of its own, which a developer runs."""
    for name in list(os.environ):
        if name.startswith(_LEFT_OUT):
            monkeypatch.delenv(name)
    scripts = os.path.dirname(sys.executable)  # noqa: PTH120 - a link to another Python must not be resolved
    monkeypatch.setenv("PATH", scripts + os.pathsep + os.environ["PATH"])
    return Suite(pytester)
