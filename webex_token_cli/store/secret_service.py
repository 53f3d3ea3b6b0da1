"""The Secret Service (GNOME Keyring, KWallet) over one connection that is kept open.

The keyring library opens a connection and agrees on a key for each call, and replaces an item where giving it another
secret would do. That is most of the time that a call takes, and all callers wait for the one daemon.
"""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from webex_token_cli.store.splitting import Keyring

if TYPE_CHECKING:
    from keyring.backends.SecretService import Keyring as SecretServiceKeyring
    from secretstorage import Collection, Item

T = TypeVar("T")


class KeptOpen:
    """``backend``, sooner. What goes wrong here (a daemon that was restarted, a keyring that was locked) is done
    once more in the library's own way, so what a caller sees is the library's. For one caller at a time.
    """

    def __init__(self, backend: "SecretServiceKeyring") -> None:
        self._backend = backend
        self._collection: Collection | None = None

    def __del__(self) -> None:
        if self._collection is not None:  # a store has no other end
            self._collection.connection.close()

    def get_password(self, service: str, username: str) -> str | None:
        """The entry, or None."""

        def sooner(collection: "Collection") -> str | None:
            item = self._item(collection, service, username)
            return None if item is None else item.get_secret().decode()

        return self._first(sooner, lambda: self._asked(service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Replace the entry."""

        def sooner(collection: "Collection") -> bool:
            item = self._item(collection, service, username)
            if item is not None:
                item.set_secret(password.encode())
            return item is not None

        if not self._first(sooner, lambda: False):
            self._backend.set_password(service, username, password)  # type: ignore[no-untyped-call]

    def delete_password(self, service: str, username: str) -> None:
        """Remove the entry."""
        self._backend.delete_password(service, username)  # type: ignore[no-untyped-call]

    def _asked(self, service: str, username: str) -> str | None:
        found: str | None = self._backend.get_password(service, username)  # type: ignore[no-untyped-call]
        return found

    def _item(self, collection: "Collection", service: str, username: str) -> "Item | None":
        return next(collection.search_items(self._backend._query(service, username)), None)

    def _first(self, sooner: "Callable[[Collection], T]", otherwise: Callable[[], T]) -> T:
        # Opening it is what the library would do first, and may ask a person to unlock the keyring: once is enough.
        collection = self._collection or self._opened()
        self._collection = None
        try:
            found = sooner(collection)
        except Exception:  # noqa: BLE001 - whatever it was, the library's own way meets it again, or does not
            with contextlib.suppress(Exception):
                collection.connection.close()
            return otherwise()
        self._collection = collection
        return found

    def _opened(self) -> "Collection":
        from secretstorage.util import open_session

        collection: Collection = self._backend.get_preferred_collection()  # type: ignore[no-untyped-call]
        collection.session = open_session(collection.connection)
        return collection


def kept_open(backend: Keyring) -> Keyring:
    """``backend`` with its connection kept open, if it is the library's Secret Service and nothing else."""
    from keyring.backends import SecretService

    return KeptOpen(backend) if type(backend) is SecretService.Keyring else backend
