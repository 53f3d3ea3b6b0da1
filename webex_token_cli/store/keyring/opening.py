"""Opens the store in the operating system's keyring, with the keyring that this machine has."""

import functools
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from webex_token_cli.store.keyring.splitting import Keyring, SplittingKeyring
from webex_token_cli.store.local.file_names import file_name
from webex_token_cli.store.local.locks import check_lock_folder, lock_folder_of_this_user, locked
from webex_token_cli.store.local.store import SERVICE, TIMEOUT_UNATTENDED, LocalStore, let_output_through
from webex_token_cli.system.output import HeldOutput
from webex_token_cli.system.timeouts import ExclusiveCalls, TimeoutExceeded


def _check_by_rewriting(backend: Keyring, profile: str) -> Callable[[], None]:
    """Check that the profile's entry can be written, where that is safe. Nothing has to be given back afterwards.

    The Secret Service replaces an entry in one step. Others remove it first, or ask a person each time.
    """
    from webex_token_cli.store.keyring.secret_service import SecretService

    if isinstance(backend, SecretService):
        backend.rewrite(SERVICE, profile)
    return lambda: None


def open_keyring_store(
    say: Callable[[str], None] = lambda _: None,
    timeout: float = TIMEOUT_UNATTENDED,
    backend: Keyring | None = None,
    lock_folder: Path | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    calls: ExclusiveCalls | None = None,
    hold_output: Callable[[], AbstractContextManager[HeldOutput]] = let_output_through,
    remembered: str | None = None,
) -> LocalStore:
    """The store in the operating system's keyring, or in ``backend`` if that is given.

    ``say`` shows what a call waits for. A call takes at most ``timeout`` seconds once it has its turn. The wait for a
    lock ends when ``cancelled`` returns True. ``remembered`` is the class of the keyring to use; without it, the
    keyring library chooses one, or has been told which. ``calls`` runs the calls to the keyring; who opens the store
    again after a failure gives the same one, so that a search that hangs is not begun once more. ``hold_output`` is the
    store's.
    Raises StoreUnavailable, with a hint what to install, if this machine has none.
    """
    from webex_token_cli.store.keyring import secret_service

    calls = calls or ExclusiveCalls(one_at_a_time=True)
    if backend is not None:
        opened = _opened(backend)
    elif remembered == secret_service.BACKEND:
        opened = _secret_service()
    elif sys.platform == "win32" and _is_credential_manager(remembered):
        opened = _credential_manager()
    else:
        opened = _opened(_found(remembered, calls, timeout, say, hold_output))

    @functools.cache
    def locks() -> Path:  # whoever only reads asks no user database
        return lock_folder or lock_folder_of_this_user()

    def lock(profile: str) -> AbstractContextManager[None]:
        check_lock_folder(locks())
        return locked(locks() / f"{file_name(SERVICE, profile)}.lock", say, cancelled)

    return LocalStore(
        keyring=SplittingKeyring(opened.keyring, opened.limit),
        place=f"the keyring ({opened.name})",
        lock=lock,
        say=say,
        timeout=timeout,
        check_folders=lambda: check_lock_folder(locks()),
        reserve=lambda profile, _: _check_by_rewriting(opened.keyring, profile),
        hold_output=hold_output,
        caution=opened.caution,
        backend=opened.backend,
        calls=calls,
    )


class _OpenedKeyring(NamedTuple):
    """A keyring that is ready for use, and what the store has to know about it."""

    keyring: Keyring
    name: str
    backend: str
    limit: int | None = None
    caution: str | None = None


def _secret_service() -> _OpenedKeyring:
    """The Secret Service, without the keyring library, which is loaded only if something goes wrong."""
    from webex_token_cli.store.keyring.secret_service import BACKEND, NAME, SecretService

    @functools.cache
    def library() -> Keyring:
        from webex_token_cli.store.keyring.choice import remembered_keyring

        return remembered_keyring(BACKEND)

    return _OpenedKeyring(SecretService(library), NAME, BACKEND)


def _is_credential_manager(remembered: str | None) -> bool:
    from webex_token_cli.store.keyring.credential_manager import BACKEND

    return remembered == BACKEND


def _credential_manager() -> _OpenedKeyring:
    """Windows' Credential Manager, without the keyring library, which takes as long to import as all the rest."""
    from webex_token_cli.store.keyring.credential_manager import BACKEND, LIMIT, NAME, CredentialManager, WindowsPlaces

    return _OpenedKeyring(CredentialManager(WindowsPlaces()), NAME, BACKEND, LIMIT)


def _opened(backend: Keyring) -> _OpenedKeyring:
    from webex_token_cli.store.keyring.choice import caution_about, class_name, display_name, entry_limit
    from webex_token_cli.store.keyring.credential_manager import with_entries_of_their_own
    from webex_token_cli.store.keyring.secret_service import without_detour

    return _OpenedKeyring(
        with_entries_of_their_own(without_detour(backend)),
        display_name(backend),
        class_name(backend),
        entry_limit(backend),
        caution_about(backend),
    )


def _found(
    remembered: str | None,
    calls: ExclusiveCalls,
    timeout: float,
    say: Callable[[str], None],
    hold_output: Callable[[], AbstractContextManager[HeldOutput]],
) -> Keyring:
    """The keyring whose class is ``remembered``, or else the one that the library finds. Raises StoreUnavailable."""
    from webex_token_cli.store.keyring.choice import no_keyring, remembered_keyring, system_keyring

    def find() -> Keyring:
        return system_keyring() if remembered is None else remembered_keyring(remembered)

    # The library already talks to D-Bus here, which may start a daemon that never answers.
    try:
        with hold_output() as output:
            return calls(find, timeout, lambda: _say_waiting(say, output))
    except TimeoutExceeded:
        raise no_keyring(f"none answered within {timeout:.0f} seconds") from None


def _say_waiting(say: Callable[[str], None], output: HeldOutput) -> None:
    output.release()
    say("Waiting for the system's keyring …")
