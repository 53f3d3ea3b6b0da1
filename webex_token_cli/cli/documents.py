"""The JSON that commands print for programs. The parts that are made here never hold a secret. Pure."""

import json
from collections.abc import Iterable
from typing import Any

from webex_token_cli.errors import WebexTokenError
from webex_token_cli.tokens import Person, TokenRecord


def to_json(document: dict[str, Any]) -> str:
    """``document`` as JSON, with ``"version": 1`` first. Later versions of this program only add keys.

    It is in ASCII, so that no name is changed by the encoding of a pipe, and no reader has to guess that.
    """
    return json.dumps({"version": 1, **document}, indent=2)


def error_document(error: WebexTokenError) -> dict[str, object]:
    """The keys that describe an error."""
    return {"error": error.message, "hint": error.hint, "exit_status": error.exit_status}


def expiry_document(record: TokenRecord) -> dict[str, object]:
    """When both tokens expire, and when they were last refreshed, in UTC epoch seconds."""
    return {
        "access_token_expires_at": record.access_expires_at,
        "refresh_token_expires_at": record.refresh_expires_at,
        "refreshed_at": record.refreshed_at,
    }


def person_document(person: Person | None) -> dict[str, object] | None:
    """The person who signed in, or None if the scopes do not tell."""
    if person is None:
        return None
    return {
        "id": person.id,
        "display_name": person.display_name,
        "emails": list(person.emails),
        "org_id": person.org_id,
        "type": person.type,
    }


def sign_in_document(profile: str, stored_in: str, record: TokenRecord, requested: Iterable[str]) -> dict[str, object]:
    """What a sign-in or an import stored; ``requested`` are the scopes that were asked for."""
    return {
        "profile": profile,
        "person": None if record.person is None else record.person.label,
        "scopes": None if record.scopes is None else list(record.scopes),
        "scopes_not_granted": record.scopes_not_granted(requested),
        "access_token_expires_at": record.access_expires_at,
        "refresh_token_expires_at": record.refresh_expires_at,
        "stored_in": stored_in,
    }
