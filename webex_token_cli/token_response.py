"""What the token endpoints answer: tokens, a code for a device, or that it is too early. Pure.

All lifetimes are seconds. A repr never shows a secret.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Self

from webex_token_cli.text import is_bearer_token, is_refresh_token, is_scope
from webex_token_cli.times import DAY

# A century. No server means a longer lifetime, and the calendar could not hold it.
_LONGEST_LIFETIME = 100 * 365 * DAY

# A lifetime, whole or with a fraction, as some servers send it in a string.
_SECONDS = re.compile(r"\s*([0-9]{1,12})(?:\.[0-9]*)?\s*", re.ASCII)

# The longest text that a device may be told to show. The longest is a URL, and no URL of a sign-in fills a screen.
_LONGEST_TEXT = 2048


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """An answer of the token endpoint (RFC 6749 section 5.1, and Webex's ``refresh_token_expires_in``).

    A lifetime is None if the answer did not tell it. RFC 6749 only recommends ``expires_in``.
    """

    access_token: str = field(repr=False)
    expires_in: int | None
    refresh_token: str | None = field(default=None, repr=False)
    refresh_token_expires_in: int | None = None
    scopes: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, body: object) -> Self:
        """The token response in a decoded JSON ``body``.

        With a usable access token, every answer is one: the server may have revoked the refresh token that was
        redeemed, so an answer that is thrown away can cost the grant. Lifetimes may be numbers or strings of digits.
        Anything else in their place is unknown, and so is a lifetime under a second: servers send 0 or -1 for a token
        that does not expire, and none sends a token that has expired. A refresh token that cannot be one counts as
        left out. Raises ValueError, which names the key and never the value, if ``body`` has no usable access token.
        """
        if not isinstance(body, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004 - one exception type for one kind of bad input
        access_token = _token(body, "access_token")
        if access_token is None:
            raise ValueError("no access_token")
        refresh_token = body.get("refresh_token")
        scope = body.get("scope")
        return cls(
            access_token=access_token,
            expires_in=_lifetime(body.get("expires_in")),
            refresh_token=refresh_token if isinstance(refresh_token, str) and is_refresh_token(refresh_token) else None,
            refresh_token_expires_in=_lifetime(body.get("refresh_token_expires_in")),
            scopes=tuple(filter(is_scope, scope.split())) or None if isinstance(scope, str) else None,
        )


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """An answer of the device authorization endpoint (RFC 8628 section 3.2). Times are in seconds."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    verification_uri_complete: str | None
    expires_in: int
    interval: int

    @classmethod
    def parse(cls, body: object) -> Self:
        """The device code in a decoded JSON ``body``.

        Raises ValueError, which names the key and never the value, if ``body`` is not such an answer.
        """
        if not isinstance(body, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004 - one exception type for one kind of bad input
        complete = body.get("verification_uri_complete")
        expires_in = _lifetime(body.get("expires_in"))
        if expires_in is None:
            raise ValueError("expires_in is missing or wrong")
        return cls(
            device_code=_text(body, "device_code"),
            user_code=_text(body, "user_code"),
            verification_uri=_web_address(body, "verification_uri"),
            verification_uri_complete=_web_address(body, "verification_uri_complete") if complete else None,
            expires_in=expires_in,
            # RFC 8628: "If no value is provided, clients MUST use 5 as the default." None polls without a pause.
            interval=_lifetime(body.get("interval")) or 5,
        )


@dataclass(frozen=True, slots=True)
class Pending:
    """The person has not consented yet (RFC 8628 section 3.5).

    ``too_fast`` asks for a longer interval, and ``retry_after`` for one of at least that many seconds.
    """

    too_fast: bool = False
    retry_after: float | None = None


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value.strip():
        raise ValueError(f"{key} is missing or not plain text")
    if len(value) > _LONGEST_TEXT:
        raise ValueError(f"{key} is too long")
    return value


def _web_address(body: dict[str, Any], key: str) -> str:
    value = _text(body, key)
    if not value.startswith(("https://", "http://")) or " " in value:
        raise ValueError(f"{key} is not a web address")
    return value


def _token(body: dict[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not is_bearer_token(value):
        raise ValueError(f"{key} is not a bearer token (RFC 6750)")
    return value


def _lifetime(value: object) -> int | None:
    """The lifetime in whole seconds that ``value`` tells; None if it tells none."""
    if isinstance(value, str) and (digits := _SECONDS.fullmatch(value)):
        value = int(digits[1])
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= _LONGEST_LIFETIME:
        return None
    return int(value)
