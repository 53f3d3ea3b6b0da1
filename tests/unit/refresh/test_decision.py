"""What the result of a check means, and how long a rate limit holds: whole values compared."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.world import DAY, HOUR, RECORD, START
from webex_token_cli.errors import GrantRefused, TemporaryFailure, TooManyRequests, WebexTokenError
from webex_token_cli.refresh.check import CheckResult
from webex_token_cli.refresh.decision import decide
from webex_token_cli.refresh.events import Event, Kind
from webex_token_cli.refresh.rate_limits import RateLimit, RateLimits
from webex_token_cli.refresh.refresher import Outcome, Result
from webex_token_cli.refresh.schedule import ProfileState, Timing
from webex_token_cli.tokens import TokenRecord

TIMING = Timing(HOUR, DAY)
DOWN = TemporaryFailure("Webex cannot answer now.", "Try again later.")
REVOKED = GrantRefused("Webex no longer accepts the grant.", "Sign in again.")
LIMITED = TooManyRequests("Webex cannot answer now.", "Try again later.")
FAILING = ProfileState(RECORD, failures=2, failing_since=START - 60, retry_at=START, error=DOWN, reported_failures=2)
GIVEN_UP = ProfileState(RECORD, error=REVOKED, given_up=True)
SHORT = replace(RECORD, access_expires_at=START + HOUR)


def decided(result: CheckResult, before: ProfileState) -> tuple[ProfileState, Event | None]:
    return decide(result, before, TIMING, START, lambda _, high: high)


@pytest.mark.parametrize(
    ("before", "result", "record", "kind"),
    [
        (ProfileState(), Result.NOT_DUE, RECORD, Kind.FRESH),
        (ProfileState(), Result.RENEWED, RECORD, Kind.RENEWED),
        (GIVEN_UP, Result.NOT_DUE, RECORD, Kind.SIGNED_IN),
        (GIVEN_UP, Result.RENEWED, RECORD, Kind.RENEWED),
        (FAILING, Result.NOT_DUE, replace(RECORD, access_token="other"), Kind.SUPERSEDED),
        (FAILING, Result.NOT_DUE, RECORD, Kind.FRESH),
    ],
)
def test_a_success_is_called_what_it_was(before: ProfileState, result: Result, record: TokenRecord, kind: Kind) -> None:
    after, event = decided(CheckResult("a", outcome=Outcome(result, record)), before)
    since = START - 60 if before is FAILING else None
    assert after == ProfileState(record)
    assert event == Event(START, "a", kind, record, next_at=START + DAY, failing_since=since)


def test_a_token_that_is_due_again_at_once_is_checked_in_the_next_round() -> None:
    _, event = decided(CheckResult("a", outcome=Outcome(Result.RENEWED, SHORT)), ProfileState())
    assert event is not None
    assert event.next_at == START + HOUR


@pytest.mark.parametrize(
    ("error", "kind", "since"),
    [
        (DOWN, Kind.RETRYING, START - 60),
        (REVOKED, Kind.NEEDS_SIGN_IN, None),
        (WebexTokenError("Something.", ""), Kind.FAILED, START - 60),
    ],
)
def test_a_failure_tells_since_when_it_lasts(error: WebexTokenError, kind: Kind, since: float | None) -> None:
    _, event = decided(CheckResult("a", error=error), FAILING)
    assert event is not None
    assert (event.kind, event.error, event.failing_since) == (kind, error, since)


def test_a_check_that_was_skipped_ends_the_retries_and_is_not_reported() -> None:
    assert decided(CheckResult("a"), FAILING) == (replace(FAILING, retry_at=None, failures=0), None)


def test_a_rate_limit_that_has_ended_does_not_return_if_the_clock_is_set_back() -> None:
    limits = RateLimits()
    limits.begin("url", LIMITED, START, 60)
    limit = RateLimit(START, START + 60, LIMITED)
    assert [limits.in_force("url", now) for now in (START, START + 59)] == [limit, limit]
    assert limits.in_force("url", START + 60) is None
    assert limits.in_force("url", START + 59) is None


def test_a_rate_limit_from_the_future_is_ignored() -> None:
    limits = RateLimits()
    limits.begin("url", LIMITED, START, 2 * DAY)
    assert limits.in_force("url", START + DAY - 1) is not None
    assert limits.in_force("other", START) is None
    assert limits.in_force("url", START - 1) is None


class Observed(dict[str, RateLimit]):
    """Rate limits that call ``looked_up`` once, after one was looked up."""

    looked_up: Callable[[], None] | None = None

    def get(self, key: str, default: RateLimit | None = None) -> RateLimit | None:  # type: ignore[override]
        found = super().get(key, default)
        looked_up, self.looked_up = self.looked_up, None
        if looked_up is not None:
            looked_up()
        return found


def test_a_rate_limit_that_another_thread_begins_while_the_one_before_ends_holds() -> None:
    observed = Observed()
    limits = RateLimits(observed)
    limits.begin("url", LIMITED, START, 60)
    observed.looked_up = lambda: limits.begin("url", LIMITED, START + 60, 60)
    assert limits.in_force("url", START + 60) is None
    assert limits.in_force("url", START + 60) == RateLimit(START + 60, START + 120, LIMITED)
