"""Bars, aligned fields and tables for a terminal. Pure."""

from collections.abc import Sequence


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


def fields(rows: Sequence[tuple[str, str]]) -> str:
    """A line for each label and value, with the values aligned."""
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label:<{width}}  {value}".rstrip() for label, value in rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns are as wide as their widest cell, with two blanks between them."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    return "\n".join(line.rstrip() for line in lines)
