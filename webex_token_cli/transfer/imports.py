"""Storing a sign-in that another machine exported, or tokens that Webex gave elsewhere."""

import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from webex_token_cli.application import Application
from webex_token_cli.config.names import option_for
from webex_token_cli.config.settings import DEFAULT_STORE, Overrides, Profile, Settings, check_scopes
from webex_token_cli.errors import ConfigurationError, GrantRefused, StoreUnavailable, WebexTokenError
from webex_token_cli.profiles import changing, remember
from webex_token_cli.refresh.refresher import save_patiently
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.finish import keep, person_of
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.system.signals import defer_signals
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import Person, TokenRecord
from webex_token_cli.transfer.documents import Export
from webex_token_cli.transfer.environment import REFRESH_TOKEN

if TYPE_CHECKING:
    from webex_token_cli.webex.client import WebexClient

# The name of a profile has at most 64 characters, and words are added to this many.
_LONGEST_STEM = 48

# Raises ConfigurationError if the tokens of that person must not replace those of the profile.
PersonCheck = Callable[[Person | None], None]


class PersonRules(Protocol):
    """Whose tokens may replace those of a profile, if that can be known only after a refresh token was redeemed."""

    def allows(self, person: Person, /) -> bool:
        """Whether the tokens of ``person`` may, without a question."""

    def before_import(self, person: Person | None, /) -> None:
        """Ask, if somebody can be asked. Raises ConfigurationError if the tokens of ``person`` must not."""

    def imported_as(self, profile: str, person: Person, /) -> ConfigurationError:
        """The error for tokens of ``person`` that must not, and are stored as ``profile`` instead."""


@dataclass(frozen=True, slots=True)
class Imported:
    """An import that was stored: the record, its store, and the scopes that the profile requests at a sign-in.

    ``lifetimes_count_from_now`` is set if the tokens' real age is unknown, because they came as a token response and
    Webex did not tell when the access token expires. ``is_token_response`` says that they came as one, and
    ``access_expiry_told`` that Webex told at least when the access token expires.
    """

    record: TokenRecord
    store: CredentialStore
    scopes: tuple[str, ...]
    lifetimes_count_from_now: bool = False
    is_token_response: bool = False
    access_expiry_told: bool = False


def settings_for_export(application: Application, profile: str, export: Export, overrides: Overrides) -> Profile:
    """The settings that ``config.ini`` gets for the exported sign-in. Raises ConfigurationError."""
    store = application.settings(profile, Overrides(store=overrides.store)).store
    return Profile(profile, **export.settings, store=store)


def import_export(
    application: Application, settings: Profile, export: Export, overrides: Overrides, check_person: PersonCheck
) -> Imported:
    """Store the exported record unchanged, with ``settings``. Raises StoreUnavailable, ConfigurationError."""
    profile, record = settings.name, export.record
    store = application.store(settings.store or DEFAULT_STORE)
    store.try_to_write(profile)
    if not export.names_person:
        api_url = application.settings(profile, overrides).api_url
        record = record.belonging_to(_person(application, profile, record, api_url))
    check_person(record.person)
    with changing(application, profile, store):
        keep(record, store, settings._replace(keyring=store.backend), lambda section: remember(application, section))
    return Imported(record, store, tuple((settings.scopes or "").split()))


def settings_for_response(
    application: Application, profile: str, response: TokenResponse, overrides: Overrides
) -> Settings:
    """The settings of a profile that gets the tokens of ``response``. Raises ConfigurationError.

    Without scopes in ``overrides``, a later sign-in requests the scopes that were granted.
    """
    scopes = overrides.scopes or " ".join(response.scopes or ()) or None
    settings = application.settings(profile, overrides._replace(scopes=scopes))
    RedirectURI.parse(settings.redirect_uri)
    check_scopes(settings.scopes)
    return settings


def import_response(
    application: Application,
    settings: Settings,
    client_secret: str,
    response: TokenResponse,
    now: float,
    check_person: PersonCheck,
) -> Imported:
    """Store the tokens of ``response``, which this program read at ``now`` (UTC epoch seconds).

    A token response does not say when Webex sent it. When it did follows from the end of the access token, if Webex
    tells that; if not, the lifetimes count from ``now``. Raises StoreUnavailable, ConfigurationError.
    """
    store = application.store(settings.store)
    record = TokenRecord.signed_in(response, settings.client_id or "", client_secret, now)
    expires_at = _access_expiry(application, record, settings.api_url)
    sent_at = _sent_at(response, expires_at, now)
    if sent_at is not None:
        record = TokenRecord.signed_in(response, record.client_id, client_secret, sent_at)
    elif expires_at is not None:
        record = replace(record, access_expires_at=expires_at)
    record = record.belonging_to(_person(application, settings.profile, record, settings.api_url))
    check_person(record.person)
    with changing(application, settings.profile, store):
        section = Profile.of(settings)._replace(keyring=store.backend)
        keep(record, store, section, lambda section: remember(application, section))
    return Imported(record, store, settings.scopes, sent_at is None, True, expires_at is not None)


def _access_expiry(application: Application, record: TokenRecord, api_url: str) -> int | None:
    """When Webex says that the access token expires; None if it does not say. A failure is left to ``_person``."""
    try:
        return application.client(api_url).token_expiry(record.access_token)
    except WebexTokenError:
        return None


def _sent_at(response: TokenResponse, expires_at: int | None, now: float) -> int | None:
    """When Webex sent ``response``, whose access token expires at ``expires_at``; None if that cannot be told.

    It cannot have been sent later than ``now``: then the clock of this machine is behind Webex's.
    """
    if expires_at is None or response.expires_in is None:
        return None
    return min(expires_at - response.expires_in, int(now))


def import_refresh_token(
    application: Application,
    settings: Settings,
    client_secret: str,
    refresh_token: str,
    rules: PersonRules,
    *,
    scopes_are_given: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> Imported:
    """Redeem ``refresh_token`` once, as a refresh would, and store the answer.

    Without ``scopes_are_given``, a later sign-in requests the scopes that were granted. Signals are deferred from the
    request until the answer is stored, because Webex may have replaced the refresh token. If it has, and ``rules`` do
    not allow the person, the tokens are stored as a profile of their own. If it has not, nothing is lost by asking.
    Raises GrantRefused, ClientRefused, TemporaryFailure, StoreUnavailable, ConfigurationError.
    """
    store, profile = application.store(settings.store), settings.profile
    asked = int(application.clock())
    seed = TokenRecord("", None, refresh_token, None, asked, asked, settings.client_id or "", client_secret)
    client = application.client(settings.api_url)
    with contextlib.ExitStack() as locks:
        locks.enter_context(changing(application, profile, store))
        with defer_signals():
            record = _redeemed(application, client, seed)
            record = record.belonging_to(_person(application, profile, record, settings.api_url))
            if record.scopes and not scopes_are_given:
                settings = settings._replace(scopes=record.scopes)
            answer = _Answer(application, record, store, sleep)
            if record.person is None or rules.allows(record.person):
                return answer.save(settings)
            if record.refresh_token != refresh_token:
                locks.close()  # the other profile has locks of its own
                raise rules.imported_as(answer.save_as_new_profile(settings), record.person)
    rules.before_import(record.person)
    with changing(application, profile, store), defer_signals():
        return answer.save(settings)


def _redeemed(application: Application, client: "WebexClient", seed: TokenRecord) -> TokenRecord:
    asked = application.clock()
    try:
        response = client.refresh(seed)
    except GrantRefused as error:
        named = GrantRefused(
            f"The refresh token in {REFRESH_TOKEN} cannot be used. {error.message}",
            f"Put one that is valid into {REFRESH_TOKEN}, or sign in with `webex-token login`.",
        )
        named.tracking_id = error.tracking_id
        raise named from error
    return seed.refreshed(response, asked)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer to a refresh, which may hold the only valid refresh token, and the store that it is for.

    It is stored as patiently as a refresh does. The methods raise StoreUnavailable, ConfigurationError.
    """

    application: Application
    record: TokenRecord
    store: CredentialStore
    sleep: Callable[[float], None]

    def save(self, settings: Settings) -> Imported:
        """Store it in the profile of ``settings``. Callers hold the profile in ``changing``."""
        with _telling_that_webex_answered():
            self._save(settings)
        return Imported(self.record, self.store, settings.scopes, lifetimes_count_from_now=False)

    def save_as_new_profile(self, settings: Settings) -> str:
        """Store it in a new profile with these ``settings``, and return the profile's name."""
        with _telling_that_webex_answered():
            name = _unused_name(self.application, settings.profile, self.store)
            with changing(self.application, name, self.store):
                self._save(settings._replace(profile=name))
        return name

    def _save(self, settings: Settings) -> None:
        section = Profile.of(settings)._replace(keyring=self.store.backend)
        remembering = functools.partial(remember, self.application)
        save_patiently(lambda: keep(self.record, self.store, section, remembering), self.sleep)


@contextlib.contextmanager
def _telling_that_webex_answered() -> Iterator[None]:
    """Have a StoreUnavailable say that Webex may have replaced the refresh token."""
    try:
        yield
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"Webex answered the refresh, but its answer could not be stored: {error.message}",
            f"Make the store writable and import again. If Webex then refuses {REFRESH_TOKEN}, it has replaced it: "
            "sign in with `webex-token login`.",
        ) from error


def _unused_name(application: Application, profile: str, store: CredentialStore) -> str:
    """A name, like that of ``profile``, under which nothing is stored. Raises StoreUnavailable."""
    taken, name = application.config.names(), f"{profile[:_LONGEST_STEM]}-imported"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken and store.load(name) is None)


def _person(application: Application, profile: str, record: TokenRecord, api_url: str) -> Person | None:
    """The person whom the tokens act for, or None. An expired access token may still have a valid refresh token."""
    try:
        return person_of(record, application.client(api_url), application.say)
    except GrantRefused as error:
        application.say(f"Warning: {error.message} `webex-token refresh{option_for(profile)}` may correct that.")
        return None
