"""When each profile is looked at next: pure, from records, settings, the time and what happened before.

Times are the wall clock's, in UTC epoch seconds: a grant ages while the machine is suspended. A clock that was
set back is noticed by a past that lies in the future, and then nothing waits for the old time to come again.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from webex_token_cli.config.settings import sign_in_hint
from webex_token_cli.errors import SignInNeeded, TemporaryFailure, WebexTokenError
from webex_token_cli.times import DAY, when
from webex_token_cli.tokens import REFRESH_TOKEN_LOW, TokenRecord

# How far two machines' clocks, or one that is being set, may differ before a time is taken for wrong.
CLOCK_SLACK = 300.0

# The longest that Webex's Retry-After is obeyed for: beyond a day it is a mistake, and grants would suffer.
LONGEST_RETRY_AFTER = float(DAY)

# The first wait after a temporary failure, in seconds; each further one may be twice as long.
FIRST_RETRY = 5.0

# With this much left a refresh token is warned of, and again with each: a warning a day would not be read any more.
_RUNNING_OUT = (REFRESH_TOKEN_LOW, 7 * DAY, 3 * DAY, DAY)


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a watcher looks, and how old a refresh may grow, both in seconds."""

    interval: float
    max_age: float


class Attention(StrEnum):
    """What a person has to see to, or has to know."""

    SIGN_IN = "needs sign-in"
    RUNNING_OUT = "refresh token running out"
    EXPIRED = "access token expired"


class State(StrEnum):
    """How a stored profile stands, in a word; of several that hold, the gravest."""

    NEEDS_SIGN_IN = "needs sign-in"
    EXPIRED = "expired"
    RUNNING_OUT = "running out"
    DUE = "due"
    FRESH = "fresh"


def state_of(record: TokenRecord, timing: Timing, now: float) -> State:
    """How ``record`` stands: EXPIRED is an access token that a refresh replaces, RUNNING_OUT a refresh token."""
    if record.needs_sign_in(now):
        return State.NEEDS_SIGN_IN
    if record.access_left(now) <= 0:
        return State.EXPIRED
    if record.refresh_token_low(now):
        return State.RUNNING_OUT
    return State.DUE if is_due(record, timing, now) else State.FRESH


@dataclass(frozen=True, slots=True)
class Standing:
    """What a watcher knows of one profile between looks.

    ``record`` is the last one seen, None before the first; ``failures`` in a row began at ``failing_since``,
    the last with ``error`` at ``failed_at``, and it is tried again at ``retry_at``. ``given_up`` says that only
    another record than this one helps. ``told_failures`` and ``told_low`` are how much of that was said.
    """

    record: TokenRecord | None = None
    failures: int = 0
    failing_since: float = 0.0
    failed_at: float = 0.0
    retry_at: float | None = None
    error: WebexTokenError | None = None
    given_up: bool = False
    told_failures: int = 0
    told_low: int = 0
    told_expired: bool = False


def due_at(record: TokenRecord, timing: Timing) -> float:
    """When ``record`` is to be refreshed.

    That is when it was last refreshed ``max_age`` seconds ago, or when a round that is skipped would let it
    expire: before the round after next, so that one failed round does no harm.
    """
    return min(record.refreshed_at + timing.max_age, record.access_expires_at - 2 * timing.interval)


def is_due(record: TokenRecord, timing: Timing, now: float) -> bool:
    """Whether a look at ``now`` refreshes ``record``.

    A record from the future was made while the clock was wrong, then or now: its times say nothing.
    """
    return now >= due_at(record, timing) or record.refreshed_at > now + CLOCK_SLACK


def round_is_due(last: float | None, timing: Timing, now: float) -> bool:
    """Whether it is time for a round, the last having begun at ``last``; one, however many were missed."""
    return last is None or now >= last + timing.interval or now < last


def retry_is_due(standing: Standing, now: float) -> bool:
    """Whether a profile that failed is to be tried again."""
    return standing.retry_at is not None and (now >= standing.retry_at or now < standing.failed_at)


def needs_look(standing: Standing, timing: Timing, now: float) -> bool:
    """Whether a round has to look at a profile at all: what was read before, and is not due, is not read again."""
    if standing.retry_at is not None:
        return retry_is_due(standing, now)
    return standing.given_up or standing.record is None or is_due(standing.record, timing, now)


def retry_wait(failures: int, interval: float, asked_for: float | None, draw: Callable[[float, float], float]) -> float:
    """Seconds to wait after the ``failures``-th temporary failure in a row.

    Growing with full jitter, never longer than ``interval``; but at least what Webex ``asked_for``, if that
    makes sense.
    """
    ceiling = min(interval, FIRST_RETRY * 2.0 ** min(failures - 1, 30))
    wait = draw(min(FIRST_RETRY, ceiling) / 2, ceiling)
    return max(min(interval, wait), min(asked_for or 0.0, LONGEST_RETRY_AFTER))


def succeeded(record: TokenRecord, now: float) -> Standing:
    """The standing after a look that found, or made, ``record``."""
    return Standing(record, told_low=_steps_below(record, now))


def failed(
    before: Standing,
    error: WebexTokenError,
    seen: TokenRecord | None,
    timing: Timing,
    now: float,
    draw: Callable[[float, float], float] = random.uniform,
) -> Standing:
    """The standing after a look that ended in ``error``; ``seen`` is the record that it was about, None where
    there was none.

    What only a sign-in mends is given up, until another record than that one is stored.
    """
    record = seen or before.record
    told_low = max(before.told_low, _steps_below(record, now))
    if isinstance(error, SignInNeeded):
        return Standing(seen, error=error, given_up=True, told_low=told_low)
    failures = before.failures + 1
    asked_for = error.retry_after if isinstance(error, TemporaryFailure) else None
    return Standing(
        record,
        failures=failures,
        failing_since=before.failing_since if before.failures else now,
        failed_at=now,
        retry_at=now + retry_wait(failures, timing.interval, asked_for, draw),
        error=error,
        given_up=before.given_up,
        told_failures=failures if is_news(before, error) else before.told_failures,
        told_low=told_low,
        told_expired=before.told_expired or _has_expired(record, now),
    )


def postponed(before: Standing, seen: TokenRecord | None, now: float, until: float) -> Standing:
    """The standing after a look that was put off: it is no failure of this profile."""
    return replace(before, record=seen or before.record, failed_at=now, retry_at=until)


def is_news(before: Standing, error: WebexTokenError) -> bool:
    """Whether a failure is worth a line: the first of its kind, and the same one at growing distance."""
    same = before.error is not None and before.error.gist == error.gist
    return not same or before.failures + 1 >= 2 * before.told_failures


def attention(profile: str, before: Standing, after: Standing, now: float) -> tuple[Attention, str] | None:
    """What a person is to be told between the two standings, in words; None where there is nothing new."""
    if after.given_up and after.error is not None and not before.given_up:
        return Attention.SIGN_IN, f"{after.error.message} {after.error.hint}"
    record = after.record
    if record is None or after.given_up:
        return None
    if after.told_expired and not before.told_expired and after.error is not None:
        ended = f"The access token expired {when(record.access_expires_at, now)}, and cannot be renewed yet."
        return Attention.EXPIRED, f"{ended} {after.error.message} {after.error.hint}"
    if after.told_low > before.told_low and record.refresh_expires_at is not None:
        why = "" if after.failures else ", and Webex does not extend it"
        ends = f"The refresh token ends {when(record.refresh_expires_at, now)}{why}."
        return Attention.RUNNING_OUT, f"{ends} {sign_in_hint(profile)}"
    return None


def _has_expired(record: TokenRecord | None, now: float) -> bool:
    return record is not None and record.access_left(now) <= 0


def _steps_below(record: TokenRecord | None, now: float) -> int:
    left = None if record is None else record.refresh_left(now)
    return 0 if left is None else sum(left < step for step in _RUNNING_OUT)
