"""Documents that are nearly valid: an example with a few changes to its JSON values and to its bytes."""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.support.foreign_input.examined import CODE, SECRET

# An example is a sequence of bytes and of JSON values. Values are changed as values, and written as JSON afterwards.
Document = tuple[bytes | dict[str, Any] | list[Any], ...]

# What parsers stumble over, to be put anywhere into a text.
PIECES = (
    *(
        b"",
        b"\0",
        b"\n",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
        b" ",
        b"\t",
        b'"',
        b"'",
        b",",
        b":",
        b"=",
        b"&",
        b"?",
        b"#",
        b";",
    ),
    *(b"-", b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b"true", b"null", b"{}", b"[]", b"\x1b[2J", b"..", b"/", b"%"),
    *(b"\\ud800", b"\\u0000", b"\\u202e", b"%ed%a0%80", b"%00", b"%0a", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *("\u202e".encode(), "\u2028".encode(), "٣".encode(), "İ".encode()),
    *(b"9" * 25, b"9" * 5000, b"[" * 3000, b"a" * 3000, SECRET.encode(), CODE.encode()),
)

odd_values: st.SearchStrategy[Any] = st.sampled_from(
    (
        *(None, True, False, 0, 1, -1, 2, 1.0, 1.5, 2**63, 10**400, 1e308, float("inf"), float("nan")),
        *("", " ", "0", "1"),
        *("2", "-1", "1e3", "\ud800", "\0", "\n[x]\nstore = file", "\x1b[2J", "\u202e", "a" * 3000, SECRET, CODE),
        *("http://localhost:99999", "https://[", "http://a@b/?c#d", "2026-11-27T00:00:00.000000000Z", "9" * 5000),
        *([], {}, [None], [[]], {"": None}, ["a"], [1], {"version": 2}, [[[[[[]]]]]]),
    )
).map(copy.deepcopy) | st.one_of(st.integers(), st.floats(), st.text(), st.text(st.characters(codec=None), max_size=5))


def rendered(document: Document) -> bytes:
    """The document as it is, unchanged."""
    return b"".join(part if isinstance(part, bytes) else json.dumps(part).encode() for part in document)


@st.composite
def nearly(draw: st.DrawFn, examples: Sequence[Document], pieces: Sequence[bytes] = ()) -> bytes:
    """The bytes of one of the ``examples``, with a few changes. ``pieces`` are more texts that may be put into it."""
    document = draw(st.sampled_from(examples))
    text = rendered(tuple(part if isinstance(part, bytes) else _changed_value(draw, part) for part in document))
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2, 3)))):
        text = _changed_text(draw, text, (*pieces, *PIECES))
    return text


def _changed_value(draw: st.DrawFn, example: Any) -> Any:
    whole = {"": json.loads(json.dumps(example))}
    for _ in range(draw(st.sampled_from((0, 1, 1, 2, 3)))):
        container, key = draw(st.sampled_from(list(_places(whole))))
        change = draw(st.sampled_from(("replace", "replace", "remove", "rename", "wrap", "quote")))
        if change == "replace" or container is whole:
            container[key] = draw(odd_values)
        elif change == "remove":
            del container[key]
        elif change == "rename" and isinstance(container, dict):
            container[draw(st.text(max_size=5)) or key.upper()] = container.pop(key)
        elif change == "wrap":
            container[key] = [container[key]]
        else:
            container[key] = json.dumps(container[key])
    return whole[""]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in ``value``: its container, and its key or index there."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _changed_text(draw: st.DrawFn, text: bytes, pieces: Sequence[bytes]) -> bytes:
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.sampled_from((0, 1, 1, 2, 5, 20, 1000))))
    change = draw(st.sampled_from(("replace", "replace", "repeat", "cut", "byte")))
    if change == "replace":
        return text[:start] + draw(st.sampled_from(pieces)) + text[end:]
    if change == "repeat":
        return text[:end] + text[start:]
    if change == "cut":
        return text[:start]
    return text[:start] + bytes([draw(st.integers(0, 255))]) + text[start + 1 :]
