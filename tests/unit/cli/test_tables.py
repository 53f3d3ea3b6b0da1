"""Bars, fields and tables, compared whole."""

import pytest

from webex_token_cli.cli.tables import bar, fields, table


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
