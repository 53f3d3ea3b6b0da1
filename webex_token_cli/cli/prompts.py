"""The options and prompts that name the integration: client id, client secret and settings."""

import errno
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from webex_token_cli.application import Application
from webex_token_cli.cli.mistyped import Choice
from webex_token_cli.config.settings import STORES, Overrides, Settings
from webex_token_cli.config.sites import GOVERNMENT, site_of
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.text import printable
from webex_token_cli.tokens import TokenRecord

# Bytes. A client secret is a line of about 64 characters, so a file with many more is a wrong file.
_LONGEST_SECRET = 1024

F = TypeVar("F", bound=Callable[..., Any])

_HOW_TO_REGISTER = """\
No integration is configured yet. Register one:
  1. Open https://{my_apps}/new/integration and sign in.
  2. Enter exactly this Redirect URI:  {redirect_uri}
  3. Tick these Scopes:                {scopes}
  4. Name, icon and description are up to you. Save.
  5. Copy the Client ID and the Client Secret, which is shown only once, to the prompts below.
"""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The text before the prompts, and the hints for when nobody can be prompted.

    The text may name ``{my_apps}``, the page with a person's integrations, ``{redirect_uri}`` and ``{scopes}``.
    """

    explanation: str
    client_id_hint: str
    client_secret_hint: str


SIGN_IN_PROMPTS = Prompts(
    _HOW_TO_REGISTER,
    "Give it with --client-id or WEBEX_CLIENT_ID, or run `webex-token login` on a terminal, which explains how to "
    "register an integration.",
    "Give it with --client-secret-file FILE (- is standard input) or WEBEX_CLIENT_SECRET.",
)


def integration_options(function: F) -> F:
    """Add the options for the settings of a profile, passed on as ``overrides``, and ``--client-secret-file``."""

    @click.option(
        "--client-id",
        metavar="ID",
        envvar="WEBEX_CLIENT_ID",
        show_envvar=True,
        help="The integration's client id.",
    )
    @click.option(
        "--client-secret-file",
        metavar="FILE",
        type=click.Path(dir_okay=False, allow_dash=True, path_type=str),
        help="Read the client secret from this file, or from standard input if FILE is -.  "
        "[default: WEBEX_CLIENT_SECRET, else the stored secret, else a prompt]",
    )
    @click.option(
        "--redirect-uri",
        metavar="URI",
        envvar="WEBEX_REDIRECT_URI",
        show_envvar=True,
        help="The redirect URI that is registered with the integration.  [default: http://localhost:8000/oauth]",
    )
    @click.option(
        "--scope",
        "scopes",
        metavar="SCOPE",
        multiple=True,
        envvar="WEBEX_SCOPES",
        show_envvar=True,
        help="Request this scope. May be repeated, or given several scopes separated by spaces.  [default: spark:all]",
    )
    @click.option(
        "--api-url",
        metavar="URL",
        envvar="WEBEX_TOKEN_API_URL",
        show_envvar=True,
        help="Webex's API base URL.  [default: https://webexapis.com/v1]",
    )
    @click.option(
        "--government",
        is_flag=True,
        help="Use the API and the developer portal of Webex for Government.",
    )
    @click.option(
        "--store",
        type=Choice(STORES),
        envvar="WEBEX_TOKEN_STORE",
        show_envvar=True,
        help="Store the tokens in the system's keyring, in a file that only you can read, or in OpenBao or Vault, "
        "which many machines share.  [default: keyring]",
    )
    @functools.wraps(function)
    def with_overrides(
        *args: Any,
        client_id: str | None,
        redirect_uri: str | None,
        scopes: tuple[str, ...],
        api_url: str | None,
        government: bool,
        store: str | None,
        **kwargs: Any,
    ) -> Any:
        api_url = _government_api_url(api_url) if government else api_url
        overrides = Overrides(client_id, redirect_uri, " ".join(scopes) or None, api_url, store)
        return function(*args, overrides=overrides, **kwargs)

    return with_overrides  # type: ignore[return-value]


def _government_api_url(api_url: str | None) -> str:
    """The API base URL of Webex for Government. A usage error if --api-url names another one."""
    context = click.get_current_context()
    given = context.get_parameter_source("api_url") is ParameterSource.COMMANDLINE
    if given and (api_url or "").rstrip("/") != GOVERNMENT.api_url:
        raise click.UsageError("--government and --api-url name two API base URLs. Give one of them.")
    return GOVERNMENT.api_url


def with_client_id(application: Application, settings: Settings, prompts: Prompts = SIGN_IN_PROMPTS) -> Settings:
    """``settings`` with a client id. If there is none, a person is told how to get one, and prompted for it.

    Raises ConfigurationError if the client id is unusable, or nobody can be prompted.
    """
    client_id = settings.client_id
    if not client_id:
        if not application.interactive:
            raise ConfigurationError(
                f"No client id is configured for profile {settings.profile}.", prompts.client_id_hint
            )
        scopes = " ".join(settings.scopes)
        my_apps = site_of(settings.api_url).my_apps
        application.say(prompts.explanation.format(my_apps=my_apps, redirect_uri=settings.redirect_uri, scopes=scopes))
        client_id = click.prompt("Client ID", err=True)
    client_id = client_id.strip()
    if not client_id or not client_id.isprintable() or " " in client_id:
        raise ConfigurationError(
            f"{printable(client_id, 80)!r} is not a client id.",
            f"Copy it from the integration at {site_of(settings.api_url).my_apps}.",
        )
    return settings._replace(client_id=client_id)


def client_secret(
    application: Application,
    settings: Settings,
    file: str | None,
    before: TokenRecord | None,
    prompts: Prompts = SIGN_IN_PROMPTS,
) -> str:
    """The client secret: from file, environment, the stored record of this client id or a hidden prompt, in that order.

    Raises ConfigurationError if there is none, or it is unusable.
    """
    if file == "-" and application.interactive:
        secret = _prompted_secret()  # a terminal would show what is typed
    elif file is not None:
        secret = _read_secret(file)
    elif application.environment.get("WEBEX_CLIENT_SECRET"):
        secret = application.environment["WEBEX_CLIENT_SECRET"]
    elif before is not None and before.client_id == settings.client_id:
        application.warn_of_other_api_url(settings)
        secret = before.client_secret
    elif application.interactive:
        secret = _prompted_secret()
    else:
        raise ConfigurationError("No client secret is configured.", prompts.client_secret_hint)
    secret = secret.strip()
    if not secret or not secret.isprintable():
        raise ConfigurationError(
            "The client secret is empty or not one line of text.",
            f"Copy it from the integration at {site_of(settings.api_url).my_apps}.",
        )
    return secret


def _prompted_secret() -> str:
    return str(click.prompt("Client Secret (hidden)", hide_input=True, err=True))


def _read_secret(file: str) -> str:
    try:
        data = _start_of(file)
        if len(data) > _LONGEST_SECRET:
            raise _unreadable(file, f"it is longer than {_LONGEST_SECRET:,} bytes")
        return data.decode("utf-8-sig")  # as PowerShell and some editors write it
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, (error.strerror or "") if isinstance(error, OSError) else "it is not UTF-8") from None


def _start_of(file: str) -> bytes:
    """What is in ``file``, cut one byte above the longest secret. Raises OSError."""
    if file != "-":
        with Path(file).open("rb") as opened:
            return opened.read(_LONGEST_SECRET + 1)
    if sys.stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    return sys.stdin.buffer.read(_LONGEST_SECRET + 1)


def _unreadable(file: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The client secret could not be read from {file} ({why}).", "Name a file that holds only the secret."
    )
