"""Keyrings that fail in different ways. Their entries are in a file, so that several processes share them.

The program under test uses one of them if ``PYTHON_KEYRING_BACKEND`` names it.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.compat import properties
from keyring.errors import KeyringLocked, PasswordDeleteError

FILE = "WEBEX_TOKEN_TEST_KEYRING"


class Shelf(KeyringBackend):
    """Works. The file that the variable names holds its entries as JSON: ``{user name: password}``."""

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
    """Refuses entries of more than 1,280 characters of UTF-16, as Windows' does."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > 2560:
            raise OSError(1783, "CredWrite", "The stub received bad data")
        super().set_password(service, username, password)


class Locked(Shelf):
    """Is locked, and nobody unlocks it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("Failed to unlock the collection!")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked("Failed to unlock the collection!")


class EveryThirdFails(Shelf):
    """Fails at every third write, counted over all processes."""

    def set_password(self, service: str, username: str, password: str) -> None:
        counter = self._file.with_suffix(".count")
        count = int(counter.read_text()) + 1 if counter.exists() else 1
        counter.write_text(str(count))
        if count % 3 == 0:
            raise OSError("the daemon was restarted")
        super().set_password(service, username, password)


class UnknownError(Exception):
    """An exception that is not the keyring library's own."""


class Foreign(Shelf):
    """Fails with an exception of its own, whose text holds the entry."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise UnknownError(f"0x8007: cannot keep {password}")


class Forgetful(Shelf):
    """Reports success and stores nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Unreadable(Shelf):
    """Stores an entry, and cannot read it back."""

    def get_password(self, service: str, username: str) -> str | None:
        if super().get_password(service, username) is not None:
            raise OSError("the daemon was restarted")
        return None


class Clinging(Shelf):
    """Reports success and removes nothing."""

    def delete_password(self, service: str, username: str) -> None:
        pass


class Dawdling(Shelf):
    """Stores an entry, and returns a minute later."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        time.sleep(60)


class Talkative(Shelf):
    """Prints to both streams whatever it does, itself and through a program, as ``pass`` does."""

    def get_password(self, service: str, username: str) -> str | None:
        self._talk()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._talk()
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self._talk()
        super().delete_password(service, username)

    def _talk(self) -> None:
        print("talking")
        subprocess.run(["sh", "-c", "echo talking; echo Error: talking >&2"], check=True)


class Wordy(Talkative):
    """Fails, and only what it prints says why."""

    def set_password(self, service: str, username: str, password: str) -> None:
        subprocess.run(["sh", "-c", 'echo "gpg: no public key for $1" >&2; exit 2', "sh", password], check=True)


class Plain(Shelf):
    """As keyrings.alt's keyring of unencrypted files: the library does not recommend it, and one can choose it."""

    @properties.classproperty
    def priority(cls) -> float:  # noqa: N805 - keyring's own spelling
        return 0.5


class Slow(Shelf):
    """Asks something on standard error, and waits."""

    def get_password(self, service: str, username: str) -> str | None:
        print("What is your password?", file=sys.stderr)
        time.sleep(2.5)
        return super().get_password(service, username)
