"""The store over the Secret Services of KeePassXC and KWallet."""

import contextlib
import gc
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import secretstorage
from jeepney.wrappers import DBusErrorResponse  # type: ignore[import-untyped]

from tests.support.counted_library import CountedLibrary
from tests.support.program import Program
from tests.support.records import FULL_RECORD
from tests.support.requirements import require
from tests.support.secret_services import keepassxc, kwallet
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.sandbox import Rules
from webex_token_cli.store.keyring.opening import open_keyring_store
from webex_token_cli.store.keyring.secret_service import BACKEND, SecretService
from webex_token_cli.store.keyring.splitting import SplittingKeyring
from webex_token_cli.store.local.store import SERVICE
from webex_token_cli.store.records import encode

# A call that was given up leaves its connection open.
pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"), pytest.mark.long]

SERVICES = {
    "keepassxc": (keepassxc, ("keepassxc", "keepassxc-cli")),
    "kwallet": (kwallet, ("kwalletd5",)),
}


@pytest.fixture(scope="module", params=SERVICES)
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that lead to a Secret Service that is not GNOME's; one for all tests of this module."""
    start, programs = SERVICES[request.param]
    require("dbus-daemon", *programs)
    with start(tmp_path_factory.mktemp(request.param)) as variables:
        yield variables


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), auto_approve=True, renew_after=0, device_interval=1)


@pytest.fixture
def library(session: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> CountedLibrary:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", session["DBUS_SESSION_BUS_ADDRESS"])
    return CountedLibrary()


def lock_default_collection() -> None:
    with closing(secretstorage.dbus_init()) as connection:
        secretstorage.get_collection_by_alias(connection, "default").lock()


def found_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.rstrip("\n")


def patiently(call: Callable[[], None]) -> None:
    """Try again: KWallet may end a session that has just begun, when the connection of another one is closed."""
    for _ in range(4):
        with contextlib.suppress(DBusErrorResponse):
            call()
            return
    call()


def test_an_entry_is_created_read_replaced_and_removed(library: CountedLibrary) -> None:
    store = SecretService(lambda: library)
    store.set_password(SERVICE, "ada", "one")
    assert library.calls == ["set"]
    store.set_password(SERVICE, "ada", "two, with ø")
    assert store.get_password(SERVICE, "ada") == "two, with ø"
    assert library.calls == ["set"]  # only the first write, which created the item
    assert library.get_password(SERVICE, "ada") == "two, with ø"
    store.overwrite(SERVICE, "ada", "three")
    assert store.get_password(SERVICE, "ada") == "three"
    store.delete_password(SERVICE, "ada")
    assert store.get_password(SERVICE, "ada") is None


def test_other_programs_find_an_entry(library: CountedLibrary) -> None:
    require("secret-tool")
    SecretService(lambda: library).set_password(SERVICE, "grace", "a secret")
    by_keyring = found_by(sys.executable, "-m", "keyring", "get", SERVICE, "grace")
    by_secret_tool = found_by("secret-tool", "lookup", "service", SERVICE, "username", "grace")
    assert (by_keyring, by_secret_tool) == ("a secret", "a secret")


def test_a_record_is_split_and_comes_back_whole(library: CountedLibrary) -> None:
    store = SplittingKeyring(SecretService(lambda: library), limit=100)
    for text in (encode(FULL_RECORD), encode(replace(FULL_RECORD, access_token="another"))):
        patiently(lambda text=text: store.set_password(SERVICE, "split", text))  # type: ignore[misc]
        assert store.get_password(SERVICE, "split") == text
    store.delete_password(SERVICE, "split")
    assert library.get_password(SERVICE, "split") is None
    assert [library.get_password(SERVICE, f"split#{which}.0") for which in (0, 1)] == [None, None]


def test_commands_sign_in_refresh_and_sign_out(program: Program, session: dict[str, str]) -> None:
    program = program.having(**session, WEBEX_TOKEN_STORE=None, WEBEX_TOKEN_PROFILE="other-service")
    assert program.run("login", "--flow", "device").status == 0
    token = program.run("get").out  # another process
    assert program.run("refresh").status == 0
    assert program.run("get").out not in {"", token}
    assert program.run("logout").status == 0
    assert program.run("get").status == 3


@pytest.mark.full
def test_a_locked_collection_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a session of its own: afterwards the service may wait for a dialog that nobody answers.

    KeePassXC does not always lock a database that it has just changed, so only KWallet is locked.
    """
    require("dbus-daemon", "kwalletd5")
    with kwallet(tmp_path) as variables:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", variables["DBUS_SESSION_BUS_ADDRESS"])
        CountedLibrary().set_password(SERVICE, "locked", encode(FULL_RECORD))
        store = open_keyring_store(timeout=2, remembered=BACKEND)
        assert store.load("locked") == FULL_RECORD
        lock_default_collection()
        with pytest.raises(StoreUnavailable) as raised:
            store.load("locked")
    assert raised.value.message == "the keyring (SecretService Keyring) did not answer within 2 seconds."
    with warnings.catch_warnings(action="ignore"):
        gc.collect()  # the call that was given up leaves its connection open
