"""Changes to a profile as a whole: to its record in a store, and to its section of ``config.ini``.

Locks are taken in this order: the profile's, the record's, then for moments that of ``config.ini``. Whoever holds the
locks of two records holds the profile's. A refresh holds the record's lock alone, so that nobody waits in a circle.
"""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager

from webex_token_cli.application import Application
from webex_token_cli.config.settings import SHARED_STORES, STORES, Profile, Settings, resolve
from webex_token_cli.errors import ConfigurationError, StoreUnavailable, WebexTokenError
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.store.local.locks import locked
from webex_token_cli.store.local.store import SERVICE


@contextlib.contextmanager
def changing(application: Application, profile: str, store: CredentialStore) -> Iterator[None]:
    """Open a context in which this process alone changes the profile: its record in ``store`` and its section.

    Waits until each lock that the change needs is free, also that of ``config.ini``, so that a code or a token is not
    redeemed for a sign-in that could not be stored. Room on the disk is reserved for the same reason. Raises
    StoreUnavailable, ConfigurationError.
    """
    needs_config = not _is_named_by_environment(application, store)
    with contextlib.ExitStack() as stack:
        _enter(stack, _profile_lock(application, profile), needs_config)
        stack.enter_context(store.changing(profile))
        _enter(stack, application.config.reserved(), needs_config)
        yield


def remember(application: Application, profile: Profile) -> None:
    """Write the profile's settings to ``config.ini``, and remove its record from the store used before.

    Callers hold the profile in ``changing``. An old record that cannot be removed is no failure, because the new one
    is stored and in use; a warning names it. If a shared store is named by the environment, the same holds of a
    ``config.ini`` that cannot be written. Raises ConfigurationError, and StoreUnavailable if ``config.ini`` cannot be
    locked.
    """
    before = application.config.load(profile.name)
    shared = profile.store in SHARED_STORES  # which has the settings, for every machine
    try:
        application.config.save(Profile(profile.name, store=profile.store) if shared else profile)
    except (ConfigurationError, StoreUnavailable) as error:
        if not shared or application.shared_store is None:
            raise
        application.say(
            f"Warning: config.ini does not say that profile {profile.name} is in the {profile.store} store. "
            f"{error.message} So leave WEBEX_TOKEN_STORE={profile.store} set."
        )
    # NOTE: From one keyring to another nothing is removed, because one may be a part of the other, such as of the
    # keyring library's chain of keyrings. The new record would be removed then.
    if before.store in (None, profile.store) or before.store not in STORES:
        return
    try:
        old = application.store(before.store, before.keyring)
        with old.changing(profile.name, needs_room=False):
            old.delete(profile.name)
    except WebexTokenError as error:
        application.say(
            f"Warning: The entry {profile.name!r} of the earlier sign-in could not be removed from the {before.store} "
            f"store. {error.message} Remove it by hand once that store works again; its service is {SERVICE!r}."
        )


def forget(application: Application, profile: str) -> bool:
    """Remove the profile's records and its section. Return whether there was any of them.

    Raises StoreUnavailable, ConfigurationError.
    """
    with contextlib.ExitStack() as stack:
        _enter(stack, _profile_lock(application, profile), application.shared_store is None)
        removed = False
        for settings in stored_at(application, profile):
            store = application.store_of(settings)
            with store.changing(profile, needs_room=False):
                removed |= store.delete(profile)
        has_section = profile in application.config.names()
        return (has_section and application.config.remove(profile)) or removed


def stored_at(application: Application, profile: str) -> list[Settings]:
    """The profile's settings, once for each store that may hold a record of it. Raises ConfigurationError.

    The environment may name another store than the profile does.
    """
    section, overrides = application.config.load(profile), application.environment_overrides()
    places = [resolve(section, overrides)]
    if section.store is not None:
        places.append(resolve(section, overrides._replace(store=None)))
    return list(dict.fromkeys(places))


def _is_named_by_environment(application: Application, store: CredentialStore) -> bool:
    """Whether ``store`` is a shared one that the environment names: a machine needs no ``config.ini`` for it."""
    name = application.shared_store
    return name is not None and application.store(name) is store


def _enter(stack: contextlib.ExitStack, context: AbstractContextManager[None], needs_config: bool) -> None:
    """Enter a context about ``config.ini``. If it is not needed, its folder may be one that cannot be written."""
    try:
        stack.enter_context(context)
    except (ConfigurationError, StoreUnavailable):
        if needs_config:
            raise


@contextlib.contextmanager
def _profile_lock(application: Application, profile: str) -> Iterator[None]:
    """Hold the lock around a change of both a record and a section, so that both belong to the same change."""
    path = application.config.path
    with locked(path.with_name(f".profile+{profile}.lock"), application.say):
        application.config.wait_until_free()
        yield
