"""The manual pages say what the help says today, and the programs that show them have nothing to object to."""

import subprocess
from pathlib import Path

import pytest

from tests.support.man_pages import FOLDER, pages
from tests.support.requirements import require

REMEDY = "Run python -m tests.support.man_pages to write the pages again."


def test_the_pages_are_those_of_the_help() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == pages(), REMEDY


@pytest.mark.parametrize("command", [("man", "--warnings", "--local-file"), ("mandoc", "-Tlint", "-Wwarning")])
def test_there_is_nothing_to_warn_of(command: tuple[str, ...]) -> None:
    require(command[0])
    for page in sorted(FOLDER.iterdir()):
        done = subprocess.run([*command, page], capture_output=True, encoding="utf-8", check=False)
        assert (done.returncode, done.stderr) == (0, ""), page.name
        assert command[0] == "man" or done.stdout == ""


def test_a_page_has_what_a_person_looks_for(tmp_path: Path) -> None:
    require("man")
    shown = subprocess.run(
        ["man", "--local-file", FOLDER / "webex-token-exec.1"],
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "200", "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    ).stdout
    headings = [line for line in shown.splitlines() if line[:1].isalpha()][1:-1]
    assert headings == [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "ENVIRONMENT",
        "EXIT STATUS",
        "EXAMPLES",
        "SEE ALSO",
    ]
    for text in (
        "webex-token-exec - run a command with the access token in its environment",
        "webex-token exec [OPTIONS] -- CMD [ARG]...",
        "-p, --profile NAME",
        "webex-token exec -p work --env WEBEX_TOKEN -- ./deploy --verbose",
    ):
        assert text in shown
