"""The documents lead somewhere, run, and describe the code as it is."""

import ast
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.documents import DOCUMENTS, README, Document, block, blocks, broken_links, document, linked_files
from tests.support.folders import ROOT, TESTS

PACKAGE = ROOT / "webex_token_cli"
CONTRIBUTING = document(".github/CONTRIBUTING.md")


def test_every_relative_link_leads_to_a_file_and_a_heading() -> None:
    assert broken_links() == []


def test_every_link_to_elsewhere_is_a_whole_address() -> None:
    """They are not followed: a test must not fail because another site does."""
    for each in DOCUMENTS:
        for link in each.links_elsewhere:
            parts = urlsplit(link)
            if parts.hostname == "localhost":
                continue
            assert (parts.scheme, "." in (parts.hostname or ""), parts.username) == ("https", True, None), link


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached: set[Document] = set()
    to_follow = [README]
    while to_follow:
        current = to_follow.pop()
        if current not in reached:
            reached.add(current)
            targets = {current.target(link) for link in current.links}
            to_follow += [each for each in DOCUMENTS if each.path in targets]
    assert reached == set(DOCUMENTS)


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.text.splitlines()) < 400


def test_every_block_with_a_name_is_run_by_a_test_or_by_ci() -> None:
    names = [each.name for each in blocks()]
    assert len(set(names)) == len(names)
    code = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert [name for name in names if f'"{name}"' not in code and f"documents {name})" not in ci] == []


def test_a_block_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LookupError):
        block("no such block")
    with pytest.raises(LookupError):
        block("demo", "python")


def test_every_package_and_module_at_the_top_is_in_the_picture_of_the_code() -> None:
    code, tests = pictured("The picture of the code")
    packages = {f"{p.parent.relative_to(PACKAGE).as_posix()}/" for p in PACKAGE.rglob("__init__.py")} - {"./"}
    assert code == packages | {p.name for p in PACKAGE.glob("*.py")}
    assert tests == {f"{p.parent.name}/" for p in TESTS.glob("*/__init__.py")}


def pictured(heading: str) -> tuple[set[str], set[str]]:
    """The paths in a picture of folders: those below the package, and those below tests/.

    An entry is indented by two more than the folder it is in; a file may share a line with others.
    """
    (drawing,) = re.findall(r"^```text\n(.*?)^```", section(heading), re.MULTILINE | re.DOTALL)
    found: dict[str, set[str]] = {}
    above: list[str] = []
    for line in drawing.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.match(r" *((?:[\w.]+/?(?: |$))+)", line)
        if names is None or depth > len(above):
            continue
        below = names[1].split()
        parent = "".join(above[1:depth])
        if depth:
            found.setdefault(above[0], set()).update(parent + name for name in below)
        above = [*above[:depth], below[0]] if below[0].endswith("/") else above[:depth]
    return found["webex_token_cli/"], found["tests/"]


def section(heading: str) -> str:
    """The part of CONTRIBUTING.md under ``heading``, up to the next heading of the same level."""
    return CONTRIBUTING.text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_diagram_has_the_layers_that_imports_are_held_to() -> None:
    (diagram,) = re.findall(r"^```text\n(.*?)^```", section("Layers"), re.MULTILINE | re.DOTALL)
    drawn = [tuple(re.split(r"  ", line)[0].split(", ")) for line in diagram.splitlines()]
    tree = ast.parse((TESTS / "project/test_imports.py").read_text(encoding="utf-8"))
    (layers,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and node.value and ast.unparse(node.target) == "LAYERS"
    ]
    assert drawn == [tuple(name or "__init__" for name in layer) for layer in layers]


def where_things_are() -> list[tuple[str, str]]:
    """The rows of the table: a path, and a name in that file."""
    rows = re.findall(r"^\| .*\]\(\.\./([^)]+)\) \| (.*) \|$", section("Where things are"), re.MULTILINE)
    return [(path, name) for path, names in rows for name in re.findall(r"`([^`]+)`", names)]


def test_where_things_are_is_where_they_are() -> None:
    assert len(where_things_are()) >= 20
    assert [(path, name) for path, name in where_things_are() if name not in source(ROOT / path)] == []


def source(path: Path) -> str:
    """The text of a file, or of all modules in a folder."""
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    return "".join(file.read_text(encoding="utf-8") for file in files)


def test_everything_in_the_pictures_folder_is_shown_somewhere() -> None:
    assert set((ROOT / ".pictures").glob("*.svg")) <= linked_files()
