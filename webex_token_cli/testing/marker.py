"""What the marker ``webex`` says: the rules of a test's sandbox, and the people in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from webex_token_cli.sandbox import PRESETS, Rules, person_from
from webex_token_cli.sandbox.durations import seconds

_RULES = {field.name: field.type for field in fields(Rules)}
_KNOWN = ("preset", "people", *_RULES)


def arrange(markers: Iterable[tuple[Sequence[Any], Mapping[str, Any]]]) -> tuple[Rules, list[dict[str, Any]]]:
    """The rules and the people of the markers' arguments, each positional and by name, the closest marker first.

    A closer marker changes what it names. Raises ValueError, with a sentence that names what is known.
    """
    arguments: dict[str, Any] = {}
    for positional, named in markers:
        if positional:
            raise ValueError(f"The marker webex takes arguments by name only, not {positional[0]!r}. {_names()}")
        arguments = {**named, **arguments}
    for name in arguments:
        if name not in _KNOWN:
            raise ValueError(f"The marker webex has no argument {name!r}. {_names()}")
    preset = arguments.pop("preset", None) or "integration"
    if preset not in PRESETS:
        raise ValueError(f"The marker webex has no preset {preset!r}. The presets are {', '.join(PRESETS)}.")
    people = _people(arguments.pop("people", ()))
    return Rules.preset(preset, **{name: _value(name, value) for name, value in arguments.items()}), people


def _names() -> str:
    return f"The names are {', '.join(_KNOWN)}."


def _people(given: object) -> list[dict[str, Any]]:
    """The people of a sequence. A single one needs none around it."""
    if isinstance(given, str | Mapping):
        return [_person(given)]
    if isinstance(given, Iterable):
        return [_person(each) for each in given]
    raise ValueError(f"The marker webex has people={given!r}, which is no sequence of people.")


def _person(given: object) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    try:
        return person_from(str(given))
    except ValueError:
        raise ValueError(
            f"The marker webex has {given!r} among its people, which is not like 'Ada Lovelace <ada@example.com>'."
        ) from None


def _value(name: str, given: Any) -> Any:
    """The value of a rule. Durations may be in words, and a test may write any sequence where rules have a set."""
    kind = _RULES[name]
    if kind is float:
        try:
            return seconds(given)
        except ValueError as error:
            raise ValueError(f"The marker webex has no usable {name}: {error}") from None
    if kind is bool:
        if not isinstance(given, bool):
            raise ValueError(f"The marker webex has {name}={given!r}, which is neither True nor False.")
        return given
    texts = given.split() if isinstance(given, str) else given
    if not isinstance(texts, Iterable) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"The marker webex has {name}={given!r}, which is neither a text nor a sequence of texts.")
    return frozenset(texts) if name == "scopes" else tuple(texts)
