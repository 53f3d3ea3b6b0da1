"""The file ``.wtr-cli.json`` of wtr, the Webex Token Retriever / Refresher, in the words of an export. Pure."""

from collections.abc import Mapping
from typing import Any

from webex_token_cli.store import records
from webex_token_cli.times import DAY

# Where wtr listens unless its file says otherwise, and what it asks for.
_PORT = 6855
_SCOPES = "spark:kms spark:all"

# What Webex gives both tokens at a refresh. The file says when they end, and not when they were given.
_ACCESS_LIFETIME = 14 * DAY
_REFRESH_LIFETIME = 90 * DAY


def is_wtr_file(body: Mapping[str, Any]) -> bool:
    """Whether the decoded JSON ``body`` is what wtr writes; neither an export nor a token response has these keys."""
    return not {"clientid", "expiration", "refresh_expiration"}.isdisjoint(_lowered(body))


def settings_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that ``body`` comes to, unchecked: keys as in ``config.ini``."""
    values = _lowered(body)
    return {
        "client_id": values.get("clientid"),
        "redirect_uri": f"http://localhost:{values.get('redirectport') or _PORT}",
        "scopes": values.get("scopes") or _SCOPES,
    }


def record_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the record that ``body`` comes to, unchecked, but for the person."""
    values = _lowered(body)
    ends, refresh_ends = values.get("expiration"), values.get("refresh_expiration")
    return {
        "version": records.VERSION,
        "access_token": values.get("token"),
        "access_expires_at": ends,
        "refresh_token": values.get("refresh_token"),
        "refresh_expires_at": refresh_ends,
        "changed_at": _before(ends, _ACCESS_LIFETIME),
        "refreshed_at": _before(refresh_ends, _REFRESH_LIFETIME),
        "client_id": values.get("clientid"),
        "client_secret": values.get("secret"),
        "scopes": None,
        "person": None,
    }


def _lowered(body: Mapping[str, Any]) -> dict[str, Any]:
    """wtr reads keys in any case, and writes them in lower case."""
    return {key.lower(): value for key, value in body.items()}


def _before(moment: object, lifetime: int) -> int:
    return max(0, moment - lifetime) if isinstance(moment, int) else 0
