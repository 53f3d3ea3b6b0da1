"""What a sign-in asks a person for: which integration, and its client secret."""

import errno
import sys
from dataclasses import replace
from pathlib import Path

import click

from webex_token_cli.commands.shared import Invocation
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.output import printable
from webex_token_cli.profiles import Settings
from webex_token_cli.tokens import TokenRecord

# A client secret is one line of some 64 characters. A longer file is another file.
_LONGEST_SECRET = 1024

_HOW_TO_REGISTER = """\
No integration is configured yet. To register one, once:
  1. Open https://developer.webex.com/my-apps/new/integration and sign in.
  2. As Redirect URI enter exactly   {redirect_uri}
  3. As Scopes tick                  {scopes}
  4. Save, then copy the Client ID and the Client Secret (it is shown only once) to the questions below.
"""


def with_client_id(invocation: Invocation, settings: Settings) -> Settings:
    """``settings`` with a client id, which a person is asked for, and told where to get, if there is none.

    Raises ConfigurationError when it is none, or nobody can be asked.
    """
    client_id = settings.client_id
    if not client_id:
        if not invocation.has_person:
            raise ConfigurationError(
                f"No client id is configured for profile {settings.profile}.",
                "Give it with --client-id or WEBEX_CLIENT_ID, or run `webex-token login` on a terminal, which "
                "explains how to register an integration.",
            )
        invocation.say(_HOW_TO_REGISTER.format(redirect_uri=settings.redirect_uri, scopes=" ".join(settings.scopes)))
        client_id = click.prompt("Client ID", err=True)
    client_id = client_id.strip()
    if not client_id or not client_id.isprintable() or " " in client_id:
        raise ConfigurationError(
            f"{printable(client_id, 80)!r} is no client id.",
            "Copy it from the integration at developer.webex.com/my-apps.",
        )
    return replace(settings, client_id=client_id)


def client_secret(invocation: Invocation, settings: Settings, file: str | None, before: TokenRecord | None) -> str:
    """The client secret: file, environment, what is stored for this client id, or a hidden prompt, in that order.

    Raises ConfigurationError when there is none, or it cannot be one.
    """
    if file is not None:
        secret = _read_secret(file)
    elif invocation.environment.get("WEBEX_CLIENT_SECRET"):
        secret = invocation.environment["WEBEX_CLIENT_SECRET"]
    elif before is not None and before.client_id == settings.client_id:
        secret = before.client_secret
    elif invocation.has_person:
        secret = click.prompt("Client Secret (not shown)", hide_input=True, err=True)
    else:
        raise ConfigurationError(
            "No client secret is configured.",
            "Give it with --client-secret-file FILE (- is standard input) or WEBEX_CLIENT_SECRET.",
        )
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
