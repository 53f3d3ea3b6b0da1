"""Durations as they are given to the sandbox."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.sandbox.durations import LONGEST, in_digits, seconds


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0", 0),
        ("30", 30),
        ("30s", 30),
        ("0.5", 0.5),
        ("1.5m", 90),
        ("10m", 600),
        ("2h", 7200),
        ("13d", 1_123_200),
        ("1w", 604_800),
        ("1h30m", 5400),
        ("1d1d", 172_800),
        (5, 5),
        (0.25, 0.25),
        (1e-7, 1e-7),
    ],
)
def test_a_duration_is_read(given: str | float, expected: float) -> None:
    assert seconds(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        *("", " ", "5 s", "s", "-1", "+1", "1e3", "1_0", "nan", "inf", "1y", "1H", "1h ", "1hm", "1.h", ".5", "٣"),
        *(-1, float("nan"), float("inf"), True, "1" * 13),
    ],
)
def test_what_is_no_duration_is_told(given: str | float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{given!r} is not a duration such as 30s, 10m, 2h or 13d.")):
        seconds(given)


def test_more_than_a_thousand_years_is_too_long() -> None:
    assert seconds(LONGEST) == LONGEST
    with pytest.raises(ValueError, match="longer than a thousand years"):
        seconds("365001d")


@given(st.floats(0, LONGEST, allow_subnormal=False))
def test_digits_are_the_same_number_again(number: float) -> None:
    assert seconds(in_digits(number)) == number
