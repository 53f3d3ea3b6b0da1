"""Windows' Credential Manager: no profile moves another one's entry, and what earlier versions stored is found."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backends import Windows, fail
from keyring.backends.chainer import ChainerBackend

from tests.support.small_keyring import Counting, interrupted_at
from webex_token_cli.store.keyring.credential_manager import (
    ChainedKeyrings,
    CredentialManager,
    NoEntryError,
    WindowsPlaces,
    place_of,
    with_entries_of_their_own,
)
from webex_token_cli.store.keyring.splitting import Keyring, SplittingKeyring

SERVICE, NAME, LIMIT = "webex-token", "default", 1280


class NotFound(Exception):
    """Credential Manager's error for a missing entry."""

    winerror = 1168

    def __init__(self, funcname: str) -> None:
        super().__init__()
        self.funcname = funcname


@dataclass
class Vault(Counting):
    """Credential Manager in memory: places, and the user and text at each. Case in the name of a place is ignored.

    ``changed`` lists the places that were written or removed.
    """

    entries: dict[str, tuple[str, str]] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    def read(self, place: str) -> tuple[str, str] | None:
        self.count()
        return self.entries.get(place.lower())

    def write(self, place: str, username: str, text: str) -> None:
        self.count()
        assert len(text) <= LIMIT
        self.changed.append(place)
        self.entries[place.lower()] = username, text

    def remove(self, place: str) -> None:
        self.count()
        self.changed.append(place)
        self.entries.pop(place.lower(), None)

    def users(self) -> set[str]:
        return {username for username, _ in self.entries.values()}


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> Callable[[Vault], Keyring]:
    """Opens a vault as earlier versions did: with the keyring library's own backend."""

    def open_vault(vault: Vault) -> Keyring:
        def read(Type: int, TargetName: str) -> dict[str, object]:  # noqa: N803 - the names are pywin32's
            found = vault.read(TargetName)
            if found is None:
                raise NotFound("CredRead")
            return {"UserName": found[0], "CredentialBlob": found[1].encode("utf-16-le")}

        def write(credential: dict[str, str], flags: int) -> None:
            vault.write(credential["TargetName"], credential["UserName"], credential["CredentialBlob"])

        def delete(Type: int, TargetName: str) -> None:  # noqa: N803
            vault.remove(TargetName)

        win32cred = SimpleNamespace(
            CredRead=read, CredWrite=write, CredDelete=delete, CRED_TYPE_GENERIC=1, CRED_PERSIST_ENTERPRISE=3
        )
        monkeypatch.setattr(Windows, "win32cred", win32cred, raising=False)
        monkeypatch.setattr(Windows, "pywintypes", SimpleNamespace(error=NotFound), raising=False)
        return SplittingKeyring(Windows.WinVaultKeyring(), LIMIT)  # type: ignore[no-untyped-call]

    return open_vault


def current(vault: Vault) -> SplittingKeyring:
    return SplittingKeyring(CredentialManager(vault), LIMIT)


def text(size: int, letter: str) -> str:
    return letter * size


PROFILES = ("default", "Ada", "ada", "a@b")
steps = st.tuples(st.sampled_from(PROFILES), st.sampled_from([None, 10, 1280, 3000]))


@given(st.lists(steps, max_size=12))
def test_writing_or_removing_one_profile_touches_no_entry_of_another(steps: list[tuple[str, int | None]]) -> None:
    vault, keyring, expected = Vault(), None, dict[str, str]()
    for number, (profile, size) in enumerate(steps):
        keyring = current(vault)
        vault.changed.clear()
        if size is None:
            if profile in expected:
                keyring.delete_password(SERVICE, profile)
                del expected[profile]
        else:
            expected[profile] = text(size, chr(97 + number))
            keyring.set_password(SERVICE, profile, expected[profile])
        own = place_of(SERVICE, profile)
        assert all(place == own or place.startswith(f"{own}#") for place in vault.changed)
        assert {each: keyring.get_password(SERVICE, each) for each in PROFILES} == {
            each: expected.get(each) for each in PROFILES
        }


def test_an_entry_is_called_after_its_profile() -> None:
    vault = Vault()
    current(vault).set_password(SERVICE, NAME, text(10, "a"))
    assert vault.entries == {"webex-token:default": ("default", text(10, "a"))}
    assert place_of(SERVICE, "doctor:probe") == "webex-token:doctor:probe"
    assert place_of(SERVICE, "Ada#0.1") == "webex-token:%41da#0.1"


SIZES = [100, 3000]


def stored_earlier(earlier: Callable[[Vault], Keyring], size: int, *, last: bool) -> Vault:
    """A vault in which an earlier version stored two profiles; ``last`` tells whether NAME was written last."""
    vault = Vault()
    library = earlier(vault)
    for profile in ("ada", NAME) if last else (NAME, "ada"):
        library.set_password(SERVICE, profile, text(size, "e"))
        library.set_password(SERVICE, profile, text(size, "o"))
    return vault


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("last", [True, False], ids=["written last", "moved since"])
def test_an_entry_of_an_earlier_version_is_found_and_moved_by_the_next_write(
    earlier: Callable[[Vault], Keyring], size: int, last: bool
) -> None:
    vault = stored_earlier(earlier, size, last=last)
    assert current(vault).get_password(SERVICE, NAME) == text(size, "o")
    current(vault).set_password(SERVICE, NAME, text(3000, "n"))
    assert current(vault).get_password(SERVICE, NAME) == text(3000, "n")
    assert current(vault).get_password(SERVICE, "ada") == text(size, "o")
    mine = {place for place, (username, _) in vault.entries.items() if username.startswith(NAME)}
    assert (
        mine == {f"webex-token:default{part}" for part in ("", "#0.0", "#0.1", "#0.2", "#1.0", "#1.1", "#1.2")} & mine
    )
    assert len(mine) == 4
    current(vault).delete_password(SERVICE, NAME)
    current(vault).delete_password(SERVICE, "ada")
    assert vault.entries == {}


@pytest.mark.parametrize("old", SIZES)
@pytest.mark.parametrize("new", SIZES)
@pytest.mark.parametrize("last", [True, False], ids=["written last", "moved since"])
def test_after_a_crash_while_an_entry_is_moved_a_whole_record_is_read(
    earlier: Callable[[Vault], Keyring], old: int, new: int, last: bool
) -> None:
    found = set()
    for position in itertools.count():
        vault = stored_earlier(earlier, old, last=last)
        killed = interrupted_at(vault, position, partial(current(vault).set_password, SERVICE, NAME, text(new, "n")))
        found.add(current(vault).get_password(SERVICE, NAME))
        assert current(vault).get_password(SERVICE, "ada") == text(old, "o")
        current(vault).set_password(SERVICE, NAME, text(2700, "l"))  # the next write removes all remains
        assert current(vault).get_password(SERVICE, NAME) == text(2700, "l")
        current(vault).delete_password(SERVICE, NAME)
        assert vault.users() <= {"ada", *(f"ada#{which}.{number}" for which in (0, 1) for number in range(64))}
        if not killed:
            break
    assert found == {text(old, "o"), text(new, "n")}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("last", [True, False], ids=["written last", "moved since"])
@pytest.mark.parametrize("moved", [None, 3, 6, 9, 99], ids=lambda calls: f"moved for {calls} calls")
def test_after_a_crash_while_an_entry_is_removed_no_older_record_comes_back(
    earlier: Callable[[Vault], Keyring], size: int, last: bool, moved: int | None
) -> None:
    for position in itertools.count():
        vault = stored_earlier(earlier, size, last=last)
        if moved is not None:
            interrupted_at(vault, moved, partial(current(vault).set_password, SERVICE, NAME, text(size, "n")))
        before = current(vault).get_password(SERVICE, NAME)
        killed = interrupted_at(vault, position, partial(current(vault).delete_password, SERVICE, NAME))
        found = current(vault).get_password(SERVICE, NAME)
        # A record that has lost some of its parts is its head only, and the head is overwritten before its removal.
        assert found in {before, None} or '"split"' in found or '"removed"' in found
        if killed and found is not None:
            current(vault).delete_password(SERVICE, NAME)
        if not killed:
            assert not any(username.startswith(NAME) for username in vault.users())
            break


@pytest.mark.parametrize("own", [None, "newest"])
@pytest.mark.parametrize("last", [True, False], ids=["written last", "moved since"])
def test_after_a_crash_while_one_entry_is_removed_its_older_copies_do_not_come_back(
    earlier: Callable[[Vault], Keyring], last: bool, own: str | None
) -> None:
    """The library leaves a copy of what was written before, and a crash may leave both beside the new entry."""
    for position in itertools.count():
        vault = stored_earlier(earlier, 100, last=last)
        if own is not None:
            vault.write(place_of(SERVICE, NAME), NAME, own)
        before = CredentialManager(vault).get_password(SERVICE, NAME)
        killed = interrupted_at(vault, position, partial(CredentialManager(vault).delete_password, SERVICE, NAME))
        assert CredentialManager(vault).get_password(SERVICE, NAME) in {before, None}
        if not killed:
            assert NAME not in vault.users()
            break


@pytest.mark.parametrize("position", range(4))
def test_a_reader_that_is_overtaken_by_the_move_finds_the_entry(
    earlier: Callable[[Vault], Keyring], position: int
) -> None:
    vault = stored_earlier(earlier, 100, last=False)

    def overtake(number: int) -> None:
        if number == position:
            vault.before_call = lambda _: None
            current(vault).set_password(SERVICE, NAME, text(100, "n"))

    vault.before_call, vault.calls = overtake, 0
    assert current(vault).get_password(SERVICE, NAME) in {text(100, "o"), text(100, "n")}


def test_an_entry_that_is_not_stored_cannot_be_removed() -> None:
    with pytest.raises(NoEntryError, match="webex-token:default is not stored"):
        CredentialManager(Vault()).delete_password(SERVICE, NAME)


def test_a_write_succeeds_if_only_the_earlier_entry_cannot_be_removed(earlier: Callable[[Vault], Keyring]) -> None:
    vault = stored_earlier(earlier, 100, last=True)

    def refuse(place: str) -> None:
        raise OSError(place)

    vault.remove, remove = refuse, vault.remove  # type: ignore[method-assign]
    CredentialManager(vault).set_password(SERVICE, NAME, "new")
    assert CredentialManager(vault).get_password(SERVICE, NAME) == "new"
    vault.remove = remove  # type: ignore[method-assign]
    CredentialManager(vault).set_password(SERVICE, NAME, "newer")
    assert [username for username, _ in vault.entries.values()].count(NAME) == 1


class ReadOnly(CredentialManager):
    """A keyring that can only be read."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError


def test_chained_keyrings_are_used_in_their_order() -> None:
    first, second = Vault(entries={"webex-token:ada": ("ada", "first")}), Vault()
    chained = ChainedKeyrings((ReadOnly(first), CredentialManager(second)))
    chained.set_password(SERVICE, NAME, "text")
    chained.set_password(SERVICE, "ada", "second")
    assert (chained.get_password(SERVICE, NAME), chained.get_password(SERVICE, "ada")) == ("text", "first")
    chained.delete_password(SERVICE, NAME)
    assert chained.get_password(SERVICE, NAME) is None
    with pytest.raises(NotImplementedError, match="none of the chained keyrings"):
        ChainedKeyrings((ReadOnly(first),)).set_password(SERVICE, NAME, "text")


def test_the_librarys_keyring_for_windows_gets_places_of_its_own_also_in_a_chain(
    earlier: Callable[[Vault], Keyring], monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier(Vault())
    other, of_the_library = fail.Keyring(), Windows.WinVaultKeyring()  # type: ignore[no-untyped-call]
    assert with_entries_of_their_own(other) is other
    assert with_entries_of_their_own(of_the_library) == CredentialManager(WindowsPlaces(3))
    monkeypatch.setattr(ChainerBackend, "backends", [other, of_the_library])
    chain = with_entries_of_their_own(ChainerBackend())  # type: ignore[no-untyped-call]
    assert chain == ChainedKeyrings((other, CredentialManager(WindowsPlaces(3))))
