"""``config.ini``: one section for each profile.

People edit the file by hand, so a rewrite touches only the keys that changed: comments, order and other
sections stay. A mistake in one section makes only that profile unusable. Secrets are never in the file, but it says
where they are sent, so a file that another user may have written is refused.
"""

import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from webex_token_cli.config.names import is_profile_name
from webex_token_cli.config.sections import (
    IgnoredLine,
    Sections,
    ignored_lines_of,
    parse_sections,
    profile_in,
    with_section,
    without_section,
)
from webex_token_cli.config.settings import Profile, check_settings
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.system.files import ReservedFile, foreign_influence, how_to_protect, read_text, replace_in_room

# Bytes for one more section. Its longest values are a URL and a list of scopes, so this is several times as much.
_RESERVED = 8 * 1024


@dataclass(slots=True, eq=False, repr=False)
class ConfigFile:
    """The file ``config.ini`` at ``path``.

    ``lock`` opens a context in which no other process rewrites the file. The file is parsed again only when it
    has changed, because ``watch`` asks for every profile in every round.
    """

    path: Path
    lock: Callable[[], AbstractContextManager[object]]
    _cache: tuple[object, Sections] | None = None
    _reserved: ReservedFile | None = None

    def names(self) -> list[str]:
        """The names of the profiles that have a section, in the file's order, even if ``load`` refuses the section.

        Raises ConfigurationError if the file cannot be read at all, or if another user may have written it.
        """
        return list(filter(is_profile_name, self._sections().by_name))

    def load(self, name: str) -> Profile:
        """The profile ``name``; without any settings if it has no section.

        Raises ConfigurationError, with the number of the line, if the file or the section cannot be read, or as
        ``names`` does.
        """
        return profile_in(self._sections(), name, self.path)

    def ignored_lines(self) -> list[IgnoredLine]:
        """The lines that no profile uses; most are typing mistakes. Raises ConfigurationError as ``names`` does."""
        ignored = []
        for section in parse_sections(self._text()).all:
            ignored += ignored_lines_of(section)
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

        Raises ConfigurationError and leaves the old file in place if it cannot be written, or if a value could not be
        read back, such as one with a line break.
        """
        check_settings(profile)
        return self._rewrite(lambda text: with_section(text, profile.name, profile.settings))

    def remove(self, name: str) -> bool:
        """Remove the profile's section. Return whether there was one. Raises ConfigurationError as ``save`` does."""
        return self._rewrite(lambda text: without_section(text, name))

    def wait_until_free(self) -> None:
        """Wait until no other process rewrites the file. Raises what ``lock`` raises if that takes too long."""
        with self.lock():
            pass

    def _sections(self) -> Sections:
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
            return read_text(self.path, "utf-8-sig")  # some editors put a byte order mark first
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
                room, self._reserved = self._reserved, None
                replace_in_room(self.path.resolve(), after, room)
            except OSError as error:
                raise _unwritable(self.path, error) from error
            return True


def _unwritable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{path} could not be written ({error.strerror or type(error).__name__}).",
        "The file was not changed; check the folder's permissions and free space, then try again.",
    )


def _not_trusted(path: Path, place: Path, why: str) -> ConfigurationError:
    where = "" if place == path else f", because of {place}"
    return ConfigurationError(
        f"{path} cannot be trusted{where}: {why}.",
        f"It says where your tokens are sent, so check its content; then {how_to_protect(place)}, or name a folder of "
        "your own with WEBEX_TOKEN_HOME.",
    )


def _unreadable(path: Path, error: OSError | UnicodeDecodeError) -> ConfigurationError:
    why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else (error.strerror or type(error).__name__)
    return ConfigurationError(
        f"{path} could not be read ({why}).", "Correct the file or its permissions, or move it away."
    )
