"""The project's documents: what they say, the blocks in them that are run, and where their links lead.

    python -m tests.support.documents NAME

prints the block under ``<!-- check: NAME -->``, so that CI runs what a reader runs. This module needs nothing but
Python's standard library, because CI calls it before anything is installed.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.support.folders import ROOT

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^<!-- check: (.+?) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_BARE = re.compile(r"(?<!\]\()(?<![\w`])https://[^\s)>|]+")
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """A document in Markdown; ``path`` is absolute."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """The path below the repository's folder, with slashes."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def prose(self) -> str:
        """The text without its code blocks, in which neither links nor headings are meant."""
        return _FENCE.sub("", self.text)

    @property
    def anchors(self) -> set[str]:
        """The names that ``#name`` can point to, as GitHub derives them from headings."""
        return {_anchor(heading) for heading in _HEADING.findall(self.prose)}

    @property
    def links(self) -> list[str]:
        """The targets of all relative links and pictures."""
        return [link for link in _LINK.findall(self.prose) if not urlsplit(link).scheme]

    @property
    def links_elsewhere(self) -> list[str]:
        """The targets of all links to other sites, the bare ones as well."""
        linked = [link for link in _LINK.findall(self.prose) if urlsplit(link).scheme]
        return linked + [address.rstrip(".") for address in _BARE.findall(_CODE.sub("", self.prose))]

    def target(self, link: str) -> Path:
        """The file or folder that a relative ``link`` leads to."""
        path = unquote(urlsplit(link).path)
        return (self.path.parent / path).resolve() if path else self.path


@dataclass(frozen=True, slots=True)
class Block:
    """A code block under ``<!-- check: NAME -->``."""

    name: str
    language: str
    text: str


def _read(path: Path) -> Document:
    return Document(path, path.read_text(encoding="utf-8"))


def _anchor(heading: str) -> str:
    """The anchor of a heading: lower case, without punctuation, with hyphens for blanks."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


README = _read(ROOT / "README.md")
DOCUMENTS = [README, *(_read(path) for path in sorted((ROOT / ".github").rglob("*.md")))]
EVERYTHING = "\n".join(document.text for document in DOCUMENTS)
"""The text of all documents."""


def document(name: str) -> Document:
    """The document at the path ``name`` below the repository's folder. Raises KeyError."""
    return {each.name: each for each in DOCUMENTS}[name]


def blocks() -> Iterator[Block]:
    """Every block in any document that has a name, the README's first."""
    for each in DOCUMENTS:
        yield from (Block(*found) for found in _BLOCK.findall(each.text))


def block(name: str, language: str | None = None) -> str:
    """The text of the one block under ``<!-- check: name -->``.

    Raises LookupError when there is not exactly one, or when it is not in ``language``.
    """
    found = [each for each in blocks() if each.name == name]
    if len(found) != 1 or language not in (None, found[0].language):
        raise LookupError(f"{len(found)} blocks are called {name!r}, and one in {language or 'any language'} is needed")
    return found[0].text


def broken_links() -> list[str]:
    """Every relative link that leads to no file, or to no heading of a document, as ``document: link``."""
    by_path = {each.path: each for each in DOCUMENTS}
    broken = []
    for each in DOCUMENTS:
        for link in each.links:
            target, anchor = each.target(link), urlsplit(link).fragment
            known = not anchor or (target in by_path and anchor in by_path[target].anchors)
            if not target.exists() or not known:
                broken.append(f"{each.name}: {link}")
    return broken


def linked_files() -> set[Path]:
    """The files that any document links to, or shows."""
    return {each.target(link) for each in DOCUMENTS for link in each.links}


if __name__ == "__main__":
    sys.stdout.write(block(sys.argv[1], "sh"))
