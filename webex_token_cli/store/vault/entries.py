"""The entries below one path of a KV version 2 engine, and the host that reads and writes them."""

import random
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import StoreUnreachable
from webex_token_cli.store.vault.claims import Instant
from webex_token_cli.store.vault.entry import Entry
from webex_token_cli.store.vault.key_value import Version, VersionConflict
from webex_token_cli.store.vault.requester import OutcomeUnknown

# An entry that is replaced whatever it holds is tried this often. Each conflict means that another process wrote it.
_ATTEMPTS = 20

# So many of its writes may end without an answer. One answer can be lost on the way, while a server that cannot write
# fails each time, perhaps only after as long as a request may take.
_UNKNOWN = 2


class Engine(Protocol):
    """What is needed of ``key_value.KeyValueEngine``."""

    @property
    def place(self) -> str: ...
    def read(self, key: str, /) -> Version: ...
    def write(self, key: str, values: Mapping[str, Any], /, after: int) -> int: ...
    def names(self) -> list[str]: ...
    def prepare(self, key: str, /) -> None: ...
    def destroy_before(self, key: str, number: int, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Host:
    """The machine on which this process runs: its name and its clocks.

    ``wall`` gives UTC epoch seconds, ``monotonic`` seconds, ``sleep`` takes seconds, and ``chance`` gives a number from
    0 to 1.
    """

    name: str
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    @classmethod
    def this(cls) -> "Host":
        """The machine that this process really runs on."""
        return cls(socket.gethostname())

    def now(self) -> Instant:
        """This moment by both clocks."""
        return Instant(self.wall(), self.monotonic())


class Stored(NamedTuple):
    """An entry, and the version of its key that holds it."""

    entry: Entry
    version: Version


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of all profiles in ``engine``. Every method raises StoreUnavailable."""

    engine: Engine

    def name_of(self, profile: str) -> str:
        """The name of the profile's entry, for messages."""
        return f"The entry {profile!r} in {self.engine.place}"

    def read(self, profile: str) -> Stored:
        """The profile's entry; one without a record if there is none. Raises DamagedEntry if it is not readable."""
        version = self.engine.read(profile)
        if version.values is None:
            return Stored(Entry(None, Profile(profile)), version)
        return Stored(Entry.parse(profile, version.values, self.name_of(profile)), version)

    def write(self, profile: str, entry: Entry, after: int) -> int:
        """Write ``entry`` in place of the version ``after``. Return the number of its version.

        Raises VersionConflict if another version is there now, and OutcomeUnknown if no answer came.
        """
        return self.engine.write(profile, entry.encoded(), after)

    def replace(self, profile: str, entry: Entry) -> int:
        """Write ``entry`` in place of whatever is there. Return the number of its version.

        A write without an answer is repeated once, which does no harm if the first one has happened. Raises
        OutcomeUnknown if the second one has no answer either.
        """
        conflicts = unknown = 0
        while conflicts < _ATTEMPTS:
            number = self.engine.read(profile).number
            if number == 0:
                self.engine.prepare(profile)
            try:
                return self.write(profile, entry, after=number)
            except VersionConflict:
                conflicts += 1
            except OutcomeUnknown:
                unknown += 1
                if unknown == _UNKNOWN:
                    raise
        raise StoreUnreachable(
            f"{self.name_of(profile)} was changed by others each of {_ATTEMPTS} times that it was to be replaced.",
            "Try again later.",
        )
