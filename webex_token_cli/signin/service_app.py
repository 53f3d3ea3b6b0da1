"""How a Service App gets its tokens: Webex is asked with the access token of a person's profile.

The person's integration needs the scope ``spark:applications_token``, and a Full Admin of the organization must have
authorized the Service App in Control Hub.
"""

from collections.abc import Callable
from typing import Protocol

from webex_token_cli.config.names import option_for, sign_in_hint
from webex_token_cli.config.settings import ServiceApp, Settings
from webex_token_cli.config.sites import site_of
from webex_token_cli.errors import ConfigurationError, GrantRefused, HelperNeedsSignIn, SignInNeeded, StoreUnavailable
from webex_token_cli.refresh.refresher import NotSaved, Refresher
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord
from webex_token_cli.webex.client import WebexClient

SCOPE = "spark:applications_token"

# Seconds for which the helping access token must still be valid: longer than a request may take.
_MIN_VALID = 60.0


class ClientCredentials(Protocol):
    """The Service App's own client id and client secret; a stored record has them."""

    @property
    def client_id(self) -> str:
        """The client id."""

    @property
    def client_secret(self) -> str:
        """The client secret."""


class Profiles(Protocol):
    """What is needed of ``application.Application``: other profiles, and Webex."""

    def settings(self, profile: str, /) -> Settings:
        """The settings in force for a profile. Raises ConfigurationError."""

    def valid_record(self, profile: str, min_valid: float, /) -> TokenRecord:
        """The profile's record with a living access token; the errors are those of ``Application.valid_record``."""

    def refresher(self, settings: Settings, /) -> Refresher:
        """The refresher of the settings' profile. Raises StoreUnavailable, SignInNeeded."""

    def client(self, api_url: str, /) -> WebexClient:
        """The client for Webex at ``api_url``."""

    def warn_of_other_api_url(self, settings: Settings, /) -> None:
        """Warn if the profile's stored secrets go to another API URL than the one they were stored with."""


def service_app_tokens(profiles: Profiles, settings: Settings, credentials: ClientCredentials) -> TokenResponse:
    """New tokens for the Service App of ``settings``.

    If Webex does not accept the helping access token, that profile is refreshed, once. Raises HelperNeedsSignIn if
    the helping profile needs a sign-in, ServiceAppRefused and ClientRefused as Webex refuses, ConfigurationError,
    TemporaryFailure, StoreUnavailable.
    """
    app = settings.service_app
    if app is None:
        raise ConfigurationError(
            f"Profile {settings.profile} is not that of a Service App.",
            "Give --flow service-app with --app, --org and --with.",
        )
    helper = _checked_helper(profiles, settings, app)
    client = profiles.client(settings.api_url)

    def ask(record: TokenRecord) -> TokenResponse:
        return client.service_app_tokens(
            record.access_token, app, client_id=credentials.client_id, client_secret=credentials.client_secret
        )

    record = _of_helper(app, lambda: profiles.valid_record(app.with_profile, _MIN_VALID))
    _check_scope(app, record, settings.api_url)
    try:
        return ask(record)
    except GrantRefused:
        refused = record
    record = _of_helper(app, lambda: _refreshed(profiles, helper, refused))
    try:
        return ask(record)
    except GrantRefused as error:
        raise _needs_sign_in(app, error) from error


def _checked_helper(profiles: Profiles, settings: Settings, app: ServiceApp) -> Settings:
    """The settings of the helping profile. Raises ConfigurationError if it cannot help."""
    helper = profiles.settings(app.with_profile)
    if helper.service_app is not None or helper.profile == settings.profile:
        raise ConfigurationError(
            f"Profile {helper.profile} is that of a Service App, and only a person's can get tokens for another one.",
            "Name a person's profile with --with.",
        )
    if helper.api_url != settings.api_url:
        raise ConfigurationError(
            f"Profile {helper.profile} is signed in at {helper.api_url}, and the Service App is at {settings.api_url}.",
            "Name a profile with --with that is signed in at the same API base URL.",
        )
    profiles.warn_of_other_api_url(helper)
    return helper


def _refreshed(profiles: Profiles, helper: Settings, refused: TokenRecord) -> TokenRecord:
    """The helping profile's record after a refresh, unless it has another access token than the refused one already."""
    refresher = profiles.refresher(helper)
    return refresher.refresh(helper.profile, lambda stored: stored.access_token == refused.access_token).record


def _check_scope(app: ServiceApp, record: TokenRecord, api_url: str) -> None:
    if record.scopes is not None and SCOPE not in record.scopes:
        raise ConfigurationError(
            f"The sign-in of profile {app.with_profile} lacks the scope {SCOPE}, which is needed to get the tokens of "
            "a Service App.",
            f"Tick it for that profile's integration at {site_of(api_url).my_apps}, then sign in there again with "
            f'`webex-token login{option_for(app.with_profile)} --scope "{" ".join((*record.scopes, SCOPE))}"`.',
        )


def _of_helper(app: ServiceApp, call: Callable[[], TokenRecord]) -> TokenRecord:
    """Run ``call``, and say of a needed sign-in that it is the helping profile's."""
    try:
        return call()
    except SignInNeeded as error:
        raise _needs_sign_in(app, error) from error
    except NotSaved as error:
        # A watch would save that answer later, but as the Service App's.
        raise StoreUnavailable(error.message, error.hint) from error


def _needs_sign_in(app: ServiceApp, error: SignInNeeded) -> HelperNeedsSignIn:
    needed = HelperNeedsSignIn(
        f"Profile {app.with_profile}, with which the Service App gets its tokens, needs a sign-in: {error.message}",
        sign_in_hint(app.with_profile),
    )
    needed.tracking_id = error.tracking_id
    return needed
