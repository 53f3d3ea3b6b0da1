"""The documents' pictures show what the program says today."""

from collections.abc import Iterator

import pytest

from tests.support.documents import linked_files
from tests.support.guide_pictures import PAGES, TERMINALS
from tests.support.pictures import FOLDER, commands, on_a_terminal, somebody, words
from tests.support.program import Program
from tests.support.recording import RECORDING

REMEDY = "Run python -m tests.support.pictures to draw the pictures again."


@pytest.fixture(scope="module")
def person() -> Iterator[Program]:
    with somebody() as program:
        yield program


def test_there_is_a_picture_of_each_and_of_nothing_else() -> None:
    others = {f"{name}.svg" for name in TERMINALS} | {f"{name}.png" for name in PAGES} | {RECORDING.name}
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.svg" for name in commands()} | others


@pytest.mark.parametrize("name", [name for name in commands() if name.startswith("help")])
def test_a_picture_of_help_has_the_help_in_it(person: Program, name: str) -> None:
    shown = on_a_terminal(person, *commands()[name])
    drawn = words((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))
    assert drawn == ["webex-token", "$", "webex-token", *commands()[name], *words(shown)], REMEDY


@pytest.mark.parametrize("name", ["show", "show-all"])
def test_a_picture_of_show_has_its_rows_in_it(person: Program, name: str) -> None:
    """Times, and the name of the integration, are another day's."""
    lines = [line.split() for line in on_a_terminal(person, *commands()[name]).splitlines() if line]
    drawn = words((FOLDER / f"{name}.svg").read_text(encoding="utf-8"))
    for line in lines:
        assert words(line[0])[0] in drawn, REMEDY


@pytest.mark.parametrize("name", commands())
def test_a_document_shows_it(name: str) -> None:
    assert FOLDER / f"{name}.svg" in linked_files()
