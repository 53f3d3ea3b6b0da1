"""Durations as people write them: ``30``, ``30s``, ``10m``, ``2h``, ``13d``, ``1w``, ``1h30m``."""

import re

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def seconds(duration: str | float) -> float:
    """The seconds of ``duration``; a number without a unit is seconds. Raises ValueError if it is no duration."""
    text = str(duration)
    try:
        if not (0 <= float(text) < float("inf")):
            raise ValueError(f"{duration!r} is not a duration such as 30s, 10m, 2h or 13d")
        return float(text)
    except ValueError:
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise ValueError(f"{duration!r} is not a duration such as 30s, 10m, 2h or 13d") from None
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
