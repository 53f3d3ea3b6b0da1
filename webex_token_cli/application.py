"""The composition root: an environment and a few functions become config, stores, Webex client and refresher.

The commands and ``webex_token_cli.access_token`` both come in here. Nothing in here knows click or prints.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.folders import folder
from webex_token_cli.config.names import DEFAULT_PROFILE, clock_hint, not_signed_in, sign_in_hint
from webex_token_cli.config.settings import SHARED_STORES, Overrides, Profile, Settings, resolve
from webex_token_cli.errors import (
    SignInNeeded,
    StoreUnavailable,
    TemporaryFailure,
)
from webex_token_cli.times import distance_in_words, duration_in_words, when

if TYPE_CHECKING:
    from webex_token_cli.refresh.refresher import Refresher
    from webex_token_cli.signin.service_app import ClientCredentials
    from webex_token_cli.store.credentials import CredentialStore
    from webex_token_cli.system.output import HeldOutput
    from webex_token_cli.system.timeouts import ExclusiveCalls
    from webex_token_cli.token_response import TokenResponse
    from webex_token_cli.tokens import TokenRecord
    from webex_token_cli.webex.client import WebexClient


def ignore(_: str) -> None:
    """Show nothing."""


@dataclass(slots=True, eq=False, repr=False)
class Application:
    """Everything that one run of the program works with, made when it is first needed.

    ``say`` shows a line to the person, ``detail`` one that only ``--verbose`` shows, and ``trace`` one that only
    ``--debug`` shows. ``answered`` is called with the status of each answer from Webex, and with None for a request
    without an answer. ``interactive`` tells that somebody at a terminal can answer a prompt, so that a keyring's
    dialog is given time. ``cancelled`` is asked during long waits whether to give up. ``clock`` gives UTC epoch
    seconds. ``hold_output`` opens a context in which a keyring's own output is held back; None lets it through.
    """

    environment: Mapping[str, str]
    say: Callable[[str], None] = ignore
    detail: Callable[[str], None] = ignore
    trace: Callable[[str], None] = ignore
    answered: Callable[[int | None], None] = lambda _: None
    interactive: bool = False
    cancelled: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.time
    hold_output: "Callable[[], AbstractContextManager[HeldOutput]] | None" = None
    _stores: "dict[tuple[str, str | None], CredentialStore]" = field(default_factory=dict)
    _clients: "dict[str, WebexClient]" = field(default_factory=dict)
    _config: ConfigFile | None = None
    _warned_of_api_urls: set[str] = field(default_factory=set)
    _keyring_calls: "ExclusiveCalls | None" = None
    # A watch asks for stores and clients in several threads.
    _opening: threading.Lock = field(default_factory=threading.Lock)

    @property
    def config(self) -> ConfigFile:
        """``config.ini``, wherever it is for this user. Raises ConfigurationError when no folder can be named."""
        if self._config is None:
            path = folder("config", self.environment) / "config.ini"
            self._config = ConfigFile(path, lambda: _locked(path.with_name(".config.ini.lock"), self.say))
        return self._config

    def settings(self, profile: str, overrides: Overrides | None = None) -> Settings:
        """The settings in force for ``profile``. Raises ConfigurationError.

        ``overrides`` are what options and environment say; without it, they are what the environment alone says.
        """
        overrides = overrides or self.environment_overrides()
        return resolve(self.section(profile, overrides.store), overrides)

    def section(self, profile: str, store: str | None = None) -> Profile:
        """The stored settings of ``profile``: those of ``config.ini``, or of a store that many machines share.

        ``store`` is the store that an option names; without it, the one that the environment names, if it names one.
        Raises ConfigurationError, StoreUnavailable.
        """
        section = self.config.load(profile)
        name = store or self.environment_overrides().store or section.store
        if name not in SHARED_STORES:
            return section
        shared = self.store(name).settings(profile) or Profile(profile)
        return shared._replace(store=section.store)

    def environment_overrides(self) -> Overrides:
        """The environment's overrides, for commands that have no option for them."""
        get = self.environment.get
        return Overrides(api_url=get("WEBEX_TOKEN_API_URL"), store=get("WEBEX_TOKEN_STORE"))

    def profiles(self) -> list[str]:
        """The names of the stored profiles. Raises SignInNeeded when there are none, and as ``names`` does."""
        names = self.names()
        if not names:
            raise SignInNeeded("No profile is stored.", sign_in_hint(DEFAULT_PROFILE))
        return names

    def names(self) -> list[str]:
        """The names of the stored profiles, if any: those of ``config.ini``, or of a store that many machines share.

        The latter counts if the environment names it, so that a machine needs no ``config.ini``. Raises
        ConfigurationError, StoreUnavailable.
        """
        return self.config.names() if self.shared_store is None else self.store(self.shared_store).names()

    @property
    def shared_store(self) -> str | None:
        """The store that the environment names, if it is one that many machines share; else None."""
        name = self.environment_overrides().store
        return name if name in SHARED_STORES else None

    def store(self, name: str, keyring: str | None = None) -> "CredentialStore":
        """The credential store called ``name``, the same one each time. Raises StoreUnavailable.

        ``keyring`` is the class of the keyring that a profile was signed in with. A keyring that a person has chosen
        for the keyring library comes first; without either, the library searches.
        """
        with self._opening:
            if (name, keyring) not in self._stores:
                self._stores[name, keyring] = self._open_store(name, keyring)
            return self._stores[name, keyring]

    def store_of(self, settings: Settings) -> "CredentialStore":
        """The credential store in which the profile of ``settings`` is. Raises StoreUnavailable."""
        return self.store(settings.store, settings.keyring)

    def _open_store(self, name: str, keyring: str | None) -> "CredentialStore":
        if name == "vault":
            from webex_token_cli.store.vault.store import open_vault_store

            return open_vault_store(self.environment, self.say, self.cancelled)
        from webex_token_cli.store.local.store import TIMEOUT_INTERACTIVE, TIMEOUT_UNATTENDED, let_output_through

        timeout = TIMEOUT_INTERACTIVE if self.interactive else TIMEOUT_UNATTENDED
        if name == "file":
            from webex_token_cli.store.file.opening import open_file_store

            return open_file_store(folder("data", self.environment) / "credentials", self.say, timeout, self.cancelled)
        from webex_token_cli.store.keyring.opening import open_keyring_store
        from webex_token_cli.system.timeouts import ExclusiveCalls

        if keyring is not None:
            from webex_token_cli.store.keyring.choice import is_chosen

            keyring = None if is_chosen(self.environment) else keyring
        self._keyring_calls = self._keyring_calls or ExclusiveCalls(one_at_a_time=True)
        return open_keyring_store(
            self.say,
            timeout,
            cancelled=self.cancelled,
            calls=self._keyring_calls,
            hold_output=self.hold_output or let_output_through,
            remembered=keyring,
        )

    def stored(self, profile: str) -> "tuple[CredentialStore, TokenRecord]":
        """The profile's record and the store that holds it. Raises SignInNeeded when there is none."""
        with self.naming_stored_profiles(profile):
            # Only the store is needed, so the settings in a shared one are not asked for.
            store = self.store_of(resolve(self.config.load(profile), self.environment_overrides()))
            record = store.load(profile)
        if record is None:
            raise self.not_signed_in(profile)
        return store, record

    def not_signed_in(self, profile: str) -> SignInNeeded:
        """The error for a profile without a record. Raises ConfigurationError if ``config.ini`` cannot be read."""
        return not_signed_in(profile, self.names())

    @contextlib.contextmanager
    def naming_stored_profiles(self, profile: str) -> Iterator[None]:
        """Turn StoreUnavailable into SignInNeeded if nothing of ``profile`` can be in that store."""
        try:
            yield
        except StoreUnavailable:
            if self.may_be_stored(profile):
                raise
            raise self.not_signed_in(profile) from None

    def may_be_stored(self, profile: str) -> bool:
        """Whether a store that does not work may hold a record of ``profile``.

        It does not if ``config.ini`` has other profiles and not this one, and nobody named the store: a mistyped
        profile on a machine that has no keyring, and needs none.
        """
        names = self.config.names()
        return profile in names or not names or bool(self.environment_overrides().store)

    def client(self, api_url: str) -> "WebexClient":
        """The client for Webex at ``api_url``, the same one each time."""
        from webex_token_cli.webex.client import WebexClient
        from webex_token_cli.webex.http import new_session

        with self._opening:
            if api_url not in self._clients:
                self._clients[api_url] = WebexClient(api_url, new_session(api_url), self.trace, self.answered)
            return self._clients[api_url]

    def warn_of_other_api_url(self, settings: Settings) -> None:
        """Warn, once for each profile, if stored secrets go to another API URL than the one they were stored with."""
        stored = self.section(settings.profile, settings.store).signed_in_at
        if stored in (None, settings.api_url):
            return
        with self._opening:
            warned = settings.profile in self._warned_of_api_urls
            self._warned_of_api_urls.add(settings.profile)
        if not warned:
            self.say(
                f"Warning: the stored secrets of profile {settings.profile} are sent to {settings.api_url}, because "
                f"WEBEX_TOKEN_API_URL or --api-url overrides {stored}, where it is signed in."
            )

    def close_connections(self) -> None:
        """Close the idle connections to Webex: when the next request is hours away, they are dead by then."""
        for client in list(self._clients.values()):
            client.close_connections()

    def refresher(self, settings: Settings) -> "Refresher":
        """The refresher of the settings' profile. Raises StoreUnavailable, SignInNeeded."""
        from webex_token_cli.refresh.refresher import Refresher
        from webex_token_cli.system.signals import defer_signals

        self.warn_of_other_api_url(settings)
        with self.naming_stored_profiles(settings.profile):
            store = self.store_of(settings)
        # The client, and requests with it, is imported only when a refresh token is really redeemed.
        return Refresher(
            store=store,
            redeem=lambda record: self.client(settings.api_url).refresh(record),
            clock=self.clock,
            defer_signals=defer_signals,
            api_url=settings.api_url,
            not_signed_in=self.not_signed_in,
            new_pair=None if settings.service_app is None else lambda record: self.new_pair(settings, record),
        )

    def new_pair(self, settings: Settings, client: "ClientCredentials") -> "TokenResponse":
        """New tokens for the Service App of ``settings``, got with the access token of another profile.

        The caller may hold the lock of the Service App's record. The other profile's lock comes after it, and that
        profile is a person's, so that nobody waits in a circle. Raises what ``service_app_tokens`` raises.
        """
        from webex_token_cli.signin.service_app import service_app_tokens

        return service_app_tokens(self, settings, client)

    def valid_record(self, profile: str, min_valid: float, may_refresh: bool = True) -> "TokenRecord":
        """The profile's record with a living access token, refreshed first if under ``min_valid`` seconds are left.

        A token whose expiry Webex did not tell is relied on for an hour after its last refresh, and then refreshed
        first as well. It is not known to be dead, so it is returned, with a warning, if it cannot be refreshed. A
        record from the future is refreshed first too, because nobody knows how much is left.

        If the refresh fails for now and the token is still alive, that token is returned with a warning. Raises
        SignInNeeded, TemporaryFailure when the token is dead and cannot be refreshed now, StoreUnavailable,
        ConfigurationError, RequestRefused.
        """
        _, record = self.stored(profile)
        # Without a refresh token, a token that is not known to have expired is all there is.
        may_refresh = may_refresh and (record.refresh_token is not None or record.access_expired(self.clock()))
        if may_refresh and not record.relied_on_for(min_valid, self.clock()):
            record = self._refreshed(profile, record, min_valid)
        now = self.clock()
        left = record.access_left(now)
        if record.access_expired(now):
            self._refuse_dead_token(profile, record, may_refresh)
        elif record.is_from_the_future(now):
            self.warn_if_from_the_future(profile, record)
        elif not record.relied_on_for(min_valid, now):
            self.say(
                f"Warning: the access token expires in {duration_in_words(left)}."
                if left is not None
                else "Warning: Webex did not say when the access token expires, and it was last refreshed "
                f"{distance_in_words(record.refreshed_at, now)}."
            )
        self.warn_if_refresh_token_low(profile, record)
        return record

    def _refreshed(self, profile: str, record: "TokenRecord", min_valid: float) -> "TokenRecord":
        refresher = self.refresher(self.settings(profile))
        try:
            return refresher.refresh(profile, lambda stored: not stored.relied_on_for(min_valid, self.clock())).record
        except (TemporaryFailure, StoreUnavailable) as error:
            if record.access_expired(self.clock()):
                raise
            self.say(f"Warning: the access token was not refreshed. {error.message}")
            return record

    def _refuse_dead_token(self, profile: str, record: "TokenRecord", may_refresh: bool) -> None:
        now = self.clock()
        expired = f"The access token of profile {profile} expired {distance_in_words(record.access_expires_at, now)}"
        if record.needs_sign_in(now):
            raise SignInNeeded(f"{expired}, and the refresh token has expired as well.", sign_in_hint(profile))
        hint = "Run `webex-token refresh`" + ("." if may_refresh else ", or `webex-token get` without --no-refresh.")
        raise TemporaryFailure(f"{expired}.", hint)

    def warn_if_from_the_future(self, profile: str, record: "TokenRecord") -> None:
        """Warn about a record that was refreshed in the future, so that its times say nothing."""
        if record.is_from_the_future(self.clock()):
            self.say(
                f"Warning: profile {profile} was refreshed in the future by this machine's clock, so when its tokens "
                f"expire is not known. {clock_hint(profile)}"
            )

    def warn_if_refresh_token_low(self, profile: str, record: "TokenRecord") -> None:
        """Warn about a refresh token that expires within 14 days, or has expired."""
        now = self.clock()
        if record.refresh_expires_at is not None and record.refresh_token_low(now) and not self._heals(profile):
            state = "expires" if record.can_refresh(now) else "expired"
            self.say(
                f"Warning: the refresh token of profile {profile} {state} {when(record.refresh_expires_at, now)}"
                f"{'' if record.sign_in_by is None else ', and Webex does not extend it'}. "
                f"{sign_in_hint(profile)}"
            )

    def _heals(self, profile: str) -> bool:
        """Whether the profile gets new tokens without a person, as a Service App does."""
        return self.settings(profile).service_app is not None


def _locked(path: Path, say: Callable[[str], None]) -> AbstractContextManager[None]:
    from webex_token_cli.store.local.locks import locked

    return locked(path, say)
