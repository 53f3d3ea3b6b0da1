"""A small Secret Service on a private bus, which can be told to answer wrongly.

It knows the methods that this program and the keyring library call. A test orders answers that a real daemon cannot
be made to give.
"""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jeepney import DBus, HeaderFields, Message, MessageType, new_error, new_method_return  # type: ignore[import-untyped]
from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]

from webex_token_cli.store.keyring.session_encryption import ALGORITHM, KeyAgreement, decrypt, encrypt

COLLECTION = "/org/freedesktop/secrets/collection/fake"
_DEFAULT = "/org/freedesktop/secrets/aliases/default"
_ATTRIBUTES = "org.freedesktop.Secret.Item.Attributes"


@dataclass(frozen=True)
class Answer:
    """The body of a reply and its signature."""

    signature: str = ""
    body: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """An error reply."""

    name: str


NO_SUCH_OBJECT = Refusal("org.freedesktop.Secret.Error.NoSuchObject")
NOT_SUPPORTED = Refusal("org.freedesktop.DBus.Error.NotSupported")
UNKNOWN_METHOD = Refusal("org.freedesktop.DBus.Error.UnknownMethod")


@dataclass
class Item:
    """An item: its attributes and its secret."""

    attributes: dict[str, str]
    secret: bytes


class FakeSecretService:
    """The Secret Service of the bus at ``address`` while its context lasts.

    ``ordered`` has the answers to the next calls of a method; None is no answer at all. ``calls`` has the methods that
    were called. ``algorithms`` are those that a session can have. Without ``has_default``, there is no default
    collection until one is created.
    """

    def __init__(self, address: str, items: dict[str, Item] | None = None) -> None:
        self.items = {} if items is None else items
        self.ordered: dict[str, list[Answer | Refusal | None]] = {}
        self.calls: list[str] = []
        self.algorithms = {ALGORITHM, "plain"}
        self.has_default = True
        self._keys: dict[str, bytes | None] = {}
        self._numbers = itertools.count()
        self._connection = open_dbus_connection(address)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "FakeSecretService":
        self._connection.send_and_get_reply(DBus().RequestName("org.freedesktop.secrets"))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _serve(self) -> None:
        try:
            self._answer_all()
        finally:  # a mistake in here ends the connection, so that no test waits for an answer
            self._connection.close()

    def _answer_all(self) -> None:
        for message in self._messages():
            member = message.header.fields[HeaderFields.member]
            self.calls.append(member)
            ordered = self.ordered.get(member)
            match ordered.pop(0) if ordered else self._answer(member, message):
                case Answer(signature, body):
                    self._connection.send(new_method_return(message, signature, body))
                case Refusal(name):
                    self._connection.send(new_error(message, name, "s", ("as ordered",)))

    def _messages(self) -> Iterator[Message]:
        with contextlib.suppress(ConnectionError):
            while True:
                message = self._connection.receive()
                if message.header.message_type is MessageType.method_call:
                    yield message

    def _answer(self, member: str, message: Message) -> Answer | Refusal:
        path = message.header.fields[HeaderFields.path]
        if path == _DEFAULT and not self.has_default:
            return NO_SUCH_OBJECT
        if "/item" in path and path not in self.items:
            return NO_SUCH_OBJECT
        match member, message.body:
            case "OpenSession", (algorithm, (_, public)) if algorithm in self.algorithms:
                return self._open_session(algorithm, public)
            case "OpenSession", _:
                return NOT_SUPPORTED
            case "SearchItems", (wanted,):
                found = [at for at, item in self.items.items() if wanted.items() <= item.attributes.items()]
                return Answer("ao", (found,))
            case "GetSecret", (session,):
                return self._secret(session, self.items[path].secret)
            case "SetSecret", (secret,):
                self.items[path].secret = self._given(secret)
                return Answer()
            case "CreateItem", (properties, secret, _):
                created = f"{COLLECTION}/item{next(self._numbers)}"
                self.items[created] = Item(dict(properties[_ATTRIBUTES][1]), self._given(secret))
                return Answer("oo", (created, "/"))
            case "CreateCollection", _:
                self.has_default = True
                return Answer("oo", (COLLECTION, "/"))
            case "Unlock", (paths,):
                return Answer("aoo", (paths, "/"))
            case "Delete", _:
                del self.items[path]
                return Answer("o", ("/",))
            case "Get", (_, "Label"):
                return Answer("v", (("s", "a label"),))
            case "Get", (_, "Locked"):
                return Answer("v", (("b", False),))
            case "Get", (_, "Attributes"):
                return Answer("v", (("a{ss}", self.items[path].attributes),))
        return UNKNOWN_METHOD

    def _open_session(self, algorithm: str, public: Any) -> Answer:
        session = f"/org/freedesktop/secrets/session/{next(self._numbers)}"
        if algorithm == "plain":
            self._keys[session] = None
            return Answer("vo", (("s", ""), session))
        agreement = KeyAgreement()
        self._keys[session] = agreement.key(bytes(public))
        return Answer("vo", (("ay", agreement.public), session))

    def _secret(self, session: str, secret: bytes) -> Answer | Refusal:
        if session not in self._keys:
            return NO_SUCH_OBJECT
        key = self._keys[session]
        vector, text = (b"", secret) if key is None else encrypt(key, secret)
        return Answer("(oayays)", ((session, vector, text, "text/plain"),))

    def _given(self, secret: Any) -> bytes:
        session, vector, text, _ = secret
        key = self._keys[session]
        return bytes(text) if key is None else decrypt(key, bytes(vector), bytes(text))
