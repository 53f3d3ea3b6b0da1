"""``config.ini`` to profiles and back, and what an option, a variable and a profile come to together.

The file is meant to be edited by hand, so a rewrite touches only the keys that changed: comments, order
and other sections stay as they were. Secrets are never in it.
"""

import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from webex_token_cli.errors import ConfigurationError
from webex_token_cli.system.files import write_private

DEFAULT_PROFILE = "default"
DEFAULT_REDIRECT_URI = "http://localhost:8000/oauth"
DEFAULT_SCOPES = "spark:all"
DEFAULT_API_URL = "https://webexapis.com/v1"
DEFAULT_STORE = "keyring"
STORES = ("keyring", "file")

_PROFILE_NAME = re.compile(r"[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,63}", re.ASCII)
_SECTION = re.compile(r"\s*\[\s*(?P<name>[^]]*?)\s*\]\s*(?:[#;].*)?")
# A line that was meant as a header, and what it was meant to name, as far as that can be told.
_MEANT_AS_SECTION = re.compile(r"\s*\[\s*(?P<name>[A-Za-z0-9._@+-]*).*", re.ASCII)
_SETTING = re.compile(r"(?P<key>[A-Za-z_]+)\s*[=:]\s*(?P<value>.*?)\s*")


def check_profile_name(name: str) -> str:
    """``name``, if it may name a profile; raises ConfigurationError otherwise."""
    if not _PROFILE_NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name[:80]!r} cannot name a profile.",
            "Use 1 to 64 of letters, digits, and . _ - @ +, not starting with . or -.",
        )
    return name


def sign_in_hint(profile: str) -> str:
    """What to type to sign in as ``profile``."""
    named = "" if profile == DEFAULT_PROFILE else f" --profile {profile}"
    return f"Sign in with `webex-token login{named}`."


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address without brackets, can only be this machine (RFC 8252 section 7.3)."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_api_url(url: str) -> str:
    """``url`` without a trailing slash, if tokens may be sent there: https, or http to a loopback address.

    Raises ConfigurationError otherwise.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    secure = bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    if (
        not secure
        or parts.query
        or parts.fragment
        or parts.username is not None
        or not url.isascii()
        or not url.isprintable()
        or " " in url
    ):
        raise ConfigurationError(
            f"{url[:200]!r} cannot be the API base URL.",
            f"Give an https:// address such as {DEFAULT_API_URL}, or http:// to a loopback address.",
        )
    return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class Profile:
    """What ``config.ini`` remembers of one sign-in; None where it does not say."""

    name: str
    client_id: str | None = None
    redirect_uri: str | None = None
    scopes: str | None = None
    api_url: str | None = None
    store: str | None = None

    @classmethod
    def of(cls, settings: "Settings") -> "Profile":
        """The profile that remembers ``settings``."""
        return cls(
            settings.profile,
            settings.client_id,
            settings.redirect_uri,
            " ".join(settings.scopes),
            settings.api_url,
            settings.store,
        )

    @property
    def settings(self) -> dict[str, str]:
        """The keys and values of the profile's section, in the order in which they are written."""
        values = {key: getattr(self, key) for key in KEYS}
        return {key: value for key, value in values.items() if value is not None}


KEYS = ("client_id", "redirect_uri", "scopes", "api_url", "store")


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for one profile in one run: option, else environment, else profile, else default."""

    profile: str
    client_id: str | None
    redirect_uri: str
    scopes: tuple[str, ...]
    api_url: str
    store: str


@dataclass(frozen=True, slots=True)
class Overrides:
    """What options and environment say, the option first; None where neither does."""

    client_id: str | None = None
    redirect_uri: str | None = None
    scopes: str | None = None
    api_url: str | None = None
    store: str | None = None


def resolve(profile: Profile, overrides: Overrides) -> Settings:
    """The settings that ``overrides`` and ``profile`` come to; raises ConfigurationError on an unusable one."""
    store = overrides.store or profile.store or DEFAULT_STORE
    if store not in STORES:
        raise ConfigurationError(
            f"{store[:80]!r} is no credential store (profile {profile.name}).",
            "The stores are keyring and file; see --store, WEBEX_TOKEN_STORE and config.ini.",
        )
    return Settings(
        profile=profile.name,
        client_id=overrides.client_id or profile.client_id,
        redirect_uri=overrides.redirect_uri or profile.redirect_uri or DEFAULT_REDIRECT_URI,
        scopes=tuple((overrides.scopes or profile.scopes or DEFAULT_SCOPES).split()),
        api_url=check_api_url(overrides.api_url or profile.api_url or DEFAULT_API_URL),
        store=store,
    )


@dataclass(frozen=True, slots=True)
class Unread:
    """A line of ``config.ini`` that no profile reads: a section's header, or a setting of ``key`` in it."""

    number: int
    section: str
    key: str


class Lock(Protocol):
    """Opens a context in which no other process rewrites ``config.ini``."""

    def __call__(self) -> AbstractContextManager[object]: ...


@dataclass(slots=True)
class ConfigFile:
    """``config.ini``: a section a profile. ``lock`` is held around each rewrite.

    It is read again only when it has changed: a watch looks into it often, and asks for each profile.
    """

    path: Path
    lock: Lock = field(repr=False)
    _read: "tuple[object, _Sections] | None" = field(default=None, repr=False)

    def names(self) -> list[str]:
        """The profiles that have a section, in the file's order, also one that ``load`` will refuse.

        Raises ConfigurationError when the file cannot be read at all.
        """
        return list(self._sections().names)

    def load(self, name: str) -> Profile:
        """The profile of that name, empty where it has no section. Raises ConfigurationError."""
        return _profile(name, _section(self._sections(), name, self.path), self.path)

    def unread(self) -> list[Unread]:
        """The lines that no profile reads: a slip of the pen, mostly. Raises ConfigurationError as ``names`` does."""
        found = []
        for name, at, lines in _numbered_sections(self._text()):
            if at and not _PROFILE_NAME.fullmatch(name):
                found.append(Unread(at, "", ""))
                continue
            if not at:
                stray = [(number, _SETTING.fullmatch(line)) for number, line in lines if _says_something(line)]
                found += [Unread(number, "", setting["key"] if setting else "a line") for number, setting in stray]
                continue
            settings = ((number, _SETTING.fullmatch(line)) for number, line in lines)
            keys = [(number, setting["key"]) for number, setting in settings if setting]
            found += [Unread(number, name, key) for number, key in keys if key.lower() not in KEYS]
        return found

    def save(self, profile: Profile) -> bool:
        """Make the profile's section say what ``profile`` says; True if anything had to be written.

        Raises ConfigurationError, the old file untouched.
        """
        return self._rewrite(lambda text: with_section(text, profile.name, profile.settings))

    def remove(self, name: str) -> bool:
        """Take the profile's section out; True if there was one. Raises ConfigurationError."""
        return self._rewrite(lambda text: without_section(text, name))

    def _sections(self) -> "_Sections":
        try:
            found = self.path.stat()
        except OSError:  # which reading it tells of
            return _Sections.parse(self._text())
        if stat.S_ISFIFO(found.st_mode):
            raise ConfigurationError(f"{self.path} is a pipe, and not a file.", "Make it a file, or move it away.")
        as_it_is = found.st_ino, found.st_size, found.st_mtime_ns
        if self._read is None or self._read[0] != as_it_is:
            self._read = as_it_is, _Sections.parse(self._text())
        return self._read[1]

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8-sig")  # as some editors write it
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(self.path, error) from error

    def _rewrite(self, change: "_Change") -> bool:
        with self.lock():
            before = self._text()
            after = change(before)
            if after == before:
                return False
            try:
                write_private(self.path.resolve(), after)  # a link to where the file is kept stays one
            except OSError as error:
                raise ConfigurationError(
                    f"{self.path} could not be written ({error.strerror or type(error).__name__}).",
                    "The file is as it was; see to the folder's permissions and free space, then try again.",
                ) from error
            return True


class _Change(Protocol):
    def __call__(self, text: str, /) -> str: ...


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> ConfigurationError:
    why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else (error.strerror or type(error).__name__)
    return ConfigurationError(
        f"{path} could not be read ({why}).", "Mend the file or its permissions, or move it away."
    )


def _numbered_sections(text: str) -> Iterator[tuple[str, int, list[tuple[int, str]]]]:
    """Each section's name, the line of its header, and its numbered lines. Lines count from 1.

    A broken header begins a section as well, whose first line it is then, to be stumbled over by who reads it: the
    lines below it are not those of the section before.
    """
    name, at, lines = "", 0, list[tuple[int, str]]()
    for number, line in enumerate(_lines(text), start=1):
        meant = _MEANT_AS_SECTION.fullmatch(line)
        if meant is None:
            lines.append((number, line))
            continue
        yield name, at, lines
        header = _SECTION.fullmatch(line)
        name, at, lines = (header or meant)["name"], number, [] if header else [(number, line)]
    yield name, at, lines


@dataclass(frozen=True, slots=True)
class _Sections:
    """The sections by name: for each the line of its header and its numbered lines, as often as it is there.

    ``stray`` is the first line that says something and is in none of them.
    """

    by_name: dict[str, list[tuple[int, list[tuple[int, str]]]]]
    names: tuple[str, ...]
    stray: int | None

    @classmethod
    def parse(cls, text: str) -> "_Sections":
        by_name: dict[str, list[tuple[int, list[tuple[int, str]]]]] = {}
        stray = None
        for name, at, lines in _numbered_sections(text):
            if at:
                by_name.setdefault(name, []).append((at, lines))
            else:
                stray = next((number for number, line in lines if _says_something(line)), None)
        return cls(by_name, tuple(filter(_PROFILE_NAME.fullmatch, by_name)), stray)


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(("#", ";"))


def _section(sections: _Sections, wanted: str, path: Path) -> list[tuple[int, str]]:
    """The numbered lines of the section ``wanted``.

    Raises ConfigurationError when there are two of it, or none, and a line that may have been its header.
    """
    found = sections.by_name.get(wanted, [])
    if not found and sections.stray is not None:
        raise ConfigurationError(
            f"{path} has no section [{wanted}], and cannot be read in line {sections.stray}.",
            "A section begins with its name in brackets; mend the line or delete it.",
        )
    if len(found) > 1:
        raise ConfigurationError(
            f"{path} has a second section [{wanted}] in line {found[1][0]}.", "Make one section of the two."
        )
    return found[0][1] if found else []


def _profile(name: str, lines: list[tuple[int, str]], path: Path) -> Profile:
    """The profile that a section's lines describe. Raises ConfigurationError, naming the line that it cannot read."""
    values: dict[str, str] = {}
    for number, line in lines:
        if not _says_something(line):
            continue
        setting = _SETTING.fullmatch(line)
        if setting is None or setting["key"].lower() in values:
            raise ConfigurationError(
                f"{path} cannot be read in line {number}, in section [{name}].",
                "Each line is key = value, each key once; mend the line or delete it.",
            )
        values[setting["key"].lower()] = setting["value"]
    known: Mapping[str, str | None] = {key: values.get(key) or None for key in KEYS}
    return Profile(name, **known)


def with_section(text: str, name: str, settings: Mapping[str, str]) -> str:
    """``text`` with the section ``name`` saying ``settings``, everything else as it stands."""
    lines = _lines(text)
    span = _span(text, name)
    if span is None:
        gap = [""] if lines and lines[-1].strip() else []
        return _joined([*lines, *gap, f"[{name}]", *(f"{key} = {value}" for key, value in settings.items())])
    start, end = span
    body, missing = [], dict(settings)
    for line in lines[start:end]:
        setting = _SETTING.fullmatch(line)
        key = setting["key"].lower() if setting else ""
        if setting and key in KEYS:
            value = missing.pop(key, None)
            if value is not None:
                body.append(line if value == setting["value"] else f"{setting['key']} = {value}")
        else:
            body.append(line)
    blank = len(body)
    while blank and not body[blank - 1].strip():
        blank -= 1
    body[blank:blank] = [f"{key} = {value}" for key, value in missing.items()]
    changed = [*lines[:start], *body, *lines[end:]]
    return text if changed == lines else _joined(changed)


def without_section(text: str, name: str) -> str:
    """``text`` with the section ``name`` taken out, everything else as it stands."""
    span = _span(text, name)
    if span is None:
        return text
    lines = _lines(text)
    return _joined([*lines[: span[0] - 1], *lines[span[1] :]])


def _span(text: str, name: str) -> tuple[int, int] | None:
    """Where the section's body starts and ends, as indexes of lines; None where there is no such section."""
    for found, at, lines in _numbered_sections(text):
        if at and found == name:
            return at, at + len(lines)
    return None


def _lines(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
