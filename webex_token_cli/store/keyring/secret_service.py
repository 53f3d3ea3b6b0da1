"""The Secret Service (GNOME Keyring, KWallet, KeePassXC) over D-Bus, without the detour through the keyring library.

The entries are those of the library's own backend, so that ``keyring get`` finds them. Only the plain case is handled
here: the default collection is unlocked and has exactly one matching item. The library does everything else: it
creates and deletes items, asks for the collection to be unlocked, and reports errors.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from webex_token_cli.store.keyring.session_encryption import ALGORITHM, KeyAgreement, decrypt, encrypt
from webex_token_cli.store.keyring.splitting import Keyring

if TYPE_CHECKING:
    from jeepney import DBusAddress, Message  # type: ignore[import-untyped]
    from jeepney.io.blocking import DBusConnection  # type: ignore[import-untyped]

# The backend of the keyring library that this module stands in for, as PYTHON_KEYRING_BACKEND names it.
BACKEND = "keyring.backends.SecretService.Keyring"
NAME = "SecretService Keyring"

_BUS_NAME = "org.freedesktop.secrets"
_SERVICE = "/org/freedesktop/secrets"
_DEFAULT_COLLECTION = "/org/freedesktop/secrets/aliases/default"

# KeePassXC adds this attribute to every item (FdoSecrets, Item::attributes).
_ATTRIBUTE_OF_KEEPASSXC = "Uuid"

# KeePassXC keeps ten earlier versions of an entry, unless its settings name another number. So many writes and one
# more leave none in which the first text still stands.
_WRITES_FOR_KEEPASSXC = 11

T = TypeVar("T")


class UnexpectedReplyError(Exception):
    """The Secret Service answered something that only the keyring library can deal with."""


@dataclass(slots=True, eq=False, repr=False)
class Session:
    """A connection to the Secret Service, and the key with which secrets travel over it."""

    connection: "DBusConnection"
    path: str
    key: bytes

    def find(self, attributes: dict[str, str]) -> str:
        """The path of the one item of the default collection with ``attributes``. Raises UnexpectedReplyError."""
        return _only_item(_result(self.connection.send_and_get_reply(_search(attributes))))

    def secret(self, item: str) -> str:
        """The secret of ``item``. Raises UnexpectedReplyError, ValueError."""
        ((_, vector, ciphertext, _),) = self._call(item, "GetSecret", "o", self.path)
        secret = decrypt(self.key, bytes(vector), bytes(ciphertext)).decode()
        if not secret:  # KWallet gives an empty secret while its wallet is locked
            raise UnexpectedReplyError
        return secret

    def replace_secret(self, item: str, secret: str) -> None:
        """Replace the secret of ``item``. Raises UnexpectedReplyError."""
        vector, ciphertext = encrypt(self.key, secret.encode())
        self._call(item, "SetSecret", "(oayays)", (self.path, vector, ciphertext, "text/plain"))

    def attributes(self, item: str) -> dict[str, str]:
        """The attributes of ``item``. Raises UnexpectedReplyError."""
        from jeepney import Properties

        reply = self.connection.send_and_get_reply(Properties(_address(item, "Item")).get("Attributes"))
        ((_, attributes),) = _result(reply)
        return dict(attributes)

    def _call(self, item: str, method: str, signature: str, argument: object) -> tuple[Any, ...]:
        return _result(self.connection.send_and_get_reply(_request(item, "Item", method, signature, argument)))


class SecretService:
    """The entries of the keyring library's Secret Service backend, which ``library`` loads when it is needed.

    If a call fails, for example because the daemon was restarted or the keyring is locked, the library does it in
    its own way. So a caller sees the library's results and errors only. The connection is opened by the first call
    and used by the next ones. An instance serves one call at a time.
    """

    def __init__(self, library: Callable[[], Keyring]) -> None:
        self._library = library
        self._session: Session | None = None

    def __del__(self) -> None:
        # A store is never closed, so the connection closes when the store is garbage.
        if self._session is not None:
            self._session.connection.close()

    def get_password(self, service: str, username: str) -> str | None:
        """The entry, or None."""
        secret = self._try(service, username, Session.secret)
        return self._library().get_password(service, username) if secret is None else secret

    def set_password(self, service: str, username: str, password: str) -> None:
        """Replace the entry."""

        def replace(session: Session, item: str) -> bool:
            session.replace_secret(item, password)
            return True

        if not self._try(service, username, replace):
            self._library().set_password(service, username, password)

    def rewrite(self, service: str, username: str) -> None:
        """Write the entry again as it is, if there is one.

        The daemon then writes the file with all its items, and fails now if it cannot, for example on a full disk.
        """

        def rewrite_secret(session: Session, item: str) -> bool:
            session.replace_secret(item, session.secret(item))
            return True

        if not self._try(service, username, rewrite_secret):
            text = self._library().get_password(service, username)
            if text is not None:
                self._library().set_password(service, username, text)

    def overwrite(self, service: str, username: str, text: str) -> None:
        """Replace the secret of the entry, and the earlier versions that KeePassXC keeps of it. Raises nothing."""

        def replace_all(session: Session, item: str) -> None:
            writes = _WRITES_FOR_KEEPASSXC if _ATTRIBUTE_OF_KEEPASSXC in session.attributes(item) else 1
            # Each text differs from the one before, because KeePassXC keeps no version of an unchanged entry.
            for number in reversed(range(writes)):
                session.replace_secret(item, f"{text}{' ' * number}")

        self._try(service, username, replace_all)

    def delete_password(self, service: str, username: str) -> None:
        """Remove the entry."""
        self._library().delete_password(service, username)

    def _try(self, service: str, username: str, call: Callable[[Session, str], T]) -> T | None:
        """The result of ``call`` for the entry's item, or None if anything is in the way."""
        session, self._session = self._session, None
        attributes = {"service": service, "username": username}
        try:
            if session is None:
                session, item = _open(attributes)
            else:
                item = session.find(attributes)
            result = call(session, item)
        except Exception:  # noqa: BLE001 - the library meets the problem again, and reports it if it still exists
            if session is not None:
                with contextlib.suppress(Exception):
                    session.connection.close()
            return None
        self._session = session
        return result


def _open(attributes: dict[str, str]) -> tuple[Session, str]:
    """A new session, and the item with ``attributes``. Both requests are sent at once, which saves a round trip."""
    from jeepney.io.blocking import open_dbus_connection

    connection = open_dbus_connection()
    try:
        agreement = KeyAgreement()
        # The search comes first. If GNOME Keyring (42.1) receives it while it opens a session, it does not find its
        # default collection about once in 800 times.
        requests = [
            _search(attributes),
            _request(_SERVICE, "Service", "OpenSession", "sv", ALGORITHM, ("ay", agreement.public)),
        ]
        found, opened = _replies(connection, requests)
        (_, service_public), path = _result(opened)
        return Session(connection, path, agreement.key(bytes(service_public))), _only_item(_result(found))
    except BaseException:
        connection.close()
        raise


def _replies(connection: "DBusConnection", requests: "list[Message]") -> "list[Message]":
    """Send all ``requests``, then wait for their replies. Other messages, such as signals, are dropped."""
    from jeepney import HeaderFields

    serials = [next(connection.outgoing_serial) for _ in requests]
    for request, serial in zip(requests, serials, strict=True):
        connection.send(request, serial=serial)
    replies: dict[int, Message] = {}
    while len(replies) < len(serials):
        message = connection.receive()
        serial = message.header.fields.get(HeaderFields.reply_serial)
        if serial in serials:
            replies[serial] = message
    return [replies[serial] for serial in serials]


def _search(attributes: dict[str, str]) -> "Message":
    return _request(_DEFAULT_COLLECTION, "Collection", "SearchItems", "a{ss}", attributes)


def _request(path: str, interface: str, method: str, signature: str, *arguments: object) -> "Message":
    from jeepney import new_method_call

    return new_method_call(_address(path, interface), method, signature, arguments)


def _address(path: str, interface: str) -> "DBusAddress":
    from jeepney import DBusAddress

    return DBusAddress(path, _BUS_NAME, f"org.freedesktop.Secret.{interface}")


def _result(reply: "Message") -> tuple[Any, ...]:
    """The values in ``reply``. Raises UnexpectedReplyError if it is an error."""
    from jeepney import MessageType

    if reply.header.message_type is not MessageType.method_return:
        raise UnexpectedReplyError
    values: tuple[Any, ...] = reply.body
    return values


def _only_item(found: tuple[Any, ...]) -> str:
    """The only item that was found. Raises UnexpectedReplyError if there is none, or more than one."""
    match found:
        case ([str(path)],):
            return path
    raise UnexpectedReplyError


def without_detour(backend: Keyring) -> Keyring:
    """A SecretService for ``backend`` if that is the library's own Secret Service backend, else ``backend`` itself.

    A backend that was given properties (by a KEYRING_PROPERTY_ variable: another collection or attributes) stays too.
    """
    from keyring.backends import SecretService as Library

    return SecretService(lambda: backend) if type(backend) is Library.Keyring and not vars(backend) else backend
