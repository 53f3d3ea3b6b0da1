"""What a removal leaves in a keyring that keeps what is removed, as KeePassXC does in its recycle bin."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from tests.support.records import FULL_RECORD
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.keyring import credential_manager
from webex_token_cli.store.keyring.opening import open_keyring_store
from webex_token_cli.store.keyring.secret_service import SecretService
from webex_token_cli.store.keyring.splitting import REMOVED, SplittingKeyring
from webex_token_cli.store.local.store import LocalStore
from webex_token_cli.tokens import TokenRecord

LARGE = replace(FULL_RECORD, access_token="A" * 3000, refresh_token="R" * 2000)


@dataclass
class RecyclingKeyring:
    """A keyring whose entries have at most ``limit`` characters, and which keeps in ``bin`` what was removed."""

    limit: int
    entries: dict[str, str] = field(default_factory=dict)
    bin: list[str] = field(default_factory=list)
    writable: bool = True
    removable: bool = True

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password) > self.limit or not self.writable:
            raise OSError("refused")
        self.entries[username] = password

    def delete_password(self, service: str, username: str) -> None:
        if not self.removable:
            raise OSError("refused")
        self.bin.append(self.entries.pop(username))


def store_in(keyring: RecyclingKeyring, limit: int | None) -> LocalStore:
    return replace(open_keyring_store(backend=keyring), keyring=SplittingKeyring(keyring, limit))


@pytest.mark.parametrize("limit", [1280, None], ids=["limit known", "limit found out"])
@pytest.mark.parametrize(("record", "removals"), [(FULL_RECORD, 1), (LARGE, 6)], ids=["whole", "in parts"])
def test_no_secret_is_left_among_what_was_removed(limit: int | None, record: TokenRecord, removals: int) -> None:
    keyring = RecyclingKeyring(1280)
    store = store_in(keyring, limit)
    store.save("a", record)
    assert store.delete("a")
    assert (keyring.entries, keyring.bin) == ({}, [REMOVED] * removals)
    assert store.delete("a") is False
    assert len(keyring.bin) == removals


def test_parts_that_a_new_record_replaces_leave_no_secret_either() -> None:
    keyring = RecyclingKeyring(1280)
    store = store_in(keyring, 1280)
    for access_token in ("B" * 3000, "C" * 3000, "short"):
        store.save("a", replace(LARGE, access_token=access_token))
    assert store.load("a") == replace(LARGE, access_token="short")
    assert set(keyring.bin) == {REMOVED}


def test_an_entry_that_cannot_be_overwritten_is_removed_all_the_same() -> None:
    keyring = RecyclingKeyring(9999)
    store = store_in(keyring, None)
    store.save("a", FULL_RECORD)
    keyring.writable = False
    assert store.delete("a")
    assert keyring.entries == {}


def test_an_entry_that_cannot_be_removed_is_nobodys_sign_in_any_more() -> None:
    keyring = RecyclingKeyring(9999, removable=False)
    store = store_in(keyring, None)
    store.save("a", FULL_RECORD)
    with pytest.raises(StoreUnavailable, match="An entry could not be removed in the keyring"):
        store.delete("a")
    assert keyring.entries == {"a": '{"version": 1, "removed": true}'}
    assert store.load("a") is None
    keyring.removable = True
    store.save("a", FULL_RECORD)
    assert store.load("a") == FULL_RECORD


@pytest.mark.parametrize(
    ("attributes", "writes"),
    [({"service": "webex-token"}, 1), ({"service": "webex-token", "Uuid": "0", "Path": "/a"}, 11)],
    ids=["GNOME Keyring", "KeePassXC"],
)
def test_keepassxcs_history_of_ten_versions_has_no_secret_either(attributes: dict[str, str], writes: int) -> None:
    history: list[str] = []
    session = SimpleNamespace(
        find=lambda _: "/item",
        attributes=lambda _: attributes,
        replace_secret=lambda _, text: history.append(text),
        connection=SimpleNamespace(close=lambda: None),
    )
    keyring = SecretService(lambda: RecyclingKeyring(9999))
    keyring._session = session  # type: ignore[assignment]
    keyring.overwrite("webex-token", "a", REMOVED)
    assert [text.rstrip() for text in history] == [REMOVED] * writes
    assert len(set(history)) == writes  # KeePassXC keeps no version of a write that changes nothing
    assert history[-1] == REMOVED


def test_a_record_that_is_still_there_after_its_removal_is_said() -> None:
    class OfTwo(RecyclingKeyring):
        """As a chain of two keyrings, it removes an entry in the first, and reads it in the second."""

        def delete_password(self, service: str, username: str) -> None:
            pass

    keyring = OfTwo(9999)
    store = store_in(keyring, None)
    store.save("a", FULL_RECORD)
    keyring.writable = False
    with pytest.raises(StoreUnavailable) as raised:
        store.delete("a")
    assert raised.value.message == "the keyring (OfTwo) did not remove an entry, but reported success."
    own = "Remove the entry 'a' of 'webex-token' there by hand, and choose another keyring "
    assert raised.value.hint.startswith(own)
    of_windows = replace(store, backend=credential_manager.BACKEND).not_removed("a")
    assert of_windows.hint == raised.value.hint.replace("'a' of 'webex-token'", "'webex-token:a'")


def test_a_removal_that_cannot_be_checked_counts_as_one() -> None:
    class LockedAfterwards(RecyclingKeyring):
        """As a keyring that a person locks at once, it answers no more after an entry is removed."""

        def get_password(self, service: str, username: str) -> str | None:
            if self.bin:
                raise OSError("locked")
            return super().get_password(service, username)

    store = store_in(LockedAfterwards(9999), None)
    store.save("a", FULL_RECORD)
    assert store.delete("a")
