"""The store over one server: which profiles it lists, and what it does about entries that others write or damage."""

import pytest

from tests.support.memory_engine import MemoryEngine, store_on
from tests.support.records import FULL_RECORD
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import StoreUnavailable, StoreUnreachable
from webex_token_cli.store.vault.entry import Claim, Entry
from webex_token_cli.store.vault.key_value import VersionConflict
from webex_token_cli.store.vault.requester import Forbidden, OutcomeUnknown

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


NO_ROOM = OutcomeUnknown("Vault failed (HTTP 500, no space left on device).", "Try again later.")


def test_a_server_that_cannot_write_is_named_after_two_writes() -> None:
    engine = MemoryEngine(fates=iter([(False, NO_ROOM)] * 20))
    engine.put("ada", ENTRY)
    with pytest.raises(OutcomeUnknown, match="no space left"):
        store_on(engine).delete("ada")
    assert engine.writes == ["ada", "ada"]


def test_a_lost_answer_and_writes_of_others_do_not_stop_a_sign_out() -> None:
    conflict = (False, VersionConflict())
    engine = MemoryEngine(fates=iter([conflict, conflict, (True, NO_ROOM), conflict]))
    engine.put("ada", ENTRY)
    store = store_on(engine)
    assert store.delete("ada")
    assert store.names() == []


def test_an_entry_that_others_write_each_time_is_given_up() -> None:
    engine = MemoryEngine(fates=iter([(False, VersionConflict())] * 30))
    engine.put("ada", ENTRY)
    with pytest.raises(StoreUnreachable) as raised:
        store_on(engine).save("ada", FULL_RECORD)
    assert (raised.value.message, len(engine.writes)) == (
        "The entry 'ada' in Vault was changed by others each of 20 times that it was to be replaced.",
        20,
    )


def test_who_may_write_an_entry_that_others_write_each_time_may_sign_in() -> None:
    engine = MemoryEngine(fates=iter([(False, VersionConflict())] * 30))
    engine.put("ada", ENTRY)
    store_on(engine).try_to_write("ada")
