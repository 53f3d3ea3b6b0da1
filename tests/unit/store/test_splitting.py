"""Records in several entries: wherever a write is interrupted, a reader gets the whole old or the whole new record."""

import itertools
from dataclasses import dataclass, replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.records import FULL_RECORD
from tests.support.small_keyring import NAME, SERVICE, SmallKeyring, interrupted_at, text
from webex_token_cli.errors import RecordTooLarge
from webex_token_cli.store.keyring.choice import entry_limit
from webex_token_cli.store.keyring.opening import open_keyring_store
from webex_token_cli.store.keyring.splitting import FALLBACK_LIMIT, Head, SplittingKeyring
from webex_token_cli.store.records import encode


def referenced(small: SmallKeyring) -> set[str]:
    """The names of the entries that a reader needs."""
    head = Head.parse(small.entries.get(NAME, ""))
    parts = set() if head is None else {f"{NAME}#{head.set}.{number}" for number in range(head.parts)}
    return parts | ({NAME} if NAME in small.entries else set())


FOR_EACH_LIMIT = pytest.mark.parametrize("limit", [1280, None], ids=["limit is known", "limit is discovered"])
sizes_of_records = st.integers(1, 12) | st.integers(1200, 1300) | st.integers(1, 9000)


@FOR_EACH_LIMIT
@pytest.mark.parametrize(("size", "entries"), [(1, 1), (1280, 1), (1281, 3), (2560, 3), (2561, 4), (5000, 5)])
def test_a_short_record_is_one_entry_and_a_long_one_a_head_with_parts(
    limit: int | None, size: int, entries: int
) -> None:
    small = SmallKeyring()
    keyring = SplittingKeyring(small, limit)
    keyring.set_password(SERVICE, NAME, text(size, "a"))
    assert keyring.get_password(SERVICE, NAME) == text(size, "a")
    assert len(small.entries) == entries
    keyring.delete_password(SERVICE, NAME)
    assert small.entries == {}


@given(st.lists(sizes_of_records, min_size=1, max_size=8), st.sampled_from([1280, None]))
def test_each_write_is_read_back_and_leaves_no_unused_entry(sizes: list[int], limit: int | None) -> None:
    small = SmallKeyring()
    keyring = SplittingKeyring(small, limit)
    for number, size in enumerate(sizes):
        keyring.set_password(SERVICE, NAME, text(size, chr(97 + number)))
        assert keyring.get_password(SERVICE, NAME) == text(size, chr(97 + number))
        assert set(small.entries) == referenced(small)
        assert max(len(entry) for entry in small.entries.values()) <= 1280


@FOR_EACH_LIMIT
@pytest.mark.parametrize("old", [None, 100, 2000, 5000])
@pytest.mark.parametrize("new", [100, 2000, 5000])
@pytest.mark.parametrize("earlier", [None, 3000], ids=["no earlier write", "an earlier write was interrupted"])
def test_after_a_crash_between_any_two_calls_a_whole_record_is_read(
    limit: int | None, old: int | None, new: int, earlier: int | None
) -> None:
    found_records = set()
    for position in itertools.count():
        small = SmallKeyring()
        keyring = SplittingKeyring(small, limit)
        write = partial(keyring.set_password, SERVICE, NAME)
        if old is not None:
            write(text(old, "o"))
        if earlier is not None:  # its parts are still stored
            assert interrupted_at(small, 3, partial(write, text(earlier, "e")))
        before = keyring.get_password(SERVICE, NAME)
        completed = not interrupted_at(small, position, partial(write, text(new, "n")))
        found = keyring.get_password(SERVICE, NAME)
        assert found in {before, text(new, "n")}
        found_records.add(found)
        write(text(2700, "l"))  # the next write removes all remains
        assert keyring.get_password(SERVICE, NAME) == text(2700, "l")
        assert set(small.entries) == referenced(small)
        keyring.delete_password(SERVICE, NAME)
        assert small.entries == {}
        if completed:
            break
    assert found_records == {before, text(new, "n")}


@FOR_EACH_LIMIT
@pytest.mark.parametrize(("old", "new"), [(100, 3000), (3000, 100), (3000, 3000), (5000, 2000)])
def test_a_reader_between_any_two_calls_of_a_writer_gets_a_whole_record(limit: int | None, old: int, new: int) -> None:
    small = SmallKeyring()
    keyring = SplittingKeyring(small, limit)
    keyring.set_password(SERVICE, NAME, text(old, "o"))
    found = []

    def read(_: int) -> None:
        other = SmallKeyring(entries=small.entries)
        found.append(SplittingKeyring(other, limit).get_password(SERVICE, NAME))

    small.before_call = read
    keyring.set_password(SERVICE, NAME, text(new, "n"))
    first_new = found.index(text(new, "n"))
    assert found == [text(old, "o")] * first_new + [text(new, "n")] * (len(found) - first_new)


@FOR_EACH_LIMIT
@pytest.mark.parametrize("writes", [1, 2, 3])
@pytest.mark.parametrize("position", range(5))
def test_a_reader_that_is_overtaken_by_writers_gets_a_whole_record(
    limit: int | None, writes: int, position: int
) -> None:
    small = SmallKeyring()
    SplittingKeyring(small, limit).set_password(SERVICE, NAME, text(3000, "o"))
    small.calls = 0

    def overtake(number: int) -> None:
        if number == position:
            for turn in range(writes):
                SplittingKeyring(SmallKeyring(entries=small.entries), limit).set_password(
                    SERVICE, NAME, text(4000, f"{turn}")
                )

    small.before_call = overtake
    assert SplittingKeyring(small, limit).get_password(SERVICE, NAME) in {
        text(3000, "o"),
        text(4000, f"{writes - 1}"),
    }


def test_parts_without_a_head_are_removed_by_a_short_record_and_by_a_sign_out() -> None:
    """The first write of a profile was interrupted after a part, in a keyring whose limit is known."""
    for short in (text(100, "s"), None):
        small = SmallKeyring(entries={"other": "untouched"})
        keyring = SplittingKeyring(small, 1280)
        assert interrupted_at(small, 2, partial(keyring.set_password, SERVICE, NAME, text(3000, "n")))
        assert set(small.entries) == {"other", f"{NAME}#0.0"}
        if short is None:
            with pytest.raises(LookupError):
                keyring.delete_password(SERVICE, NAME)
        else:
            keyring.set_password(SERVICE, NAME, short)
            assert small.entries.pop(NAME) == short
        assert small.entries == {"other": "untouched"}


@FOR_EACH_LIMIT
def test_a_failing_write_leaves_the_old_record_and_raises(limit: int | None) -> None:
    for position in range(20):
        small = SmallKeyring()
        keyring = SplittingKeyring(small, limit)
        keyring.set_password(SERVICE, NAME, text(3000, "o"))

        def fail(number: int, at: int = position) -> None:
            if number == at:
                raise OSError("disk full")

        small.before_call, small.calls = fail, 0
        try:
            keyring.set_password(SERVICE, NAME, text(4000, "n"))
            expected = text(4000, "n")
        except OSError:
            expected = text(3000, "o")
        small.before_call = lambda _: None
        assert keyring.get_password(SERVICE, NAME) == expected


def test_the_limit_of_windows_is_known_and_others_are_not() -> None:
    from keyring.backends import Windows, chainer

    windows = Windows.WinVaultKeyring()  # type: ignore[no-untyped-call]

    class Chained(chainer.ChainerBackend):
        backends = [windows]  # noqa: RUF012 - as keyring's own attribute

    chained = Chained()  # type: ignore[no-untyped-call]
    assert (entry_limit(windows), entry_limit(chained), entry_limit(SmallKeyring())) == (1280, 1280, None)
    assert FALLBACK_LIMIT == 1280


@FOR_EACH_LIMIT
@pytest.mark.parametrize("size", [100, 5000])
def test_an_interrupted_removal_is_completed_by_the_next_one(limit: int | None, size: int) -> None:
    for position in itertools.count():
        small = SmallKeyring()
        keyring = SplittingKeyring(small, limit)
        keyring.set_password(SERVICE, NAME, text(size, "o"))
        if not interrupted_at(small, position, partial(keyring.delete_password, SERVICE, NAME)):
            break
        keyring.delete_password(SERVICE, NAME)
        assert small.entries == {}


@FOR_EACH_LIMIT
def test_a_failure_that_is_not_about_the_size_is_raised_and_not_tried_in_parts(limit: int | None) -> None:
    small, failures = SmallKeyring(), [OSError("locked")]

    def fail(number: int) -> None:
        if number == 1 and failures:  # the write, after the read of what is there; another one would succeed
            raise failures.pop()

    small.before_call = fail
    with pytest.raises(OSError, match="locked"):
        SplittingKeyring(small, limit).set_password(SERVICE, NAME, text(FALLBACK_LIMIT, "n"))
    assert small.entries == {}


@FOR_EACH_LIMIT
def test_what_is_missing_is_told_by_the_keyrings_own_error(limit: int | None) -> None:
    with pytest.raises(LookupError):
        SplittingKeyring(SmallKeyring(), limit).delete_password(SERVICE, NAME)


@dataclass
class UnreadableKeyring(SmallKeyring):
    """A small keyring whose entries can no longer be read."""

    def get_password(self, service: str, username: str) -> str | None:
        raise OSError("the daemon was restarted")


@pytest.mark.parametrize("size", [20, 2706, 2 * FALLBACK_LIMIT])
@pytest.mark.parametrize("letters", ["a", "ab"], ids=["written once", "replaced"])
@FOR_EACH_LIMIT
def test_an_entry_that_cannot_be_read_can_be_discarded_with_all_its_parts(
    size: int, letters: str, limit: int | None
) -> None:
    small = SmallKeyring()
    small.entries["other"] = "untouched"
    keyring = SplittingKeyring(small, limit)
    for letter in letters:
        keyring.set_password(SERVICE, NAME, text(size, letter))
    unreadable = UnreadableKeyring(entries=small.entries)
    SplittingKeyring(unreadable, limit).discard(SERVICE, NAME, size)
    assert small.entries == {"other": "untouched"}


@FOR_EACH_LIMIT
@pytest.mark.parametrize("old", [100, 3000])
def test_a_record_of_more_than_64_parts_is_refused_before_anything_is_written(limit: int | None, old: int) -> None:
    small = SmallKeyring()
    store = open_keyring_store(backend=small)
    store = replace(store, keyring=SplittingKeyring(small, limit))
    store.save(NAME, replace(FULL_RECORD, access_token="o" * old))
    before = dict(small.entries)
    overhead = len(encode(replace(FULL_RECORD, access_token="")))
    largest = replace(FULL_RECORD, access_token="n" * (64 * 1280 - overhead))
    with pytest.raises(RecordTooLarge) as raised:
        store.save(NAME, replace(largest, access_token=f"{largest.access_token}n"))
    assert (raised.value.message, raised.value.hint) == (
        "The record has 81,921 characters, and the keyring (SmallKeyring) can hold 81,920.",
        "What was stored before is unchanged. Sign in with --store file, which holds records of any size.",
    )
    assert small.entries == before
    store.save(NAME, largest)
    assert store.load(NAME) == largest
