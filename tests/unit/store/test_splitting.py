"""Entries in parts: whatever is interrupted, wherever, a reader gets the old one or the new one, whole."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.records import FULL_RECORD
from webex_token_cli.errors import DamagedEntry, StoreUnavailable
from webex_token_cli.store.backends import entry_limit, open_keyring_store
from webex_token_cli.store.splitting import FALLBACK_LIMIT, Head, SplittingKeyring

SERVICE, NAME = "webex-token", "default"


class Killed(BaseException):
    """The process is gone, with no handler run."""


@dataclass
class Small:
    """A keyring in memory that refuses what is longer than ``limit`` in UTF-16, as Windows' does.

    ``before`` is called with the number of each operation, before it is done.
    """

    limit: int = 1280
    entries: dict[str, str] = field(default_factory=dict)
    before: Callable[[int], None] = lambda _: None
    done: int = 0

    def _count(self) -> None:
        self.before(self.done)
        self.done += 1

    def get_password(self, service: str, username: str) -> str | None:
        assert service == SERVICE
        self._count()
        return self.entries.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._count()
        if len(password.encode("utf-16-le")) > 2 * self.limit:
            raise OverflowError("The stub received bad data")
        self.entries[username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._count()
        if username not in self.entries:
            raise LookupError(username)
        del self.entries[username]


def text(size: int, letter: str) -> str:
    return letter * size


def referenced(small: Small) -> set[str]:
    """The names of the entries that a reader needs."""
    head = Head.parse(small.entries.get(NAME, ""))
    parts = set() if head is None else {f"{NAME}#{head.set}.{number}" for number in range(head.parts)}
    return parts | ({NAME} if NAME in small.entries else set())


KNOWN = pytest.mark.parametrize("limit", [1280, None], ids=["limit known", "limit found out"])
SIZES = st.integers(1, 12) | st.integers(1200, 1300) | st.integers(1, 9000)


@KNOWN
@pytest.mark.parametrize(("size", "entries"), [(1, 1), (1280, 1), (1281, 3), (2560, 3), (2561, 4), (5000, 5)])
def test_what_fits_is_one_entry_and_what_does_not_is_a_head_and_parts(
    limit: int | None, size: int, entries: int
) -> None:
    small = Small()
    keyring = SplittingKeyring(small, limit)
    keyring.set_password(SERVICE, NAME, text(size, "a"))
    assert keyring.get_password(SERVICE, NAME) == text(size, "a")
    assert len(small.entries) == entries
    keyring.delete_password(SERVICE, NAME)
    assert small.entries == {}


@given(st.lists(SIZES, min_size=1, max_size=8), st.sampled_from([1280, None]))
def test_what_is_written_is_read_and_nothing_else_stays(sizes: list[int], limit: int | None) -> None:
    small = Small()
    keyring = SplittingKeyring(small, limit)
    for number, size in enumerate(sizes):
        keyring.set_password(SERVICE, NAME, text(size, chr(97 + number)))
        assert keyring.get_password(SERVICE, NAME) == text(size, chr(97 + number))
        assert set(small.entries) == referenced(small)
        assert max(len(entry) for entry in small.entries.values()) <= 1280


def interrupted_at(small: Small, position: int, write: Callable[[], None]) -> bool:
    """Do ``write`` until its operation ``position``; whether it was interrupted."""

    def kill(number: int) -> None:
        if number == position:
            raise Killed

    small.before, small.done = kill, 0
    try:
        write()
    except Killed:
        return True
    finally:
        small.before = lambda _: None
    return False


@KNOWN
@pytest.mark.parametrize("old", [None, 100, 2000, 5000])
@pytest.mark.parametrize("new", [100, 2000, 5000])
@pytest.mark.parametrize("earlier", [None, 3000], ids=["fresh", "after an interrupted write"])
def test_a_crash_between_any_two_operations(limit: int | None, old: int | None, new: int, earlier: int | None) -> None:
    seen = set()
    for position in itertools.count():
        small = Small()
        keyring = SplittingKeyring(small, limit)
        write = partial(keyring.set_password, SERVICE, NAME)
        if old is not None:
            write(text(old, "o"))
        if earlier is not None:  # whose parts lie about
            assert interrupted_at(small, 3, partial(write, text(earlier, "e")))
        before = keyring.get_password(SERVICE, NAME)
        went_on = not interrupted_at(small, position, partial(write, text(new, "n")))
        found = keyring.get_password(SERVICE, NAME)
        assert found in {before, text(new, "n")}
        seen.add(found)
        write(text(2700, "l"))  # and the next writer
        assert keyring.get_password(SERVICE, NAME) == text(2700, "l")
        assert set(small.entries) == referenced(small)
        keyring.delete_password(SERVICE, NAME)
        assert small.entries == {}
        if went_on:
            break
    assert seen == {before, text(new, "n")}


@KNOWN
@pytest.mark.parametrize(("old", "new"), [(100, 3000), (3000, 100), (3000, 3000), (5000, 2000)])
def test_a_reader_between_any_two_operations_of_a_writer(limit: int | None, old: int, new: int) -> None:
    small = Small()
    keyring = SplittingKeyring(small, limit)
    keyring.set_password(SERVICE, NAME, text(old, "o"))
    found = []

    def read(_: int) -> None:
        other = Small(entries=small.entries)
        found.append(SplittingKeyring(other, limit).get_password(SERVICE, NAME))

    small.before = read
    keyring.set_password(SERVICE, NAME, text(new, "n"))
    turn = found.index(text(new, "n"))
    assert found == [text(old, "o")] * turn + [text(new, "n")] * (len(found) - turn)


@KNOWN
@pytest.mark.parametrize("writes", [1, 2, 3])
@pytest.mark.parametrize("position", range(5))
def test_a_reader_that_writers_overtake(limit: int | None, writes: int, position: int) -> None:
    small = Small()
    SplittingKeyring(small, limit).set_password(SERVICE, NAME, text(3000, "o"))
    small.done = 0

    def overtake(number: int) -> None:
        if number == position:
            for turn in range(writes):
                SplittingKeyring(Small(entries=small.entries), limit).set_password(SERVICE, NAME, text(4000, f"{turn}"))

    small.before = overtake
    assert SplittingKeyring(small, limit).get_password(SERVICE, NAME) in {
        text(3000, "o"),
        text(4000, f"{writes - 1}"),
    }


@KNOWN
def test_a_failing_write_leaves_the_old_record_and_raises(limit: int | None) -> None:
    for position in range(20):
        small = Small()
        keyring = SplittingKeyring(small, limit)
        keyring.set_password(SERVICE, NAME, text(3000, "o"))

        def fail(number: int, at: int = position) -> None:
            if number == at:
                raise OSError("disk full")

        small.before, small.done = fail, 0
        try:
            keyring.set_password(SERVICE, NAME, text(4000, "n"))
            expected = text(4000, "n")
        except OSError:
            expected = text(3000, "o")
        small.before = lambda _: None
        assert keyring.get_password(SERVICE, NAME) == expected


def test_parts_that_are_missing_or_changed_are_damage_that_a_sign_in_replaces() -> None:
    small = Small()
    store = open_keyring_store(backend=small)
    large = replace(FULL_RECORD, access_token="A" * 2000)
    store.save(NAME, large)
    assert store.load(NAME) == large
    name = f"{NAME}#0.1"
    for broken in ({k: v for k, v in small.entries.items() if k != name}, {**small.entries, name: "changed"}):
        damaged = open_keyring_store(backend=Small(entries=dict(broken)))
        with pytest.raises(DamagedEntry, match="The entry 'default' in the keyring"):
            damaged.load(NAME)
        assert damaged.load_replaceable(NAME) is None
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
def test_a_head_that_makes_no_sense_is_damage(head: object) -> None:
    store = open_keyring_store(backend=Small(entries={NAME: json.dumps(head)}))
    with pytest.raises(DamagedEntry):
        store.load(NAME)


def test_a_newer_versions_head_is_refused_and_kept() -> None:
    entries = {NAME: '{"version": 2, "split": {"set": 0, "parts": 2, "sha256": "x"}}'}
    store = open_keyring_store(backend=Small(entries=dict(entries)))
    with pytest.raises(StoreUnavailable, match="written by a newer webex-token"):
        store.load_replaceable(NAME)


def test_windows_limit_is_known_and_others_are_found_out() -> None:
    from keyring.backends import Windows, chainer

    windows = Windows.WinVaultKeyring()  # type: ignore[no-untyped-call]

    class Chained(chainer.ChainerBackend):
        backends = [windows]  # noqa: RUF012 - as keyring's own attribute

    chained = Chained()  # type: ignore[no-untyped-call]
    assert (entry_limit(windows), entry_limit(chained), entry_limit(Small())) == (1280, 1280, None)
    assert FALLBACK_LIMIT == 1280


@KNOWN
@pytest.mark.parametrize("size", [100, 5000])
def test_an_interrupted_removal_is_ended_by_the_next(limit: int | None, size: int) -> None:
    for position in itertools.count():
        small = Small()
        keyring = SplittingKeyring(small, limit)
        keyring.set_password(SERVICE, NAME, text(size, "o"))
        if not interrupted_at(small, position, partial(keyring.delete_password, SERVICE, NAME)):
            break
        keyring.delete_password(SERVICE, NAME)
        assert small.entries == {}


@dataclass
class Unreadable(Small):
    """A small keyring that can no longer be read."""

    def get_password(self, service: str, username: str) -> str | None:
        raise OSError("the daemon was restarted")


@pytest.mark.parametrize("size", [20, 2706, 2 * FALLBACK_LIMIT])
@KNOWN
def test_an_entry_that_cannot_be_read_can_be_discarded_with_all_its_parts(size: int, limit: int | None) -> None:
    small = Small()
    small.entries["other"] = "kept"
    keyring = SplittingKeyring(small, limit)
    keyring.set_password(SERVICE, NAME, text(size, "a"))
    keyring.set_password(SERVICE, NAME, text(size, "b"))
    unreadable = Unreadable(entries=small.entries)
    SplittingKeyring(unreadable, limit).discard(SERVICE, NAME, size)
    assert small.entries == {"other": "kept"}
