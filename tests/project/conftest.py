"""Marks the tests of this folder, which are about the repository, to run on one Python only."""

from pathlib import Path

import pytest

# What is imported at the start differs between versions of Python.
_ON_EVERY_PYTHON = {"test_startup"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and item.path.stem not in _ON_EVERY_PYTHON:
            item.add_marker(pytest.mark.machine)
