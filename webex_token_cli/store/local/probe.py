"""Tests whether a store works: writes an entry that belongs to no profile, reads it, and removes it."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol, Self

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.records import encode
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


class Probed(Protocol):
    """What a probe needs of ``local.LocalStore``."""

    def check_folders(self) -> None: ...
    def lock(self, entry: str, /) -> AbstractContextManager[None]: ...
    def contains(self, entry: str, /) -> bool: ...
    def save(self, entry: str, record: TokenRecord, /) -> None: ...
    def delete(self, entry: str, /) -> bool: ...
    def discard(self, entry: str, size: int, timeout: float, /) -> None: ...
    def hurried(self, timeout: float, /) -> Self: ...
    def not_removed(self, entry: str, /) -> StoreUnavailable: ...


def probe(store: Probed) -> None:
    """Write an entry as large as a record can be, read it, and remove it.

    The entry is removed even after an error or a signal. Raises StoreUnavailable if a step fails.
    """
    with _entry_written(store, ENTRY):
        store.delete(ENTRY)
        if store.contains(ENTRY):
            raise store.not_removed(ENTRY)


def try_to_write(store: Probed, profile: str) -> None:
    """Write an entry as large as a record can be, and read it, so that a person is not asked to consent for nothing.

    Some keyrings ask for a password only when they are written. Raises StoreUnavailable. The entry is removed
    afterwards; a keyring that fails at that can store a sign-in all the same. It belongs to ``profile``, so that
    sign-ins of different profiles do not wait for each other.
    """
    entry = f"{profile}:probe"
    with _entry_written(store, entry), contextlib.suppress(StoreUnavailable):
        store.hurried(_CLEANUP_TIMEOUT).delete(entry)


@contextlib.contextmanager
def _entry_written(store: Probed, entry: str) -> Iterator[None]:
    """Write ``entry`` and read it back. It is removed after a signal, and after an error in the context or before."""
    store.check_folders()
    with store.lock(entry), cleanup_on_signal(lambda: store.discard(entry, SIZE, _CLEANUP_TIMEOUT)):
        try:
            store.save(entry, RECORD)
            yield
        except BaseException:
            store.discard(entry, SIZE, _CLEANUP_TIMEOUT)
            raise
