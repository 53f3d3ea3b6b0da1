"""Bars, fields and tables, compared whole."""

import pytest

from webex_token_cli.cli.tables import bar, fields, records, table, width_of


@pytest.mark.parametrize(
    ("left", "whole", "drawn"),
    [
        (10, 10, "██████████"),
        (5, 10, "█████░░░░░"),
        (0.1, 10, "█░░░░░░░░░"),
        (0, 10, "░░░░░░░░░░"),
        (-3, 10, "░░░░░░░░░░"),
        (30, 10, "██████████"),
        (1, 0, "░░░░░░░░░░"),
    ],
)
def test_a_bar_shows_what_is_left(left: float, whole: float, drawn: str) -> None:
    assert bar(left, whole, 10) == drawn


def test_fields_and_tables_are_aligned() -> None:
    assert fields([("a", "1"), ("long", "2"), ("b", "")]) == "a     1\nlong  2\nb"
    assert table(("NAME", "N"), [("x", "1"), ("longer", "22")]) == "NAME    N\nx       1\nlonger  22"


def test_on_a_narrow_terminal_values_are_broken_at_blanks_and_rows_stand_below_each_other() -> None:
    assert fields([("a", "one two three"), ("long", "/a/path/of/one/word")], 12) == (
        "a     one\n      two\n      three\nlong  /a/path/of/one/word"
    )
    assert records(("NAME", "N"), [("x", "1"), ("y", "")], 20) == ["NAME  x\nN     1", "NAME  y"]


def test_colours_take_no_room() -> None:
    green = "\x1b[32mok\x1b[0m"
    assert width_of(green) == 2
    assert table(("A", "B"), [(green, "1")]) == f"A   B\n{green}  1"
    assert fields([("a", f"{green} and more")], 9) == f"a  {green} and\n   more"


def test_wide_letters_take_two_columns_and_combined_marks_none() -> None:
    zoe, ga = "Zoe\N{COMBINING DIAERESIS}", "か\N{COMBINING KATAKANA-HIRAGANA VOICED SOUND MARK}"
    rows = [("山田太郎", "1"), (zoe, "2"), (ga, "3")]
    assert table(("NAME", "N"), rows) == f"NAME      N\n山田太郎  1\n{zoe}       2\n{ga}        3"
    assert fields([("a", "山田 太郎 x")], 9) == "a  山田\n   太郎 x"
