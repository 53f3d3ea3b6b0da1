"""Splits entries that are too large for their keyring into parts.

Windows' Credential Manager holds 2,560 bytes in an entry, which is 1,280 characters of UTF-16, and a record with
a self-contained access token is twice as long. A large entry is therefore written in three steps: first its parts;
then the head, an entry that names the parts; then the parts that the old head named are removed. The head is
one entry and one write, so a reader finds the old record or the new one, at every moment, even if a writer dies.

There are two sets of parts, used in turn. The next writer overwrites the parts that a dead writer left.

Every entry is overwritten before it is removed, because some keyrings keep what was removed: KeePassXC moves it to
its recycle bin.
"""

import contextlib
import itertools
import json
import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

VERSION = 1

# Characters in a part if a keyring of unknown limit has refused a whole record: the smallest limit that is known.
FALLBACK_LIMIT = 1280

# Records have about 1,000 to 5,000 characters. A head that names more parts than this is damaged.
_MAX_PARTS = 64

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)

# If a writer replaces the parts while a reader reads them, the reader starts again. Once is nearly always enough;
# a writer does not get in between this often in a row.
_READ_ATTEMPTS = 5


# The text of an entry while it is being removed, and after that only if its removal fails.
REMOVED = json.dumps({"version": VERSION, "removed": True})


class TooLarge(Exception):
    """An entry of ``size`` characters does not fit into as many parts as there can be, which hold ``limit``."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__()
        self.size = size
        self.limit = limit


class Keyring(Protocol):
    """The methods of ``keyring.backend.KeyringBackend`` that the stores use."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


@runtime_checkable
class KeyringWithHistory(Keyring, Protocol):
    """A keyring that may keep earlier versions of an entry."""

    def overwrite(self, service: str, username: str, text: str) -> None:
        """Replace the entry and its earlier versions by ``text``."""


class Head(NamedTuple):
    """Names the parts of an entry: their set (0 or 1), how many they are, and the SHA-256 of the whole text."""

    set: int
    parts: int
    sha256: str

    @classmethod
    def parse(cls, text: str) -> "Head | None":
        """The head that ``text`` holds; None if it is not a head, or the head of a newer version."""
        if len(text) > 300 or '"split"' not in text:
            return None
        try:
            found = json.loads(text)
            split = found["split"]
            version, head = found["version"], cls(split["set"], split["parts"], split["sha256"])
        except (ValueError, TypeError, KeyError):
            return None
        # JSON also has true and 1.0, which equal 1 in Python but are other parts of a name.
        if [type(value) for value in (version, *head)] != [int, int, int, str]:
            return None
        sensible = head.set in (0, 1) and 0 < head.parts <= _MAX_PARTS and _SHA256.fullmatch(head.sha256)
        return head if version == VERSION and sensible else None

    def encoded(self) -> str:
        """The head as the text of an entry."""
        return json.dumps({"version": VERSION, "split": {"set": self.set, "parts": self.parts, "sha256": self.sha256}})


@dataclass(slots=True, eq=False, repr=False)
class SplittingKeyring:
    """A keyring with entries of any size, on top of ``keyring``, whose entries have a limited size.

    ``limit`` is the number of characters that an entry of ``keyring`` can hold. If it is None, the limit is
    unknown: an entry is split only after ``keyring`` has refused it whole. Errors of ``keyring`` are passed on.
    """

    keyring: Keyring
    limit: int | None = None

    def get_password(self, service: str, username: str) -> str | None:
        """The whole entry, or None. If parts are missing or changed, the text of the head, which is not a record."""
        text = self.keyring.get_password(service, username)
        for _ in range(_READ_ATTEMPTS):
            head = None if text is None else Head.parse(text)
            if head is None:
                return text
            whole = self._join(service, username, head)
            if whole is not None:
                return whole
            text = self.keyring.get_password(service, username)
        return text

    def set_password(self, service: str, username: str, password: str) -> None:
        """Replace the entry. After an error or a crash at any point, the old entry or the new one is there, whole.

        Raises TooLarge, and writes nothing, if the entry has to be split into more parts than a reader accepts.
        """
        before = self._head(service, username)
        if self.limit is not None and len(password) > self.limit:
            self._split(service, username, password, self.limit, before)
            return
        try:
            self.keyring.set_password(service, username, password)
        except Exception:
            if self.limit is not None or len(password) <= FALLBACK_LIMIT:
                raise
            self._split(service, username, password, FALLBACK_LIMIT, before)
            return
        if before is not None or self.limit is not None:
            self._try_remove_other_parts(service, username, keep=None)

    def delete_password(self, service: str, username: str) -> None:
        """Remove the entry. Its parts go first, so that a crash leaves no secret that nothing points to."""
        text = self.keyring.get_password(service, username)
        if self.limit is not None or (text is not None and Head.parse(text) is not None):
            self._remove_parts(service, username, keep=None)
        if text is None:
            self.keyring.delete_password(service, username)
        else:
            self._erase(service, username)

    def discard(self, service: str, username: str, size: int) -> None:
        """Remove an entry of at most ``size`` characters without reading it. Raises nothing.

        Every name that its parts can have is tried. This is for a keyring that fails to read.
        """
        parts = [_part(username, which, number) for which in (0, 1) for number in range(-(-size // FALLBACK_LIMIT))]
        for name in (*parts, username):
            with contextlib.suppress(Exception):
                self.keyring.delete_password(service, name)

    def _head(self, service: str, username: str) -> Head | None:
        text = self.keyring.get_password(service, username)
        return None if text is None else Head.parse(text)

    def _join(self, service: str, username: str, head: Head) -> str | None:
        parts = [self.keyring.get_password(service, _part(username, head.set, n)) for n in range(head.parts)]
        whole = "".join(part or "" for part in parts)
        return whole if _digest(whole) == head.sha256 else None

    def _split(self, service: str, username: str, password: str, limit: int, before: Head | None) -> None:
        if len(password) > limit * _MAX_PARTS:
            raise TooLarge(len(password), limit * _MAX_PARTS)
        other = 0 if before is None else 1 - before.set
        pieces = [password[start : start + limit] for start in range(0, len(password), limit)]
        for number, piece in enumerate(pieces):
            self.keyring.set_password(service, _part(username, other, number), piece)
        self.keyring.set_password(service, username, Head(other, len(pieces), _digest(password)).encoded())
        self._try_remove_other_parts(service, username, keep=Head(other, len(pieces), ""))

    def _try_remove_other_parts(self, service: str, username: str, keep: Head | None) -> None:
        """Remove old parts after a successful write. A failure is ignored, because the next write tries again."""
        with contextlib.suppress(Exception):
            self._remove_parts(service, username, keep)

    def _remove_parts(self, service: str, username: str, keep: Head | None) -> None:
        """Remove every part that ``keep`` does not name.

        Parts are written in ascending order and removed in descending order. So a set never has a gap, even after
        an interruption, and the first missing part is its end.
        """
        for which in (0, 1):
            first = keep.parts if keep is not None and keep.set == which else 0
            names = [_part(username, which, number) for number in range(first, _MAX_PARTS)]
            existing = itertools.takewhile(lambda name: self.keyring.get_password(service, name) is not None, names)
            for name in reversed(list(existing)):
                self._erase(service, name)

    def _erase(self, service: str, name: str) -> None:
        """Overwrite the entry ``name`` of the keyring, which exists, and remove it."""
        # An entry that cannot be overwritten is removed all the same.
        with contextlib.suppress(Exception):
            if isinstance(self.keyring, KeyringWithHistory):
                self.keyring.overwrite(service, name, REMOVED)
            else:
                self.keyring.set_password(service, name, REMOVED)
        self.keyring.delete_password(service, name)


def _part(username: str, which: int, number: int) -> str:
    # A profile's name cannot contain a "#", so a part never has the name of another profile's entry.
    return f"{username}#{which}.{number}"


def _digest(text: str) -> str:
    import hashlib  # it takes 3 ms, and most records are not split

    # A keyring of UTF-16 can hold half a pair of surrogates.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
