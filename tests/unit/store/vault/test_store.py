"""The store over one server: which profiles it lists, and what it does about entries that others write or damage."""

import pytest

from tests.support.memory_engine import MemoryEngine, store_on
from tests.support.records import FULL_RECORD
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import StoreUnavailable, StoreUnreachable
from webex_token_cli.store.vault.entry import Claim, Entry
from webex_token_cli.store.vault.requester import Forbidden

ENTRY = Entry(FULL_RECORD, Profile("ada")).encoded()
FORBIDDEN = Forbidden("A policy forbids it.", "Ask for another one.")


def test_a_profile_whose_entry_cannot_be_read_is_listed_with_the_others_and_says_why_itself() -> None:
    engine = MemoryEngine(unreadable={"forbidden": FORBIDDEN})
    engine.put("ada", ENTRY)
    engine.put("newer", {**ENTRY, "version": 2})
    engine.put("signed-out", Entry(None, Profile("signed-out")).encoded())
    store = store_on(engine)
    assert store.names() == ["ada", "forbidden", "newer"]
    assert store.load("ada") == FULL_RECORD
    for profile, why in (("forbidden", "A policy forbids it"), ("newer", "was written by a newer webex-token")):
        with pytest.raises(StoreUnavailable, match=why):
            store.load(profile)
        with pytest.raises(StoreUnavailable, match=why):
            store.delete(profile)
    assert engine.writes == []


def test_a_server_that_cannot_be_reached_lists_nothing() -> None:
    engine = MemoryEngine(unreadable={"ada": StoreUnreachable("Vault is sealed.", "Unseal it.")})
    with pytest.raises(StoreUnreachable, match="is sealed"):
        store_on(engine).names()


def test_a_stop_ends_a_list_after_the_read_that_has_begun() -> None:
    engine = MemoryEngine()
    for key in "abcd":
        engine.put(key, ENTRY)
    with pytest.raises(StoreUnavailable):
        store_on(engine, cancelled=lambda: len(engine.reads) == 2).names()
    assert engine.reads == ["a", "b"]


def test_a_sign_out_replaces_a_damaged_entry() -> None:
    engine = MemoryEngine()
    engine.put("ada", {"typed": "by hand"})
    assert store_on(engine).delete("ada")
    assert (engine.read("ada").values, engine.destroyed) == (Entry(None, Profile("ada")).encoded(), [("ada", 2)])


def test_the_wait_for_another_hosts_turn_can_be_interrupted() -> None:
    engine = MemoryEngine()
    engine.put("ada", {**ENTRY, "claim": Claim("nonce", "other", 1, 120)._asdict()})
    store = store_on(engine, cancelled=lambda: True)
    with pytest.raises(StoreUnavailable, match="was interrupted"), store.refreshing("ada", FULL_RECORD):
        pytest.fail("it is the turn of the other host")
