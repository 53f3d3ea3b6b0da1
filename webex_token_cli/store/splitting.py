"""Entries too large for their keyring, in parts behind one head.

Windows' Credential Manager holds 2,560 bytes an entry, which is 1,280 characters of UTF-16, and a record with
a self-contained access token is twice that. So a large entry is written in parts, then the head that names
them, then the parts that the head named before go. The head is one entry and one write: whoever reads, at
whatever moment, and whenever the writer died, finds the old record or the new one.

There are two sets of parts, used in turn. What a writer that died has left in one is overwritten by the next.
"""

import contextlib
import hashlib
import itertools
import json
from dataclasses import dataclass
from typing import Protocol

VERSION = 1

# What a part may hold, in characters, where a keyring has refused a whole record and not said why.
SMALL = 1280

# Records have some 1,000 to 5,000 characters. More parts than this are nobody's.
_MOST_PARTS = 64

# A reader that finds parts missing or changed was overtaken by a writer, and looks again. Once is nearly always
# enough; that a writer overtakes it this often in a row does not happen.
_LOOKS = 5


class Keyring(Protocol):
    """The part of ``keyring.backend.KeyringBackend`` that is used."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Head:
    """Which parts make the entry: their set, their number, and the SHA-256 of the whole."""

    set: int
    parts: int
    sha256: str

    @classmethod
    def parse(cls, text: str) -> "Head | None":
        """The head in an entry's ``text``; None when it is none, a newer version's among them."""
        if len(text) > 300 or '"split"' not in text:
            return None
        try:
            found = json.loads(text)
            split = found["split"]
            if found["version"] != VERSION:
                return None
            head = cls(split["set"], split["parts"], split["sha256"])
        except (ValueError, TypeError, KeyError):
            return None
        sensible = head.set in (0, 1) and isinstance(head.parts, int) and 0 < head.parts <= _MOST_PARTS
        return head if sensible and isinstance(head.sha256, str) else None

    def encoded(self) -> str:
        """The head as the text of an entry."""
        return json.dumps({"version": VERSION, "split": {"set": self.set, "parts": self.parts, "sha256": self.sha256}})


@dataclass(frozen=True, slots=True)
class SplittingKeyring:
    """A keyring whose entries may be of any size, over one whose entries may not.

    ``limit`` is what an entry of it can hold, in characters, and None where that is not known: then the whole
    is tried first, and split when it is refused. Whatever ``keyring`` raises comes through.
    """

    keyring: Keyring
    limit: int | None = None

    def get_password(self, service: str, username: str) -> str | None:
        """The whole entry, or None; the head itself when its parts are not to be had."""
        text = self.keyring.get_password(service, username)
        for _ in range(_LOOKS):
            head = None if text is None else Head.parse(text)
            if head is None:
                return text
            whole = self._joined(service, username, head)
            if whole is not None:
                return whole
            text = self.keyring.get_password(service, username)
        return text

    def set_password(self, service: str, username: str, password: str) -> None:
        """Replace the entry. Whatever is raised, and wherever a process dies in here, one whole record is there."""
        before = self._head(service, username)
        if self.limit is not None and len(password) > self.limit:
            self._split(service, username, password, self.limit, before)
            return
        try:
            self.keyring.set_password(service, username, password)
        except Exception:
            if self.limit is not None or len(password) <= SMALL:
                raise
            self._split(service, username, password, SMALL, before)
            return
        if before is not None or self.limit is not None:
            self._tidy(service, username, kept=None)

    def delete_password(self, service: str, username: str) -> None:
        """Remove the entry, its parts first: no secret is left that nothing leads to."""
        if self._head(service, username) is not None or self.limit is not None:
            self._sweep(service, username, kept=None)
        self.keyring.delete_password(service, username)

    def discard(self, service: str, username: str, size: int) -> None:
        """Remove an entry of at most ``size`` characters, by the names it can have, without reading any of it.

        For an entry that nobody needs, where reading is what fails. Raises nothing: what is not there is gone.
        """
        parts = [_part(username, which, number) for which in (0, 1) for number in range(-(-size // SMALL))]
        for name in (*parts, username):
            with contextlib.suppress(Exception):
                self.keyring.delete_password(service, name)

    def _head(self, service: str, username: str) -> Head | None:
        text = self.keyring.get_password(service, username)
        return None if text is None else Head.parse(text)

    def _joined(self, service: str, username: str, head: Head) -> str | None:
        parts = [self.keyring.get_password(service, _part(username, head.set, n)) for n in range(head.parts)]
        whole = "".join(part or "" for part in parts)
        return whole if _digest(whole) == head.sha256 else None

    def _split(self, service: str, username: str, password: str, limit: int, before: Head | None) -> None:
        other = 0 if before is None else 1 - before.set
        pieces = [password[start : start + limit] for start in range(0, len(password), limit)]
        for number, piece in enumerate(pieces):
            self.keyring.set_password(service, _part(username, other, number), piece)
        self.keyring.set_password(service, username, Head(other, len(pieces), _digest(password)).encoded())
        self._tidy(service, username, kept=Head(other, len(pieces), ""))

    def _tidy(self, service: str, username: str, kept: Head | None) -> None:
        """Sweep after a write that has succeeded, and still has if this fails: the next one sweeps again."""
        with contextlib.suppress(Exception):
            self._sweep(service, username, kept)

    def _sweep(self, service: str, username: str, kept: Head | None) -> None:
        """Remove every part that ``kept`` does not name, the last first: what an interruption leaves has no gap.

        Parts are written the first first, so the one that is missing ends a set, here as everywhere.
        """
        for which in (0, 1):
            first = kept.parts if kept is not None and kept.set == which else 0
            names = [_part(username, which, number) for number in range(first, _MOST_PARTS)]
            there = itertools.takewhile(lambda name: self.keyring.get_password(service, name) is not None, names)
            for name in reversed(list(there)):
                self.keyring.delete_password(service, name)


def _part(username: str, which: int, number: int) -> str:
    # No profile's name has a "#" in it.
    return f"{username}#{which}.{number}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
