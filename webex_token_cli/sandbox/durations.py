"""Durations as people write them: ``30``, ``30s``, ``10m``, ``2h``, ``13d``, ``1w``, ``1h30m``."""

import re
from decimal import Decimal

from webex_token_cli.sandbox.quoting import quoted

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

_NUMBER = r"\d{1,12}(?:\.\d{1,324})?"
_PART = re.compile(rf"({_NUMBER})([smhdw])", re.ASCII)
_WHOLE = re.compile(rf"(?:{_NUMBER}[smhdw])+", re.ASCII)

# A thousand years. The calendar ends with the year 9999, and no test needs to wait for that.
LONGEST = 1000 * 365 * 86_400


def seconds(duration: str | float) -> float:
    """The seconds of ``duration``; a number without a unit is seconds. Raises ValueError if it is no duration."""
    text = in_digits(duration) if isinstance(duration, float) else str(duration)
    if re.fullmatch(_NUMBER, text, re.ASCII):
        found = float(text)
    elif _WHOLE.fullmatch(text):
        found = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    else:
        raise ValueError(f"{quoted(duration)} is not a duration such as 30s, 10m, 2h or 13d.")
    if found > LONGEST:
        raise ValueError(f"{quoted(duration)} is longer than a thousand years.")
    return found


def in_digits(number: float) -> str:
    """``number`` without an exponent, from which ``seconds`` makes the same number again."""
    return f"{Decimal(repr(number)):f}".removesuffix(".0")
