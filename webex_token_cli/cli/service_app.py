"""``login --flow service-app``: the options of a Service App, and the sign-in that needs no browser."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import complete_profiles
from webex_token_cli.cli.prompts import Prompts
from webex_token_cli.config.names import check_profile_name
from webex_token_cli.config.settings import ServiceApp, Settings
from webex_token_cli.config.sites import site_of
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.text import printable
from webex_token_cli.tokens import TokenRecord

if TYPE_CHECKING:
    from webex_token_cli.signin.finish import SignIn

FLOW = "service-app"

SERVICE_APP_PROMPTS = Prompts(
    "Getting a Service App's tokens needs its client id and client secret; see {my_apps}.",
    "Give the Service App's client id with --client-id or WEBEX_CLIENT_ID.",
    "Give the Service App's client secret with --client-secret-file FILE (- is standard input) or WEBEX_CLIENT_SECRET.",
)

F = TypeVar("F", bound=Callable[..., Any])


class ServiceAppOptions(NamedTuple):
    """The values of ``--app``, ``--org`` and ``--with``; None for those that were not given."""

    application_id: str | None
    org_id: str | None
    with_profile: str | None


def service_app_options(function: F) -> F:
    """Add the options that say how a Service App gets its tokens, passed on as ``service_app``."""

    @click.option("--app", metavar="ID", help="The application id of a Service App, for --flow service-app.")
    @click.option("--org", metavar="ID", help="The organization in which the Service App is authorized.")
    @click.option(
        "--with",
        "with_profile",
        metavar="PROFILE",
        shell_complete=complete_profiles,
        help="The profile of a person who may get the Service App's tokens.",
    )
    @functools.wraps(function)
    def with_options(*args: Any, app: str | None, org: str | None, with_profile: str | None, **kwargs: Any) -> Any:
        return function(*args, service_app=ServiceAppOptions(app, org, with_profile), **kwargs)

    return with_options  # type: ignore[return-value]


def settings_of_flow(settings: Settings, flow: str, options: ServiceAppOptions) -> Settings:
    """``settings`` with the Service App to sign in, or without one for a person's sign-in.

    What is not given is what the profile remembers. With ``--flow auto``, a profile that remembers a Service App signs
    that in again. Raises ConfigurationError if something is missing or unusable.
    """
    remembered = settings.service_app
    if flow != FLOW and not (flow == "auto" and remembered):
        if any(options):
            raise ConfigurationError(
                "--app, --org and --with are for a Service App, which signs in without a person.",
                "Give --flow service-app, or leave them out.",
            )
        return settings._replace(service_app=None)
    values = [given or known for given, known in zip(options, remembered or (None, None, None), strict=True)]
    missing = [name for name, value in zip(("--app", "--org", "--with"), values, strict=True) if not value]
    if missing:
        raise ConfigurationError(
            f"A Service App needs {' and '.join(missing)} as well.",
            "Give the application id with --app, the organization's id with --org, and with --with the profile of a "
            "person whose integration has the scope spark:applications_token.",
        )
    app = ServiceApp(*(value or "" for value in values))
    for given in (app.application_id, app.org_id):
        if not given.isprintable() or " " in given:
            raise ConfigurationError(
                f"{printable(given, 80)!r} is not an id.",
                f"Copy it from {site_of(settings.api_url).portal}, without blanks.",
            )
    check_profile_name(app.with_profile)
    # Its scopes are those that an admin has authorized.
    return settings._replace(service_app=app, scopes=())


def sign_in_service_app(application: Application, settings: Settings, sign_in: "SignIn") -> TokenRecord:
    """Get the Service App's tokens and store them. Raises what ``Application.new_pair`` and ``SignIn.keep`` raise."""
    with sign_in.changing():
        return sign_in.keep(application.new_pair(settings, sign_in))
