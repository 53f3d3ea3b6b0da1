"""Which keyring is used: one that comes late, and one that does not answer."""

import threading
from collections.abc import Callable

import keyring.core
import pytest
from keyring.backend import Crypter, KeyringBackend, NullCrypter
from keyring.compat import properties

from tests.support.keyring_choice import library_found_none
from tests.support.keyrings import Plain
from webex_token_cli.application import Application
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.keyring.choice import system_keyring
from webex_token_cli.store.keyring.opening import open_keyring_store
from webex_token_cli.system.timeouts import ExclusiveCalls


class LateKeyring(KeyringBackend):
    """A keyring that the library can find from the moment at which ``there`` is set."""

    name = "Late Keyring"
    there = False

    @properties.classproperty
    def priority(cls) -> float:  # noqa: N805 - keyring's own spelling
        if not cls.there:
            raise RuntimeError("it has not started yet")
        return 5

    def get_password(self, service: str, username: str) -> str | None:
        return None

    def set_password(self, service: str, username: str, password: str) -> None: ...


def test_a_keyring_that_starts_after_the_first_search_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    library_found_none(monkeypatch, LateKeyring)
    application = Application({})
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="This machine has no keyring to store tokens in"):
            application.store("keyring")
    monkeypatch.setattr(LateKeyring, "there", True)
    store = application.store("keyring")
    assert (store.place, store.load("a")) == ("the keyring (Late Keyring)", None)


def test_a_keyring_that_the_host_program_has_chosen_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = LateKeyring()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(LateKeyring, "there", True)
    monkeypatch.setattr(keyring.core, "_keyring_backend", chosen)
    assert system_keyring() is chosen


def test_a_search_that_hangs_occupies_one_thread_however_often_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()
    occupied: list[threading.Thread] = []

    def search() -> None:
        occupied.append(threading.current_thread())
        release.wait()

    monkeypatch.setattr(keyring, "get_keyring", search)
    calls = ExclusiveCalls(one_at_a_time=True)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="none answered within 0 seconds"):
            open_keyring_store(timeout=0.02, calls=calls)
    assert len(occupied) == 1
    release.set()


class Encrypting(KeyringBackend):
    """A keyring with a crypter of its own, as some of keyrings.alt have."""

    priority = 2

    def __init__(self, crypter: Crypter) -> None:
        self._crypter = crypter

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...


class NotViable(LateKeyring):
    """A keyring that was chosen although it is not viable, so that nothing is known of it."""


class Chain(KeyringBackend):
    """Several keyrings in a row, as the library's chainer."""

    priority = 10

    def __init__(self, *backends: KeyringBackend) -> None:
        self.backends = backends

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...


class Rot13(Crypter):
    """Any crypter but the library's that does nothing."""

    def encrypt(self, value: str) -> str:
        return value

    def decrypt(self, value: str) -> str:
        return value


UNENCRYPTED = "it does not encrypt what it stores"
NOT_RECOMMENDED = (
    "its priority in the keyring library is below 1: that is for keyrings that are not recommended, and most of them "
    "do not encrypt"
)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Encrypting(Rot13()), None),
        (lambda: Encrypting(NullCrypter()), UNENCRYPTED),
        (Plain, NOT_RECOMMENDED),
        (lambda: Chain(Encrypting(Rot13()), Encrypting(NullCrypter())), UNENCRYPTED),
        (lambda: Chain(Encrypting(Rot13())), None),
        (NotViable, None),
    ],
    ids=["encrypts", "does not", "not recommended", "one of two does not", "a chain that encrypts", "not viable"],
)
def test_a_keyring_that_does_not_encrypt_is_known_by_its_priority_or_its_crypter(
    make: Callable[[], KeyringBackend], why: str | None
) -> None:
    assert open_keyring_store(backend=make()).caution == why
