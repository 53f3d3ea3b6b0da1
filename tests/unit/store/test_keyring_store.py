"""The store over a keyring: which keyring is used, and what happens if it fails, hangs or loses its connection."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.records import FULL_RECORD
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.keyring.opening import open_keyring_store
from webex_token_cli.store.records import decode
from webex_token_cli.system.timeouts import TimeoutExceeded, with_timeout


@pytest.mark.posix
def test_records_are_saved_replaced_and_deleted_in_the_gnome_keyring(
    keyring_session: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyring.backends.SecretService import Keyring

    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", keyring_session["DBUS_SESSION_BUS_ADDRESS"])
    store = open_keyring_store(backend=Keyring())  # type: ignore[no-untyped-call]
    assert store.load("keeps") is None
    store.save("keeps", FULL_RECORD)
    store.save("keeps", replace(FULL_RECORD, access_token="newer"))
    assert store.load("keeps") == replace(FULL_RECORD, access_token="newer")
    assert (store.delete("keeps"), store.delete("keeps"), store.load("keeps")) == (True, False, None)


class BadKeyring:
    """A keyring whose calls return or raise what ``behaviour`` says: keys are ``get``, ``set`` and ``delete``."""

    name = "Bad Keyring"

    def __init__(self, **behaviour: Any) -> None:
        self.behaviour = behaviour

    def get_password(self, service: str, username: str) -> str | None:
        password: str | None = self._do("get")
        return password

    def set_password(self, service: str, username: str, password: str) -> None:
        self._do("set")

    def delete_password(self, service: str, username: str) -> None:
        self._do("delete")

    def _do(self, call: str) -> Any:
        outcome = self.behaviour.get(call)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class UnknownError(Exception):
    """An exception that is not the keyring library's own, as those that Windows raises."""


@pytest.mark.parametrize(
    ("behaviour", "call", "message"),
    [
        (
            {"get": UnknownError("CredRead failed")},
            "load",
            "An entry could not be read in the keyring (Bad Keyring): CredRead failed.",
        ),
        ({"set": UnknownError()}, "save", "An entry could not be written in the keyring (Bad Keyring): UnknownError."),
        (
            {"set": UnknownError("cannot store access-token-value\n!")},
            "save",
            "An entry could not be written in the keyring (Bad Keyring): cannot store …alue !.",
        ),
        ({}, "save", "the keyring (Bad Keyring) accepted the record but did not store it."),
        (
            {"get": "{}", "delete": UnknownError("gone")},
            "delete",
            "An entry could not be removed in the keyring (Bad Keyring): gone.",
        ),
    ],
)
def test_a_failure_of_the_keyring_is_one_sentence_without_secrets(
    behaviour: dict[str, Any], call: str, message: str, tmp_path: Path
) -> None:
    store = open_keyring_store(backend=BadKeyring(**behaviour), lock_folder=tmp_path)
    arguments: tuple[Any, ...] = ("a", FULL_RECORD) if call == "save" else ("a",)
    with pytest.raises(StoreUnavailable) as raised:
        getattr(store, call)(*arguments)
    assert raised.value.message == message


def test_a_call_to_a_keyring_that_hangs_is_announced_and_ends() -> None:
    release = threading.Event()
    messages: list[str] = []
    with pytest.raises(TimeoutExceeded):
        with_timeout(release.wait, 0.05, lambda: messages.append("waiting"), patience=0.01)
    assert messages == ["waiting"]

    class HangingKeyring(BadKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            release.wait()
            return None

    with pytest.raises(StoreUnavailable) as raised:
        open_keyring_store(backend=HangingKeyring(), timeout=0.05).load("a")
    release.set()
    assert raised.value.message == "the keyring (Bad Keyring) did not answer within 0 seconds."


def test_calls_wait_for_one_that_hangs_so_that_an_older_write_never_comes_last() -> None:
    release = threading.Event()
    begun: list[str] = []
    written: list[str] = []

    class LockedKeyring(BadKeyring):
        def get_password(self, service: str, username: str) -> str | None:
            return written[-1] if written else None

        def set_password(self, service: str, username: str, password: str) -> None:
            begun.append(password)
            release.wait()
            written.append(password)

    store = open_keyring_store(backend=LockedKeyring(), timeout=0.05)
    for _ in range(5):
        with pytest.raises(StoreUnavailable, match="did not answer within"):
            store.save("a", FULL_RECORD)
    assert len(begun) == 1
    patient = replace(store, timeout=10.0)  # the same keyring, which a person now unlocks
    threading.Timer(0.1, release.set).start()
    patient.save("a", replace(FULL_RECORD, access_token="newest"))
    assert [decode(text, "it").access_token for text in written] == [FULL_RECORD.access_token, "newest"]
    assert patient.load("a") == replace(FULL_RECORD, access_token="newest")


class SlowKeyring(BadKeyring):
    """A keyring that has nothing, and needs a moment to say so."""

    def get_password(self, service: str, username: str) -> str | None:
        time.sleep(0.3)
        return None


def test_a_slow_keyring_answers_all_of_many_threads() -> None:
    store = open_keyring_store(backend=SlowKeyring(), timeout=1.0)
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(store.load, "abcdef")) == [None] * 6


def test_a_keyring_that_is_not_recommended_is_used_only_if_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.errors import PasswordDeleteError

    class PlainKeyring(KeyringBackend):
        priority = 0.5
        name = "Plain Keyring"

        def get_password(self, service: str, username: str) -> str | None:
            return None

        def set_password(self, service: str, username: str, password: str) -> None: ...

        def delete_password(self, service: str, username: str) -> None:
            raise PasswordDeleteError("none")

    monkeypatch.setattr(keyring, "get_keyring", PlainKeyring)  # as if an installed package had registered it
    with pytest.raises(StoreUnavailable, match="the one that was found, Plain Keyring, is not recommended"):
        open_keyring_store()
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    assert open_keyring_store().delete("a") is False


def test_the_null_keyring_counts_as_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backends.null import Keyring as NullKeyring

    before = keyring.get_keyring()
    keyring.set_keyring(NullKeyring())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(StoreUnavailable, match="no keyring"):
            open_keyring_store()
    finally:
        keyring.set_keyring(before)
