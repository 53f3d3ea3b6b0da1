"""The record of a sign-in: its tokens, their lifetimes, and the person. Pure; a repr never shows a secret.

All points in time are whole UTC epoch seconds, and all lifetimes are seconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Self

from webex_token_cli.times import DAY, HOUR

if TYPE_CHECKING:
    from webex_token_cli.token_response import TokenResponse

# How long an access token of unknown lifetime is relied on after Webex last answered with it, in seconds. RFC 6749
# section 5.1 does not require a lifetime and names no default. An hour is a usual lifetime elsewhere, and the shortest
# that Webex has been seen to give is 12 hours.
_RELIED_ON = HOUR

# Two answers for the same token give two lifetimes, each rounded to seconds. Expiries that differ by no more than
# this and the time the answer took are the same expiry.
SAME_EXPIRY = 5

# Two refreshes that are no further apart than this, in seconds, do not tell whether the second one extended the refresh
# token: that would have moved its end by no more than the rounding of lifetimes and the time of two answers may.
_TOO_CLOSE_TO_TELL = 60

# The clocks of two machines, or one clock before and after it is set, may differ by this much, in seconds. A stored
# time that lies further ahead is wrong.
CLOCK_SLACK = 300.0

# A refresh token with less life left than this is close enough to its end to warn a person: nothing has redeemed it
# for over two months.
REFRESH_TOKEN_LOW = 14 * DAY


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
class TokenRecord:
    """Everything that is stored of one sign-in: one profile's entry in the credential store.

    ``access_expires_at`` and ``refresh_expires_at`` are None if Webex did not say when the token expires.
    ``changed_at`` is when the access token last changed. ``refreshed_at`` is when Webex last answered a refresh or the
    sign-in, whether or not the token changed. ``refresh_unextended_since`` is when the refresh token's end was last
    set, if Webex has answered a refresh since then without extending it; None if Webex has not been seen to do so.
    ``scopes`` are the granted scopes, or None if Webex did not name them.
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
    refresh_unextended_since: int | None = None

    @classmethod
    def signed_in(cls, response: "TokenResponse", client_id: str, client_secret: str, now: float) -> Self:
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

    def refreshed(self, response: "TokenResponse", now: float, took: float = 0.0) -> Self:
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
            refresh_unextended_since=self._unextended_since(response.refresh_token_expires_in, now, took),
        )

    def _unextended_since(self, lifetime: int | None, now: float, took: float) -> int | None:
        """``refresh_unextended_since`` after a refresh at ``now`` that left the refresh token ``lifetime`` seconds.

        It stays as it was if it cannot be told: without the two ends, or shortly after another refresh.
        """
        known, before = self.refresh_expires_at, self.refresh_unextended_since
        answered = _expiry(int(now), lifetime)
        too_close = now - self.refreshed_at < _TOO_CLOSE_TO_TELL + took
        if answered is None or known is None or too_close:
            return before
        if answered - known > SAME_EXPIRY + took:
            return None
        return self.refreshed_at if before is None else before

    def belonging_to(self, person: Person | None) -> Self:
        """This record with ``person`` as the person who signed in."""
        return replace(self, person=person)

    def older(self, seconds: int) -> Self:
        """This record as if it had been stored ``seconds`` earlier: each of its times lies that much further back."""
        times = {each.name: getattr(self, each.name) for each in fields(self) if each.type in (int, int | None)}
        return replace(self, **{name: moment - seconds for name, moment in times.items() if moment is not None})

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

    @property
    def sign_in_by(self) -> int | None:
        """When a person has to sign in again, because Webex does not extend the refresh token; None if it may."""
        return None if self.refresh_unextended_since is None else self.refresh_expires_at

    @property
    def refresh_lifetime_began(self) -> int:
        """When the lifetime of the refresh token that ends at ``refresh_expires_at`` began."""
        return self.refreshed_at if self.refresh_unextended_since is None else self.refresh_unextended_since

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
