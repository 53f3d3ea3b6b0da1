"""The list of the profiles in a store that many machines share, for which each of them is read."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.records import RECORD
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.vault.entries import Entries, Host
from webex_token_cli.store.vault.entry import Entry
from webex_token_cli.store.vault.key_value import Version
from webex_token_cli.store.vault.store import VaultStore


class Engine:
    """An engine with a sign-in below each of four keys."""

    place = "Vault"

    def __init__(self) -> None:
        self.reads: list[str] = []

    def names(self) -> list[str]:
        return list("abcd")

    def read(self, key: str, /) -> Version:
        self.reads.append(key)
        return Version(1, dict(Entry(RECORD, Profile(key)).encoded()), 0.0, 0.0)

    def write(self, key: str, values: Mapping[str, Any], /, after: int) -> int:
        raise NotImplementedError

    def prepare(self, key: str, /) -> None: ...
    def destroy_before(self, key: str, number: int, /) -> None: ...


def test_a_stop_is_obeyed_after_the_read_that_has_begun() -> None:
    engine = Engine()
    store = VaultStore(Entries(engine), Host("host"), cancelled=lambda: len(engine.reads) == 2)
    with pytest.raises(StoreUnavailable):
        store.names()
    assert engine.reads == ["a", "b"]
