"""Prints the lines that a mail program puts below each message: name and address, as Webex has them today.

python signature.py

The sign-in is in ~/.signature.yml, as wxc_sdk writes it. Without it: python signature.py sign-in
"""

import os
import sys
from pathlib import Path

import requests
import yaml
from wxc_sdk import WebexSimpleApi
from wxc_sdk.integration import Integration
from wxc_sdk.tokens import Tokens

FILE = Path("~/.signature.yml").expanduser()
SCOPES = ["spark:people_read"]
REDIRECT = "http://localhost:6001/redirect"

# Seconds. The lines are made once a message, so the token needs little.
MARGIN = 300


class NotSignedIn(Exception):
    """There is no sign-in, or Webex has ended it."""


class TryAgainLater(Exception):
    """Webex could not be asked."""


def integration(service: str = "https://webexapis.com/v1") -> Integration:
    """The integration, by the client id and the client secret in the environment."""
    return Integration(
        client_id=os.environ["WEBEX_CLIENT_ID"],
        client_secret=os.environ["WEBEX_CLIENT_SECRET"],
        scopes=SCOPES,
        redirect_url=REDIRECT,
        auth_service=f"{service}/authorize",
        token_service=f"{service}/access_token",
    )


def save(tokens: Tokens, file: Path) -> None:
    """Write the sign-in, so that a crash leaves the old file or the new one."""
    new = file.with_suffix(".new")
    new.write_text(yaml.safe_dump(tokens.model_dump(mode="json")))
    new.replace(file)


def load(webex: Integration, file: Path) -> Tokens:
    """The tokens in ``file``, refreshed if they end soon. A sign-in that Webex has ended is removed."""
    if not file.exists():
        raise NotSignedIn("Run: python signature.py sign-in")
    tokens = Tokens.model_validate(yaml.safe_load(file.read_text()))
    if tokens.remaining >= MARGIN:
        return tokens
    renewed = tokens.model_copy()
    try:
        webex.refresh(renewed)
    except requests.HTTPError as error:
        if error.response.status_code == 400:
            file.unlink()
            raise NotSignedIn("Webex has ended the sign-in. Run: python signature.py sign-in") from None
        raise TryAgainLater(str(error)) from None
    except requests.JSONDecodeError as error:
        raise TryAgainLater(f"The answer was not Webex's: {error}") from None
    except requests.RequestException as error:
        raise TryAgainLater(str(error)) from None
    # wxc_sdk takes an answer without a refresh token to mean that there is none. The old one stays in force.
    renewed.refresh_token = renewed.refresh_token or tokens.refresh_token
    save(renewed, file)
    return renewed


def lines(tokens: Tokens) -> str:
    """The signature."""
    with WebexSimpleApi(tokens=tokens) as api:
        me = api.people.me()
    return f"-- \n{me.display_name}\n{me.emails[0] if me.emails else ''}"


if __name__ == "__main__":
    if sys.argv[1:] == ["sign-in"]:
        found = integration().get_tokens_from_oauth_flow()
        if found:
            save(found, FILE)
    else:
        print(lines(load(integration(), FILE)))
