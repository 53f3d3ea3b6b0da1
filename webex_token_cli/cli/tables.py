"""Bars, aligned fields and tables for a terminal. Pure."""

import re
from collections.abc import Sequence

# The sequences that click.style writes (ECMA-48, SGR).
_COLOUR = re.compile("\x1b\\[[0-9;]*m")


def width_of(text: str) -> int:
    """The columns that ``text`` takes on a terminal: two for a wide letter (Unicode Standard Annex #11)."""
    shown = _COLOUR.sub("", text)
    if shown.isascii():
        return len(shown)
    import unicodedata  # most of what is shown needs no table of all letters

    def columns(letter: str) -> int:
        if unicodedata.category(letter) in {"Mn", "Me"}:  # a mark on the letter before it
            return 0
        return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1

    return sum(map(columns, shown))


def bar(left: float, whole: float, width: int = 20) -> str:
    """A bar of ``width`` characters that shows how much of ``whole`` is ``left``: ``███████░░░``."""
    share = min(1.0, max(0.0, left / whole)) if whole > 0 else 0.0
    filled = round(share * width)
    if filled == 0 and share > 0:
        filled = 1
    return "█" * filled + "░" * (width - filled)


def bar_colour(left: float, whole: float) -> str:
    """The colour of such a bar: green, yellow if under half is left, red if under a seventh is left."""
    share = left / whole if whole > 0 else 0.0
    return "green" if share >= 0.5 else "yellow" if share >= 1 / 7 else "red"


def fields(rows: Sequence[tuple[str, str]], columns: int | None = None) -> str:
    """A line for each label and value, with the values aligned.

    A value that is too long for ``columns`` goes on below its beginning. It is broken at blanks only, so that a path
    or an address can be copied whole. None is a line of any length.
    """
    width = max(len(label) for label, _ in rows) + 2
    room = None if columns is None else max(columns - width, 1)
    return "\n".join(_field(label, value, width, room) for label, value in rows)


def _field(label: str, value: str, width: int, room: int | None) -> str:
    first, *more = [value] if room is None else _broken(value, room)
    return "\n".join([f"{label:<{width}}{first}".rstrip(), *(f"{'':<{width}}{line}".rstrip() for line in more)])


def _broken(text: str, room: int) -> list[str]:
    """The lines of ``text``, none longer than ``room`` unless a word is. Colours take no room."""
    lines: list[str] = []
    for word in re.findall(r" *[^ ]+", text):
        if lines and width_of(lines[-1] + word) <= room:
            lines[-1] += word
        else:
            lines.append(word.lstrip() if lines else word)
    return lines or [""]


def records(header: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> list[str]:
    """Each row of a table that is too wide for ``columns``, as fields of its own."""
    return [fields([(name, cell) for name, cell in zip(header, row, strict=True) if cell], columns) for row in rows]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns are as wide as their widest cell, with two blanks between them. Colours take no room."""
    widths = [max(map(width_of, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(cell + " " * (width - width_of(cell)) for cell, width in zip(row, widths, strict=True))
        for row in (header, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)
