"""The pictures of the first sign-in show what a person sees today."""

import urllib.request

import pytest

from tests.support.documents import linked_files
from tests.support.guide_pictures import PAGES, TERMINALS, newcomer, page_words, shown, text_of
from tests.support.pictures import FOLDER, words
from webex_token_cli.sandbox.accepting_browser import answer

REMEDY = "Run python -m tests.support.guide_pictures to draw the pictures again."


@pytest.mark.parametrize("name", TERMINALS)
def test_a_picture_of_a_terminal_has_its_text(name: str) -> None:
    command, typed = TERMINALS[name]
    with newcomer() as session:
        text = shown(typed(session))
    drawn = words((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))
    assert drawn == ["webex-token", "$", *command.split(), *words(text)], REMEDY


def test_a_picture_of_a_page_has_the_text_of_the_page() -> None:
    seen = {}
    with newcomer() as session:
        for decision, last in (("deny", "page-denied"), ("accept", "page-signed-in")):
            with session.program.started("login", "--no-browser") as login:
                with urllib.request.urlopen(login.url()) as page:
                    seen["page-consent"] = page_words(page.read().decode())
                seen[last] = page_words(answer(login.url(), decision))
    drawn = {name: text_of((FOLDER / f"{name}.png").read_bytes()).split() for name in PAGES}
    assert drawn == seen, REMEDY
    for name, heading in PAGES.items():
        assert " ".join(drawn[name]).startswith(heading)


@pytest.mark.parametrize("picture", [*(f"{name}.svg" for name in TERMINALS), *(f"{name}.png" for name in PAGES)])
def test_a_document_shows_it(picture: str) -> None:
    assert FOLDER / picture in linked_files()
