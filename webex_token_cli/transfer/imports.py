"""Storing a sign-in that another machine exported, or tokens that Webex gave elsewhere."""

from dataclasses import dataclass

from webex_token_cli.application import Application
from webex_token_cli.config.names import option_for
from webex_token_cli.config.settings import DEFAULT_STORE, Overrides, Profile, Settings
from webex_token_cli.errors import GrantRefused
from webex_token_cli.profiles import changing, remember
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.finish import keep, person_of
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import Person, TokenRecord
from webex_token_cli.transfer.documents import Export


@dataclass(frozen=True, slots=True)
class Imported:
    """An import that was stored: the record, its store, and the scopes that the profile requests at a sign-in.

    ``lifetimes_count_from_now`` is set if the tokens' real age is unknown, because they came as a token response.
    """

    record: TokenRecord
    store: CredentialStore
    scopes: tuple[str, ...]
    lifetimes_count_from_now: bool


def settings_for_export(application: Application, profile: str, export: Export, overrides: Overrides) -> Profile:
    """The settings that ``config.ini`` gets for the exported sign-in. Raises ConfigurationError."""
    store = application.settings(profile, Overrides(store=overrides.store)).store
    return Profile(profile, **export.settings, store=store)


def import_export(application: Application, settings: Profile, export: Export, overrides: Overrides) -> Imported:
    """Store the exported record unchanged, with ``settings``. Raises StoreUnavailable, ConfigurationError."""
    profile, record = settings.name, export.record
    store = application.store(settings.store or DEFAULT_STORE)
    store.try_to_write(profile)
    if not export.names_person:
        api_url = application.settings(profile, overrides).api_url
        record = record.belonging_to(_person(application, profile, record, api_url))
    with changing(application, profile, store):
        keep(record, store, settings._replace(keyring=store.backend), lambda section: remember(application, section))
    return Imported(record, store, tuple((settings.scopes or "").split()), lifetimes_count_from_now=False)


def settings_for_response(
    application: Application, profile: str, response: TokenResponse, overrides: Overrides
) -> Settings:
    """The settings of a profile that gets the tokens of ``response``. Raises ConfigurationError.

    Without scopes in ``overrides``, a later sign-in requests the scopes that were granted.
    """
    scopes = overrides.scopes or " ".join(response.scopes or ()) or None
    settings = application.settings(profile, overrides._replace(scopes=scopes))
    RedirectURI.parse(settings.redirect_uri)
    return settings


def import_response(
    application: Application, settings: Settings, client_secret: str, response: TokenResponse, now: float
) -> Imported:
    """Store the tokens of ``response`` as if Webex had sent them at ``now`` (UTC epoch seconds).

    Raises StoreUnavailable, ConfigurationError.
    """
    store = application.store(settings.store)
    record = TokenRecord.signed_in(response, settings.client_id or "", client_secret, now)
    record = record.belonging_to(_person(application, settings.profile, record, settings.api_url))
    with changing(application, settings.profile, store):
        section = Profile.of(settings)._replace(keyring=store.backend)
        keep(record, store, section, lambda section: remember(application, section))
    return Imported(record, store, settings.scopes, lifetimes_count_from_now=True)


def _person(application: Application, profile: str, record: TokenRecord, api_url: str) -> Person | None:
    """The person whom the tokens act for, or None. An expired access token may still have a valid refresh token."""
    try:
        return person_of(record, application.client(api_url), application.say)
    except GrantRefused as error:
        application.say(f"Warning: {error.message} `webex-token refresh{option_for(profile)}` may correct that.")
        return None
