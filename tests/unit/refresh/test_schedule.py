"""The schedule: when a profile is due, and how long a retry waits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.world import DAY, HOUR, RECORD, START
from webex_token_cli.refresh.schedule import Timing, back_off, due_at
from webex_token_cli.tokens import TokenRecord


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


def test_waits_between_retries_grow() -> None:
    longest = [back_off(n, HOUR, None, lambda _, high: high) for n in (1, 2, 3, 10, 11, 99)]
    assert longest == [5, 10, 20, 2560, HOUR, HOUR]
