"""Token responses, and the record of a sign-in that is made from them. Pure; a repr never shows a secret.

All points in time are whole UTC epoch seconds, and all lifetimes are seconds.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from webex_token_cli.times import DAY, HOUR

# RFC 6750 section 2.1. Nothing narrower: it is all that Webex's opaque tokens and its JWTs have in common.
_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)

# A century. No server means a longer lifetime, and the calendar could not hold it.
_LONGEST_LIFETIME = 100 * 365 * DAY

# How long an access token of unknown lifetime is relied on after Webex last answered with it, in seconds. RFC 6749
# section 5.1 does not require a lifetime and names no default. An hour is a usual lifetime elsewhere, and the shortest
# that Webex has been seen to give is 12 hours.
_RELIED_ON = HOUR

# A lifetime, whole or with a fraction, as some servers send it in a string.
_SECONDS = re.compile(r"\s*([0-9]{1,12})(?:\.[0-9]*)?\s*", re.ASCII)

# RFC 6749 appendix A.17: a refresh token is only ever sent in a form, so it may hold any printable ASCII character.
_REFRESH_TOKEN = re.compile(r"[\x20-\x7E]+", re.ASCII)

# Two answers for the same token give two lifetimes, each rounded to seconds. Expiries that differ by no more than
# this and the time the answer took are the same expiry.
SAME_EXPIRY = 5

# The clocks of two machines, or one clock before and after it is set, may differ by this much, in seconds. A stored
# time that lies further ahead is wrong.
CLOCK_SLACK = 300.0

# A refresh token with less life left than this is close enough to its end to warn a person: nothing has redeemed it
# for over two months.
REFRESH_TOKEN_LOW = 14 * DAY


# The longest text that a device may be told to show. The longest is a URL, and no URL of a sign-in fills a screen.
_LONGEST_TEXT = 2048

# RFC 6749 section 3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+", re.ASCII)


def is_bearer_token(text: str) -> bool:
    """Whether ``text`` can be sent as a token (RFC 6750 section 2.1)."""
    return _B64TOKEN.fullmatch(text) is not None


def is_refresh_token(text: str) -> bool:
    """Whether ``text`` can be a refresh token (RFC 6749 appendix A.17)."""
    return _REFRESH_TOKEN.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Person:
    """The person whom the grant acts for, as ``/people/me`` answers."""

    id: str
    display_name: str = ""
    emails: tuple[str, ...] = ()
    org_id: str = ""
    type: str = ""

    @property
    def label(self) -> str:
        """The name and the first e-mail address that are known: ``Ada Lovelace <ada@example.com>``."""
        address = f"<{self.emails[0]}>" if self.emails else ""
        return " ".join(part for part in (self.display_name, address) if part) or self.id


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
            scopes=tuple(filter(_SCOPE.fullmatch, scope.split())) or None if isinstance(scope, str) else None,
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


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """Everything that is stored of one sign-in: one profile's entry in the credential store.

    ``access_expires_at`` and ``refresh_expires_at`` are None if Webex did not say when the token expires.
    ``changed_at`` is when the access token last changed. ``refreshed_at`` is when Webex last answered a refresh or the
    sign-in, whether or not the token changed. ``scopes`` are the granted scopes, or None if Webex did not name them.
    ``person`` is None if the scopes do not let the token ask.
    """

    access_token: str = field(repr=False)
    access_expires_at: int | None
    refresh_token: str | None = field(repr=False)
    refresh_expires_at: int | None
    changed_at: int
    refreshed_at: int
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] | None = None
    person: Person | None = None

    @classmethod
    def signed_in(cls, response: TokenResponse, client_id: str, client_secret: str, now: float) -> Self:
        """The record of a sign-in that the token endpoint answered with ``response`` at ``now`` (UTC epoch seconds)."""
        moment = int(now)
        return cls(
            access_token=response.access_token,
            access_expires_at=_expiry(moment, response.expires_in),
            refresh_token=response.refresh_token,
            refresh_expires_at=_expiry(moment, response.refresh_token_expires_in),
            changed_at=moment,
            refreshed_at=moment,
            client_id=client_id,
            client_secret=client_secret,
            scopes=response.scopes,
        )

    def refreshed(self, response: TokenResponse, now: float, took: float = 0.0) -> Self:
        """This record after a refresh that was sent at ``now`` (UTC epoch seconds) and took ``took`` seconds.

        Lifetimes count from the sending of the request, so that no token is believed to live longer than it does.

        Without a refresh token in the response, the old one stays in force (RFC 6749 section 6). Without a lifetime,
        the expiry of a token that stayed is unchanged, and that of a new one is unknown.
        """
        moment = int(now)
        same_refresh_token = response.refresh_token in (None, self.refresh_token)
        refresh_expires_at = _expiry(moment, response.refresh_token_expires_in)
        if refresh_expires_at is None and same_refresh_token and not self.is_from_the_future(now):
            refresh_expires_at = self.refresh_expires_at
        same = response.access_token == self.access_token
        expires_at, known = _expiry(moment, response.expires_in), self.access_expires_at
        if same and (expires_at is None or (known is not None and abs(expires_at - known) <= SAME_EXPIRY + took)):
            expires_at = known
        return replace(
            self,
            access_token=response.access_token,
            access_expires_at=expires_at,
            refresh_token=response.refresh_token or self.refresh_token,
            refresh_expires_at=refresh_expires_at,
            changed_at=self.changed_at if same else moment,
            refreshed_at=moment,
            scopes=response.scopes or self.scopes,
        )

    def belonging_to(self, person: Person | None) -> Self:
        """This record with ``person`` as the person who signed in."""
        return replace(self, person=person)

    def same_token_as(self, other: "TokenRecord") -> bool:
        """Whether both records hold the same access token with the same expiry, so that a refresh changed nothing."""
        return (self.access_token, self.access_expires_at) == (other.access_token, other.access_expires_at)

    @property
    def secrets(self) -> tuple[str | None, ...]:
        """Every secret in this record, for masking them in text from outside."""
        return (self.access_token, self.refresh_token, self.client_secret)

    def is_from_the_future(self, now: float) -> bool:
        """Whether the record was refreshed later than ``now``, so that its times say nothing.

        The clock was wrong when it was stored, or is wrong now. The tokens may have expired long ago, whatever the
        expiries in the record say, so whoever needs a valid token refreshes first.
        """
        return self.refreshed_at > now + CLOCK_SLACK

    def access_left(self, now: float) -> float | None:
        """Seconds until the access token expires, negative once it has expired; None if that is unknown."""
        return None if self.access_expires_at is None else self.access_expires_at - now

    def access_expired(self, now: float) -> bool:
        """Whether the access token is known to have expired."""
        left = self.access_left(now)
        return left is not None and left <= 0

    @property
    def relied_on_until(self) -> int:
        """When the access token expires; if that is unknown, an hour after Webex last answered with it.

        A token of unknown lifetime is renewed by then, but it is not called expired afterwards: nobody knows.
        """
        return self.refreshed_at + _RELIED_ON if self.access_expires_at is None else self.access_expires_at

    def relied_on_for(self, seconds: float, now: float) -> bool:
        """Whether the access token can be relied on for so many ``seconds`` from ``now`` on."""
        return self.relied_on_until - now >= seconds and not self.is_from_the_future(now)

    def refresh_left(self, now: float) -> float | None:
        """Seconds until the refresh token expires; None if that is unknown."""
        return None if self.refresh_expires_at is None else self.refresh_expires_at - now

    def can_refresh(self, now: float) -> bool:
        """Whether there is a refresh token that has not expired at ``now``."""
        left = self.refresh_left(now)
        return self.refresh_token is not None and (left is None or left > 0)

    def refresh_token_low(self, now: float) -> bool:
        """Whether the refresh token expires within 14 days."""
        left = self.refresh_left(now)
        return left is not None and left < REFRESH_TOKEN_LOW

    def needs_sign_in(self, now: float) -> bool:
        """Whether only a new sign-in can give a living access token."""
        return self.access_expired(now) and not self.can_refresh(now)

    def scopes_not_granted(self, requested: Iterable[str]) -> list[str]:
        """The ``requested`` scopes that Webex did not grant; empty if it did not name those it granted."""
        return [] if self.scopes is None else [scope for scope in requested if scope not in self.scopes]


def _expiry(moment: int, lifetime: int | None) -> int | None:
    return None if lifetime is None else moment + lifetime
