"""Token records as entries of a keyring: one entry a profile, one write a record."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from webex_token_cli.errors import DamagedEntry, StoreUnavailable, WebexTokenError
from webex_token_cli.output import printable, scrub
from webex_token_cli.store.bounded import BOUND_UNATTENDED, bounded
from webex_token_cli.tokens import Person, TokenRecord

SERVICE = "webex-token"
VERSION = 1

T = TypeVar("T")


class Keyring(Protocol):
    """The part of ``keyring.backend.KeyringBackend`` that is used."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


class Locker(Protocol):
    """Opens a context in which no other process changes the profile's entry."""

    def __call__(self, profile: str, /) -> contextlib.AbstractContextManager[None]: ...


def encode(record: TokenRecord) -> str:
    """``record`` as the text of an entry."""
    return json.dumps({"version": VERSION, **asdict(record)}, separators=(",", ":"))


def decode(text: str, entry: str) -> TokenRecord:
    """The record in the text of the entry that people know as ``entry``.

    Raises StoreUnavailable, naming the entry and never its content, when the text is no record or a
    newer version's.
    """
    try:
        values = json.loads(text)
        version = values.pop("version")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _corrupt(entry, "it is not a record of this program") from None
    if isinstance(version, int) and version > VERSION:
        raise StoreUnavailable(
            f"{entry} was written by a newer webex-token (version {version} of the record).",
            "Upgrade webex-token; nothing was changed.",
        )
    try:
        return _record(values)
    except (KeyError, TypeError, ValueError) as error:
        raise _corrupt(entry, f"{error.args[0] if error.args else 'a key'!s} is missing or wrong") from None


def _corrupt(entry: str, why: str) -> DamagedEntry:
    return DamagedEntry(
        f"{entry} is damaged: {printable(why, 100)}.",
        "Nothing was changed; `webex-token login` replaces it.",
    )


def _record(values: dict[str, Any]) -> TokenRecord:
    person = values.get("person")
    scopes = values.get("scopes")
    return TokenRecord(
        access_token=_typed(values, "access_token", str),
        access_expires_at=_typed(values, "access_expires_at", int),
        refresh_token=_optional(values, "refresh_token", str),
        refresh_expires_at=_optional(values, "refresh_expires_at", int),
        changed_at=_typed(values, "changed_at", int),
        refreshed_at=_typed(values, "refreshed_at", int),
        client_id=_typed(values, "client_id", str),
        client_secret=_typed(values, "client_secret", str),
        scopes=None if scopes is None else _strings(values, "scopes"),
        person=None if person is None else _person(_typed(values, "person", dict)),
    )


def _person(values: dict[str, Any]) -> Person:
    return Person(
        id=_typed(values, "id", str),
        display_name=_typed(values, "display_name", str),
        emails=_strings(values, "emails"),
        org_id=_typed(values, "org_id", str),
        type=_typed(values, "type", str),
    )


def _typed(values: dict[str, Any], key: str, kind: type[T]) -> T:
    value = values.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(key)
    return value


def _optional(values: dict[str, Any], key: str, kind: type[T]) -> T | None:
    return None if values.get(key) is None else _typed(values, key, kind)


def _strings(values: dict[str, Any], key: str) -> tuple[str, ...]:
    found = _typed(values, key, list)
    if not all(isinstance(value, str) for value in found):
        raise TypeError(key)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class CredentialStore:
    """The records of all profiles in one keyring.

    Every call is bounded to ``bound`` seconds and raises StoreUnavailable when the keyring fails, is
    locked or does not answer. ``lock`` is held around read, refresh and write.
    """

    keyring: Keyring = field(repr=False)
    place: str
    lock: Locker = field(repr=False)
    say: Callable[[str], None] = field(repr=False)
    bound: float = BOUND_UNATTENDED
    plain_file: Callable[[str], Path] | None = None

    def where(self, profile: str) -> str:
        """Where the profile's record is kept, for people; a plain file is called that."""
        if self.plain_file:
            return f"plain file {self.plain_file(profile)}"
        return self.place

    def entry(self, profile: str) -> str:
        """The name of the profile's entry, for messages."""
        return f"The entry {profile!r} in {self.where(profile)}"

    def load(self, profile: str) -> TokenRecord | None:
        """The profile's record, None where there is none. Raises StoreUnavailable."""
        text = self._call("read", lambda: self.keyring.get_password(SERVICE, profile))
        return None if text is None else decode(text, self.entry(profile))

    def load_replaceable(self, profile: str) -> TokenRecord | None:
        """The record that a sign-in is about to replace; None also where it is damaged, and ``say`` says so.

        Raises StoreUnavailable when the store does not answer, and on an entry of a newer version.
        """
        try:
            return self.load(profile)
        except DamagedEntry as error:
            self.say(f"Warning: {error.message}")
            return None

    def save(self, profile: str, record: TokenRecord) -> None:
        """Replace the profile's record, and read it back: some keyrings accept a write and keep nothing.

        Raises StoreUnavailable.
        """
        text = encode(record)
        self._call("written", lambda: self.keyring.set_password(SERVICE, profile, text), record.secrets)
        if self._call("read back", lambda: self.keyring.get_password(SERVICE, profile)) != text:
            raise StoreUnavailable(
                f"{self.place} took the record and did not keep it.",
                "Choose another keyring (`keyring --list-backends` names them), or sign in with --store file.",
            )

    def delete(self, profile: str) -> bool:
        """Remove the profile's record; True if there was one. Raises StoreUnavailable."""
        if self._call("read", lambda: self.keyring.get_password(SERVICE, profile)) is None:
            return False
        self._call("removed", lambda: self.keyring.delete_password(SERVICE, profile))
        return True

    def _call(self, done: str, call: Callable[[], T], secrets: tuple[str | None, ...] = ()) -> T:
        try:
            return bounded(
                call, self.bound, lambda: self.say(f"Waiting for {self.place} (it may ask to be unlocked) …")
            )
        except WebexTokenError:
            raise
        except Exception as error:  # noqa: BLE001 - Windows and third-party backends raise types of their own
            why = printable(scrub(str(error), secrets), 160) or type(error).__name__
            raise StoreUnavailable(
                f"An entry could not be {done} in {self.place}: {why}.",
                "Unlock the keyring and try again; on a machine without one, see --store file.",
            ) from None
