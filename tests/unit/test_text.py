"""Secrets and control characters never reach a person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.text import mask, printable, scrub


@pytest.mark.parametrize(
    ("secret", "shown"),
    [("", "…"), ("short", "…"), ("fifteen-letters", "…"), ("sixteen--letters", "…ters"), ("x" * 100 + "abcd", "…abcd")],
)
def test_a_secret_shows_its_last_four_characters_at_most(secret: str, shown: str) -> None:
    assert mask(secret) == shown


def test_secrets_in_text_from_outside_are_masked() -> None:
    said = "the code 0123456789abcdef is not 0123456789abcdefgh"
    assert scrub(said, ["0123456789abcdef", None, "", "0123456789abcdefgh"]) == "the code …cdef is not …efgh"


def test_what_looks_like_a_secret_is_masked() -> None:
    said = f"see https://developer.webex.com/docs/integrations about {'x' * 60}_PF84_1234"
    assert scrub(said, []) == "see https://developer.webex.com/docs/integrations about …1234"


@given(st.text(), st.integers(2, 50))
def test_text_from_outside_is_one_short_printable_line(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


def test_terminal_escapes_from_a_server_are_removed() -> None:
    assert printable("no\x1b[2J\r\nway\u202e!") == "no [2J way !"
