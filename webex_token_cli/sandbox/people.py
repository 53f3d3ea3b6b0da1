"""The people who have an account in the sandbox."""

import base64
import re
import uuid
from typing import Any

_NAME_AND_ADDRESS = re.compile(r"\s*(?P<name>[^<>]*[^<>\s])\s*<(?P<address>[^<>\s@]+@[^<>\s@]+)>\s*")


def ada() -> dict[str, Any]:
    """A new copy of the person who is there unless others are named, as ``/people/me`` describes them."""
    return _person("3f1b7c1e-9d6e-4f0b-8a53-0c7c5b1de001", "Ada Lovelace", "ada@example.com")


def person_from(text: str) -> dict[str, Any]:
    """The person in ``NAME <EMAIL>``. The same address has the same id each time. Raises ValueError."""
    found = _NAME_AND_ADDRESS.fullmatch(text)
    if found is None or not text.isprintable():
        raise ValueError("not a name and an e-mail address in angle brackets")
    address = found["address"]
    return _person(str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{address.lower()}")), found["name"], address)


def _person(uuid_text: str, name: str, address: str) -> dict[str, Any]:
    return {
        "id": _webex_id(f"PEOPLE/{uuid_text}"),
        "emails": [address],
        "displayName": name,
        "orgId": _webex_id("ORGANIZATION/7a2d2a54"),
        "type": "person",
    }


def _webex_id(path: str) -> str:
    """Webex's public identifiers are base64 of a URI."""
    return base64.urlsafe_b64encode(f"ciscospark://us/{path}".encode()).decode()
