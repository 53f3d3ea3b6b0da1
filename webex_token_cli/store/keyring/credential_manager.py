"""Entries of Windows' Credential Manager that no other profile ever moves.

The keyring library's backend has one place for a service, called like the service. Who writes there moves the entry of
another user to a second place first, in two calls. With one service for all profiles, and for the parts of one split
record, a writer would put back an old copy of another profile's record over a new one: it has no lock of that profile.

So each entry has a place of its own here, ``webex-token:PROFILE``, which is written in one call. It is also what the
library finds as user ``PROFILE`` of the service ``webex-token:PROFILE``.

Earlier versions stored through the library. Their entries are read where there is no other, and the next write of the
profile removes them. Nothing writes to the library's places any more, so that this needs no lock but the profile's.
"""

import contextlib
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from webex_token_cli.store.keyring.splitting import Keyring

# The backend of the keyring library that this module stands in for, as PYTHON_KEYRING_BACKEND names it.
BACKEND = "keyring.backends.Windows.WinVaultKeyring"
NAME = "Windows WinVaultKeyring"

# Characters in an entry: CRED_MAX_CREDENTIAL_BLOB_SIZE is 5 * 512 bytes, and the text is stored as UTF-16.
LIMIT = 1280

# wincred.h: CRED_PERSIST_ENTERPRISE, which is the library's default.
_PERSIST_ENTERPRISE = 3

# winerror.h: ERROR_NOT_FOUND
_NOT_FOUND = 1168

# Credential Manager ignores case in the names of places, and profiles do not.
_CAPITALS = {ord(letter): f"%{ord(letter):02x}" for letter in string.ascii_uppercase}

T = TypeVar("T")


class Places(Protocol):
    """The entries of Credential Manager: each has a place, which is its name there, a user and a text."""

    def read(self, place: str) -> tuple[str, str] | None:
        """User and text of the entry at ``place``, or None."""

    def write(self, place: str, username: str, text: str) -> None:
        """Replace the entry at ``place``, in one step."""

    def remove(self, place: str) -> None:
        """Remove the entry at ``place``, if there is one."""


class NoEntryError(Exception):
    """There is no entry to remove."""


@dataclass(frozen=True, slots=True)
class CredentialManager:
    """A keyring over ``places``, in which each entry has a place of its own."""

    places: Places

    def get_password(self, service: str, username: str) -> str | None:
        """The entry, or None."""
        own = place_of(service, username)
        # A writer that moves the entry between the first two calls has written the new one before.
        for place in (own, *_earlier_places(service, username), own):
            text = self._read(place, username)
            if text is not None:
                return text
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Replace the entry, and remove what an earlier version stored."""
        self.places.write(place_of(service, username), username, password)
        with contextlib.suppress(Exception):  # the new entry is found first, and the next write tries again
            self._remove_earlier(service, username)

    def delete_password(self, service: str, username: str) -> None:
        """Remove the entry. Raises NoEntryError if there is none."""
        if self.get_password(service, username) is None:
            raise NoEntryError(f"{place_of(service, username)} is not stored")
        # After a crash in between, the older entry must not be the only one.
        self._remove_earlier(service, username)
        self.places.remove(place_of(service, username))

    def _read(self, place: str, username: str) -> str | None:
        found = self.places.read(place)
        return found[1] if found is not None and found[0] == username else None

    def _remove_earlier(self, service: str, username: str) -> None:
        # The library reads the last of these places first, so what is in the others is older.
        for place in reversed(_earlier_places(service, username)):
            if self._read(place, username) is not None:
                self.places.remove(place)


def place_of(service: str, username: str) -> str:
    """The place of an entry, such as ``webex-token:default``. Two entries have two places, even if case is ignored."""
    return f"{service}:{username.translate(_CAPITALS)}"


def _earlier_places(service: str, username: str) -> tuple[str, str]:
    """Where the keyring library looks for the entry, in its order."""
    return service, f"{username}@{service}"


@dataclass(frozen=True, slots=True)
class WindowsPlaces:
    """The entries of this user's Credential Manager. Other errors than a missing entry are passed on.

    ``persist`` says for how long an entry lasts, as CRED_PERSIST_ENTERPRISE of wincred.h does.
    """

    persist: int = _PERSIST_ENTERPRISE

    def read(self, place: str) -> tuple[str, str] | None:
        """User and text of the entry at ``place``, or None."""
        library = _win32cred()
        found = _unless_missing(lambda: library.CredRead(TargetName=place, Type=library.CRED_TYPE_GENERIC))
        # Bytes that are no text are damage, which is reported when they are decoded as a record.
        return found and (found["UserName"] or "", found["CredentialBlob"].decode("utf-16-le", errors="replace"))

    def write(self, place: str, username: str, text: str) -> None:
        """Replace the entry at ``place``, in one step."""
        library = _win32cred()
        credential = {
            "Type": library.CRED_TYPE_GENERIC,
            "TargetName": place,
            "UserName": username,
            "CredentialBlob": text,
            "Comment": "Stored by webex-token",
            "Persist": self.persist,
        }
        library.CredWrite(credential, 0)

    def remove(self, place: str) -> None:
        """Remove the entry at ``place``, if there is one."""
        library = _win32cred()
        _unless_missing(lambda: library.CredDelete(TargetName=place, Type=library.CRED_TYPE_GENERIC))


def _unless_missing(call: Callable[[], T]) -> T | None:
    try:
        return call()
    except Exception as error:
        if getattr(error, "winerror", None) == _NOT_FOUND:
            return None
        raise


def _win32cred() -> Any:
    """The functions of Credential Manager, from the library that the keyring library uses on this machine."""
    try:
        from win32ctypes.pywin32 import win32cred  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        import win32cred  # type: ignore[import-untyped,import-not-found,unused-ignore]
    return win32cred


@dataclass(frozen=True, slots=True)
class ChainedKeyrings:
    """Several keyrings, as the keyring library's ChainerBackend uses them: the first that can do a thing does it."""

    keyrings: tuple[Keyring, ...]

    def get_password(self, service: str, username: str) -> str | None:
        """The first entry that is found, or None."""
        found = (each.get_password(service, username) for each in self.keyrings)
        return next((text for text in found if text is not None), None)

    def set_password(self, service: str, username: str, password: str) -> None:
        """Replace the entry in the first keyring that can be written."""
        self._first(lambda keyring: keyring.set_password(service, username, password))

    def delete_password(self, service: str, username: str) -> None:
        """Remove the entry from the first keyring that can be written."""
        self._first(lambda keyring: keyring.delete_password(service, username))

    def _first(self, call: Callable[[Keyring], None]) -> None:
        for each in self.keyrings:
            with contextlib.suppress(NotImplementedError):
                call(each)
                return
        raise NotImplementedError("none of the chained keyrings can be written")


def with_entries_of_their_own(backend: Keyring) -> Keyring:
    """``backend``, but a CredentialManager where it is, or chains, the keyring library's backend for Windows."""
    from keyring.backends.chainer import ChainerBackend
    from keyring.backends.Windows import WinVaultKeyring

    if isinstance(backend, WinVaultKeyring):
        return CredentialManager(WindowsPlaces(int(backend.persist)))
    if isinstance(backend, ChainerBackend) and any(isinstance(each, WinVaultKeyring) for each in backend.backends):
        return ChainedKeyrings(tuple(with_entries_of_their_own(each) for each in backend.backends))
    return backend
