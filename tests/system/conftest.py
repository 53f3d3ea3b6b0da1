"""Marks the tests of this folder, which are about the system and other programs, to run on one Python only."""

from pathlib import Path

import pytest

# These are about Python's own sockets, TLS and threads, which differ between versions.
_ON_EVERY_PYTHON = {"test_listener", "test_faults"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and item.path.stem not in _ON_EVERY_PYTHON:
            item.add_marker(pytest.mark.machine)
