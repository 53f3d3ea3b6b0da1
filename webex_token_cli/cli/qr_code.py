"""A QR code on a terminal, drawn so that a camera can read it in every colour scheme."""

import math

# White is the 231st and black the 16th of xterm's 256 colours. A colour scheme changes the first 16 only, so that these
# stay what they are on light and dark terminals.
_BLACK_ON_WHITE = "\x1b[38;5;16;48;5;231m"
_RESET = "\x1b[0m"

# The light squares around the code. The standard asks for four, and cameras are content with two.
_BORDER = 2

# A character shows two squares, one above the other: (upper is dark, lower is dark).
_HALF_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def qr_code(text: str) -> list[str]:
    """The lines that draw ``text`` as a QR code (ISO/IEC 18004).

    Raises ImportError if the extra ``qr`` is not installed, and ValueError if ``text`` is too long for a QR code.
    """
    import segno

    rows = [[bool(square) for square in row] for row in segno.make_qr(text).matrix_iter(border=_BORDER)]
    rows.append([False] * len(rows[0]))  # every QR code has an odd number of rows
    pairs = zip(rows[::2], rows[1::2], strict=True)
    lines = ("".join(_HALF_BLOCKS[squares] for squares in zip(*pair, strict=True)) for pair in pairs)
    return [f"{_BLACK_ON_WHITE}{line}{_RESET}" for line in lines]


def rows_of(text: str, columns: int) -> int:
    """The rows that ``text`` takes on a terminal of ``columns``."""
    return sum(max(1, math.ceil(len(line) / columns)) for line in text.split("\n"))


def fits(code: list[str], text: str, columns: int, rows: int) -> bool:
    """Whether a terminal of that size shows ``text``, ``code`` below it and one more line, all at the same time."""
    if columns < len(code[0]) - len(_BLACK_ON_WHITE) - len(_RESET):
        return False
    return rows_of(text, columns) + len(code) + 1 <= rows
