"""The store over a key that others write all the time, that is damaged, or whose turn somebody waits for."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.records import FULL_RECORD
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.vault.entries import Entries, Host
from webex_token_cli.store.vault.entry import Claim, Entry
from webex_token_cli.store.vault.key_value import Version, VersionConflict
from webex_token_cli.store.vault.store import VaultStore


@dataclass
class OneKey:
    """An engine with one key. If it is ``contended``, others write it before each write."""

    values: dict[str, Any]
    contended: bool = False
    place: str = "Vault"
    tried: int = 0
    destroyed_before: list[int] = field(default_factory=list)

    def read(self, key: str, /) -> Version:
        return Version(7, json.loads(json.dumps(self.values)), 0.0, 0.0)

    def write(self, key: str, values: Mapping[str, Any], /, after: int) -> int:
        self.tried += 1
        if self.contended:
            raise VersionConflict
        self.values = dict(values)
        return after + 1

    def names(self) -> list[str]:
        return []

    def prepare(self, key: str, /) -> None: ...

    def destroy_before(self, key: str, number: int, /) -> None:
        self.destroyed_before.append(number)


def store_with(engine: OneKey, *, cancelled: bool = False) -> VaultStore:
    host = Host("host", monotonic=itertools.count().__next__, sleep=lambda _: None)
    return VaultStore(Entries(engine), host, cancelled=lambda: cancelled)


ENTRY = Entry(FULL_RECORD, Profile("ada"))


def test_a_sign_in_that_others_overtake_each_time_is_not_stored() -> None:
    engine = OneKey(ENTRY.encoded(), contended=True)
    with pytest.raises(StoreUnavailable) as raised:
        store_with(engine).save("ada", FULL_RECORD, Profile("ada"))
    assert (raised.value.message, raised.value.exit_status, engine.tried) == (
        "The entry 'ada' in Vault was changed by others each of 20 times that it was to be replaced.",
        4,
        20,
    )


def test_a_key_that_others_write_each_time_can_be_written_and_so_a_person_may_sign_in() -> None:
    store_with(OneKey(ENTRY.encoded(), contended=True)).try_to_write("ada")


def test_a_sign_out_replaces_a_damaged_entry() -> None:
    engine = OneKey({"typed": "by hand"})
    assert store_with(engine).delete("ada")
    assert (engine.values, engine.destroyed_before) == (Entry(None, Profile("ada")).encoded(), [8])


def test_the_wait_for_another_hosts_turn_can_be_interrupted() -> None:
    engine = OneKey(ENTRY._replace(claim=Claim("nonce", "other", 1, 120)).encoded())
    with (
        pytest.raises(StoreUnavailable) as raised,
        store_with(engine, cancelled=True).refreshing("ada", FULL_RECORD),
    ):
        pytest.fail("it is the turn of the other host")
    assert raised.value.message == "The wait for another webex-token was interrupted."
