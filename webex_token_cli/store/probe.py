"""Whether a store works, tried with an entry that is nobody's: written, read, removed."""

import contextlib
from dataclasses import replace

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.records import SERVICE, CredentialStore, encode
from webex_token_cli.store.splitting import SplittingKeyring
from webex_token_cli.system.signals import cleanup_on_signal
from webex_token_cli.tokens import Person, TokenRecord

# No profile's name has a ":" in it. It is the same each time, so what a killed probe has left is gone after the next.
ENTRY = "doctor:probe"

# Seconds that a store which has failed already, or a program that ends, is given to remove the entry.
_LAST_BOUND = 5.0

# As long as the longest that is known: the device grant's self-contained access token, and opaque other parts.
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
    """Write an entry as large as a record can be, read it, and remove it, whatever happens meanwhile.

    Raises StoreUnavailable when the store does not do all of that.
    """
    store.check()
    with store.lock(ENTRY), cleanup_on_signal(lambda: _remove_at_last(store)):
        try:
            store.save(ENTRY, RECORD)
            store.delete(ENTRY)
            if store.load(ENTRY) is not None:
                raise StoreUnavailable(
                    f"{store.place} was asked to remove an entry and still has it.",
                    f"Remove the entry {ENTRY!r} of {SERVICE!r} there by hand, and choose another keyring "
                    "(`keyring --list-backends` names them), or --store file.",
                )
        except BaseException:
            _remove_at_last(store)
            raise


def _remove_at_last(store: CredentialStore) -> None:
    """Remove what there may be of the entry, even where it cannot be read. Raises nothing."""
    hurried = replace(store, bound=_LAST_BOUND, say=lambda _: None)
    with contextlib.suppress(StoreUnavailable):
        hurried.delete(ENTRY)
        return
    bare = store.keyring
    if isinstance(bare, SplittingKeyring):
        with contextlib.suppress(Exception):
            store.calls(lambda: bare.discard(SERVICE, ENTRY, SIZE), _LAST_BOUND)
