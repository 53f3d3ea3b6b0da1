"""Keyrings with a temper: for a process under test through ``PYTHON_KEYRING_BACKEND``, their entries in a file."""

import json
import os
import time
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.compat import properties
from keyring.errors import KeyringLocked, PasswordDeleteError

FILE = "WEBEX_TOKEN_TEST_KEYRING"


class Shelf(KeyringBackend):
    """A keyring that works; entries are ``{user name: password}`` in the file that the variable names."""

    name = "Shelf"

    @properties.classproperty
    def priority(cls) -> float:  # noqa: N805 - keyring's own spelling
        return 1

    @property
    def _file(self) -> Path:
        return Path(os.environ[FILE])

    def _entries(self) -> dict[str, str]:
        entries: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}
        return entries

    def get_password(self, service: str, username: str) -> str | None:
        return self._entries().get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._file.write_text(json.dumps({**self._entries(), username: password}))

    def delete_password(self, service: str, username: str) -> None:
        entries = self._entries()
        if username not in entries:
            raise PasswordDeleteError("No such password!")
        del entries[username]
        self._file.write_text(json.dumps(entries))


class Limited(Shelf):
    """Refuses, as Windows' does, what is longer than 1,280 characters of UTF-16."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > 2560:
            raise OSError(1783, "CredWrite", "The stub received bad data")
        super().set_password(service, username, password)


class Locked(Shelf):
    """Nobody unlocks it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("Failed to unlock the collection!")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked("Failed to unlock the collection!")


class EveryThirdFails(Shelf):
    """Every third write fails, over all processes."""

    def set_password(self, service: str, username: str, password: str) -> None:
        counter = self._file.with_suffix(".count")
        count = int(counter.read_text()) + 1 if counter.exists() else 1
        counter.write_text(str(count))
        if count % 3 == 0:
            raise OSError("the daemon was restarted")
        super().set_password(service, username, password)


class TheirOwnError(Exception):
    """What the library has never heard of."""


class Foreign(Shelf):
    """Fails in a way of its own, and blurts out what it was given."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise TheirOwnError(f"0x8007: cannot keep {password}")


class Forgetful(Shelf):
    """Says yes and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Unreadable(Shelf):
    """Takes an entry, and then cannot read it."""

    def get_password(self, service: str, username: str) -> str | None:
        if super().get_password(service, username) is not None:
            raise OSError("the daemon was restarted")
        return None


class Clinging(Shelf):
    """Says yes and removes nothing."""

    def delete_password(self, service: str, username: str) -> None:
        pass


class Dawdling(Shelf):
    """Takes an entry, and is not done for a minute."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        time.sleep(60)
