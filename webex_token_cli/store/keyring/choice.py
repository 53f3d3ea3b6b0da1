"""Which keyring is used: the chosen one, the one that the profile was signed in with, or the one that is found."""

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.keyring.splitting import Keyring
from webex_token_cli.text import printable

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend


def is_chosen(environment: Mapping[str, str]) -> bool:
    """Whether a person has chosen or configured a keyring, so that the keyring library has to be asked.

    Source: "Configuring" in the documentation of the keyring library: PYTHON_KEYRING_BACKEND, the KEYRING_PROPERTY_
    variables, and keyringrc.cfg.
    """
    if any(name == "PYTHON_KEYRING_BACKEND" or name.startswith("KEYRING_PROPERTY_") for name in environment):
        return True
    if sys.platform == "win32":
        root = environment.get("LOCALAPPDATA", environment.get("ProgramData"))
        return root is None or Path(root, "Python Keyring", "keyringrc.cfg").exists()
    folder = environment.get("XDG_CONFIG_HOME") or (environment.get("HOME") and f"{environment['HOME']}/.config")
    if not folder:  # the library looks into the home folder of the user database
        return True
    return Path(folder, "python_keyring", "keyringrc.cfg").exists()


def class_name(backend: Keyring) -> str:
    """The class of ``backend``, as PYTHON_KEYRING_BACKEND and config.ini name it."""
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def remembered_keyring(name: str) -> Keyring:
    """The keyring whose class is ``name``, which holds a profile. Raises StoreUnavailable if it is gone."""
    import keyring.core

    try:
        backend: Keyring = keyring.core.load_keyring(name)
    except Exception as error:  # noqa: BLE001 - a backend that cannot be used raises anything
        why = printable(str(error), 200).rstrip(".") or type(error).__name__
        raise StoreUnavailable(
            f"The keyring that holds this sign-in, {name}, cannot be used now: {why}.",
            "Start or install it, then try again; or sign in again with `webex-token login`, which uses the keyring "
            "that this machine has now, or a file with --store file.",
        ) from None
    return backend


def system_keyring() -> Keyring:
    """The keyring that the keyring library finds, or that its configuration names. Raises StoreUnavailable."""
    import keyring
    from keyring.backends import fail, null

    try:
        backend = keyring.get_keyring()
        if isinstance(backend, fail.Keyring):
            backend = _searched_again()
    except Exception as error:  # noqa: BLE001 - a configured backend may fail in any way while it is loaded
        raise no_keyring(f"the configured one cannot be loaded ({type(error).__name__})") from None
    if isinstance(backend, fail.Keyring | null.Keyring):
        raise no_keyring("no Secret Service, KWallet, macOS Keychain or Windows Credential Manager answers")
    chosen = keyring.core.load_env() or keyring.core.load_config()
    if chosen is None and _best_priority(backend) < 1:
        # Backends with a priority below 1 are mostly unencrypted files, so they are used only if they are configured.
        raise no_keyring(f"the one that was found, {display_name(backend)}, is not recommended for secrets")
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


def caution_about(backend: Keyring) -> str | None:
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
    """The number of characters that an entry of ``backend`` can hold, or None if that is unknown."""
    from keyring.backends import Windows

    from webex_token_cli.store.keyring.credential_manager import LIMIT

    return (
        LIMIT
        if any(isinstance(each, Windows.WinVaultKeyring) for each in (backend, *_chained_backends(backend)))
        else None
    )


def _chained_backends(backend: Keyring) -> "tuple[KeyringBackend, ...]":
    """The backends that ``backend`` chains, as keyring's ChainerBackend does; empty if it chains none."""
    return tuple(getattr(backend, "backends", None) or ())


def no_keyring(why: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"This machine has no keyring to store tokens in: {why}.",
        "On Linux install and start gnome-keyring with D-Bus (apt install gnome-keyring dbus), or KWallet, or turn on "
        "KeePassXC's Secret Service Integration; if that is not possible, `--store file` (or WEBEX_TOKEN_STORE=file) "
        "stores them unencrypted in a file that only you can read.",
    )


def display_name(backend: Keyring) -> str:
    """The name of ``backend`` for people, such as ``SecretService Keyring``."""
    return str(getattr(backend, "name", type(backend).__name__))
