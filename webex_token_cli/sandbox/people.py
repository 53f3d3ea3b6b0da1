"""The one person who has an account in the sandbox."""

import base64
from typing import Any


def ada() -> dict[str, Any]:
    """A new copy of the person as ``/people/me`` describes them."""
    return {
        "id": _webex_id("PEOPLE/3f1b7c1e-9d6e-4f0b-8a53-0c7c5b1de001"),
        "emails": ["ada@example.com"],
        "displayName": "Ada Lovelace",
        "orgId": _webex_id("ORGANIZATION/7a2d2a54"),
        "type": "person",
    }


def _webex_id(path: str) -> str:
    """Webex's public identifiers are base64 of a URI."""
    return base64.urlsafe_b64encode(f"ciscospark://us/{path}".encode()).decode()
