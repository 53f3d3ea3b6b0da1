"""Token records as entries of a keyring: one entry a profile, one write a record."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from webex_token_cli.errors import DamagedEntry, StoreUnavailable
from webex_token_cli.store.splitting import Keyring
from webex_token_cli.system.timeouts import ExclusiveCalls, TimeoutExceeded
from webex_token_cli.text import printable, scrub
from webex_token_cli.tokens import Person, TokenRecord, is_bearer_token

SERVICE = "webex-token"
VERSION = 1

# Time for a person at a terminal to notice the keyring's dialog and to type a password, in seconds.
BOUND_WITH_A_PERSON = 120.0
# Time for a keyring that answers at all, on a machine under load.
BOUND_UNATTENDED = 20.0

# The year 9999: the calendar ends there, and nothing that Webex grants comes near it.
_LATEST = 253_402_300_799

T = TypeVar("T")


class Locker(Protocol):
    """Opens a context in which no other process changes the profile's entry."""

    def __call__(self, profile: str, /) -> contextlib.AbstractContextManager[None]: ...


def encode(record: TokenRecord) -> str:
    """``record`` as the text of an entry."""
    return json.dumps(as_values(record), separators=(",", ":"))


def as_values(record: TokenRecord) -> dict[str, Any]:
    """``record`` as the values of an entry, its version first."""
    return {"version": VERSION, **asdict(record)}


def decode(text: str, entry: str) -> TokenRecord:
    """The record in the text of the entry that people know as ``entry``.

    Raises StoreUnavailable, naming the entry and never its content, when the text is no record or a
    newer version's.
    """
    try:
        values = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        values = None
    return from_values(values, entry)


def from_values(values: object, entry: str) -> TokenRecord:
    """The record in the decoded JSON ``values`` of the entry that people know as ``entry``. Raises as ``decode``."""
    if not isinstance(values, dict) or "version" not in values:
        raise _corrupt(entry, "it is not a record of this program")
    version = values["version"]
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
    return TokenRecord(
        access_token=_token(values, "access_token"),
        access_expires_at=_moment(values, "access_expires_at"),
        refresh_token=_optional(values, "refresh_token", _token),
        refresh_expires_at=_optional(values, "refresh_expires_at", _moment),
        changed_at=_moment(values, "changed_at"),
        refreshed_at=_moment(values, "refreshed_at"),
        client_id=_typed(values, "client_id", str),
        client_secret=_typed(values, "client_secret", str),
        scopes=_optional(values, "scopes", _strings),
        person=_optional(values, "person", _person),
    )


def _person(record: dict[str, Any], key: str) -> Person:
    values = _typed(record, key, dict)
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


def _optional(values: dict[str, Any], key: str, read: Callable[[dict[str, Any], str], T]) -> T | None:
    return None if values.get(key) is None else read(values, key)


def _token(values: dict[str, Any], key: str) -> str:
    value = _typed(values, key, str)
    if not is_bearer_token(value):
        raise ValueError(key)
    return value


def _moment(values: dict[str, Any], key: str) -> int:
    value = _typed(values, key, int)
    if not 0 <= value <= _LATEST:
        raise ValueError(key)
    return value


def _strings(values: dict[str, Any], key: str) -> tuple[str, ...]:
    found = _typed(values, key, list)
    if not all(isinstance(value, str) for value in found):
        raise TypeError(key)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class CredentialStore:
    """The records of all profiles in one keyring.

    Every call is bounded to ``bound`` seconds and raises StoreUnavailable when the keyring fails, is
    locked or does not answer. ``lock`` is held around read, refresh and write; ``check`` raises
    StoreUnavailable when it could not be, before anything is asked of a person.
    """

    keyring: Keyring = field(repr=False)
    place: str
    lock: Locker = field(repr=False)
    say: Callable[[str], None] = field(repr=False)
    bound: float = BOUND_UNATTENDED
    plain_file: Callable[[str], Path] | None = None
    check: Callable[[], None] = field(default=lambda: None, repr=False)
    calls: ExclusiveCalls = field(default_factory=ExclusiveCalls, repr=False)

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
        """Remove the profile's record, even one that cannot be read; True if there was one.

        Raises StoreUnavailable.
        """
        try:
            self._call("removed", lambda: self.keyring.delete_password(SERVICE, profile))
        except StoreUnavailable:
            # Keyrings say in words of their own that there is nothing to remove.
            if self._call("read", lambda: self.keyring.get_password(SERVICE, profile)) is None:
                return False
            raise
        return True

    def _call(self, done: str, call: Callable[[], T], secrets: tuple[str | None, ...] = ()) -> T:
        try:
            return self.calls(
                call, self.bound, lambda: self.say(f"Waiting for {self.place} (it may ask to be unlocked) …")
            )
        except TimeoutExceeded:
            raise StoreUnavailable(
                f"{self.place} did not answer within {self.bound:.0f} seconds.",
                "It may be waiting for its password in a window: unlock it and try again, or see --store file.",
            ) from None
        except Exception as error:  # noqa: BLE001 - Windows and third-party backends raise types of their own
            why = printable(scrub(str(error), secrets), 500) or type(error).__name__
            raise StoreUnavailable(
                f"An entry could not be {done} in {self.place}: {why}.",
                "See to the owner, the permissions (0600, the folder 0700) and the free space there, then try again."
                if self.plain_file
                else "Unlock the keyring and try again; on a machine without one, see --store file.",
            ) from None
