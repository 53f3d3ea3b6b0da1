"""One process at a time spends a refresh token: the lock around read, refresh and write.

The lock is a file whose place depends on the credential alone, never on XDG_*, HOME or TMPDIR: two
processes that reach the same credential must meet at the same file (a keyring entry is reached from every
environment of a user). The operating system frees it when its holder dies.
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

# A holder talks to Webex and to the store, both bounded, and mostly takes a second. One that takes longer
# than this is in trouble of its own, and scheduled jobs should not pile up behind it.
LOCK_BOUND = 90.0

# How often to look whether the wait was cancelled, in seconds.
_GLANCE = 0.25


def lock_folder_of_this_user() -> Path:
    """Where the locks of keyring entries live: one folder a user, whatever the environment says."""
    if os.name == "nt":
        # %TEMP% differs between a service and a desktop session of the same user; the profile does not.
        return Path(f"C:/Users/{getpass.getuser()}/AppData/Local/webex-token/locks")
    return Path(f"/tmp/webex-token-{os.getuid()}")  # noqa: S108 - checked by private_problem before use


@contextlib.contextmanager
def locked(
    path: Path,
    say: Callable[[str], None],
    cancelled: Callable[[], bool] = lambda: False,
    bound: float = LOCK_BOUND,
    patience: float = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Hold the lock file ``path`` while the context is open.

    Waits at most ``bound`` seconds, and after ``patience`` says what it waits for. Raises StoreUnavailable
    when the bound is up, ``cancelled`` says so, or the file cannot be made.
    """
    from filelock import FileLock, Timeout  # 70 ms that `get` and `show` can do without

    lock = FileLock(path, mode=0o600)
    started, said = clock(), False
    try:
        make_private_folder(path.parent)
        while not lock.is_locked:
            waited = clock() - started
            if cancelled():
                raise StoreUnavailable("The wait for another webex-token was interrupted.", "Try again.")
            if waited > bound:
                raise StoreUnavailable(
                    f"Another process has held the lock {path} for over {bound:.0f} seconds.",
                    "Wait for it or end it (fuser or lsof on that file name it), then try again.",
                )
            if waited >= patience and not said:
                say(f"Waiting for another webex-token that holds {path} …")
                said = True
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=min(_GLANCE, patience, bound))
    except OSError as error:
        raise StoreUnavailable(
            f"The lock {path} could not be taken ({error.strerror or type(error).__name__}).",
            "See to that file's owner and permissions, then try again.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def check_lock_folder(folder: Path) -> None:
    """Refuse a lock folder, in a place where anybody can make one, that is not safely ours.

    Raises StoreUnavailable.
    """
    try:
        make_private_folder(folder)
        problem = private_problem(folder)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        raise StoreUnavailable(
            f"The folder {folder} cannot be trusted with locks: {problem}.",
            "Make it a folder of your own with mode 0700, or have whoever owns it remove it; it is made anew then.",
        )
