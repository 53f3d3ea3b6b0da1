"""The QR code on a terminal: what a camera sees there is the code itself, whatever the terminal's colours are."""

import re

import pytest
import segno

from webex_token_cli.cli.qr_code import fits, qr_code, rows_of

# As long as the address that Webex gives.
ADDRESS = f"https://oauth-helper-r.wbx2.com/verify?userCode={'0123456789abcdef' * 4}"
_DARK = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def test_every_square_of_the_code_is_black_on_white() -> None:
    drawn: list[list[int]] = []
    for line in qr_code(ADDRESS):
        found = re.fullmatch("\x1b\\[38;5;16;48;5;231m([ ▀▄█]+)\x1b\\[0m", line)
        assert found is not None
        drawn += [[_DARK[each][half] for each in found[1]] for half in (0, 1)]
    expected = [list(row) for row in segno.make_qr(ADDRESS).matrix_iter(border=2)]
    assert drawn[: len(expected)] == expected
    assert not any(any(row) for row in drawn[len(expected) :])


def test_an_address_that_is_too_long_has_no_code() -> None:
    with pytest.raises(ValueError, match=r"."):
        qr_code("x" * 5000)


@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [("", 80, 1), ("one\ntwo", 80, 2), ("one\n\nthree\n", 80, 4), ("x" * 80, 80, 1), ("x" * 81, 80, 2)],
)
def test_long_lines_take_more_than_one_row(text: str, columns: int, rows: int) -> None:
    assert rows_of(text, columns) == rows


@pytest.mark.parametrize(
    ("columns", "rows", "fitting"), [(45, 34, True), (44, 34, False), (45, 33, False), (80, 24, False), (0, 0, False)]
)
def test_a_code_is_drawn_only_where_the_text_above_it_stays_on_the_screen(
    columns: int, rows: int, fitting: bool
) -> None:
    code = qr_code(ADDRESS)
    assert len(code) == 23
    assert fits(code, "\n".join(["text"] * 10), columns, rows) is fitting
