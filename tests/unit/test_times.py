"""Durations as typed, times as read."""

from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.times import (
    LONGEST_DURATION,
    distance_in_words,
    duration_in_words,
    local_time,
    parse_duration,
    when,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3600", 3600),
        ("1s", 1),
        ("90m", 5400),
        ("1.5h", 5400),
        ("1d", 86400),
        ("2W", 1209600),
        (" 5m ", 300),
        ("1.25", 1.25),
    ],
)
def test_a_duration_is_a_number_with_or_without_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_a_bare_number_can_count_days() -> None:
    assert (parse_duration("0.5", "d"), parse_duration("2h", "d")) == (43200, 7200)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0d",
        "0.0",
        "0.5",
        "-1",
        "-5m",
        "nan",
        "inf",
        "1e9",
        "١",
        "1x",
        "m",
        "1 h",
        "1h30m",
        "1_000",
        "9" * 400,
        "101" * 4 + "w",
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|century"):
        parse_duration(text)


@given(st.text())
def test_whatever_is_typed_gives_a_duration_in_bounds_or_a_sentence(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 1 <= seconds <= LONGEST_DURATION


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 seconds"),
        (0.4, "0 seconds"),
        (0.5, "1 second"),
        (1.49, "1 second"),
        (119.4, "119 seconds"),
        (119.5, "2 minutes"),
        (150, "3 minutes"),
        (3600, "60 minutes"),
        (7169, "119 minutes"),
        (7199, "2 hours"),
        (86399, "24 hours"),
        (129600, "36 hours"),
        (170999, "47 hours"),
        (172799, "2 days"),
        (1209599, "14 days"),
        (1166399, "13 days"),
    ],
)
def test_a_duration_is_said_in_its_largest_unit_and_rounded_to_it(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words


def test_a_distance_says_which_side_of_now_it_is_on() -> None:
    told = [distance_in_words(moment, 1000) for moment in (1500, 1000.5, 400, None)]
    assert told == ["in 8 minutes", "now", "10 minutes ago", "unknown"]


def test_a_time_is_local_and_names_its_zone() -> None:
    moment = 1_765_112_709
    assert local_time(moment, UTC) == "2025-12-07 13:05:09 UTC"
    assert when(moment, moment - 200_000, timezone(timedelta(hours=1), "CET")) == "2025-12-07 14:05:09 CET (in 2 days)"


@pytest.mark.parametrize(
    ("hours", "name", "shown"),
    [
        (0, "Greenwich Standard Time", "13:05:09 +00:00"),
        (1, "W. Europe Standard Time", "14:05:09 +01:00"),
        (1, "Mitteleuropäische Zeit", "14:05:09 +01:00"),
        (-3.5, "Newfoundland Standard Time", "09:35:09 -03:30"),
        (-3, "-03", "10:05:09 -03:00"),
        (10, "AEST", "23:05:09 AEST"),
    ],
)
def test_a_zone_whose_name_is_a_phrase_or_a_number_is_shown_by_its_offset(hours: float, name: str, shown: str) -> None:
    zone = timezone(timedelta(hours=hours), name)
    assert local_time(1_765_112_709, zone) == f"2025-12-07 {shown}"


def test_a_moment_that_no_local_calendar_can_hold_is_shown_in_utc() -> None:
    assert local_time(253_402_300_799, timezone(timedelta(hours=1), "CET")) == "9999-12-31 23:59:59 UTC"
