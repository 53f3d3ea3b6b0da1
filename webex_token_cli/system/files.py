"""Files that are replaced whole or not at all, and that only their owner may read unless it is said otherwise."""

import os
import tempfile
from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Make ``folder``, and what is missing above it, for its owner alone. Raises OSError."""
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def private_problem(path: Path) -> str | None:
    """Why ``path``, a file or folder, is not safely ours, in a few words; None when it is.

    A link in its place, another owner, or rights for others are problems. Raises FileNotFoundError.
    """
    found = path.lstat()
    if os.name == "nt":  # the profile folder's access list does this there
        return None
    if path.is_symlink():
        return "it is a symbolic link"
    if found.st_uid != os.getuid():
        return "it belongs to another user"
    if found.st_mode & 0o077:
        return f"others may use it (mode {found.st_mode & 0o777:04o})"
    return None


def unfinished(path: Path) -> list[Path]:
    """What ``write_private(path, …)`` left behind when it was killed."""
    return [each for each in path.parent.glob(".*.new") if each.name.startswith(f".{path.name}.")]


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in one step, readable by its owner alone from the first moment on.

    A reader, or a crash at any point, sees the old file or the new one. Raises OSError, the old file kept.
    """
    write_whole(path, text, mode=0o600)


def write_whole(path: Path, text: str, mode: int) -> None:
    """Replace ``path`` by ``text`` in one step, with the permissions ``mode``; see ``write_private``."""
    make_private_folder(path.parent)
    # mkstemp creates with 0600, so there is no moment at which others could open it.
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
    """Make the rename itself survive a power cut, where folders can be opened for that (not on Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
