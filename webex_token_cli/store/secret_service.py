"""The Secret Service (GNOME Keyring, KWallet) over one connection that is reused.

The keyring library opens a connection and negotiates a session key for each call, and deletes and creates an item
where changing its secret would do. Most of the time of a call goes into that, and every caller waits for the
one daemon.
"""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from webex_token_cli.store.splitting import Keyring

if TYPE_CHECKING:
    from keyring.backends.SecretService import Keyring as SecretServiceKeyring
    from secretstorage import Collection, Item

# KeePassXC adds this attribute to every item (FdoSecrets, Item::attributes).
_ATTRIBUTE_OF_KEEPASSXC = "Uuid"

# KeePassXC keeps ten earlier versions of an entry, unless its settings say otherwise. So many writes and one more leave
# none in which the first text still stands.
_WRITES_FOR_KEEPASSXC = 11

T = TypeVar("T")


class ReusedConnection:
    """The Secret Service keyring ``backend``, faster, because it reuses its connection.

    If a call over the connection fails, for example because the daemon was restarted or the keyring was locked,
    the library does it once more in its own way. So a caller sees the library's results and errors only.
    An instance serves one call at a time.
    """

    def __init__(self, backend: "SecretServiceKeyring") -> None:
        self._backend = backend
        self._collection: Collection | None = None

    def __del__(self) -> None:
        # A store is never closed, so the connection closes when the store is garbage.
        if self._collection is not None:
            self._collection.connection.close()

    def get_password(self, service: str, username: str) -> str | None:
        """The entry, or None."""

        def read(collection: "Collection") -> str | None:
            item = self._item(collection, service, username)
            return None if item is None else item.get_secret().decode()

        def read_by_library() -> str | None:
            found: str | None = self._backend.get_password(service, username)  # type: ignore[no-untyped-call]
            return found

        return self._try(read, read_by_library)

    def set_password(self, service: str, username: str, password: str) -> None:
        """Replace the entry."""

        def replace_secret(collection: "Collection") -> bool:
            item = self._item(collection, service, username)
            if item is not None:
                item.set_secret(password.encode())
            return item is not None

        replaced = self._try(replace_secret, lambda: False)
        if not replaced:
            self._backend.set_password(service, username, password)  # type: ignore[no-untyped-call]

    def rewrite(self, service: str, username: str) -> None:
        """Write the entry again as it is, if there is one.

        The daemon then writes the file with all its items, and fails now if it cannot, for example on a full disk.
        """

        def rewrite_secret(collection: "Collection") -> None:
            item = self._item(collection, service, username)
            if item is not None:
                item.set_secret(item.get_secret())

        def rewrite_by_library() -> None:
            text = self._backend.get_password(service, username)  # type: ignore[no-untyped-call]
            if text is not None:
                self._backend.set_password(service, username, text)  # type: ignore[no-untyped-call]

        self._try(rewrite_secret, rewrite_by_library)

    def overwrite(self, service: str, username: str, text: str) -> None:
        """Replace the secret of the entry, and the earlier versions that KeePassXC keeps of it. Raises nothing."""

        def replace_all(collection: "Collection") -> None:
            item = self._item(collection, service, username)
            if item is None:
                return
            writes = _WRITES_FOR_KEEPASSXC if _ATTRIBUTE_OF_KEEPASSXC in item.get_attributes() else 1
            # Each text differs from the one before, because KeePassXC keeps no version of an unchanged entry.
            for number in reversed(range(writes)):
                item.set_secret(f"{text}{' ' * number}".encode())

        self._try(replace_all, lambda: None)

    def delete_password(self, service: str, username: str) -> None:
        """Remove the entry."""
        self._backend.delete_password(service, username)  # type: ignore[no-untyped-call]

    def _item(self, collection: "Collection", service: str, username: str) -> "Item | None":
        return next(collection.search_items(self._backend._query(service, username)), None)

    def _try(self, call: "Callable[[Collection], T]", fallback: Callable[[], T]) -> T:
        """Run ``call`` over the connection, or ``fallback`` without it if that fails."""
        # The library too would open the collection first, and that may ask a person to unlock the keyring. An
        # error here is therefore final: the person is not asked twice.
        collection = self._collection or self._open()
        self._collection = None
        try:
            result = call(collection)
        except Exception:  # noqa: BLE001 - if the problem is still there, the fallback meets and reports it
            with contextlib.suppress(Exception):
                collection.connection.close()
            return fallback()
        self._collection = collection
        return result

    def _open(self) -> "Collection":
        from secretstorage.util import open_session

        collection: Collection = self._backend.get_preferred_collection()  # type: ignore[no-untyped-call]
        collection.session = open_session(collection.connection)
        return collection


def reuse_connection(backend: Keyring) -> Keyring:
    """``backend`` with a reused connection if it is exactly the library's Secret Service keyring; else ``backend``."""
    from keyring.backends import SecretService

    return ReusedConnection(backend) if type(backend) is SecretService.Keyring else backend
