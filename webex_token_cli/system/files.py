"""Files that are replaced in one step, and files and folders that only their owner can use."""

import contextlib
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self, TypeVar

# Seconds for which Windows is asked again while another process has a file open. Our own processes have it open for a
# millisecond, and a virus scanner for a second or two.
IN_USE_TIMEOUT = 5.0

# Seconds between two attempts: the first is as long as a short read takes, and the others grow up to the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05

# winerror.h: ERROR_ACCESS_DENIED, also for a file that is being replaced or removed, and ERROR_SHARING_VIOLATION.
_IN_USE = (5, 32)

T = TypeVar("T")


def while_in_use(
    call: Callable[[], T],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    timeout: float = IN_USE_TIMEOUT,
) -> T:
    """The result of ``call``, which is made again while Windows says that another process has its file open.

    On Windows a file cannot be replaced or removed while somebody reads it, and not be read while it is replaced.
    Raises the last error if that lasts longer than ``timeout`` seconds, and any other error at once.
    """
    deadline, pause = clock() + timeout, _FIRST_PAUSE
    while True:
        try:
            return call()
        except PermissionError as error:
            if not _is_in_use(error) or clock() >= deadline:
                raise
        sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _is_in_use(error: PermissionError) -> bool:
    """Whether ``error`` can mean that another process has the file open; on POSIX it never does."""
    number = getattr(error, "winerror", None)
    # open() goes through the C library, which turns each of these numbers into EACCES.
    return number in _IN_USE or (number is None and sys.platform == "win32")


def read_text(path: Path, encoding: str, errors: str = "strict") -> str:
    """The text of the file ``path``, which another process may be replacing. Raises OSError, UnicodeDecodeError."""
    return while_in_use(lambda: path.read_text(encoding=encoding, errors=errors))


def remove(path: Path) -> None:
    """Remove the file ``path``, which another process may be reading. Raises OSError."""
    while_in_use(path.unlink)


def make_private_folder(folder: Path) -> None:
    """Make ``folder`` and its missing parents with mode 0700. Raises OSError."""
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def private_problem(path: Path) -> str | None:
    """Why other users may have access to the file or folder ``path``, in a few words; None if only its owner has.

    A symbolic link, another owner and permissions for others are problems. Raises OSError.
    """
    found = path.lstat()
    if sys.platform == "win32":
        from webex_token_cli.system.access_lists import READ, WRITE
        from webex_token_cli.system.windows import access_problem

        return access_problem(path, READ | WRITE)
    if stat.S_ISLNK(found.st_mode):
        return "it is a symbolic link"
    if found.st_uid != os.getuid():
        return "it belongs to another user"
    if found.st_mode & 0o077:
        return f"others may use it (mode {found.st_mode & 0o777:04o})"
    return None


def foreign_influence(path: Path) -> str | None:
    """Why another user may decide what is in the file or folder ``path``, in a few words; None if none can but root.

    A symbolic link is followed. In a folder with the sticky bit, as /tmp, nobody can replace somebody else's files.
    Raises OSError if ``path`` cannot be examined.
    """
    found = path.stat()
    if sys.platform == "win32":
        from webex_token_cli.system.access_lists import WRITE
        from webex_token_cli.system.windows import access_problem

        return access_problem(path, WRITE)
    if found.st_uid not in (0, os.getuid()):
        return "it belongs to another user"
    sticky_folder = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & 0o022 and not sticky_folder:
        return f"others may write it (mode {found.st_mode & 0o777:04o})"
    return None


def how_to_protect(path: Path) -> str:
    """What a person does so that no other user can write ``path``: the middle of a sentence, in the imperative."""
    if sys.platform == "win32":
        from webex_token_cli.system.windows_users import this_user

        rights = "(OI)(CI)F" if path.is_dir() else "F"
        return f'run `icacls "{path}" /inheritance:r /grant:r "*{this_user()}:{rights}"`, which leaves it to you alone'
    return f"make {path} yours and run `chmod go-w` on it"


def unfinished_writes(path: Path) -> list[Path]:
    """The temporary files that ``write_private(path, …)`` leaves if its process is killed."""
    return [each for each in path.parent.glob(".*.new") if each.name.startswith(f".{path.name}.")]


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in one step, with mode 0600 from the first moment on.

    A reader sees the old file or the new one, and so it is after a crash at any point. Raises OSError, and leaves
    the old file in place.
    """
    write_whole(path, text, mode=0o600)


def write_whole(path: Path, text: str, mode: int, encoding: str = "utf-8") -> None:
    """Replace ``path`` by ``text`` in one step, with the permissions ``mode``, as ``write_private`` does."""
    file, temporary = _new_file(path)
    with _removed_after_failure(temporary):
        with file:
            _write(file, text.encode(encoding))
        if mode != 0o600:
            temporary.chmod(mode)
        while_in_use(lambda: temporary.replace(path))
    _sync_folder(path.parent)


@dataclass(slots=True, eq=False, repr=False)
class ReservedFile:
    """Room on the disk for the next version of the file ``path``: a file beside it, which is full of padding.

    A disk that fills up afterwards cannot keep the next version from being written.
    """

    path: Path
    temporary: Path
    _file: IO[bytes]

    @classmethod
    def beside(cls, path: Path, size: int) -> Self:
        """Reserve ``size`` bytes. Raises OSError and leaves nothing behind if there is no room for them."""
        file, temporary = _new_file(path)
        with _removed_after_failure(temporary):
            try:
                # Random, because some file systems give zeros no room on the disk, or compress them.
                _write(file, os.urandom(size))
            except BaseException:
                with contextlib.suppress(OSError):
                    file.close()
                raise
        return cls(path, temporary, file)

    def replace(self, text: str) -> None:
        """Replace ``path`` by ``text`` as ``write_private`` does, in the room that was reserved.

        Raises OSError, and leaves the old file in place. Whatever happens, the room is given back.
        """
        with _removed_after_failure(self.temporary):
            with self._file:
                self._file.seek(0)
                _write(self._file, text.encode())
            while_in_use(lambda: self.temporary.replace(self.path))
        _sync_folder(self.path.parent)

    def remove(self) -> None:
        """Give the room back. Raises OSError."""
        with contextlib.suppress(OSError):
            self._file.close()
        self.temporary.unlink(missing_ok=True)


# A folder with up to so many files is listed in a fraction of a millisecond, which is not worth remembering.
_FEW_FILES = 200

# Seconds for which the list of a folder with more files is used. A round of a watch that writes thousands of them needs
# a few lists, and the next round finds what a killed process leaves in this one.
_LIST_AGE = 60.0


@dataclass(slots=True)
class UnfinishedWrites:
    """The temporary files in ``folder`` that writes have left, from a list that is at most a minute old.

    The more files a folder has, the longer it takes to list it, so a process that writes thousands of them does not
    list it for each. ``clock`` gives seconds. An instance may be used in several threads.
    """

    folder: Path
    clock: Callable[[], float] = time.monotonic
    _list: dict[str, list[Path]] = field(default_factory=dict, repr=False)
    _listed_at: float | None = None

    def beside(self, path: Path) -> list[Path]:
        """The temporary files of ``path``, a file in the folder. Some may be gone by now. Raises OSError."""
        now = self.clock()
        if self._listed_at is None or now - self._listed_at > _LIST_AGE:
            names = [each.name for each in self.folder.iterdir()] if self.folder.is_dir() else []
            self._list = self._by_target(names)
            self._listed_at = now if len(names) > _FEW_FILES else None
        return self._list.get(path.name, [])

    def _by_target(self, names: list[str]) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for name in names:
            if name.startswith(".") and name.endswith(".new"):
                target = name[1:].removesuffix(".new").rpartition(".")[0]
                found.setdefault(target, []).append(self.folder / name)
        return found


def replace_in_room(
    path: Path, text: str, room: ReservedFile | None, unfinished: Callable[[Path], list[Path]] = unfinished_writes
) -> None:
    """Replace ``path`` by ``text`` as ``write_private`` does, in the ``room`` that was reserved for it, if any.

    What killed processes left beside ``path`` is removed; ``unfinished`` lists it. So no other process may be writing
    it: callers hold its lock. Raises OSError, and leaves the old file in place.
    """
    _remove(unfinished(path), room)
    if room is not None:
        with contextlib.suppress(OSError):  # another process may have removed the room
            room.replace(text)
            return
    write_private(path, text)


def remove_unfinished_writes(path: Path) -> None:
    """Remove the temporary files that killed processes left beside ``path``. Raises OSError."""
    _remove(unfinished_writes(path), None)


def _remove(leftovers: list[Path], room: ReservedFile | None) -> None:
    for leftover in leftovers:
        if room is None or leftover != room.temporary:
            try:
                leftover.unlink(missing_ok=True)
            except PermissionError as error:
                if not _is_in_use(error):  # on Windows, the process that has reserved this room still lives
                    raise


def _new_file(path: Path) -> tuple[IO[bytes], Path]:
    """Make an empty file beside ``path``, which may take its place later."""
    make_private_folder(path.parent)
    # mkstemp creates the file with mode 0600, so there is no moment at which others could open it.
    import tempfile  # with what it imports it takes 3 ms, and `get` and `show` write no file

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    return os.fdopen(handle, "wb"), Path(name)


def _write(file: IO[bytes], content: bytes) -> None:
    """Make ``content`` all that ``file`` has from here on, and put it on the disk."""
    file.write(content)
    file.truncate()
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def _removed_after_failure(file: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut. Windows cannot open a folder for that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
