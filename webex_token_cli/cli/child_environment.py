"""The environment of a child process that gets the access token and no other secret."""

from collections.abc import Iterable, Mapping

from webex_token_cli.tokens import TokenRecord

# The variables that hold secrets which are meant for this program alone.
SECRET_VARIABLES = frozenset({"WEBEX_CLIENT_SECRET", "WEBEX_REFRESH_TOKEN"})

# Webex's secrets are longer. A shorter one could be part of any value, so it is only compared with whole values.
_SHORTEST_SEARCHED_FOR = 16


def without_secrets(environment: Mapping[str, str], record: TokenRecord) -> dict[str, str]:
    """``environment`` for a child, without the variables that hold the record's refresh token or client secret."""
    hidden = [secret for secret in (record.refresh_token, record.client_secret) if secret]
    return {name: value for name, value in environment.items() if not _holds(value, hidden)}


def _holds(value: str, secrets: Iterable[str]) -> bool:
    return any(value == secret or (len(secret) >= _SHORTEST_SEARCHED_FOR and secret in value) for secret in secrets)
