"""Durations as people type them, and points in time as people read them. Pure."""

import contextlib
import math
import re
from datetime import UTC, datetime, timedelta, tzinfo

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_UNITS = {"": 1, "s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"(?P<number>\d{1,12}(?:\.\d{1,6})?)(?P<unit>[smhdw]?)", re.ASCII)

# The names of the time zone database that are letters (CET, AEST); it has others, such as "-03".
_ABBREVIATION = re.compile(r"[A-Za-z]{3,6}", re.ASCII)

# A century. A longer duration is a typing mistake, and would overflow the calendar.
LONGEST_DURATION = 100 * 365 * DAY


def parse_duration(text: str, unit: str = "s") -> float:
    """Seconds in ``text``: a number, or a number with one of ``s m h d w`` (``3600``, ``90m``, ``1.5d``).

    ``unit`` is the unit of a number without one. Raises ValueError, with a message for a person, if ``text`` is not a
    duration, is under a second or is over a century.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(
            f"{text[:40]!r} is not a duration; write seconds, or a number with s, m, h, d or w, such as 90m"
        )
    seconds = float(match["number"]) * _UNITS[match["unit"] or unit]
    if seconds < 1:
        raise ValueError("a duration must be at least a second")
    if seconds > LONGEST_DURATION:
        raise ValueError(f"{text[:40]!r} is longer than a century")
    return seconds


def duration_in_words(seconds: float) -> str:
    """``seconds`` in the largest unit that leaves at least two of it: ``14 days``, ``90 minutes``.

    The number is rounded to the nearest, so that what was granted for 14 days a moment ago is said to last 14 days.
    """
    for size, name, most in ((1, "second", 120), (MINUTE, "minute", 120), (HOUR, "hour", 48)):
        number = _rounded(seconds / size)
        if number < most:
            return f"{number} {name}" if number == 1 else f"{number} {name}s"
    return f"{_rounded(seconds / DAY)} days"


def _rounded(number: float) -> int:
    """``number`` rounded to the nearest whole number, at least 0. Python's ``round`` makes 2 of 2.5."""
    return max(0, math.floor(number + 0.5))


def distance_in_words(moment: float | None, now: float) -> str:
    """The distance of ``moment`` from ``now``, both UTC epoch seconds: ``in 14 days``, ``2 hours ago``, ``now``.

    A moment that is None is ``unknown``.
    """
    if moment is None:
        return "unknown"
    if abs(moment - now) < 1:
        return "now"
    if moment > now:
        return f"in {duration_in_words(moment - now)}"
    return f"{duration_in_words(now - moment)} ago"


def clock_face(seconds: float) -> str:
    """``seconds`` for a countdown: ``59:07``, ``23:59:07``."""
    minutes, left = divmod(max(0, round(seconds)), MINUTE)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def local_time(moment: float, zone: tzinfo | None = None) -> str:
    """``moment``, UTC epoch seconds, as ``2026-12-07 14:05:09 CET``; ``zone`` is the machine's by default.

    Windows calls zones by phrases, in the language of the system. The offset from UTC takes the place of such a name:
    ``2026-12-07 14:05:09 +01:00``. A moment that the zone's calendar cannot hold is shown in UTC, such as the end of
    the year 9999 east of Greenwich.
    """
    # Windows converts moments up to the year 3000 only, and reports an error of the system for later ones.
    local = _EPOCH + timedelta(seconds=moment)
    with contextlib.suppress(OverflowError, OSError):
        local = local.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {_zone(local)}"


def _zone(local: datetime) -> str:
    name, offset = local.tzname() or "", f"{local:%z}"
    return name if _ABBREVIATION.fullmatch(name) else f"{offset[:3]}:{offset[3:5]}"


def when(moment: float | None, now: float, zone: tzinfo | None = None) -> str:
    """The time and its distance from ``now``: ``2026-12-07 14:05:09 CET (in 14 days)``.

    A moment that is None is ``at an unknown time``, which reads well after "expires".
    """
    if moment is None:
        return "at an unknown time"
    return f"{local_time(moment, zone)} ({distance_in_words(moment, now)})"
