"""The lock around read, refresh and write, so that only one process at a time redeems a refresh token.

The lock is a file. Its path depends on the credential alone, never on XDG_*, HOME or TMPDIR, because two processes
that use the same credential must meet at the same file, and every environment of a user reaches the same keyring
entry. The operating system releases the lock when the process that holds it dies.
"""

import contextlib
import getpass
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.system.files import make_private_folder, private_problem
from webex_token_cli.system.timeouts import PATIENCE

# Seconds. A process that holds the lock asks Webex and the store, both with timeouts, and mostly needs one second.
# If it takes longer than this, it is in trouble itself, and scheduled jobs should not queue up behind it.
LOCK_TIMEOUT = 90.0

# Seconds between two checks whether the wait was cancelled: short enough to feel immediate.
_CANCELLED_INTERVAL = 0.25


def lock_folder_of_this_user() -> Path:
    """The folder for the locks of keyring entries; one for each user, in every environment."""
    if os.name == "nt":
        # %TEMP% can differ between two sessions of the same user; the profile folder does not.
        return Path(f"C:/Users/{getpass.getuser()}/AppData/Local/webex-token/locks")
    return Path(f"/tmp/webex-token-{os.getuid()}")  # noqa: S108 - checked by private_problem before use


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
    Raises StoreUnavailable if the time is over, if ``cancelled`` returns True, or if the file cannot be made.
    """
    from filelock import FileLock, Timeout  # importing it takes 70 ms, and `get` and `show` do not need it

    lock = FileLock(path, mode=0o600)
    started, said = clock(), False
    try:
        make_private_folder(path.parent)
        while not lock.is_locked:
            waited = clock() - started
            if cancelled():
                raise StoreUnavailable("The wait for another webex-token was interrupted.", "Try again.")
            if waited > timeout:
                raise StoreUnavailable(
                    f"Another process has held the lock {path} for over {timeout:.0f} seconds.",
                    "Wait for it or end it (fuser or lsof on that file name it), then try again.",
                )
            if waited >= patience and not said:
                say(f"Waiting for another webex-token that holds {path} …")
                said = True
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=min(_CANCELLED_INTERVAL, patience, timeout))
    except OSError as error:
        raise StoreUnavailable(
            f"The lock {path} could not be acquired ({error.strerror or type(error).__name__}).",
            "Check that file's owner and permissions, then try again.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def check_lock_folder(folder: Path) -> None:
    """Make ``folder`` if it is missing, and check that no other user can interfere with the locks in it.

    Raises StoreUnavailable. The folder lies where every user can create one, so its owner and mode matter.
    """
    try:
        make_private_folder(folder)
        problem = private_problem(folder)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        raise StoreUnavailable(
            f"The folder {folder} cannot be trusted with locks: {problem}.",
            "Make it a folder of your own with mode 0700, or have its owner remove it; webex-token then makes it anew.",
        )
