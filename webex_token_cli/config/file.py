"""``config.ini``: one section for each profile.

People edit the file by hand, so a rewrite touches only the keys that changed: comments, order and other
sections stay. A mistake in one section makes only that profile unusable. Secrets are never in the file, but it says
where they are sent, so a file that another user may have written is refused.
"""

import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from webex_token_cli.config.settings import KEYS, Profile, is_profile_name
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.system.files import ReservedFile, foreign_influence, unfinished_writes, write_private

_HEADER = re.compile(r"\s*\[\s*(?P<name>[^]]*?)\s*\]\s*(?:[#;].*)?")
# A line that starts like a header, complete or not, and as much of the name as it gives.
_START_OF_HEADER = re.compile(r"\s*\[\s*(?P<name>[A-Za-z0-9._@+-]*).*", re.ASCII)
# Bytes for one more section. Its longest values are a URL and a list of scopes, so this is several times as much.
_RESERVED = 8 * 1024

_SETTING = re.compile(r"(?P<key>[A-Za-z_]+)\s*[=:]\s*(?P<value>.*?)\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file. ``number`` counts from 1."""

    number: int
    text: str

    @property
    def is_blank(self) -> bool:
        """Whether the line is empty or a comment."""
        return not self.text.strip() or self.text.lstrip().startswith(("#", ";"))


@dataclass(slots=True)
class Section:
    """A section of the file: its name, the number of its header's line, and the lines below the header.

    The lines above the first header are a section with the header number 0. A malformed header also starts a
    section and is kept as its first line, so that loading the section reports it, and so that the lines below
    it do not join the section before.
    """

    name: str
    header: int
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class IgnoredLine:
    """A line that no profile uses.

    It is the header of a section that no profile can have (``key`` is empty), a line above the first section
    (``section`` is empty), or a setting ``key`` that does not exist.
    """

    number: int
    section: str
    key: str


def parse_sections(text: str) -> list[Section]:
    """The sections in ``text``, in the file's order. The lines above the first header come first."""
    sections = [Section("", 0)]
    for number, line in enumerate(_split_lines(text), start=1):
        start = _START_OF_HEADER.fullmatch(line)
        if start is None:
            sections[-1].lines.append(Line(number, line))
            continue
        header = _HEADER.fullmatch(line)
        if header:
            sections.append(Section(header["name"], number))
        else:
            sections.append(Section(start["name"], number, [Line(number, line)]))
    return sections


@dataclass(slots=True)
class ConfigFile:
    """The file ``config.ini`` at ``path``.

    ``lock`` opens a context in which no other process rewrites the file. The file is parsed again only when it
    has changed, because ``watch`` asks for every profile in every round.
    """

    path: Path
    lock: Callable[[], AbstractContextManager[object]] = field(repr=False)
    _cache: tuple[object, list[Section]] | None = field(default=None, repr=False)
    _reserved: ReservedFile | None = field(default=None, repr=False)

    def names(self) -> list[str]:
        """The names of the profiles that have a section, in the file's order, even if ``load`` refuses the section.

        Raises ConfigurationError if the file cannot be read at all, or if another user may have written it.
        """
        names = dict.fromkeys(section.name for section in self._sections() if section.header)
        return list(filter(is_profile_name, names))

    def load(self, name: str) -> Profile:
        """The profile ``name``; without any settings if it has no section.

        Raises ConfigurationError, with the number of the line, if the file or the section cannot be read, or as
        ``names`` does.
        """
        return _profile(name, _lines_of(self._sections(), name, self.path), self.path)

    def ignored_lines(self) -> list[IgnoredLine]:
        """The lines that no profile uses; most are typing mistakes. Raises ConfigurationError as ``names`` does."""
        ignored = []
        for section in parse_sections(self._text()):
            ignored += _ignored_lines(section)
        return ignored

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Reserve room for one more section while the context is open, for the next ``save`` in it.

        Raises ConfigurationError if there is no room, so that a sign-in can end before its code is redeemed.
        """
        path = self.path.resolve()
        try:
            self._reserved = ReservedFile.beside(path, len(self._text().encode()) + _RESERVED)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        try:
            yield
        finally:
            reserved, self._reserved = self._reserved, None
            if reserved is not None:
                with suppress(OSError):
                    reserved.remove()

    def save(self, profile: Profile) -> bool:
        """Write the profile's settings into its section. Return whether that changed the file.

        Raises ConfigurationError and leaves the old file in place if it cannot be written.
        """
        return self._rewrite(lambda text: with_section(text, profile.name, profile.settings))

    def remove(self, name: str) -> bool:
        """Remove the profile's section. Return whether there was one. Raises ConfigurationError as ``save`` does."""
        return self._rewrite(lambda text: without_section(text, name))

    def wait_until_free(self) -> None:
        """Wait until no other process rewrites the file. Raises what ``lock`` raises if that takes too long."""
        with self.lock():
            pass

    def _sections(self) -> list[Section]:
        self._refuse_foreign_influence()
        try:
            status = self.path.stat()
        except OSError:  # _text reports it, unless the file is only missing
            return parse_sections(self._text())
        if stat.S_ISFIFO(status.st_mode):  # reading a pipe could block forever
            raise ConfigurationError(f"{self.path} is a pipe, not a file.", "Replace it by a file, or move it away.")
        version = status.st_ino, status.st_size, status.st_mtime_ns
        if self._cache is None or self._cache[0] != version:
            self._cache = version, parse_sections(self._text())
        return self._cache[1]

    def _text(self) -> str:
        self._refuse_foreign_influence()
        try:
            return self.path.read_text(encoding="utf-8-sig")  # some editors put a byte order mark first
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(self.path, error) from error

    def _refuse_foreign_influence(self) -> None:
        """Raise ConfigurationError if another user can write the file, or put another one in its place."""
        folders = [self.path.parent, self.path.resolve().parent] if self.path.is_symlink() else [self.path.parent]
        for each in (*folders, self.path):
            with suppress(OSError):  # it is missing, or reading the file reports why it cannot be examined
                why = foreign_influence(each)
                if why:
                    raise _not_trusted(self.path, each, why)

    def _rewrite(self, change: Callable[[str], str]) -> bool:
        with self.lock():
            before = self._text()
            after = change(before)
            if after == before:
                return False
            try:
                # A symbolic link stays a link, and the file that it points to is replaced.
                self._write(self.path.resolve(), after)
            except OSError as error:
                raise _unwritable(self.path, error) from error
            return True

    def _write(self, path: Path, text: str) -> None:
        reserved, self._reserved = self._reserved, None
        # A killed process may have left its room reserved. A living one that loses its room writes without it.
        for leftover in unfinished_writes(path):
            if reserved is None or leftover != reserved.temporary:
                leftover.unlink(missing_ok=True)
        if reserved is not None:
            with suppress(OSError):  # another process may have removed the room
                reserved.replace(text)
                return
        write_private(path, text)


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{path} could not be written ({error.strerror or type(error).__name__}).",
        "The file was not changed; check the folder's permissions and free space, then try again.",
    )


def _not_trusted(path: Path, place: Path, why: str) -> ConfigurationError:
    where = "" if place == path else f", because of {place}"
    return ConfigurationError(
        f"{path} cannot be trusted{where}: {why}.",
        f"It says where your tokens are sent, so check its content; then make {place} yours and run `chmod go-w` on "
        "it, or name a folder of your own with WEBEX_TOKEN_HOME.",
    )


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> ConfigurationError:
    why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else (error.strerror or type(error).__name__)
    return ConfigurationError(
        f"{path} could not be read ({why}).", "Correct the file or its permissions, or move it away."
    )


def _ignored_lines(section: Section) -> list[IgnoredLine]:
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


def _lines_of(sections: Sequence[Section], name: str, path: Path) -> list[Line]:
    """The lines of the section ``name``; empty if there is no such section.

    Raises ConfigurationError if there are two such sections, or if there is none and a line above the first
    section may be a damaged header of it.
    """
    found = [section for section in sections if section.header and section.name == name]
    outside = [line for line in sections[0].lines if not line.is_blank]
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


def _profile(name: str, lines: Sequence[Line], path: Path) -> Profile:
    """The profile that a section's lines describe.

    Raises ConfigurationError if a line is not ``key = value`` or repeats a key.
    """
    values: dict[str, str] = {}
    for line in lines:
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
    return next((section for section in parse_sections(text) if section.header and section.name == name), None)


def _span(section: Section) -> tuple[int, int]:
    """The indexes of the first line below the section's header, and of the first line after the section."""
    return section.header, section.header + len(section.lines)


def _split_lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def _join_lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
