"""What a watch tells: what happened to a profile, and how things stand before it waits. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from webex_token_cli.errors import WebexTokenError
from webex_token_cli.refresh.schedule import Attention, Standing
from webex_token_cli.tokens import TokenRecord


class Kind(StrEnum):
    """What can happen to a profile."""

    FRESH = "fresh"
    RENEWED = "renewed"
    UNCHANGED = "unchanged"
    SUPERSEDED = "renewed elsewhere"
    SIGNED_IN = "signed in again"
    RETRYING = "retrying"
    NEEDS_SIGN_IN = "needs sign-in"
    FAILED = "failed"
    HOOK_FAILED = "hook failed"


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one profile, and when it will be looked at next for that reason (UTC epoch seconds).

    ``profile`` is None where it is the file of profiles that failed. ``failing_since`` is when the failures
    began that go on, or are over now. ``is_news`` says whether it is worth a line to somebody who reads them all;
    ``attention`` is what the person has to see to.
    """

    moment: float
    profile: str | None
    kind: Kind
    record: TokenRecord | None = None
    error: WebexTokenError | None = None
    next_at: float | None = None
    failing_since: float | None = None
    is_news: bool = True
    attention: tuple[Attention, str] | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where a watch stands before it waits: when it looks next, how many looks have not ended, and what it knows of
    each profile."""

    next_look: float
    in_flight: int
    standings: Mapping[str, Standing] = field(repr=False)


def exit_status(events: list[Event]) -> int:
    """What one round comes to for a scheduler: 0 when all are fresh, else the worst of the failures' statuses."""
    failures = (event.error for event in events if event.error and event.kind is not Kind.HOOK_FAILED)
    return max((error.exit_status for error in failures), default=0)
