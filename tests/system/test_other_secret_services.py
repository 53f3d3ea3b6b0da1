"""The store over the Secret Services of KeePassXC and KWallet."""

import gc
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest
import secretstorage

from tests.support.counted_library import CountedLibrary
from tests.support.program import Program, wait_until
from tests.support.records import FULL_RECORD
from tests.support.requirements import require
from tests.support.secret_services import NothingTold, keepassxc, kwallet
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.sandbox import Rules
from webex_token_cli.store.keyring.opening import open_keyring_store
from webex_token_cli.store.keyring.secret_service import BACKEND, SecretService
from webex_token_cli.store.keyring.splitting import SplittingKeyring
from webex_token_cli.store.local.store import SERVICE
from webex_token_cli.store.records import encode
from webex_token_cli.system.timeouts import with_timeout

# A call that was given up leaves its connection open.
pytestmark = [pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"), pytest.mark.long]

SERVICES = {
    "keepassxc": (keepassxc, ("keepassxc", "keepassxc-cli")),
    "kwallet": (kwallet, ("kwalletd5",)),
}

# KeePassXC 2.7.4 crashes in one of ten of these tests, and KWallet 5.103 loses a session as often.
ATTEMPTS = 5

# Seconds. A scenario takes five on a busy machine. A service that has failed may ask for a password that nobody enters.
LONGEST = 60

Scenario = Callable[[dict[str, str]], None]


@pytest.fixture(params=SERVICES)
def play(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Scenario], None]:
    """Plays a scenario with a Secret Service that is not GNOME's, and again with a new one if the service has failed.

    A scenario is given the variables that lead to the service.
    """
    start, programs = SERVICES[request.param]
    require("dbus-daemon", *programs)

    def played(scenario: Scenario) -> None:
        for attempt in range(ATTEMPTS):
            # The folder of a test has a long name, and the path of a socket in it must be short.
            with start(tmp_path_factory.mktemp(request.param)) as service:
                monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.variables["DBUS_SESSION_BUS_ADDRESS"])
                try:
                    with_timeout(lambda service=service: scenario(service.variables), LONGEST)  # type: ignore[misc]
                except Exception as error:
                    if attempt == ATTEMPTS - 1 or not service.has_failed(error):
                        raise
                else:
                    return

    return played


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), auto_approve=True, renew_after=0, device_interval=1)


def lock_default_collection() -> None:
    with closing(secretstorage.dbus_init()) as connection:
        secretstorage.get_collection_by_alias(connection, "default").lock()


def found_by(*command: str) -> str:
    """What another program finds. Raises NothingTold if that is nothing."""
    found = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.rstrip("\n")
    if not found:
        raise NothingTold
    return found


def test_an_entry_is_created_read_replaced_and_removed(play: Callable[[Scenario], None]) -> None:
    def scenario(_: dict[str, str]) -> None:
        library = CountedLibrary()
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

    play(scenario)


def test_other_programs_find_an_entry(play: Callable[[Scenario], None]) -> None:
    require("secret-tool")

    def scenario(_: dict[str, str]) -> None:
        SecretService(CountedLibrary).set_password(SERVICE, "grace", "a secret")
        by_keyring = found_by(sys.executable, "-m", "keyring", "get", SERVICE, "grace")
        by_secret_tool = found_by("secret-tool", "lookup", "service", SERVICE, "username", "grace")
        assert (by_keyring, by_secret_tool) == ("a secret", "a secret")

    play(scenario)


def test_a_record_is_split_and_comes_back_whole(play: Callable[[Scenario], None]) -> None:
    def scenario(_: dict[str, str]) -> None:
        library = CountedLibrary()
        store = SplittingKeyring(SecretService(lambda: library), limit=100)
        for text in (encode(FULL_RECORD), encode(replace(FULL_RECORD, access_token="another"))):
            store.set_password(SERVICE, "split", text)
            assert store.get_password(SERVICE, "split") == text
        store.delete_password(SERVICE, "split")
        assert library.get_password(SERVICE, "split") is None
        assert [library.get_password(SERVICE, f"split#{which}.0") for which in (0, 1)] == [None, None]

    play(scenario)


def test_commands_sign_in_refresh_and_sign_out(program: Program, play: Callable[[Scenario], None]) -> None:
    def scenario(variables: dict[str, str]) -> None:
        commands = program.having(**variables, WEBEX_TOKEN_STORE=None, WEBEX_TOKEN_PROFILE="other-service")
        login = commands.run("login", "--flow", "device")
        assert login.status == 0, login.err
        first = commands.run("get")  # another process
        refresh, second = commands.run("refresh"), commands.run("get")
        logout, last = commands.run("logout"), commands.run("get")
        said = "".join(each.err for each in (first, refresh, second, logout))
        assert [each.status for each in (first, refresh, second, logout)] == [0] * 4, said
        assert second.out not in {"", first.out}
        assert last.status == 3, last.err

    play(scenario)


@pytest.mark.full
def test_a_locked_collection_is_reported(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a session of its own: afterwards the service may wait for a dialog that nobody answers.

    KeePassXC does not always lock a database that it has just changed, so only KWallet is locked.
    """
    require("dbus-daemon", "kwalletd5")
    with kwallet(tmp_path_factory.mktemp("kwallet")) as service:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.variables["DBUS_SESSION_BUS_ADDRESS"])
        CountedLibrary().set_password(SERVICE, "locked", encode(FULL_RECORD))
        store = open_keyring_store(timeout=2, remembered=BACKEND)
        assert store.load("locked") == FULL_RECORD
        lock_default_collection()
        with pytest.raises(StoreUnavailable) as raised:
            store.load("locked")
    assert raised.value.message == "the keyring (SecretService Keyring) did not answer within 2 seconds."
    wait_until(lambda: "call-with-timeout" not in {each.name for each in threading.enumerate()})
    with warnings.catch_warnings(action="ignore"):
        gc.collect()  # the call that was given up leaves its connection open
