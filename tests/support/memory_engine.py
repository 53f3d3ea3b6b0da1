"""A KV version 2 engine in memory, for what a store makes of its answers. It answers one process."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.records import NOW
from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.vault.entries import Entries, Host
from webex_token_cli.store.vault.key_value import Version, VersionConflict
from webex_token_cli.store.vault.store import VaultStore

# What becomes of a write: whether it happens, and the error that its answer is.
Fate = tuple[bool, Exception | None]


@dataclass
class MemoryEngine:
    """The current version of each key. ``unreadable`` has the errors of keys, and ``fates`` what becomes of the next
    writes; those after them succeed. ``reads`` and ``writes`` have the keys of all reads and writes, and ``destroyed``
    the numbers before which versions were destroyed.
    """

    keys: dict[str, Version] = field(default_factory=dict)
    unreadable: Mapping[str, StoreUnavailable] = field(default_factory=dict)
    fates: Iterator[Fate] = field(default_factory=lambda: iter(()))
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    destroyed: list[tuple[str, int]] = field(default_factory=list)
    place: str = "Vault"

    def put(self, key: str, values: Mapping[str, Any]) -> int:
        """Store the next version of ``key``, and return its number."""
        number = self._current(key).number + 1
        self.keys[key] = Version(number, json.loads(json.dumps(values)), NOW, NOW)
        return number

    def read(self, key: str, /) -> Version:
        self.reads.append(key)
        if key in self.unreadable:
            raise self.unreadable[key]
        return self._current(key)

    def write(self, key: str, values: Mapping[str, Any], /, after: int) -> int:
        self.writes.append(key)
        happens, error = next(self.fates, (True, None))
        if happens and self._current(key).number != after:
            raise VersionConflict
        number = self.put(key, values) if happens else 0
        if error is not None:
            raise error
        return number

    def names(self) -> list[str]:
        return sorted({*self.keys, *self.unreadable})

    def prepare(self, key: str, /) -> None: ...

    def destroy_before(self, key: str, number: int, /) -> None:
        self.destroyed.append((key, number))

    def _current(self, key: str) -> Version:
        return self.keys.get(key, Version(0, None, 0.0, NOW))


def store_on(engine: MemoryEngine, cancelled: Callable[[], bool] = lambda: False) -> VaultStore:
    """The store whose entries are in ``engine``. A second passes whenever its clock is read."""
    host = Host("host", monotonic=itertools.count().__next__, sleep=lambda _: None)
    return VaultStore(Entries(engine), host, cancelled=cancelled)
