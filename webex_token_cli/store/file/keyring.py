"""A keyring of unencrypted files, for machines that have no other: ``--store file``.

Each entry is a file with mode 0600, in a folder with mode 0700. It has the methods of the keyring library's backends
and does not import that library, which takes longer to import than everything else that `get` needs.
"""

import contextlib
from pathlib import Path

from webex_token_cli.store.local.file_names import file_name
from webex_token_cli.system.files import (
    ReservedFile,
    UnfinishedWrites,
    private_problem,
    read_text,
    remove,
    remove_unfinished_writes,
    replace_in_room,
)


class EntryFileError(Exception):
    """The file of an entry cannot be read, written or removed."""


class FileKeyring:
    """Entries as files below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._reserved: dict[Path, ReservedFile] = {}
        self._unfinished = UnfinishedWrites(folder)

    def path(self, service: str, username: str) -> Path:
        """The path of the entry's file, which may not exist."""
        return self.folder / file_name(service, username)

    def get_password(self, service: str, username: str) -> str | None:
        """The entry, or None. Raises EntryFileError if it is unreadable, or if other users may have access to it."""
        path = self.path(service, username)
        try:
            self._refuse_unsafe(path)
            # Bytes that are not UTF-8 are damage, which is reported when the text is decoded as a record.
            return read_text(path, "utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EntryFileError(f"{path}: {_reason(error)}") from error

    def set_password(self, service: str, username: str, password: str) -> None:
        """Replace the entry in one step. Raises EntryFileError and leaves the old entry in place if that fails."""
        path = self.path(service, username)
        try:
            self._refuse_unsafe_folder()
            replace_in_room(path, password, self._reserved.pop(path, None), self._unfinished.beside)
        except OSError as error:
            raise EntryFileError(f"{path}: {_reason(error)}") from error

    def reserve(self, service: str, username: str, size: int) -> None:
        """Reserve ``size`` bytes on the disk, in which the next ``set_password`` writes the entry.

        Raises EntryFileError if there is no room for them. ``release`` gives the room back.
        """
        path = self.path(service, username)
        try:
            self._refuse_unsafe_folder()
            self._reserved[path] = ReservedFile.beside(path, size)
        except OSError as error:
            raise EntryFileError(f"{path}: {_reason(error)}") from error

    def release(self, service: str, username: str) -> None:
        """Give back the room that is still reserved for the entry, if any. Raises nothing."""
        reserved = self._reserved.pop(self.path(service, username), None)
        if reserved is not None:
            with contextlib.suppress(OSError):
                reserved.remove()

    def delete_password(self, service: str, username: str) -> None:
        """Remove the entry. Raises EntryFileError if there is none, or if it cannot be removed."""
        path = self.path(service, username)
        try:
            remove_unfinished_writes(path)
            remove(path)
        except OSError as error:
            raise EntryFileError(f"{path}: {_reason(error)}") from error

    def _refuse_unsafe(self, path: Path) -> None:
        self._refuse_unsafe_folder()
        problem = private_problem(path)
        if problem:
            raise EntryFileError(f"{path}: {problem}; secrets in it may be known to others")

    def _refuse_unsafe_folder(self) -> None:
        try:
            problem = private_problem(self.folder)
        except FileNotFoundError:
            return
        if problem:
            raise EntryFileError(f"{self.folder}: {problem}")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
