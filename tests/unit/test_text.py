"""What people read, compared whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.text import as_json, bar, fields, mask, printable, scrub, table


@pytest.mark.parametrize(
    ("secret", "shown"),
    [("", "…"), ("short", "…"), ("fifteen-letters", "…"), ("sixteen--letters", "…ters"), ("x" * 100 + "abcd", "…abcd")],
)
def test_a_secret_shows_its_last_four_characters_at_most(secret: str, shown: str) -> None:
    assert mask(secret) == shown


def test_words_from_elsewhere_lose_the_secrets_they_repeat() -> None:
    said = "the code 0123456789abcdef is not 0123456789abcdefgh"
    assert scrub(said, ["0123456789abcdef", None, "", "0123456789abcdefgh"]) == "the code …cdef is not …efgh"


def test_words_from_elsewhere_lose_what_looks_like_a_secret() -> None:
    said = f"see https://developer.webex.com/docs/integrations about {'x' * 60}_PF84_1234"
    assert scrub(said, []) == "see https://developer.webex.com/docs/integrations about …1234"


@given(st.text(), st.integers(2, 50))
def test_words_from_elsewhere_stay_on_one_line_and_command_no_terminal(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


def test_a_terminal_escape_in_a_servers_words_is_disarmed() -> None:
    assert printable("no\x1b[2J\r\nway\u202e!") == "no [2J way !"


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


def test_json_names_its_version_first() -> None:
    assert as_json({"a": "ü"}) == '{\n  "version": 1,\n  "a": "ü"\n}'
