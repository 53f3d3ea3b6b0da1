"""What is printed in place of letters that an old code page does not have. Pure."""

import unicodedata

# Letters of this program's own output, and letters of names that Unicode does not trace back to simpler ones.
_SUBSTITUTES = {
    **dict.fromkeys("█▓▒", "#"),
    **dict.fromkeys("░·‐‑‒–—―−", "-"),
    **dict.fromkeys("‘’‚‛", "'"),
    **dict.fromkeys("“”„‟", '"'),
    **dict(zip("•✓✗×⁄ŁłĐđÐðØøıĦħŊŋŦŧƏə", "*+xx/LlDdDdOoiHhNnTtEe", strict=True)),
    **dict(zip("ÆæŒœẞßÞþ", ("AE", "ae", "OE", "oe", "SS", "ss", "Th", "th"), strict=True)),
    **dict(zip("…→←€", ("...", "->", "<-", "EUR"), strict=True)),
}

_UNKNOWN = "?"


def substitute(text: str, encoding: str) -> str:
    """``text`` in letters that ``encoding`` has, each as near to the original as can be.

    An accent is left out if the letter cannot be had with it. A letter of another script becomes ``?``.
    """
    return "".join(_nearest(letter, encoding) for letter in text)


def _nearest(letter: str, encoding: str) -> str:
    if _can_encode(letter, encoding):
        return letter
    if letter in _SUBSTITUTES:
        return _SUBSTITUTES[letter]
    if unicodedata.combining(letter):
        return ""
    # One step at a time, because a letter with two accents may be there with one of them.
    parts = [part for part in unicodedata.decomposition(letter).split() if not part.startswith("<")]
    nearest = "".join(_nearest(chr(int(part, 16)), encoding) for part in parts)
    return _UNKNOWN if not nearest or _UNKNOWN in nearest else nearest


def _can_encode(letter: str, encoding: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
