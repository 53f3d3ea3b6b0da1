"""A keyring of plain files, for machines that have no other: ``--store file``.

One 0600 file an entry, in one 0700 folder. It is chosen, never fallen into: it declares itself unviable
so that the keyring library's search for a backend cannot pick it.
"""

import string
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.compat import properties
from keyring.errors import KeyringError, PasswordDeleteError, PasswordSetError

from webex_token_cli.system.files import private_problem, unfinished, write_private

_PLAIN = frozenset(string.ascii_lowercase + string.digits + "._-@")


def file_name(service: str, username: str) -> str:
    """The name of an entry's file. Capitals are escaped: some file systems do not tell them apart."""
    return f"{_escaped(service)}+{_escaped(username)}.json"


def _escaped(text: str) -> str:
    return "".join(c if c in _PLAIN else "".join(f"%{byte:02x}" for byte in c.encode()) for c in text)


class FileKeyring(KeyringBackend):
    """Entries as files below ``folder``."""

    @properties.classproperty
    def priority(cls) -> float:  # noqa: N805 - keyring's own spelling
        raise RuntimeError("chosen with --store file, never found")

    def __init__(self, folder: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = folder

    def path(self, service: str, username: str) -> Path:
        """The file that holds the entry, or would."""
        return self.folder / file_name(service, username)

    def get_password(self, service: str, username: str) -> str | None:
        """The entry, or None. Raises KeyringError when it is not safely ours or not readable."""
        path = self.path(service, username)
        try:
            self._refuse_unsafe(path)
            # What is no UTF-8 is damage, which the record's reader names.
            return path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise KeyringError(f"{path}: {_why(error)}") from error

    def set_password(self, service: str, username: str, password: str) -> None:
        """Replace the entry in one step. Raises PasswordSetError, the old entry kept."""
        path = self.path(service, username)
        try:
            self._refuse_unsafe_folder()
            self._sweep(path)
            write_private(path, password)
        except OSError as error:
            raise PasswordSetError(f"{path}: {_why(error)}") from error

    def delete_password(self, service: str, username: str) -> None:
        """Remove the entry. Raises PasswordDeleteError when there is none or it cannot be removed."""
        path = self.path(service, username)
        try:
            self._sweep(path)
            path.unlink()
        except OSError as error:
            raise PasswordDeleteError(f"{path}: {_why(error)}") from error

    def _sweep(self, path: Path) -> None:
        """Remove what a process that was killed in the middle of a write left behind.

        Nobody else is writing now: whoever writes holds the entry's lock.
        """
        for leftover in unfinished(path):
            leftover.unlink(missing_ok=True)

    def _refuse_unsafe(self, path: Path) -> None:
        self._refuse_unsafe_folder()
        problem = private_problem(path)
        if problem:
            raise KeyringError(f"{path}: {problem}; secrets in it may be known to others")

    def _refuse_unsafe_folder(self) -> None:
        try:
            problem = private_problem(self.folder)
        except FileNotFoundError:
            return
        if problem:
            raise KeyringError(f"{self.folder}: {problem}")


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
