"""Opens the credential stores: ``file``, and ``keyring`` with the keyring that this machine has."""

import contextlib
import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.credentials import SERVICE, TIMEOUT_UNATTENDED, CredentialStore, let_output_through
from webex_token_cli.store.locks import check_lock_folder, lock_folder_of_this_user, locked
from webex_token_cli.store.splitting import Keyring, SplittingKeyring
from webex_token_cli.system.output import HeldOutput
from webex_token_cli.system.timeouts import ExclusiveCalls, TimeoutExceeded

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    from webex_token_cli.store.file_keyring import FileKeyring


def open_file_store(
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
    timeout: float = TIMEOUT_UNATTENDED,
    cancelled: Callable[[], bool] = lambda: False,
) -> CredentialStore:
    """The store of unencrypted files in ``folder``; each record's lock file is beside it.

    ``say`` shows what a call waits for. A call takes at most ``timeout`` seconds. The wait for a lock ends when
    ``cancelled`` returns True. Opening the store raises nothing: the folder may not exist yet.
    """
    from webex_token_cli.store.file_keyring import FileKeyring, file_name

    backend = FileKeyring(folder)
    return CredentialStore(
        keyring=backend,
        place=f"the file store {folder}",
        lock=lambda profile: locked(folder / f"{file_name(SERVICE, profile)}.lock", say, cancelled),
        say=say,
        timeout=timeout,
        plain_file=lambda profile: backend.path(SERVICE, profile),
        check=lambda: _check_writable(folder),
        reserve=lambda profile, size: _reserve(backend, profile, size),
    )


def _reserve(backend: "FileKeyring", profile: str, size: int) -> Callable[[], None]:
    backend.reserve(SERVICE, profile, size)
    return lambda: backend.release(SERVICE, profile)


def _check_by_rewriting(backend: Keyring, profile: str) -> Callable[[], None]:
    """Check that the profile's entry can be written, where that is safe. Nothing has to be given back afterwards.

    The Secret Service replaces an entry in one step. Others remove it first, or ask a person each time.
    """
    from webex_token_cli.store.secret_service import SecretService

    if isinstance(backend, SecretService):
        backend.rewrite(SERVICE, profile)
    return lambda: None


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


def open_keyring_store(
    say: Callable[[str], None] = lambda _: None,
    timeout: float = TIMEOUT_UNATTENDED,
    backend: Keyring | None = None,
    lock_folder: Path | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    calls: ExclusiveCalls | None = None,
    hold_output: Callable[[], AbstractContextManager[HeldOutput]] = let_output_through,
) -> CredentialStore:
    """The store in the operating system's keyring, or in ``backend`` if that is given.

    The parameters are those of ``open_file_store``. ``calls`` runs the calls to the keyring; who opens the store
    again after a failure gives the same one, so that a search that hangs is not begun once more. ``hold_output`` is
    the store's. Raises StoreUnavailable, with a hint what to install, if this machine has no keyring.
    """
    from webex_token_cli.store.file_keyring import file_name
    from webex_token_cli.store.secret_service import without_detour

    calls = calls or ExclusiveCalls(one_at_a_time=True)
    if backend is None:
        # The library's search already talks to D-Bus, which may start a daemon that never answers.
        try:
            with hold_output() as output:
                backend = calls(system_keyring, timeout, lambda: _say_waiting(say, output))
        except TimeoutExceeded:
            raise _no_keyring(f"none answered within {timeout:.0f} seconds") from None
    locks = lock_folder or lock_folder_of_this_user()

    def lock(profile: str) -> AbstractContextManager[None]:
        check_lock_folder(locks)
        return locked(locks / f"{file_name(SERVICE, profile)}.lock", say, cancelled)

    connected = without_detour(backend)
    return CredentialStore(
        keyring=SplittingKeyring(connected, entry_limit(backend)),
        place=f"the keyring ({_display_name(backend)})",
        lock=lock,
        say=say,
        timeout=timeout,
        check=lambda: check_lock_folder(locks),
        reserve=lambda profile, _: _check_by_rewriting(connected, profile),
        hold_output=hold_output,
        caution=_caution(backend),
        calls=calls,
    )


def _say_waiting(say: Callable[[str], None], output: HeldOutput) -> None:
    output.release()
    say("Waiting for the system's keyring …")


def system_keyring() -> Keyring:
    """The keyring that the keyring library finds, or that its configuration names. Raises StoreUnavailable."""
    import keyring
    from keyring.backends import fail, null

    try:
        backend = keyring.get_keyring()
        if isinstance(backend, fail.Keyring):
            backend = _searched_again()
    except Exception as error:  # noqa: BLE001 - a configured backend may fail in any way while it is loaded
        raise _no_keyring(f"the configured one cannot be loaded ({type(error).__name__})") from None
    if isinstance(backend, fail.Keyring | null.Keyring):
        raise _no_keyring("no Secret Service, KWallet, macOS Keychain or Windows Credential Manager answers")
    chosen = keyring.core.load_env() or keyring.core.load_config()
    if chosen is None and _best_priority(backend) < 1:
        # Backends with a priority below 1 are mostly unencrypted files, so they are used only if they are configured.
        raise _no_keyring(f"the one that was found, {_display_name(backend)}, is not recommended for secrets")
    return backend


def _searched_again() -> "KeyringBackend":
    """The keyring that the library would find in a new process.

    The library searches once in a process, and remembers it if there is no keyring. A watch that was started at boot
    would never see the keyring that comes a second later.
    """
    from keyring.backend import KeyringBackend, by_priority
    from keyring.backends import fail
    from keyring.core import load_config, load_env

    chosen: KeyringBackend | None = load_env() or load_config()
    if chosen is not None:
        return chosen
    found: list[KeyringBackend] = []
    for each in KeyringBackend.get_viable_backends():
        with contextlib.suppress(TypeError):  # the library passes over the classes that need arguments as well
            found.append(each())
    return max(found, key=by_priority, default=fail.Keyring())  # type: ignore[no-untyped-call]


def _best_priority(backend: "KeyringBackend") -> float:
    """The priority of ``backend``, or the highest priority of the backends that it chains."""
    chained = _chained_backends(backend)
    return float(max(each.priority for each in chained) if chained else backend.priority)


def _caution(backend: Keyring) -> str | None:
    """Why secrets may not be safe in ``backend``, or in one that it chains: the end of a sentence, or None.

    A person can choose any keyring, and a keyring does not say whether it encrypts. But the library asks keyrings that
    it does not recommend to have a priority below 1, and has a crypter for those that do not encrypt.
    """
    from keyring.backend import KeyringBackend, NullCrypter

    for each in _chained_backends(backend) or (backend,):
        if any(isinstance(value, NullCrypter) for value in getattr(each, "__dict__", {}).values()):
            return "it does not encrypt what it stores"
        try:
            recommended = not isinstance(each, KeyringBackend) or each.priority >= 1
        except Exception:  # noqa: BLE001 - a keyring that is not viable raises anything, and may be chosen all the same
            recommended = True
        if not recommended:
            return (
                "its priority in the keyring library is below 1: that is for keyrings that are not recommended, and "
                "most of them do not encrypt"
            )
    return None


def entry_limit(backend: Keyring) -> int | None:
    """The number of characters that an entry of ``backend`` can hold, or None if that is unknown.

    It is known for Windows' Credential Manager: CRED_MAX_CREDENTIAL_BLOB_SIZE is 5 * 512 bytes, and the keyring
    library stores UTF-16.
    """
    from keyring.backends import Windows

    return (
        1280
        if any(isinstance(each, Windows.WinVaultKeyring) for each in (backend, *_chained_backends(backend)))
        else None
    )


def _chained_backends(backend: Keyring) -> "tuple[KeyringBackend, ...]":
    """The backends that ``backend`` chains, as keyring's ChainerBackend does; empty if it chains none."""
    return tuple(getattr(backend, "backends", None) or ())


def _no_keyring(why: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"This machine has no keyring to store tokens in: {why}.",
        "On Linux install and start gnome-keyring with D-Bus (apt install gnome-keyring dbus), or KWallet; "
        "if that is not possible, `--store file` (or WEBEX_TOKEN_STORE=file) stores them unencrypted in a file that "
        "only you can read.",
    )


def _display_name(backend: Keyring) -> str:
    """The name of ``backend`` for people, such as ``SecretService Keyring``."""
    return str(getattr(backend, "name", type(backend).__name__))
