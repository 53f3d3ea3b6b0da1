"""A record as text: it is read back unchanged, and a damaged one is reported."""

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.records import FULL_RECORD
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import DamagedEntry, StoreUnavailable
from webex_token_cli.store.records import as_values, decode, encode, from_values
from webex_token_cli.store.vault.entry import Claim, Entry
from webex_token_cli.tokens import Person, TokenRecord

OPTIONAL = {"refresh_token", "refresh_expires_at", "scopes", "person", "refresh_unextended_since"}

seconds = st.integers(0, 253402300799)
tokens = st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True)
records = st.builds(
    TokenRecord,
    access_token=tokens,
    access_expires_at=st.none() | seconds,
    refresh_token=st.none() | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1),
    refresh_expires_at=st.none() | seconds,
    changed_at=seconds,
    refreshed_at=seconds,
    client_id=st.text(),
    client_secret=st.text(),
    scopes=st.none() | st.lists(st.text()).map(tuple),
    refresh_unextended_since=st.none() | seconds,
    person=st.none() | st.builds(Person, st.text(), st.text(), st.lists(st.text()).map(tuple), st.text(), st.text()),
)


@given(records)
def test_a_record_is_decoded_as_it_was_encoded(record: TokenRecord) -> None:
    assert decode(encode(record), "entry") == record


def test_an_older_version_takes_an_unknown_expiry_for_an_hour_after_the_last_refresh() -> None:
    entry = json.loads(encode(replace(FULL_RECORD, access_expires_at=None)))
    older = {key: entry.pop(key) for key in ("access_expires_at", "access_expiry_known")}
    assert older == {"access_expires_at": FULL_RECORD.refreshed_at + 3600, "access_expiry_known": False}
    assert {**entry, "access_expires_at": FULL_RECORD.access_expires_at} == json.loads(encode(FULL_RECORD))


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_text_that_is_not_a_record_raises_the_documented_error(text: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"^The entry"):
        decode(text, "The entry")


@given(
    st.sampled_from(sorted(asdict(FULL_RECORD))),
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), min_size=1),
)
def test_a_value_is_accepted_or_its_key_is_named(key: str, value: object) -> None:
    entry = json.loads(encode(FULL_RECORD))
    try:
        decode(json.dumps({**entry, key: value}), "The entry")
    except DamagedEntry as error:
        message = error.message
    else:
        return
    assert message == f"The entry is damaged: {key} is missing or wrong."


@pytest.mark.parametrize(
    "key",
    [key for key in asdict(FULL_RECORD) if key not in OPTIONAL],
)
def test_a_missing_key_is_named(key: str) -> None:
    entry = json.loads(encode(FULL_RECORD))
    del entry[key]
    with pytest.raises(DamagedEntry, match=f"^The entry is damaged: {key} is missing or wrong.$"):
        decode(json.dumps(entry), "The entry")


def test_a_key_that_this_version_does_not_know_is_ignored() -> None:
    """So older versions read a record with ``refresh_unextended_since``, and newer ones may add keys."""
    entry = json.loads(encode(FULL_RECORD))
    assert decode(json.dumps({**entry, "something_new": 7}), "entry") == FULL_RECORD


def test_a_record_says_nothing_of_a_refresh_token_that_webex_extends() -> None:
    assert "refresh_unextended_since" in json.loads(encode(FULL_RECORD))
    assert "refresh_unextended_since" not in json.loads(encode(replace(FULL_RECORD, refresh_unextended_since=None)))


@pytest.mark.parametrize("version", [True, 1.0, 0, -1, "1", None])
def test_a_version_that_is_no_whole_number_from_1_on_is_damage(version: object) -> None:
    with pytest.raises(DamagedEntry, match=r"^The entry is damaged: version is missing or wrong\.$"):
        from_values({**as_values(FULL_RECORD), "version": version}, "The entry")
    with pytest.raises(DamagedEntry, match=r"^The entry is damaged"):
        Entry.parse("default", {**Entry(FULL_RECORD, Profile("default")).encoded(), "version": version}, "The entry")


@pytest.mark.parametrize(
    "change", [{"nonce": 1}, {"host": None}, {"pid": True}, {"ttl": True}, {"ttl": 1.0}, {"ttl": 0}]
)
def test_a_claim_with_a_wrong_value_is_damage(change: dict[str, object]) -> None:
    claim = {"nonce": "nonce", "host": "host", "pid": 1, "ttl": 120}
    values = Entry(None, Profile("default")).encoded()
    assert Entry.parse("default", {**values, "claim": claim}, "The entry").claim == Claim("nonce", "host", 1, 120)
    with pytest.raises(DamagedEntry) as raised:
        Entry.parse("default", {**values, "claim": {**claim, **change}}, "The entry")
    assert raised.value.message == "The entry is damaged: it is not an entry of webex-token."
