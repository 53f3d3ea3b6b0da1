"""Opens the store of unencrypted files."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.file.keyring import FileKeyring
from webex_token_cli.store.local.file_names import file_name
from webex_token_cli.store.local.locks import locked
from webex_token_cli.store.local.store import SERVICE, TIMEOUT_UNATTENDED, LocalStore


def open_file_store(
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
    timeout: float = TIMEOUT_UNATTENDED,
    cancelled: Callable[[], bool] = lambda: False,
) -> LocalStore:
    """The store of unencrypted files in ``folder``; each record's lock file is beside it.

    ``say`` shows what a call waits for. A call takes at most ``timeout`` seconds. The wait for a lock ends when
    ``cancelled`` returns True. Opening the store raises nothing: the folder may not exist yet.
    """
    backend = FileKeyring(folder)
    return LocalStore(
        keyring=backend,
        place=f"the file store {folder}",
        lock=lambda profile: locked(folder / f"{file_name(SERVICE, profile)}.lock", say, cancelled),
        say=say,
        timeout=timeout,
        plain_file=lambda profile: backend.path(SERVICE, profile),
        check_folders=lambda: _check_writable(folder),
        reserve=lambda profile, size: _reserve(backend, profile, size),
    )


def _reserve(backend: FileKeyring, profile: str, size: int) -> Callable[[], None]:
    backend.reserve(SERVICE, profile, size)
    return lambda: backend.release(SERVICE, profile)


def _check_writable(folder: Path) -> None:
    """Raise StoreUnavailable if files cannot be stored in ``folder``, or if a missing ``folder`` cannot be made."""
    existing = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    try:
        if not os.access(existing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if existing != folder:
            import tempfile

            tempfile.TemporaryDirectory(prefix=".webex-token-", dir=existing).cleanup()
    except OSError as error:
        raise StoreUnavailable(
            f"Nothing can be stored in {folder} ({error.strerror or type(error).__name__}).",
            f"Check the owner and permissions of {existing}, and how its disk is mounted, then try again.",
        ) from None
