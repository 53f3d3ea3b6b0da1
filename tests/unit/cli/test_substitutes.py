"""Letters that a code page lacks, and what is printed in their place."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.cli.streams import print_what_can_be_shown
from webex_token_cli.cli.substitutes import substitute
from webex_token_cli.cli.tables import bar

CODE_PAGES = ("cp437", "cp850", "cp1252", "ascii")


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        (bar(1, 2), "cp437", "██████████░░░░░░░░░░"),
        (bar(1, 2), "cp850", "██████████░░░░░░░░░░"),
        (bar(1, 2), "cp1252", "##########----------"),
        (bar(1, 2), "ascii", "##########----------"),
        ("…0f3a", "cp437", "...0f3a"),
        ("…0f3a", "cp1252", "…0f3a"),
        ("59:07 · fresh", "cp437", "59:07 · fresh"),
        ("59:07 · fresh", "ascii", "59:07 - fresh"),
        ("HTTP 400, “it’s bad” – a→b", "cp437", 'HTTP 400, "it\'s bad" - a->b'),
        ("✓ ok ✗ problem – skipped", "cp1252", "+ ok x problem – skipped"),
    ],
)
def test_what_this_program_draws_stays_legible(text: str, encoding: str, shown: str) -> None:
    assert substitute(text, encoding) == shown


@pytest.mark.parametrize(
    ("name", "encoding", "shown"),
    [
        ("Zoë Łukasiewicz", "cp437", "Zoë Lukasiewicz"),
        ("Zoë Łukasiewicz", "ascii", "Zoe Lukasiewicz"),
        ("Søren Æbelø", "cp437", "Soren Æbelo"),
        ("Søren Æbelø", "cp850", "Søren Æbelø"),
        ("Søren Æbelø", "ascii", "Soren AEbelo"),
        ("Erdoğan Işık", "cp1252", "Erdogan Isik"),
        ("Nguyễn Huế", "cp437", "Nguyên Huê"),  # one of two accents is better than none
        ("Straße", "ascii", "Strasse"),
        ("e\u0301", "cp437", "e"),
        ("Юлия 李", "cp437", "???? ?"),
        ("한", "cp437", "?"),
        ("\udcff", "cp1252", "?"),
        ("Ａｄａ ﬁ ½", "ascii", "Ada fi 1/2"),
    ],
)
def test_a_name_loses_as_little_as_can_be(name: str, encoding: str, shown: str) -> None:
    assert substitute(name, encoding) == shown


@given(st.text(), st.sampled_from(CODE_PAGES))
def test_every_text_can_be_printed_and_what_can_be_shown_stays(text: str, encoding: str) -> None:
    substitute(text, encoding).encode(encoding)
    showable = text.encode(encoding, "ignore").decode(encoding)
    assert substitute(showable, encoding) == showable


def test_an_encoding_that_is_unknown_is_unknown_beside_a_stream_of_ascii_letters() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii", newline="\n")
    print_what_can_be_shown(stream)
    print("Zoë ✓", file=stream, flush=True)
    assert written.getvalue() == b"Zoe +\n"
    with pytest.raises(LookupError):
        "".encode("no-such-encoding")
