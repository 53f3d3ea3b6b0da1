"""Tokens in environment variables, as CI systems hold them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webex_token_cli.errors import ConfigurationError
from webex_token_cli.text import is_bearer_token, is_refresh_token

CLIENT_ID, CLIENT_SECRET = "WEBEX_CLIENT_ID", "WEBEX_CLIENT_SECRET"
REFRESH_TOKEN, ACCESS_TOKEN = "WEBEX_REFRESH_TOKEN", "WEBEX_ACCESS_TOKEN"


@dataclass(frozen=True, slots=True)
class Variables:
    """The tokens that the environment holds. Often it has no access token, which a refresh gives."""

    refresh_token: str = field(repr=False)
    access_token: str | None = field(repr=False)


def read_variables(environment: Mapping[str, str], *, has_client_id: bool, has_client_secret: bool) -> Variables:
    """The tokens in ``environment``. Empty variables count as missing, as CI systems set them for a missing secret.

    ``has_client_id`` and ``has_client_secret`` say that an option or a variable gives them. Raises ConfigurationError,
    which names variables and never repeats a value, if something is missing or no token.
    """
    refresh_token, access_token = (environment.get(name, "").strip() for name in (REFRESH_TOKEN, ACCESS_TOKEN))
    given = {CLIENT_ID: has_client_id, CLIENT_SECRET: has_client_secret, REFRESH_TOKEN: bool(refresh_token)}
    missing = [name for name, is_given in given.items() if not is_given]
    if missing:
        raise ConfigurationError(
            f"The environment has no {' and no '.join(missing)}.",
            f"Set {', '.join(given)}, and {ACCESS_TOKEN} if you have it.",
        )
    for name, is_token in (
        (REFRESH_TOKEN, is_refresh_token(refresh_token)),
        (ACCESS_TOKEN, not access_token or is_bearer_token(access_token)),
    ):
        if not is_token:
            raise ConfigurationError(f"The value of {name} cannot be a token.", "Copy the token alone, without quotes.")
    return Variables(refresh_token, access_token or None)
