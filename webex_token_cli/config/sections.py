"""The text of ``config.ini`` as sections and lines, and the changes to it. Pure.

A rewrite touches only the keys that changed: comments, order and other sections stay.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from webex_token_cli.config.names import is_profile_name
from webex_token_cli.config.settings import KEYS, Profile
from webex_token_cli.errors import ConfigurationError

_HEADER = re.compile(r"\s*\[\s*(?P<name>[^]]*?)\s*\]\s*(?:[#;].*)?")
# A line that starts like a header, complete or not, and as much of the name as it gives.
_START_OF_HEADER = re.compile(r"\s*\[\s*(?P<name>[A-Za-z0-9._@+-]*).*", re.ASCII)
_SETTING = re.compile(r"(?P<key>[A-Za-z_]+)\s*[=:]\s*(?P<value>.*?)\s*")


class Line(NamedTuple):
    """One line of the file. ``number`` counts from 1."""

    number: int
    text: str

    @property
    def is_blank(self) -> bool:
        """Whether the line is empty or a comment."""
        return not self.text.strip() or self.text.lstrip().startswith(("#", ";"))


class Section(NamedTuple):
    """A section of the file: its name, the number of its header's line, and the lines below the header.

    The lines above the first header are a section with the header number 0. A malformed header also starts a
    section and is its first line, so that loading the section reports it, and so that the lines below
    it do not join the section before.
    """

    name: str
    header: int
    lines: list[Line]


class Sections(NamedTuple):
    """All sections of the file, in its order, and those that have a header by their names.

    A watch asks for every profile in every round, so a name must be found without a search through all of them.
    """

    all: list[Section]
    by_name: dict[str, list[Section]]


class IgnoredLine(NamedTuple):
    """A line that no profile uses.

    It is the header of a section that no profile can have (``key`` is empty), a line above the first section
    (``section`` is empty), or a setting ``key`` that does not exist.
    """

    number: int
    section: str
    key: str


def parse_sections(text: str) -> Sections:
    """The sections in ``text``. The lines above the first header come first."""
    sections = [Section("", 0, [])]
    for number, line in enumerate(_split_lines(text), start=1):
        start = _START_OF_HEADER.fullmatch(line)
        if start is None:
            sections[-1].lines.append(Line(number, line))
            continue
        header = _HEADER.fullmatch(line)
        if header:
            sections.append(Section(header["name"], number, []))
        else:
            sections.append(Section(start["name"], number, [Line(number, line)]))
    by_name: dict[str, list[Section]] = {}
    for section in sections[1:]:
        by_name.setdefault(section.name, []).append(section)
    return Sections(sections, by_name)


def ignored_lines_of(section: Section) -> list[IgnoredLine]:
    """The lines of ``section`` that no profile uses."""
    if section.header and not is_profile_name(section.name):
        return [IgnoredLine(section.header, "", "")]
    ignored = []
    for line in section.lines:
        setting = _SETTING.fullmatch(line.text)
        if not section.header and not line.is_blank:
            ignored.append(IgnoredLine(line.number, "", setting["key"] if setting else "a line"))
        elif section.header and setting and setting["key"].lower() not in KEYS:
            ignored.append(IgnoredLine(line.number, section.name, setting["key"]))
    return ignored


def _lines_of(sections: Sections, name: str, path: Path) -> list[Line]:
    """The lines of the section ``name``; empty if there is no such section.

    Raises ConfigurationError if there are two such sections, or if there is none and a line above the first
    section may be a damaged header of it.
    """
    found = sections.by_name.get(name, [])
    outside = [line for line in sections.all[0].lines if not line.is_blank]
    if not found and outside:
        raise ConfigurationError(
            f"{path} has no section [{name}], and line {outside[0].number} cannot be read.",
            "A section starts with its name in brackets; correct the line or delete it.",
        )
    if len(found) > 1:
        raise ConfigurationError(
            f"{path} has a second section [{name}] in line {found[1].header}.",
            "Merge the two sections into one.",
        )
    return found[0].lines if found else []


def profile_in(sections: Sections, name: str, path: Path) -> Profile:
    """The profile ``name`` in the ``sections`` of ``path``; without any settings if it has no section.

    Raises ConfigurationError if a line is not ``key = value`` or repeats a key, if there are two such sections, or if
    there is none and a line above the first section may be a damaged header of it.
    """
    values: dict[str, str] = {}
    for line in _lines_of(sections, name, path):
        if line.is_blank:
            continue
        setting = _SETTING.fullmatch(line.text)
        if setting is None or setting["key"].lower() in values:
            raise ConfigurationError(
                f"{path} cannot be read in line {line.number}, in section [{name}].",
                "Each line is key = value, and each key occurs once; correct the line or delete it.",
            )
        values[setting["key"].lower()] = setting["value"]
    known: Mapping[str, str | None] = {key: values.get(key) or None for key in KEYS}
    return Profile(name, **known)


def with_section(text: str, name: str, settings: Mapping[str, str]) -> str:
    """``text`` with exactly ``settings`` in the section ``name``; everything else is unchanged."""
    lines = _split_lines(text)
    section = _find_section(text, name)
    if section is None:
        gap = [""] if lines and lines[-1].strip() else []
        return _join_lines([*lines, *gap, f"[{name}]", *(f"{key} = {value}" for key, value in settings.items())])
    body = _changed_body([line.text for line in section.lines], settings)
    start, end = _span(section)
    changed = [*lines[:start], *body, *lines[end:]]
    return text if changed == lines else _join_lines(changed)


def _changed_body(lines: Sequence[str], settings: Mapping[str, str]) -> list[str]:
    """A section's ``lines`` with ``settings`` in them; comments and unknown keys stay where they are."""
    body, missing = [], dict(settings)
    for line in lines:
        setting = _SETTING.fullmatch(line)
        key = setting["key"].lower() if setting else ""
        if setting is None or key not in KEYS:
            body.append(line)
            continue
        value = missing.pop(key, None)
        if value is not None:
            body.append(line if value == setting["value"] else f"{setting['key']} = {value}")
    # New keys go above the blank lines that separate this section from the next.
    end = len(body)
    while end and not body[end - 1].strip():
        end -= 1
    body[end:end] = [f"{key} = {value}" for key, value in missing.items()]
    return body


def without_section(text: str, name: str) -> str:
    """``text`` without the section ``name``; everything else is unchanged."""
    section = _find_section(text, name)
    if section is None:
        return text
    lines = _split_lines(text)
    start, end = _span(section)
    return _join_lines([*lines[: start - 1], *lines[end:]])


def _find_section(text: str, name: str) -> Section | None:
    return next(iter(parse_sections(text).by_name.get(name, [])), None)


def _span(section: Section) -> tuple[int, int]:
    """The indexes of the first line below the section's header, and of the first line after the section."""
    return section.header, section.header + len(section.lines)


def _split_lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def _join_lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
