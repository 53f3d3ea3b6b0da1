"""When each profile is checked next: pure functions of records, settings, the time and earlier results.

Times are UTC epoch seconds of the wall clock, because a grant ages while the machine is suspended. If the clock was
set back, stored times lie ahead of it; such times are ignored.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from webex_token_cli.config.names import sign_in_hint
from webex_token_cli.errors import (
    HelperNeedsSignIn,
    ServiceAppRefused,
    SignInNeeded,
    TemporaryFailure,
    WebexTokenError,
)
from webex_token_cli.times import DAY, when
from webex_token_cli.tokens import REFRESH_TOKEN_LOW, TokenRecord

# The longest Retry-After that is obeyed, in seconds: a longer one is probably a mistake, and tokens would expire.
LONGEST_RETRY_AFTER = float(DAY)

# The longest wait after the first temporary failure, in seconds: short, because most failures pass at once. The limit
# doubles with each further failure.
FIRST_RETRY = 5.0

# Seconds left of a refresh token at each of which one warning is given; a warning a day would soon be ignored.
_WARN_BELOW = (REFRESH_TOKEN_LOW, 7 * DAY, 3 * DAY, DAY)


# Failures that last until an admin or another sign-in ends them. They are tried again, because no new record of this
# profile will tell.
_NEEDS_SOMEBODY = (ServiceAppRefused, HelperNeedsSignIn)


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a watch checks its profiles, and the age at which it refreshes a token, both in seconds."""

    interval: float
    max_age: float


class Attention(StrEnum):
    """Why a profile needs a person's attention."""

    SIGN_IN = "needs sign-in"
    RUNNING_OUT = "refresh token running out"
    EXPIRED = "access token expired"
    SERVICE_APP = "Service App gets no tokens"


class State(StrEnum):
    """The state of a stored profile in a word; if several apply, the most serious."""

    NEEDS_SIGN_IN = "needs sign-in"
    EXPIRED = "expired"
    RUNNING_OUT = "running out"
    DUE = "due"
    FRESH = "fresh"


def state_of(record: TokenRecord, timing: Timing, now: float) -> State:
    """Return the state of ``record``. EXPIRED is about the access token, RUNNING_OUT about the refresh token."""
    if record.needs_sign_in(now):
        return State.NEEDS_SIGN_IN
    if record.access_expired(now):
        return State.EXPIRED
    if record.refresh_token_low(now):
        return State.RUNNING_OUT
    return State.DUE if is_due(record, timing, now) else State.FRESH


@dataclass(frozen=True, slots=True)
class ProfileState:
    """What a watch knows about one profile between two checks.

    ``record`` is the last record that was read, None before the first check. ``failures`` counts the failures in a
    row since ``failing_since``; the last one was ``error`` at ``failed_at``, and the next attempt is at
    ``retry_at``. ``given_up`` means that the profile needs a sign-in: it is not refreshed until another record is
    stored. ``reported_failures`` is ``failures`` when a failure was last reported, ``warnings_given`` counts the
    steps of the refresh token's remaining lifetime that were warned about, and ``expiry_reported`` says whether the
    access token's expiry was.
    """

    record: TokenRecord | None = None
    failures: int = 0
    failing_since: float = 0.0
    failed_at: float = 0.0
    retry_at: float | None = None
    error: WebexTokenError | None = None
    given_up: bool = False
    reported_failures: int = 0
    warnings_given: int = 0
    expiry_reported: bool = False


def due_at(record: TokenRecord, timing: Timing) -> float:
    """Return when ``record`` has to be refreshed.

    That is ``max_age`` seconds after its last refresh, but no later than two intervals before it expires, so that
    one failed round does no harm. If it is unknown when it expires, it is refreshed as if it lived for an hour.
    """
    return min(record.refreshed_at + timing.max_age, record.relied_on_until - 2 * timing.interval)


def is_due(record: TokenRecord, timing: Timing, now: float) -> bool:
    """Whether ``record`` has to be refreshed at ``now``. One from the future has to, because its times say nothing."""
    return now >= due_at(record, timing) or record.is_from_the_future(now)


def next_refresh_at(record: TokenRecord, timing: Timing, now: float) -> float:
    """Return when ``record`` is refreshed next, seen from ``now``: one from the future is refreshed now."""
    return now if record.is_from_the_future(now) else due_at(record, timing)


def round_is_due(last: float | None, timing: Timing, now: float) -> bool:
    """Whether a round is due if the last one began at ``last``. Any number of missed rounds makes one round."""
    return last is None or now >= last + timing.interval or now < last


def retry_is_due(state: ProfileState, now: float) -> bool:
    """Whether it is time to check a profile again that failed or was postponed."""
    return state.retry_at is not None and (now >= state.retry_at or now < state.failed_at)


def asked_to_wait_until(state: ProfileState, now: float) -> float | None:
    """Return until when Webex asked to be left alone about this profile (Retry-After); None if that time is over."""
    asked_for = state.error.retry_after if isinstance(state.error, TemporaryFailure) else None
    if state.retry_at is None or asked_for is None:
        return None
    until = min(state.retry_at, state.failed_at + asked_for)
    return until if state.failed_at <= now < until else None


def needs_check(state: ProfileState, timing: Timing, now: float) -> bool:
    """Whether a round checks the profile. A record that was read before and is not due is not read again."""
    if state.retry_at is not None:
        return retry_is_due(state, now)
    return state.given_up or state.record is None or is_due(state.record, timing, now)


def back_off(failures: int, interval: float, asked_for: float | None, jitter: Callable[[float, float], float]) -> float:
    """Return the seconds to wait after the ``failures``-th temporary failure in a row.

    The wait grows exponentially and is never longer than ``interval``, unless Webex ``asked_for`` more seconds
    (Retry-After, RFC 9110 section 10.2.3), which are obeyed up to a day. ``jitter`` draws a number between two
    bounds, so that many machines do not ask at the same moment.
    """
    ceiling = min(interval, FIRST_RETRY * 2.0 ** min(failures - 1, 30))
    wait = jitter(min(FIRST_RETRY, ceiling) / 2, ceiling)
    return max(min(interval, wait), min(asked_for or 0.0, LONGEST_RETRY_AFTER))


def succeeded(record: TokenRecord, now: float) -> ProfileState:
    """Return the state after a check that found or renewed ``record``."""
    return ProfileState(record, warnings_given=_warnings_due(record, now))


def failed(
    before: ProfileState,
    error: WebexTokenError,
    seen: TokenRecord | None,
    timing: Timing,
    now: float,
    jitter: Callable[[float, float], float] = random.uniform,
) -> ProfileState:
    """Return the state after a check of the record ``seen`` that ended in ``error``; None if no record was read.

    After SignInNeeded the profile is given up until another record is stored.
    """
    record = seen or before.record
    warnings_given = max(before.warnings_given, _warnings_due(record, now))
    if isinstance(error, SignInNeeded):
        return ProfileState(seen, error=error, given_up=True, warnings_given=warnings_given)
    failures = before.failures + 1
    asked_for = error.retry_after if isinstance(error, TemporaryFailure) else None
    return ProfileState(
        record,
        failures=failures,
        failing_since=before.failing_since if before.failures else now,
        failed_at=now,
        retry_at=now + back_off(failures, timing.interval, asked_for, jitter),
        error=error,
        given_up=before.given_up,
        reported_failures=failures if should_report(before, error) else before.reported_failures,
        warnings_given=warnings_given,
        expiry_reported=before.expiry_reported or _has_expired(record, now),
    )


def postponed(before: ProfileState, seen: TokenRecord | None, now: float, until: float) -> ProfileState:
    """Return the state after a check that was postponed until ``until``. That is not a failure of this profile."""
    return replace(before, record=seen or before.record, failed_at=now, retry_at=until)


def should_report(before: ProfileState, error: WebexTokenError) -> bool:
    """Whether a failure is reported: a new one is, and a repeated one each time that their number has doubled."""
    same = before.error is not None and before.error.is_same_failure(error)
    return not same or before.failures + 1 >= 2 * before.reported_failures


def attention(profile: str, before: ProfileState, after: ProfileState, now: float) -> tuple[Attention, str] | None:
    """Return why the change between the two states needs a person, with a message; None if it needs nobody."""
    if after.given_up and after.error is not None and not before.given_up:
        return Attention.SIGN_IN, f"{after.error.message} {after.error.hint}"
    if isinstance(after.error, _NEEDS_SOMEBODY) and not isinstance(before.error, _NEEDS_SOMEBODY):
        return Attention.SERVICE_APP, f"{after.error.message} {after.error.hint}"
    record = after.record
    if record is None or after.given_up:
        return None
    if after.expiry_reported and not before.expiry_reported and after.error is not None:
        expired = f"The access token expired {when(record.access_expires_at, now)}, and cannot be renewed yet."
        return Attention.EXPIRED, f"{expired} {after.error.message} {after.error.hint}"
    if after.warnings_given > before.warnings_given and record.refresh_expires_at is not None:
        why = "" if after.failures else ", and Webex does not extend it"
        expires = f"The refresh token expires {when(record.refresh_expires_at, now)}{why}."
        return Attention.RUNNING_OUT, f"{expires} {sign_in_hint(profile)}"
    return None


def _has_expired(record: TokenRecord | None, now: float) -> bool:
    return record is not None and record.access_expired(now)


def _warnings_due(record: TokenRecord | None, now: float) -> int:
    left = None if record is None else record.refresh_left(now)
    return 0 if left is None else sum(left < step for step in _WARN_BELOW)
