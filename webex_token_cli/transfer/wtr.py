"""Reads ``.wtr-cli.json``, the file of wtr (Webex Token Retriever / Refresher), as an export. Pure."""

from collections.abc import Mapping
from typing import Any

from webex_token_cli.store import records
from webex_token_cli.times import DAY

# The port and the scopes of wtr, unless its file names others.
_PORT = 6855
_SCOPES = "spark:kms spark:all"

# The usual lifetimes. The file holds when the tokens expire, but not when Webex sent them.
_ACCESS_LIFETIME = 14 * DAY
_REFRESH_LIFETIME = 90 * DAY


def is_wtr_file(body: Mapping[str, Any]) -> bool:
    """Whether the decoded JSON ``body`` is a file of wtr. Neither an export nor a token response has these keys."""
    return not {"clientid", "expiration", "refresh_expiration"}.isdisjoint(_lowered(body))


def settings_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in ``body``, unchecked, with the keys of ``config.ini``."""
    values = _lowered(body)
    return {
        "client_id": values.get("clientid"),
        "redirect_uri": f"http://localhost:{values.get('redirectport') or _PORT}",
        "scopes": values.get("scopes") or _SCOPES,
    }


def record_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the record in ``body``, unchecked and without a person."""
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
    """``body`` with lower-case keys: wtr reads keys in any case, and writes them in lower case."""
    return {key.lower(): value for key, value in body.items()}


def _before(moment: object, lifetime: int) -> int:
    return max(0, moment - lifetime) if isinstance(moment, int) else 0
