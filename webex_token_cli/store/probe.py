"""Tests whether a store works: writes an entry that belongs to no profile, reads it, and removes it."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.credentials import SERVICE, CredentialStore, not_removed
from webex_token_cli.store.records import encode
from webex_token_cli.store.splitting import SplittingKeyring
from webex_token_cli.system.signals import cleanup_on_signal
from webex_token_cli.tokens import Person, TokenRecord

# A profile's name cannot contain a ":". The name never changes, so the next probe removes what a killed one left. A
# sign-in has an entry of its own.
ENTRY = "doctor:probe"

# Seconds to remove the entry after a failure or a signal, when nobody should have to wait any longer.
_CLEANUP_TIMEOUT = 5.0

# As long as the longest known record, which holds the device grant's self-contained access token.
RECORD = TokenRecord(
    access_token="eyJhbGciOiJub25lIn0." + "no-token." * 220,
    access_expires_at=1209599,
    refresh_token="no-token." * 12,
    refresh_expires_at=7775999,
    changed_at=0,
    refreshed_at=0,
    client_id="C" + "0" * 64,
    client_secret="0" * 64,
    scopes=("spark:all", "spark:kms"),
    person=Person("0" * 79, "Nobody", ("nobody@example.com",), "0" * 79, "person"),
)
SIZE = len(encode(RECORD))


def probe(store: CredentialStore) -> None:
    """Write an entry as large as a record can be, read it, and remove it.

    The entry is removed even after an error or a signal. Raises StoreUnavailable if a step fails.
    """
    with _entry_written(store, ENTRY):
        store.delete(ENTRY)
        if store.contains(ENTRY):
            raise not_removed(store.place, ENTRY)


def try_to_write(store: CredentialStore, profile: str) -> None:
    """Write an entry as large as a record can be, and read it, so that a person is not asked to consent for nothing.

    Some keyrings ask for a password only when they are written. Raises StoreUnavailable. The entry is removed
    afterwards; a keyring that fails at that can store a sign-in all the same. It belongs to ``profile``, so that
    sign-ins of different profiles do not wait for each other.
    """
    entry = f"{profile}:probe"
    with _entry_written(store, entry), contextlib.suppress(StoreUnavailable):
        _quick(store).delete(entry)


@contextlib.contextmanager
def _entry_written(store: CredentialStore, entry: str) -> Iterator[None]:
    """Write ``entry`` and read it back. It is removed after a signal, and after an error in the context or before."""
    store.check()
    with store.lock(entry), cleanup_on_signal(lambda: _clean_up(store, entry)):
        try:
            store.save(entry, RECORD)
            yield
        except BaseException:
            _clean_up(store, entry)
            raise


def _quick(store: CredentialStore) -> CredentialStore:
    return replace(store, timeout=_CLEANUP_TIMEOUT, say=lambda _: None)


def _clean_up(store: CredentialStore, entry: str) -> None:
    """Remove the entry if there is one, even if it cannot be read. Raises nothing."""
    keyring = store.keyring
    if isinstance(keyring, SplittingKeyring):
        # The entry holds no secret, so it needs no overwriting by a keyring that may just hang while it writes.
        with contextlib.suppress(Exception), store.hold_output():
            store.calls(lambda: keyring.discard(SERVICE, entry, SIZE), _CLEANUP_TIMEOUT)
        return
    with contextlib.suppress(StoreUnavailable):
        _quick(store).delete(entry)
