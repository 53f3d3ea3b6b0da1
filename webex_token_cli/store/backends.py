"""Which keyring a store's name stands for."""

import errno
import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.locks import check_lock_folder, lock_folder_of_this_user, locked
from webex_token_cli.store.records import BOUND_UNATTENDED, SERVICE, CredentialStore
from webex_token_cli.store.secret_service import kept_open
from webex_token_cli.store.splitting import Keyring, SplittingKeyring
from webex_token_cli.system.timeouts import ExclusiveCalls, TimeoutExceeded, with_timeout

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend


def open_file_store(
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
    bound: float = BOUND_UNATTENDED,
    cancelled: Callable[[], bool] = lambda: False,
) -> CredentialStore:
    """The store of plain files in ``folder``; each record's lock lies beside it.

    ``say`` shows what is waited for, ``cancelled`` ends the wait for a lock.
    """
    from webex_token_cli.store.file_keyring import FileKeyring, file_name

    backend = FileKeyring(folder)
    return CredentialStore(
        keyring=backend,
        place=f"the file store {folder}",
        lock=lambda profile: locked(folder / f"{file_name(SERVICE, profile)}.lock", say, cancelled),
        say=say,
        bound=bound,
        plain_file=lambda profile: backend.path(SERVICE, profile),
        check=lambda: _check_writable(folder),
    )


def _check_writable(folder: Path) -> None:
    """Raise StoreUnavailable when nothing can be stored in ``folder``, or where it would be made."""
    there = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    try:
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if there != folder:
            tempfile.TemporaryDirectory(prefix=".webex-token-", dir=there).cleanup()
    except OSError as error:
        raise StoreUnavailable(
            f"Nothing can be stored in {folder} ({error.strerror or type(error).__name__}).",
            f"See to the owner and permissions of {there}, and how its disk is mounted, then try again.",
        ) from None


def open_keyring_store(
    say: Callable[[str], None] = lambda _: None,
    bound: float = BOUND_UNATTENDED,
    backend: Keyring | None = None,
    lock_folder: Path | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> CredentialStore:
    """The store in the operating system's keyring, or in ``backend``.

    Raises StoreUnavailable, saying what to install, when this machine has no keyring.
    """
    from webex_token_cli.store.file_keyring import file_name

    if backend is None:
        # Looking for one already talks to D-Bus, where a daemon can be asked to start and not answer.
        try:
            backend = with_timeout(system_keyring, bound, lambda: say("Waiting for the system's keyring …"))
        except TimeoutExceeded:
            raise _no_keyring(f"none answers within {bound:.0f} seconds") from None
    locks = lock_folder or lock_folder_of_this_user()

    def lock(profile: str) -> AbstractContextManager[None]:
        check_lock_folder(locks)
        return locked(locks / f"{file_name(SERVICE, profile)}.lock", say, cancelled)

    return CredentialStore(
        keyring=SplittingKeyring(kept_open(backend), entry_limit(backend)),
        place=f"the keyring ({_known_as(backend)})",
        lock=lock,
        say=say,
        bound=bound,
        check=lambda: check_lock_folder(locks),
        calls=ExclusiveCalls(one_at_a_time=True),
    )


def system_keyring() -> Keyring:
    """The keyring that the keyring library finds or its user has configured. Raises StoreUnavailable."""
    import keyring
    from keyring.backends import fail, null

    try:
        backend = keyring.get_keyring()
    except Exception as error:  # noqa: BLE001 - a configured backend may fail in any way while it is loaded
        raise _no_keyring(f"the configured one cannot be loaded ({type(error).__name__})") from None
    if isinstance(backend, fail.Keyring | null.Keyring):
        raise _no_keyring("no Secret Service, KWallet, macOS Keychain or Windows Credential Manager answers")
    chosen = keyring.core.load_env() or keyring.core.load_config()
    if chosen is None and _best_priority(backend) < 1:
        # Below 1 are what the library does not recommend: plain files, mostly, which are chosen or not used.
        raise _no_keyring(f"the one that was found, {_known_as(backend)}, is not recommended for secrets")
    return backend


def _best_priority(backend: "KeyringBackend") -> float:
    """The priority of ``backend``, or of the first that it hands on to."""
    handed_on = _handed_on(backend)
    return float(max(each.priority for each in handed_on) if handed_on else backend.priority)


def entry_limit(backend: Keyring) -> int | None:
    """How many characters an entry of ``backend`` can hold, where that is known.

    Windows' Credential Manager: CRED_MAX_CREDENTIAL_BLOB_SIZE is 5 * 512 bytes, and the keyring library stores UTF-16.
    """
    from keyring.backends import Windows

    return 1280 if any(isinstance(each, Windows.WinVaultKeyring) for each in (backend, *_handed_on(backend))) else None


def _handed_on(backend: Keyring) -> "tuple[KeyringBackend, ...]":
    """The backends that a chaining ``backend`` hands on to; the first of them that works is used."""
    return tuple(getattr(backend, "backends", None) or ())


def _no_keyring(why: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"This machine has no keyring to keep tokens in: {why}.",
        "On Linux install and start gnome-keyring with D-Bus (apt install gnome-keyring dbus), or KWallet; "
        "where that cannot be, `--store file` (or WEBEX_TOKEN_STORE=file) keeps them in a file that only you "
        "can read, unencrypted.",
    )


def _known_as(backend: Keyring) -> str:
    """What people call ``backend``: its ``name``, as in ``SecretService Keyring``."""
    return str(getattr(backend, "name", type(backend).__name__))
