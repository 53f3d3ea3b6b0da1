"""What the result of a check means for a profile: its next state, and the event to report. Pure."""

from collections.abc import Callable
from dataclasses import replace

from webex_token_cli.errors import SignInNeeded, TemporaryFailure, WebexTokenError
from webex_token_cli.refresh.check import CheckResult
from webex_token_cli.refresh.events import Event, Kind
from webex_token_cli.refresh.refresher import Outcome, Result
from webex_token_cli.refresh.schedule import (
    ProfileState,
    Timing,
    attention,
    due_at,
    failed,
    postponed,
    should_report,
    succeeded,
)

_KINDS = {
    Result.RENEWED: Kind.RENEWED,
    Result.NEW_PAIR: Kind.NEW_PAIR,
    Result.UNCHANGED: Kind.UNCHANGED,
    Result.NOT_DUE: Kind.FRESH,
    Result.SUPERSEDED: Kind.SUPERSEDED,
}


def decide(
    result: CheckResult, before: ProfileState, timing: Timing, now: float, jitter: Callable[[float, float], float]
) -> tuple[ProfileState, Event | None]:
    """Return the profile's state after ``result``, and the event to report; None if the check was skipped."""
    after, event = _decide(result, before, timing, now, jitter)
    if event is not None:
        event = replace(event, attention=attention(result.profile, before, after, now))
    return after, event


def _decide(
    result: CheckResult, before: ProfileState, timing: Timing, now: float, jitter: Callable[[float, float], float]
) -> tuple[ProfileState, Event | None]:
    profile, error = result.profile, result.error
    if result.postponed_until is not None:
        after = postponed(before, result.seen, now, result.postponed_until)
        return after, Event(now, profile, Kind.RETRYING, error=error, next_at=after.retry_at, is_news=False)
    if error is not None:
        after = failed(before, error, result.seen, timing, now, jitter)
        return after, Event(
            now,
            profile,
            _kind_of_failure(error),
            after.record,
            error,
            next_at=after.retry_at,
            failing_since=after.failing_since if after.failures else None,
            is_news=should_report(before, error),
        )
    if result.outcome is None:
        return replace(before, retry_at=None, failures=0), None
    record = result.outcome.record
    return succeeded(record, now), Event(
        now,
        profile,
        _kind_of_success(result.outcome, before),
        record,
        next_at=max(due_at(record, timing), now + timing.interval),
        failing_since=before.failing_since if before.failures else None,
    )


def _kind_of_success(outcome: Outcome, before: ProfileState) -> Kind:
    """Another process may have signed in or refreshed before the check began; then its outcome is NOT_DUE."""
    if outcome.result is Result.NOT_DUE and before.given_up:
        return Kind.SIGNED_IN
    known = before.record or outcome.record
    if outcome.result is Result.NOT_DUE and known.access_token != outcome.record.access_token:
        return Kind.SUPERSEDED
    return _KINDS[outcome.result]


def _kind_of_failure(error: WebexTokenError) -> Kind:
    if isinstance(error, SignInNeeded):
        return Kind.NEEDS_SIGN_IN
    return Kind.RETRYING if isinstance(error, TemporaryFailure) else Kind.FAILED
