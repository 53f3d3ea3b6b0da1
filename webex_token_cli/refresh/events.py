"""What a watch reports: what happened to a profile, and its state before it waits. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from webex_token_cli.errors import WebexTokenError
from webex_token_cli.refresh.schedule import Attention, ProfileState
from webex_token_cli.tokens import TokenRecord


class Kind(StrEnum):
    """What can happen to a profile."""

    FRESH = "fresh"
    RENEWED = "renewed"
    NEW_PAIR = "new pair"
    UNCHANGED = "unchanged"
    SUPERSEDED = "renewed elsewhere"
    SIGNED_IN = "signed in again"
    RETRYING = "retrying"
    NEEDS_SIGN_IN = "needs sign-in"
    FAILED = "failed"
    HOOK_FAILED = "hook failed"


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one profile at ``moment``, and when it is checked next because of it (UTC epoch seconds).

    ``profile`` is None if ``config.ini`` itself could not be read. ``failing_since`` is when the current row of
    failures began, or the one that has just ended. ``is_news`` says whether the event is worth a line to a person
    who reads every line. ``attention`` says why a person is needed, with a message.
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
    """The state of a watch before it waits: when its next round is, how many checks still run, and each profile."""

    next_round: float
    in_flight: int
    states: Mapping[str, ProfileState] = field(repr=False)


def exit_status(events: list[Event]) -> int:
    """Return the exit status of one round: 0 if every profile is fresh, else the highest status of a failure."""
    failures = (event.error for event in events if event.error and event.kind is not Kind.HOOK_FAILED)
    return max((error.exit_status for error in failures), default=0)
