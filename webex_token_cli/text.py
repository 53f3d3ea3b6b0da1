"""What people and machines read: masked secrets, bars, aligned tables, JSON. Pure."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

ELLIPSIS = "…"

# Below this many characters the last four would give away too much of the whole.
_SHORTEST_SECRET_TO_HINT_AT = 16


def mask(secret: str) -> str:
    """``secret`` as it may be shown: an ellipsis and its last four characters."""
    return ELLIPSIS + (secret[-4:] if len(secret) >= _SHORTEST_SECRET_TO_HINT_AT else "")


# No word of a language is as long; tokens, codes and secrets are.
_OPAQUE = re.compile(r"[A-Za-z0-9._~+=-]{32,}", re.ASCII)


def scrub(text: str, secrets: Iterable[str | None]) -> str:
    """``text``, which came from elsewhere, without secrets: those given, and what looks like one, masked."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(secret, mask(secret))
    return _OPAQUE.sub(lambda found: mask(found[0]), text)


def printable(text: str, limit: int = 300) -> str:
    """``text``, which came from elsewhere, on one line: no control characters, at most ``limit`` long.

    A server's words must not be able to move the cursor or clear the screen of whoever reads them.
    """
    shown = "".join(c if c.isprintable() else " " for c in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1] + ELLIPSIS


def bar(left: float, whole: float, width: int = 20) -> str:
    """How much of ``whole`` is ``left``, as ``width`` characters: ``███████░░░``."""
    share = min(1.0, max(0.0, left / whole)) if whole > 0 else 0.0
    filled = round(share * width)
    if filled == 0 and share > 0:
        filled = 1
    return "█" * filled + "░" * (width - filled)


def shade(left: float, whole: float) -> str:
    """The colour for how much of ``whole`` is ``left``: green, yellow below half, red below a seventh."""
    share = left / whole if whole > 0 else 0.0
    return "green" if share >= 0.5 else "yellow" if share >= 1 / 7 else "red"


def fields(rows: Sequence[tuple[str, str]]) -> str:
    """Label and value, a row each, the values aligned."""
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label:<{width}}  {value}".rstrip() for label, value in rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by their widest cell, two blanks between."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    return "\n".join(line.rstrip() for line in lines)


def as_json(document: dict[str, Any]) -> str:
    """``document`` for machines: ``"version": 1`` first, then keys that only ever grow."""
    return json.dumps({"version": 1, **document}, indent=2, ensure_ascii=False)
