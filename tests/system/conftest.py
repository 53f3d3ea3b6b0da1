"""Marks the tests of this folder, which are about the system and other programs, to run on one Python only."""

from pathlib import Path

import pytest

from tests.support.openbao import Server
from tests.support.rounds import due_record, store_in
from webex_token_cli.tokens import TokenRecord

# These are about Python's own sockets, TLS and threads, which differ between versions.
_ON_EVERY_PYTHON = {"test_listener", "test_faults"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and item.path.stem not in _ON_EVERY_PYTHON:
            item.add_marker(pytest.mark.machine)


@pytest.fixture
def mount(openbao: Server) -> str:
    """A key-value engine of this test's own."""
    return openbao.mount()


@pytest.fixture
def record() -> TokenRecord:
    """A record that is due."""
    return due_record()


@pytest.fixture
def homes(record: TokenRecord, tmp_path: Path) -> tuple[Path, Path]:
    """Two folders that hold the record, one for each format of the log."""
    homes = tmp_path / "for-people", tmp_path / "for-machines"
    for home in homes:
        store_in(home, record)
    return homes
