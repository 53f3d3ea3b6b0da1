"""How a wrong value is repeated in a message."""

# The longest quotation, in characters: enough to recognize a value, whoever sent it.
_LONGEST = 100


def quoted(value: object) -> str:
    """``value`` for a message: as Python writes it, and of at most 100 characters."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
