"""The document about Webex's OAuth names code and tests that exist, and every endpoint that the program asks."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.documents import document
from tests.support.folders import ROOT, TESTS

WEBEX = document(".github/docs/webex.md")
PACKAGE = ROOT / "webex_token_cli"


def rows() -> list[dict[str, str]]:
    """The rows of every table that has the columns program, sandbox and test."""
    found: list[dict[str, str]] = []
    header: list[str] = []
    for line in WEBEX.text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if not cells:
            header = []
        elif not header:
            header = cells
        elif set(line) - set("|- "):
            found.append(dict(zip(header, cells, strict=True)))
    return [row for row in found if "program" in row]


def named_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def exists(folder: Path, dotted: str) -> bool:
    """Whether ``dotted`` is a module below ``folder`` and a name that it defines, as in ``webex.client.refresh``."""
    module, _, name = dotted.rpartition(".")
    file = folder.joinpath(*module.split(".")).with_suffix(".py")
    return file.is_file() and name in defined_in(file)


def defined_in(file: Path) -> set[str]:
    """The functions, classes and fields that the module ``file`` defines, inside its classes too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


@pytest.mark.parametrize(("column", "folder"), [("program", PACKAGE), ("sandbox", PACKAGE), ("test", TESTS)])
def test_every_name_exists(column: str, folder: Path) -> None:
    assert len(rows()) >= 30
    assert [row for row in rows() if not named_in(row[column])] == []
    assert [name for row in rows() for name in named_in(row[column]) if not exists(folder, name)] == []


def test_a_name_that_is_gone_is_noticed() -> None:
    assert exists(PACKAGE, "webex.client.refresh")
    assert not exists(PACKAGE, "webex.client.no_such_function")
    assert not exists(PACKAGE, "webex.no_such_module.refresh")


def test_every_endpoint_that_the_program_asks_has_a_row() -> None:
    client = (PACKAGE / "webex/client.py").read_text(encoding="utf-8")
    asked = {f"{method} {path}" for method, path in re.findall(r'_send\(\s*"([A-Z]+)",\s*"(/[^"]+)"', client)}
    assert len(asked) >= 7
    assert asked - {name for row in rows() for name in named_in(row.get("endpoint", ""))} == set()
