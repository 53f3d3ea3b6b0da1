"""A request to the sandbox, read from its connection."""

import base64
import binascii
import contextlib
import json
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

from webex_token_cli.sandbox.faults import DEVICE_TOKEN_PATH, TOKEN_PATH
from webex_token_cli.sandbox.rules import Rules


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``rules`` are those in force for it, which a fault may have changed for it alone.

    ``peer`` is the address of the other side, ``origin`` the URL by which the client reaches the sandbox.
    """

    method: str
    path: str
    query_string: str
    headers: Message
    body: str
    peer: tuple[str, int]
    origin: str
    rules: Rules
    tracking_id: str

    @property
    def query(self) -> dict[str, str]:
        """The parameters in the URL."""
        return dict(parse_qsl(self.query_string))

    @property
    def form(self) -> dict[str, str]:
        """The parameters in the body; none if it is not said to be a form (RFC 6749 sections 4.1.3 and 6)."""
        if self.headers.get_content_type() != "application/x-www-form-urlencoded":
            return {}
        return dict(parse_qsl(self.body))

    def json(self) -> dict[str, Any]:
        """The JSON object in the body; an empty body is an empty object.

        Raises ValueError or TypeError if it is no object.
        """
        try:
            found = json.loads(self.body or "{}")
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None
        if not isinstance(found, dict):
            raise TypeError("not a JSON object")
        return found

    @property
    def place(self) -> str:
        """The name by which faults know the request; empty if it has none."""
        match self.method, self.path:
            case "POST", path if path == TOKEN_PATH:
                return {"refresh_token": "refresh", "authorization_code": "code"}.get(
                    self.form.get("grant_type", ""), ""
                )
            case "POST", path if path == DEVICE_TOKEN_PATH:
                return "device"
            case "GET" | "HEAD", "/v1/people/me":
                return "people"
            case _:
                return ""

    @property
    def cookies(self) -> str:
        """The cookies that the browser sends, as one header."""
        return str(self.headers.get("Cookie", ""))

    @property
    def bearer(self) -> str:
        """The access token of the request, or an empty string."""
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""

    @property
    def basic(self) -> tuple[str, str] | None:
        """The client id and client secret from HTTP Basic.

        The result is None without the header, and two empty strings if the header is malformed.
        """
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            name, _, password = base64.b64decode(value).decode().partition(":")
            return name, password
        return "", ""
