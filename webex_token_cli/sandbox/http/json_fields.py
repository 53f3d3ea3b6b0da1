"""The fields of a JSON object that somebody else wrote: each is known and of the right type, or refused in words."""

from collections.abc import Callable, Mapping
from typing import Any

from webex_token_cli.sandbox.quoting import quoted


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _has_headers(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


# What a value can be, as it is called in a message.
TEXT = "a string"
COUNT = "a whole number"
DURATION = "a duration"
FLAG = "true or false"
TEXTS = "a list of strings"
HEADERS = "an object of strings"
OBJECT = "an object"

_KINDS: Mapping[str, Callable[[Any], bool]] = {
    TEXT: lambda value: isinstance(value, str),
    COUNT: _is_count,
    DURATION: lambda value: isinstance(value, str) or _is_number(value),
    FLAG: lambda value: isinstance(value, bool),
    TEXTS: _has_strings,
    HEADERS: _has_headers,
    OBJECT: lambda value: isinstance(value, dict),
}


def checked(given: Mapping[str, Any], required: tuple[str, ...] = (), **kinds: str) -> dict[str, Any]:
    """``given``, if it has all that is ``required`` and each key is one of ``kinds``, which are the constants here.

    Raises ValueError with a sentence that names the key.
    """
    for key, value in given.items():
        if key not in kinds:
            known = f"It takes {', '.join(kinds)}." if kinds else "It takes none."
            raise ValueError(f"There is no field {quoted(key)} here. {known}")
        if not _KINDS[kinds[key]](value):
            raise ValueError(f"{key} must be {kinds[key]}.")
    missing = [key for key in required if key not in given]
    if missing:
        raise ValueError(f"The field {missing[0]} is missing.")
    return dict(given)
