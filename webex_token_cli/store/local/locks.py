"""The lock around read, refresh and write, so that only one process at a time redeems a refresh token.

The lock is a file. Its path depends on the credential alone, never on XDG_*, HOME or TMPDIR, because two processes
that use the same credential must meet at the same file, and every environment of a user reaches the same keyring
entry. The home folder that the user database names is such a place, and one that no other user can take; on Windows it
is the profile folder that the system's list of profiles names. An earlier version had its locks in /tmp: a process of
it that still runs does not meet those of this version.

The operating system releases the lock when the process that holds it dies.
"""

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.system.files import make_private_folder, private_problem
from webex_token_cli.system.timeouts import PATIENCE

# Seconds. A process that holds the lock asks Webex and the store, both with timeouts, and mostly needs one second.
# If it takes longer than this, it is in trouble itself, and scheduled jobs should not queue up behind it.
LOCK_TIMEOUT = 90.0

_RUNTIME, _TEMPORARY = Path("/run/user"), Path("/tmp")  # noqa: S108 - check_lock_folder examines what is there

# Seconds between two checks whether the wait was cancelled: short enough to feel immediate.
_CANCELLED_INTERVAL = 0.25


def lock_folder_of_this_user() -> Path:
    """The folder for the locks of keyring entries; one for each user, in every environment.

    Raises StoreUnavailable if the user's home folder does not answer, or if Windows names none.
    """
    if sys.platform == "win32":
        from webex_token_cli.system.windows import profile_folder

        try:
            return profile_folder() / "AppData/Local/webex-token/locks"
        except OSError as error:
            raise StoreUnavailable(
                f"Windows names no profile folder for this user, in which the locks are ({error.strerror}).",
                "Sign in to Windows once as this user, then try again.",
            ) from error
    return lock_folder_of(os.getuid())


def lock_folder_of(uid: int, runtime: Path = _RUNTIME, temporary: Path = _TEMPORARY) -> Path:
    """The folder for the locks of the user ``uid``, below the home folder that the user database names.

    A user without a home folder of their own, as a service account or a container's random uid, has it below
    ``runtime``, which systemd-logind gives to each user who is logged in, or else in ``temporary``. There another user
    can take its place, which ``check_lock_folder`` notices. Whether the folder can be written does not matter for the
    choice, because that can differ between two processes of the same user, and they would not meet.
    Raises StoreUnavailable if the home folder does not answer.
    """
    home = _home_in_user_database(uid)
    if home is not None and _owner(home) == uid:
        states = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
        return home / states / "webex-token/locks"
    own_runtime = runtime / str(uid)
    if _owner(own_runtime) == uid:
        return own_runtime / "webex-token/locks"
    return temporary / f"webex-token-{uid}"


def _home_in_user_database(uid: int) -> Path | None:
    import pwd

    try:
        home = Path(pwd.getpwuid(uid).pw_dir)
    except KeyError:
        return None
    return home if home.is_absolute() else None


def _owner(folder: Path) -> int | None:
    """The uid of the owner of ``folder``; None if there is no such folder, or if it is hidden from this process."""
    try:
        found = folder.stat()
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EACCES}:
            return None
        raise StoreUnavailable(
            f"The home folder {folder}, in which the locks are, cannot be examined ({error.strerror}).",
            "Check that its disk is mounted and answers, then try again.",
        ) from error
    return found.st_uid if stat.S_ISDIR(found.st_mode) else None


@contextlib.contextmanager
def locked(
    path: Path,
    say: Callable[[str], None],
    cancelled: Callable[[], bool] = lambda: False,
    timeout: float = LOCK_TIMEOUT,
    patience: float = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Hold the lock file ``path`` while the context is open.

    The wait takes at most ``timeout`` seconds; after ``patience`` seconds, ``say`` is told what it waits for.
    Raises StoreUnavailable if the time is over, if ``cancelled`` returns True while another process holds the lock, or
    if the file cannot be made.
    """
    from filelock import FileLock, Timeout  # importing it takes 70 ms, and `get` and `show` do not need it

    lock = FileLock(path, mode=0o600)
    started, announced = clock(), False
    try:
        make_private_folder(path.parent)
        with contextlib.suppress(Timeout):
            # A watch that was asked to stop still has to save what Webex answered, and that waits for nobody.
            lock.acquire(timeout=0)
        while not lock.is_locked:
            waited = clock() - started
            if cancelled():
                raise StoreUnavailable("The wait for another webex-token was interrupted.", "Try again.")
            if waited >= patience and not announced:
                say(f"Waiting for another webex-token that holds {path} …")
                announced = True
            if waited > timeout:
                raise StoreUnavailable(
                    f"Another process has held the lock {path} for over {timeout:.0f} seconds.",
                    "Wait for it or end it (fuser or lsof on that file name it), then try again.",
                )
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=min(_CANCELLED_INTERVAL, patience, timeout))
    except (OSError, NotImplementedError) as error:  # filelock's error on a disk that has no locks
        why = getattr(error, "strerror", None) or type(error).__name__
        raise StoreUnavailable(
            f"The lock {path} could not be acquired ({why}).",
            "Check that file's owner and permissions, then try again.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def check_lock_folder(folder: Path) -> None:
    """Make ``folder`` if it is missing, and check that this process can use it and no other user can interfere.

    Raises StoreUnavailable. The folder may lie where every user can create one, so its owner and mode matter.
    """
    try:
        make_private_folder(folder)
        problem = private_problem(folder)
        if problem is None and not os.access(folder, os.W_OK | os.X_OK):
            problem = "it cannot be written"
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        raise StoreUnavailable(
            f"The folder {folder} cannot be trusted with locks: {problem}.",
            "Make it a folder of your own with mode 0700 in which this process can write; all webex-token processes of "
            "a user meet there. Or see --store file.",
        )
