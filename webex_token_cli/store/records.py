"""The JSON text of a record, as an entry of a credential store holds it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from webex_token_cli.errors import DamagedEntry, StoreUnavailable
from webex_token_cli.text import is_bearer_token, is_encodable, is_refresh_token, printable
from webex_token_cli.tokens import Person, TokenRecord

VERSION = 1

# The end of the year 9999 in UTC epoch seconds, which is the last that datetime can show.
_LATEST = 253_402_300_799

# Present and false if it is unknown when the access token expires.
_KNOWN = "access_expiry_known"

# Present if Webex does not extend the refresh token.
_UNEXTENDED = "refresh_unextended_since"

T = TypeVar("T")


def encode(record: TokenRecord) -> str:
    """The text of an entry for ``record``."""
    return json.dumps(as_values(record), separators=(",", ":"))


def as_values(record: TokenRecord) -> dict[str, Any]:
    """The JSON values of an entry for ``record``, with the version first.

    An unknown expiry is marked by a key of its own, because versions without that key require an expiry. They read
    the time until which the token is relied on, and so renew it as early as this version does. They ignore a key
    that they do not know, such as the one that is written only for a refresh token that Webex does not extend.
    """
    values = {"version": VERSION, **asdict(record)}
    if record.refresh_unextended_since is None:
        del values[_UNEXTENDED]
    if record.access_expires_at is None:
        values |= {"access_expires_at": record.relied_on_until, _KNOWN: False}
    return values


def decode(text: str, entry: str) -> TokenRecord:
    """The record that ``text`` holds. ``entry`` names the entry in messages.

    Raises DamagedEntry if the text is not a record, and StoreUnavailable if a newer version wrote it. Neither
    message ever repeats the text, which may hold secrets.
    """
    try:
        values = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        values = None
    return from_values(values, entry)


def from_values(values: object, entry: str) -> TokenRecord:
    """The record that the decoded JSON ``values`` hold. ``entry`` and the errors are those of ``decode``."""
    if not isinstance(values, dict) or "version" not in values:
        raise _damaged(entry, "it is not a record of webex-token")
    version = values["version"]
    if type(version) is not int or version < 1:
        raise _damaged(entry, "version is missing or wrong")
    if version > VERSION:
        raise newer(entry, version, "record")
    try:
        return _record(values)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(entry, f"{error.args[0] if error.args else 'a key'!s} is missing or wrong") from None


def newer(entry: str, version: int, what: str) -> StoreUnavailable:
    """The error for an entry that is, or has, a ``what`` of a ``version`` that this program cannot read."""
    return StoreUnavailable(
        f"{entry} was written by a newer webex-token (version {printable(str(version), 20)} of the {what}).",
        "Upgrade webex-token; nothing was changed.",
    )


def _damaged(entry: str, why: str) -> DamagedEntry:
    return DamagedEntry(
        f"{entry} is damaged: {printable(why, 100)}.",
        "Nothing was changed; sign in with `webex-token login` to replace it.",
    )


def _record(values: dict[str, Any]) -> TokenRecord:
    return TokenRecord(
        access_token=_token(values, "access_token", is_bearer_token),
        access_expires_at=None if values.get(_KNOWN) is False else _timestamp(values, "access_expires_at"),
        refresh_token=_optional(values, "refresh_token", _refresh_token),
        refresh_expires_at=_optional(values, "refresh_expires_at", _timestamp),
        changed_at=_timestamp(values, "changed_at"),
        refreshed_at=_timestamp(values, "refreshed_at"),
        client_id=_typed(values, "client_id", str),
        client_secret=_typed(values, "client_secret", str),
        scopes=_optional(values, "scopes", _strings),
        person=_optional(values, "person", _person),
        refresh_unextended_since=_optional(values, _UNEXTENDED, _timestamp),
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
    if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, str) and not is_encodable(value)):
        raise TypeError(key)
    return value


def _optional(values: dict[str, Any], key: str, read: Callable[[dict[str, Any], str], T]) -> T | None:
    return None if values.get(key) is None else read(values, key)


def _token(values: dict[str, Any], key: str, is_valid: Callable[[str], bool]) -> str:
    value = _typed(values, key, str)
    if not is_valid(value):
        raise ValueError(key)
    return value


def _refresh_token(values: dict[str, Any], key: str) -> str:
    return _token(values, key, is_refresh_token)


def _timestamp(values: dict[str, Any], key: str) -> int:
    value = _typed(values, key, int)
    if not 0 <= value <= _LATEST:
        raise ValueError(key)
    return value


def _strings(values: dict[str, Any], key: str) -> tuple[str, ...]:
    found = _typed(values, key, list)
    if not all(isinstance(value, str) and is_encodable(value) for value in found):
        raise TypeError(key)
    return tuple(found)
