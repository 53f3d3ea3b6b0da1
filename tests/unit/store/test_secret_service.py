"""The Secret Service without the keyring library, and each case in which the library decides."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import secretstorage
from keyring.backends.SecretService import Keyring as Library

from tests.support.counted_library import CountedLibrary
from webex_token_cli.store.keyring.secret_service import SecretService, without_detour

pytestmark = pytest.mark.posix

SERVICE, ENTRY = "webex-token-test", "ada"


@pytest.fixture
def library(keyring_session: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[CountedLibrary]:
    """The library in a session that has one entry, which this test may change."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", keyring_session["DBUS_SESSION_BUS_ADDRESS"])
    library = CountedLibrary()
    library.set_password(SERVICE, ENTRY, "a secret, with ø")
    library.calls.clear()
    yield library
    with default_collection() as collection:
        for item in list(collection.search_items({"service": SERVICE, "username": ENTRY})):
            item.delete()


@contextmanager
def default_collection() -> Iterator[secretstorage.Collection]:
    """The default collection, over a connection of its own."""
    with closing(secretstorage.dbus_init()) as connection:
        yield secretstorage.get_default_collection(connection)


@pytest.fixture
def messages(library: CountedLibrary, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods that are called over D-Bus, in order."""
    from jeepney import HeaderFields  # type: ignore[import-untyped]
    from jeepney.io.blocking import DBusConnection  # type: ignore[import-untyped]

    sent: list[str] = []
    send = DBusConnection.send

    def noting(self: Any, message: Any, serial: int | None = None) -> None:
        sent.append(message.header.fields[HeaderFields.member])
        send(self, message, serial)

    monkeypatch.setattr(DBusConnection, "send", noting)
    monkeypatch.setattr(DBusConnection, "send_message", noting)
    return sent


def test_an_entry_is_read_and_replaced_without_the_library(library: CountedLibrary, messages: list[str]) -> None:
    store = SecretService(lambda: library)
    assert store.get_password(SERVICE, ENTRY) == "a secret, with ø"
    assert messages == ["Hello", "SearchItems", "OpenSession", "GetSecret"]
    store.set_password(SERVICE, ENTRY, "another")
    assert messages[4:] == ["SearchItems", "SetSecret"]
    assert store.get_password(SERVICE, ENTRY) == "another"
    assert messages[6:] == ["SearchItems", "GetSecret"]
    assert library.calls == []
    assert library.get_password(SERVICE, ENTRY) == "another"
    with default_collection() as collection:
        (item,) = collection.search_items({"service": SERVICE, "username": ENTRY})
        assert item.get_attributes()["application"] == "Python keyring library"


def test_the_library_creates_and_deletes_entries(library: CountedLibrary) -> None:
    store = SecretService(lambda: library)
    store.delete_password(SERVICE, ENTRY)
    assert store.get_password(SERVICE, ENTRY) is None
    store.set_password(SERVICE, ENTRY, "new")
    assert store.get_password(SERVICE, ENTRY) == "new"
    assert library.calls == ["delete", "get", "set"]


def test_the_library_decides_if_an_entry_has_two_items(library: CountedLibrary) -> None:
    attributes = {"service": SERVICE, "username": ENTRY, "application": "another program"}
    with default_collection() as collection:
        collection.create_item("Another item", attributes, b"of another program", replace=False)
    store = SecretService(lambda: library)
    assert store.get_password(SERVICE, ENTRY) == library.get_password(SERVICE, ENTRY)
    assert library.calls == ["get", "get"]


def test_a_locked_collection_is_left_to_the_library(
    own_desktop: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", own_desktop["DBUS_SESSION_BUS_ADDRESS"])
    library = CountedLibrary()
    library.set_password(SERVICE, ENTRY, "a secret")
    store = SecretService(lambda: library)
    assert store.get_password(SERVICE, ENTRY) == "a secret"
    with default_collection() as collection:
        collection.lock()
    # The library would open the dialog for the password, which nobody answers here.
    monkeypatch.setattr(library, "get_password", lambda *_: "the library's answer")
    assert store.get_password(SERVICE, ENTRY) == "the library's answer"


@pytest.mark.parametrize("lost", ["connection", "session"])
def test_a_lost_connection_is_opened_again(library: CountedLibrary, lost: str) -> None:
    store = SecretService(lambda: library)
    store.get_password(SERVICE, ENTRY)
    session = store._session
    assert session is not None
    if lost == "connection":
        session.connection.close()
    else:  # a daemon that was restarted does not know the session
        object.__setattr__(session, "path", "/org/freedesktop/secrets/session/none")
    store.set_password(SERVICE, ENTRY, "newer")
    assert store.get_password(SERVICE, ENTRY) == "newer"
    assert store._session is not session
    assert library.calls == ["set"]


def test_without_a_bus_the_library_reports_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")

    class Unreachable(CountedLibrary):
        def get_password(self, service: str, username: str) -> str | None:
            raise RuntimeError("the library's error")

    library = Unreachable()
    with pytest.raises(RuntimeError, match="the library's error"):
        SecretService(lambda: library).get_password(SERVICE, ENTRY)


def test_only_the_librarys_own_backend_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    class Derived(Library):
        """A backend of somebody else, who may have changed anything."""

    derived = Derived()  # type: ignore[no-untyped-call]
    assert without_detour(derived) is derived
    monkeypatch.setenv("KEYRING_PROPERTY_PREFERRED_COLLECTION", "/org/freedesktop/secrets/collection/work")
    configured = Library()  # type: ignore[no-untyped-call]
    assert without_detour(configured) is configured
    monkeypatch.delenv("KEYRING_PROPERTY_PREFERRED_COLLECTION")
    assert isinstance(without_detour(Library()), SecretService)  # type: ignore[no-untyped-call]
