"""The schedule: when a profile is due, and how long a retry waits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.world import DAY, HOUR, RECORD, START
from webex_token_cli.errors import GrantRefused, ServiceAppRefused, TemporaryFailure
from webex_token_cli.refresh.schedule import (
    Attention,
    ProfileState,
    State,
    Timing,
    asked_to_wait_until,
    attention,
    back_off,
    due_at,
    failed,
    needs_check,
    next_refresh_at,
    postponed,
    retry_is_due,
    round_is_due,
    state_of,
    succeeded,
)
from webex_token_cli.tokens import TokenRecord

TIMING = Timing(HOUR, DAY)
DOWN = TemporaryFailure("Webex cannot answer now.", "Try again later.")


@pytest.mark.parametrize(
    ("record", "max_age", "interval", "due"),
    [
        (RECORD, DAY, HOUR, START + DAY),
        (RECORD, 20 * DAY, HOUR, START + 14 * DAY - 2 * HOUR),
        (RECORD, 20 * DAY, DAY, START + 12 * DAY),
        (replace(RECORD, refreshed_at=START + 5 * DAY), DAY, HOUR, START + 6 * DAY),
        (replace(RECORD, access_expires_at=START + 60), DAY, HOUR, START + 60 - 2 * HOUR),
        (replace(RECORD, access_expires_at=START + 43_199), DAY, HOUR, START + 43_199 - 2 * HOUR),
        (replace(RECORD, access_expires_at=START + 64_799), DAY, HOUR, START + 64_799 - 2 * HOUR),
        (replace(RECORD, access_expires_at=None), DAY, 60, START + HOUR - 120),
        (replace(RECORD, access_expires_at=None), 600, 60, START + 600),
    ],
)
def test_a_profile_is_due_at_the_maximum_age_or_two_rounds_before_its_expiry(
    record: TokenRecord, max_age: float, interval: float, due: float
) -> None:
    assert due_at(record, Timing(interval, max_age)) == due


@given(
    st.integers(1, 10**6),
    st.floats(1, 10**6),
    st.none() | st.floats(0, 10**9),
    st.floats(0, 1),
)
def test_a_retry_waits_no_longer_than_an_interval_or_retry_after(
    failures: int, interval: float, asked_for: float | None, share: float
) -> None:
    wait = back_off(failures, interval, asked_for, lambda low, high: low + share * (high - low))
    asked = min(asked_for or 0, DAY)
    assert max(0, asked) <= wait <= max(interval, asked)
    assert wait > 0


BUSY = ProfileState(failed_at=START, retry_at=START + 600, error=TemporaryFailure("Busy.", "Wait.", 600))


@pytest.mark.parametrize(
    ("state", "now", "until"),
    [
        (BUSY, START, START + 600),
        (BUSY, START + 600, None),
        (BUSY, START - 1, None),
        (replace(BUSY, retry_at=START + 900), START + 599, START + 600),
        (replace(BUSY, retry_at=START + 10), START + 9, START + 10),
        (replace(BUSY, error=DOWN), START, None),
        (ProfileState(), START, None),
    ],
)
def test_a_retry_after_holds_until_its_end_or_the_retry_unless_the_clock_is_set_back(
    state: ProfileState, now: float, until: float | None
) -> None:
    assert asked_to_wait_until(state, now) == until


def test_waits_between_retries_grow() -> None:
    longest = [back_off(n, HOUR, None, lambda _, high: high) for n in (1, 2, 3, 10, 11, 99)]
    assert longest == [5, 10, 20, 2560, HOUR, HOUR]


def test_waits_between_retries_are_at_least_half_of_the_first_one() -> None:
    shortest = [back_off(n, interval, None, lambda low, _: low) for n in (1, 9) for interval in (HOUR, 2, 0.5)]
    assert shortest == [2.5, 1, 0.25] * 2


LASTING = replace(RECORD, access_expires_at=START + 100 * DAY)


@pytest.mark.parametrize(
    ("record", "now", "state"),
    [
        (RECORD, START + DAY - 1, State.FRESH),
        (RECORD, START + DAY, State.DUE),
        (RECORD, START - 301, State.DUE),
        (LASTING, START + 76 * DAY + 1, State.RUNNING_OUT),
        (RECORD, START + 14 * DAY, State.EXPIRED),
        (RECORD, START + 90 * DAY, State.NEEDS_SIGN_IN),
    ],
)
def test_the_state_of_a_profile_is_its_most_serious_one(record: TokenRecord, now: float, state: State) -> None:
    assert state_of(record, TIMING, now) is state


def test_a_record_from_the_future_is_refreshed_now_and_another_when_it_is_due() -> None:
    assert next_refresh_at(RECORD, TIMING, START - 301) == START - 301
    assert next_refresh_at(RECORD, TIMING, START + 7) == START + DAY


def test_a_round_begins_after_an_interval_or_if_the_clock_was_set_back() -> None:
    moments = (START - 1, START, START + HOUR - 1, START + HOUR, START + 9 * HOUR)
    assert [round_is_due(START, TIMING, now) for now in moments] == [True, False, False, True, True]
    assert round_is_due(None, TIMING, START)


def test_a_retry_begins_when_its_time_has_come_or_if_the_clock_was_set_back() -> None:
    waiting = ProfileState(RECORD, failed_at=START, retry_at=START + 5)
    moments = (START - 1, START, START + 4, START + 5)
    assert [retry_is_due(waiting, now) for now in moments] == [True, False, False, True]
    assert [needs_check(waiting, TIMING, now) for now in moments] == [True, False, False, True]
    assert not retry_is_due(ProfileState(RECORD, failed_at=START), START - 1)


@pytest.mark.parametrize(
    ("state", "now", "is_checked"),
    [
        (ProfileState(), START, True),
        (ProfileState(RECORD), START, False),
        (ProfileState(RECORD), START + DAY, True),
        (ProfileState(RECORD, given_up=True), START, True),
    ],
)
def test_a_round_checks_what_is_unknown_due_or_given_up(state: ProfileState, now: float, is_checked: bool) -> None:
    assert needs_check(state, TIMING, now) is is_checked


def test_a_failure_keeps_the_record_that_was_read_last() -> None:
    newer = replace(RECORD, access_token="newer")
    before = ProfileState(RECORD, failures=3, failing_since=START - 60)
    found = failed(before, DOWN, newer, TIMING, START, lambda _, high: high)
    assert found == ProfileState(
        newer, 4, START - 60, failed_at=START, retry_at=START + 40, error=DOWN, reported_failures=4
    )
    assert failed(before, DOWN, None, TIMING, START).record == RECORD
    assert postponed(before, newer, START, START + 9) == replace(
        before, record=newer, failed_at=START, retry_at=START + 9
    )
    assert postponed(before, None, START, START + 9).record == RECORD


@pytest.mark.parametrize(
    ("days_left", "warnings"),
    [(14, 0), (13, 1), (7, 1), (6, 2), (3, 2), (2, 3), (1, 3), (0.5, 4), (-1, 4)],
)
def test_a_refresh_token_that_runs_out_is_warned_about_at_four_steps(days_left: float, warnings: int) -> None:
    ending = replace(LASTING, refresh_expires_at=START + int(days_left * DAY))
    after = succeeded(ending, START)
    assert after == ProfileState(ending, warnings_given=warnings)
    kinds = [found[0] for found in [attention("default", ProfileState(), after, START)] if found]
    assert kinds == ([Attention.RUNNING_OUT] if warnings else [])
    assert attention("default", after, after, START) is None


@pytest.mark.parametrize(("days_left", "is_warned"), [(13, True), (90, False)])
def test_an_end_that_webex_tells_only_later_is_warned_about_if_it_is_near(days_left: int, is_warned: bool) -> None:
    before = succeeded(replace(LASTING, refresh_expires_at=None), START)
    after = succeeded(replace(LASTING, refresh_expires_at=START + days_left * DAY), START)
    assert (attention("default", before, after, START) is not None) is is_warned


def test_a_service_app_that_gets_no_tokens_is_told_once() -> None:
    refused = ServiceAppRefused("Webex gives no tokens for this Service App.", "Authorize it.")
    states = [ProfileState(LASTING, error=error) for error in (None, DOWN, refused)]
    told = [attention("default", before, states[2], START) for before in states]
    expected = (Attention.SERVICE_APP, "Webex gives no tokens for this Service App. Authorize it.")
    assert told == [expected, expected, None]


def test_a_profile_that_was_given_up_is_not_warned_about_again() -> None:
    refused = GrantRefused("Webex no longer accepts the grant.", "Sign in again.")
    given_up = failed(ProfileState(LASTING), refused, LASTING, TIMING, START)
    assert attention("default", ProfileState(LASTING), given_up, START) == (
        Attention.SIGN_IN,
        "Webex no longer accepts the grant. Sign in again.",
    )
    later = failed(given_up, refused, LASTING, TIMING, START + 80 * DAY)
    assert later.warnings_given > given_up.warnings_given
    assert attention("default", given_up, later, START + 80 * DAY) is None
