"""What tokens are kept for: which integration, its client secret, and the settings. Options, and questions."""

import errno
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from webex_token_cli.application import Application
from webex_token_cli.config.settings import STORES, Overrides, Settings
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.text import printable
from webex_token_cli.tokens import TokenRecord

# A client secret is one line of some 64 characters. A longer file is another file.
_LONGEST_SECRET = 1024

F = TypeVar("F", bound=Callable[..., Any])

_HOW_TO_REGISTER = """\
No integration is configured yet. To register one, once:
  1. Open https://developer.webex.com/my-apps/new/integration and sign in.
  2. As Redirect URI enter exactly   {redirect_uri}
  3. As Scopes tick                  {scopes}
  4. Save, then copy the Client ID and the Client Secret (it is shown only once) to the questions below.
"""


@dataclass(frozen=True, slots=True)
class Questions:
    """The words around what a person is asked: before the client id, and where nobody can be asked."""

    explanation: str
    client_id_hint: str
    client_secret_hint: str


OF_A_SIGN_IN = Questions(
    _HOW_TO_REGISTER,
    "Give it with --client-id or WEBEX_CLIENT_ID, or run `webex-token login` on a terminal, which explains how to "
    "register an integration.",
    "Give it with --client-secret-file FILE (- is standard input) or WEBEX_CLIENT_SECRET.",
)


def integration_options(function: F) -> F:
    """Adds the options for what a profile remembers, given on as ``overrides``, and ``--client-secret-file``."""

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
        help="Read the client secret from this file, or from standard input if it is -.  "
        "[else env var WEBEX_CLIENT_SECRET, else what is stored, else asked for]",
    )
    @click.option(
        "--redirect-uri",
        metavar="URI",
        envvar="WEBEX_REDIRECT_URI",
        show_envvar=True,
        help="As registered with the integration.  [default: http://localhost:8000/oauth]",
    )
    @click.option(
        "--scope",
        "scopes",
        metavar="SCOPE",
        multiple=True,
        envvar="WEBEX_SCOPES",
        show_envvar=True,
        help="Ask for this scope at a sign-in; may be repeated, or several separated by blanks.  [default: spark:all]",
    )
    @click.option(
        "--api-url",
        metavar="URL",
        envvar="WEBEX_TOKEN_API_URL",
        show_envvar=True,
        help="Webex's API base URL.  [default: https://webexapis.com/v1]",
    )
    @click.option(
        "--store",
        type=click.Choice(STORES),
        envvar="WEBEX_TOKEN_STORE",
        show_envvar=True,
        help="Keep the tokens in the system's keyring, or in a file that only you can read.  [default: keyring]",
    )
    @functools.wraps(function)
    def with_overrides(
        *args: Any,
        client_id: str | None,
        redirect_uri: str | None,
        scopes: tuple[str, ...],
        api_url: str | None,
        store: str | None,
        **kwargs: Any,
    ) -> Any:
        overrides = Overrides(client_id, redirect_uri, " ".join(scopes) or None, api_url, store)
        return function(*args, overrides=overrides, **kwargs)

    return with_overrides  # type: ignore[return-value]


def with_client_id(application: Application, settings: Settings, questions: Questions = OF_A_SIGN_IN) -> Settings:
    """``settings`` with a client id, which a person is asked for, and told where to get, if there is none.

    Raises ConfigurationError when it is none, or nobody can be asked.
    """
    client_id = settings.client_id
    if not client_id:
        if not application.interactive:
            raise ConfigurationError(
                f"No client id is configured for profile {settings.profile}.", questions.client_id_hint
            )
        scopes = " ".join(settings.scopes)
        application.say(questions.explanation.format(redirect_uri=settings.redirect_uri, scopes=scopes))
        client_id = click.prompt("Client ID", err=True)
    client_id = client_id.strip()
    if not client_id or not client_id.isprintable() or " " in client_id:
        raise ConfigurationError(
            f"{printable(client_id, 80)!r} is no client id.",
            "Copy it from the integration at developer.webex.com/my-apps.",
        )
    return replace(settings, client_id=client_id)


def client_secret(
    application: Application,
    settings: Settings,
    file: str | None,
    before: TokenRecord | None,
    questions: Questions = OF_A_SIGN_IN,
) -> str:
    """The client secret: file, environment, what is stored for this client id, or a hidden prompt, in that order.

    Raises ConfigurationError when there is none, or it cannot be one.
    """
    if file is not None:
        secret = _read_secret(file)
    elif application.environment.get("WEBEX_CLIENT_SECRET"):
        secret = application.environment["WEBEX_CLIENT_SECRET"]
    elif before is not None and before.client_id == settings.client_id:
        secret = before.client_secret
    elif application.interactive:
        secret = click.prompt("Client Secret (not shown)", hide_input=True, err=True)
    else:
        raise ConfigurationError("No client secret is configured.", questions.client_secret_hint)
    secret = secret.strip()
    if not secret or not secret.isprintable():
        raise ConfigurationError(
            "The client secret is empty or not one line of text.",
            "Copy it from the integration at developer.webex.com/my-apps.",
        )
    return secret


def _read_secret(file: str) -> str:
    try:
        if file == "-" and sys.stdin is None:
            raise OSError(errno.EBADF, "it is closed")
        if file == "-":
            return sys.stdin.read(_LONGEST_SECRET)
        with Path(file).open(encoding="utf-8") as opened:
            return opened.read(_LONGEST_SECRET)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(
            f"The client secret could not be read from {file} ({why}).",
            "Name a file that holds the secret alone.",
        ) from None
