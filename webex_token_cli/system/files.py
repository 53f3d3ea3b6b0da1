"""Files that are replaced in one step, and files and folders that only their owner can use."""

import os
import tempfile
from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Make ``folder`` and its missing parents with mode 0700. Raises OSError."""
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def private_problem(path: Path) -> str | None:
    """Why other users may have access to the file or folder ``path``, in a few words; None if only its owner has.

    A symbolic link, another owner and permissions for others are problems. Raises FileNotFoundError.
    """
    found = path.lstat()
    if os.name == "nt":  # the access control list of the user's profile folder keeps others out
        return None
    if path.is_symlink():
        return "it is a symbolic link"
    if found.st_uid != os.getuid():
        return "it belongs to another user"
    if found.st_mode & 0o077:
        return f"others may use it (mode {found.st_mode & 0o777:04o})"
    return None


def unfinished_writes(path: Path) -> list[Path]:
    """The temporary files that ``write_private(path, …)`` leaves if its process is killed."""
    return [each for each in path.parent.glob(".*.new") if each.name.startswith(f".{path.name}.")]


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in one step, with mode 0600 from the first moment on.

    A reader sees the old file or the new one, and so it is after a crash at any point. Raises OSError, and leaves
    the old file in place.
    """
    write_whole(path, text, mode=0o600)


def write_whole(path: Path, text: str, mode: int) -> None:
    """Replace ``path`` by ``text`` in one step, with the permissions ``mode``, as ``write_private`` does."""
    make_private_folder(path.parent)
    # mkstemp creates the file with mode 0600, so there is no moment at which others could open it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if mode != 0o600:
            Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut. Windows cannot open a folder for that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
