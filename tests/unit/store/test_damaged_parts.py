"""Heads and parts that do not belong together, and those that an earlier release has written."""

import json
from dataclasses import dataclass, replace

import pytest

from tests.support.records import FULL_RECORD
from tests.support.small_keyring import NAME, SERVICE, SmallKeyring, text
from webex_token_cli.errors import DamagedEntry, StoreUnavailable
from webex_token_cli.store.credentials import load_replaceable
from webex_token_cli.store.keyring.opening import open_keyring_store
from webex_token_cli.store.keyring.splitting import Head, SplittingKeyring


@dataclass
class BusyKeyring(SmallKeyring):
    """A small keyring whose first part is being replaced in each of the first ``times`` reads."""

    times: int = 0

    def get_password(self, service: str, username: str) -> str | None:
        found = super().get_password(service, username)
        if username.endswith(".0") and self.times:
            self.times -= 1
            return "replaced meanwhile"
        return found


@pytest.mark.parametrize(("times", "is_read"), [(4, True), (5, False)])
def test_a_reader_tries_five_times(times: int, is_read: bool) -> None:
    small = SmallKeyring()
    SplittingKeyring(small).set_password(SERVICE, NAME, text(3000, "o"))
    busy = SplittingKeyring(BusyKeyring(entries=small.entries, times=times))
    assert busy.get_password(SERVICE, NAME) == (text(3000, "o") if is_read else small.entries[NAME])


def test_missing_or_changed_parts_are_damage_that_a_sign_in_repairs() -> None:
    small = SmallKeyring()
    store = open_keyring_store(backend=small)
    large = replace(FULL_RECORD, access_token="A" * 2000)
    store.save(NAME, large)
    assert store.load(NAME) == large
    name = f"{NAME}#0.1"
    for damaged_entries in (
        {key: value for key, value in small.entries.items() if key != name},
        {**small.entries, name: "changed"},
    ):
        damaged = open_keyring_store(backend=SmallKeyring(entries=dict(damaged_entries)))
        with pytest.raises(DamagedEntry, match="The entry 'default' in the keyring") as error:
            damaged.load(NAME)
        said: list[str] = []
        assert load_replaceable(damaged, NAME, said.append) is None
        assert said == [f"Warning: {error.value.message}"]
        damaged.save(NAME, large)
        assert damaged.load(NAME) == large


@pytest.mark.parametrize(
    "head",
    [
        {"version": 1, "split": {"set": 2, "parts": 1, "sha256": "x"}},
        {"version": 1, "split": {"set": 0, "parts": 0, "sha256": "x"}},
        {"version": 1, "split": {"set": 0, "parts": 10**9, "sha256": "x"}},
        {"version": 1, "split": {"set": 0, "parts": "1", "sha256": "x"}},
        {"version": 1, "split": {"set": 0, "parts": 1, "sha256": 3}},
        {"version": 1, "split": []},
        {"version": 1, "split": 1},
        ["split"],
    ],
)
def test_an_invalid_head_is_damage(head: object) -> None:
    store = open_keyring_store(backend=SmallKeyring(entries={NAME: json.dumps(head)}))
    with pytest.raises(DamagedEntry):
        store.load(NAME)


def test_an_entry_that_is_nested_too_deeply_is_damage() -> None:
    store = open_keyring_store(backend=SmallKeyring(entries={NAME: '["split", ' + "[" * 100_000}))
    with pytest.raises(DamagedEntry):
        store.load(NAME)


def test_a_record_that_an_earlier_release_has_split_is_read() -> None:
    sha256 = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589"  # of "abcd"
    head = f'{{"version": 1, "split": {{"set": 1, "parts": 2, "sha256": "{sha256}"}}}}'
    small = SmallKeyring(entries={NAME: head, f"{NAME}#1.0": "ab", f"{NAME}#1.1": "cd"})
    assert SplittingKeyring(small).get_password(SERVICE, NAME) == "abcd"


def test_a_head_of_a_newer_version_is_refused_by_a_sign_in_too() -> None:
    entries = {NAME: '{"version": 2, "split": {"set": 0, "parts": 2, "sha256": "x"}}'}
    store = open_keyring_store(backend=SmallKeyring(entries=entries))
    with pytest.raises(StoreUnavailable, match="written by a newer webex-token"):
        load_replaceable(store, NAME, lambda _: None)


@pytest.mark.parametrize("wrong", [{"set": 2}, {"set": -1}, {"parts": 0}, {"parts": 65}, {"sha256": "0" * 63}])
def test_an_entry_that_only_looks_like_a_head_names_no_parts(wrong: dict[str, object]) -> None:
    right = {"set": 1, "parts": 64, "sha256": "0" * 64}
    found = [Head.parse(json.dumps({"version": 1, "split": {**right, **each}})) for each in ({}, {"parts": 1}, wrong)]
    assert found == [Head(1, 64, "0" * 64), Head(1, 1, "0" * 64), None]
