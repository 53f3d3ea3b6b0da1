"""A Secret Service that answers wrongly or not at all: the keyring library decides, and a hanging one is given up."""

import gc
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.counted_library import CountedLibrary
from tests.support.desktop import bus_at
from tests.support.fake_secret_service import (
    COLLECTION,
    NO_SUCH_OBJECT,
    NOT_SUPPORTED,
    UNKNOWN_METHOD,
    Answer,
    FakeSecretService,
    Item,
    Refusal,
)
from tests.support.requirements import require
from tests.support.threads import calls
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.keyring import secret_service
from webex_token_cli.store.keyring.opening import open_keyring_store
from webex_token_cli.store.keyring.secret_service import BACKEND, SecretService
from webex_token_cli.store.local.store import SERVICE

pytestmark = pytest.mark.posix

ENTRY = "ada"
ITEM = f"{COLLECTION}/item_of_ada"
WRONG_SIGNATURE = Answer("s", ("not what was asked for",))


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Calls that were given up end with the bus. The keyring library does not close the connections that they had."""
    yield
    for thread in calls():
        thread.join(10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bus that no service is on."""
    require("dbus-daemon")
    address = f"unix:path={tmp_path}/bus"
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    with bus_at(address, {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}):
        yield address


@pytest.fixture
def service(address: str) -> Iterator[FakeSecretService]:
    """A Secret Service that has one item."""
    item = Item({"service": SERVICE, "username": ENTRY}, b"a secret")
    with FakeSecretService(address, {ITEM: item}) as service:
        yield service


@pytest.fixture
def library(service: FakeSecretService) -> CountedLibrary:
    return CountedLibrary()


def test_the_fake_service_is_one_that_needs_no_library(service: FakeSecretService, library: CountedLibrary) -> None:
    store = SecretService(lambda: library)
    assert store.get_password(SERVICE, ENTRY) == "a secret"
    store.set_password(SERVICE, ENTRY, "another")
    assert store.get_password(SERVICE, ENTRY) == "another"
    assert library.calls == []
    assert service.calls[:3] == ["SearchItems", "OpenSession", "GetSecret"]
    assert service.calls[3:] == ["SearchItems", "SetSecret", "SearchItems", "GetSecret"]


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("SearchItems", NO_SUCH_OBJECT),
        ("SearchItems", WRONG_SIGNATURE),
        ("SearchItems", Answer("ao", ([],))),
        ("SearchItems", Answer("ao", ([ITEM, f"{ITEM}_2"],))),
        ("OpenSession", NOT_SUPPORTED),
        ("OpenSession", WRONG_SIGNATURE),
        ("OpenSession", Answer("vo", (("s", "no number"), "/session"))),
        ("GetSecret", NO_SUCH_OBJECT),
        ("GetSecret", Refusal("org.freedesktop.Secret.Error.IsLocked")),
        ("GetSecret", Refusal("org.freedesktop.DBus.Error.NoReply")),
        ("GetSecret", WRONG_SIGNATURE),
        ("GetSecret", Answer("(oayays)", (("/session", bytes(16), b"no whole block", "text/plain"),))),
        ("GetSecret", Answer("(oayays)", (("/session", b"short", bytes(16), "text/plain"),))),
        ("GetSecret", Answer("(oayays)", (("/session", bytes(16), b"", "text/plain"),))),
    ],
    ids=repr,
)
def test_the_library_reads_after_an_answer_that_is_of_no_use(
    service: FakeSecretService, library: CountedLibrary, method: str, answer: Answer | Refusal
) -> None:
    service.ordered[method] = [answer]
    store = SecretService(lambda: library)
    assert store.get_password(SERVICE, ENTRY) == "a secret"
    assert library.calls == ["get"]
    assert store.get_password(SERVICE, ENTRY) == "a secret"  # without the library, over a connection of its own again
    assert library.calls == ["get"]


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("SearchItems", NO_SUCH_OBJECT),
        ("SearchItems", WRONG_SIGNATURE),
        ("OpenSession", NOT_SUPPORTED),
        ("SetSecret", NO_SUCH_OBJECT),
        ("SetSecret", UNKNOWN_METHOD),
    ],
    ids=repr,
)
def test_the_library_writes_after_an_answer_that_is_of_no_use(
    service: FakeSecretService, library: CountedLibrary, method: str, answer: Answer | Refusal
) -> None:
    service.ordered[method] = [answer]
    SecretService(lambda: library).set_password(SERVICE, ENTRY, "another")
    assert library.calls == ["set"]
    assert [item.secret for item in service.items.values()][-1:] == [b"another"]


def test_a_service_without_our_encryption_is_left_to_the_library(
    service: FakeSecretService, library: CountedLibrary
) -> None:
    service.algorithms = {"plain"}
    assert SecretService(lambda: library).get_password(SERVICE, ENTRY) == "a secret"
    assert library.calls == ["get"]


def test_an_empty_secret_is_left_to_the_library(service: FakeSecretService, library: CountedLibrary) -> None:
    # KWallet gives an empty secret while its wallet is locked, and the library unlocks it.
    service.items[ITEM].secret = b""
    assert SecretService(lambda: library).get_password(SERVICE, ENTRY) == ""
    assert library.calls == ["get"]


def test_the_library_creates_a_missing_default_collection(service: FakeSecretService, library: CountedLibrary) -> None:
    service.has_default = False
    service.items.clear()
    store = SecretService(lambda: library)
    assert store.get_password(SERVICE, ENTRY) is None
    assert "CreateCollection" in service.calls
    assert library.calls == ["get"]


def test_the_library_reports_a_default_collection_that_cannot_be_created(
    service: FakeSecretService, library: CountedLibrary
) -> None:
    service.has_default = False
    service.ordered["CreateCollection"] = [NOT_SUPPORTED]
    with warnings.catch_warnings(action="ignore"):
        with pytest.raises(Exception, match="as ordered"):
            SecretService(lambda: library).get_password(SERVICE, ENTRY)
        gc.collect()  # the library leaves its connection open


def test_an_item_that_is_removed_between_search_and_read_is_no_entry(
    service: FakeSecretService, library: CountedLibrary
) -> None:
    class Removing(dict[str, Item]):
        """Items of which each is removed as soon as it was found."""

        def items(self) -> list[tuple[str, Item]]:  # type: ignore[override]
            found = list(super().items())
            self.clear()
            return found

    service.items = Removing(service.items)
    assert SecretService(lambda: library).get_password(SERVICE, ENTRY) is None
    assert library.calls == ["get"]


def test_a_service_that_starts_again_between_two_calls(address: str) -> None:
    items = {ITEM: Item({"service": SERVICE, "username": ENTRY}, b"a secret")}
    with FakeSecretService(address, items):
        library = CountedLibrary()
        store = SecretService(lambda: library)
        assert store.get_password(SERVICE, ENTRY) == "a secret"
    with FakeSecretService(address, items):
        assert [store.get_password(SERVICE, ENTRY) for _ in range(2)] == ["a secret", "a secret"]
    assert library.calls == ["get"]


@pytest.mark.parametrize("method", ["SearchItems", "OpenSession", "GetSecret"])
def test_a_service_that_never_answers_is_given_up(service: FakeSecretService, method: str) -> None:
    service.ordered[method] = [None]
    with pytest.raises(StoreUnavailable) as raised:
        open_keyring_store(timeout=0.3, remembered=BACKEND).load(ENTRY)
    assert raised.value.exit_status == 5
    assert raised.value.message == "the keyring (SecretService Keyring) did not answer within 0 seconds."


def test_without_jeepney_the_library_decides(
    service: FakeSecretService, library: CountedLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jeepney.io.blocking", None)
    assert SecretService(lambda: library).get_password(SERVICE, ENTRY) == "a secret"
    assert library.calls == ["get"]


def test_without_cryptography_the_library_decides(
    service: FakeSecretService, library: CountedLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> bytes:
        raise ModuleNotFoundError("No module named 'cryptography'")

    # The fake service encrypts as well, in this process, so only the program's own call fails.
    monkeypatch.setattr(secret_service, "decrypt", missing)
    assert SecretService(lambda: library).get_password(SERVICE, ENTRY) == "a secret"
    assert library.calls == ["get"]
