"""What a key holds for one profile: a JSON object with the record, the settings, and the claim of a refresh. Pure."""

from typing import Any, NamedTuple, Self

from webex_token_cli.config.settings import KEYS, Profile, is_setting
from webex_token_cli.errors import DamagedEntry
from webex_token_cli.store.records import as_values, from_values, newer
from webex_token_cli.tokens import TokenRecord

VERSION = 1

# Where the record is stored is known to whoever reads it, and a keyring belongs to one machine.
_SETTINGS = tuple(key for key in KEYS if key not in {"store", "keyring"})


class Claim(NamedTuple):
    """One process has announced that it redeems the refresh token now, so that no other does.

    ``nonce`` tells the claims of all processes apart. ``host`` and ``pid`` name the process for people. ``ttl`` is how
    many seconds the claim is good for.
    """

    nonce: str
    host: str
    pid: int
    ttl: int


class Entry(NamedTuple):
    """The value of one version of a key.

    ``record`` is None after a sign-out: the entry stays, so that a process that was redeeming the refresh token at that
    moment cannot store its answer. ``settings`` are those of ``config.ini`` that any host needs.
    """

    record: TokenRecord | None
    settings: Profile
    claim: Claim | None = None

    @classmethod
    def parse(cls, profile: str, values: object, place: str) -> Self:
        """The entry that the JSON ``values`` hold. ``place`` names it in messages.

        Raises DamagedEntry if they are no entry, and StoreUnavailable if a newer version wrote them.
        """
        version = values.get("version") if isinstance(values, dict) else None
        if not isinstance(values, dict) or type(version) is not int or version < 1:
            raise _damaged(place)
        if version > VERSION:
            raise newer(place, version, "entry")
        record = values.get("record")
        return cls(
            None if record is None else from_values(record, place),
            _settings(profile, values.get("settings"), place),
            _claim(values.get("claim"), place),
        )

    def encoded(self) -> dict[str, Any]:
        """The entry as JSON values."""
        settings = {key: value for key, value in self.settings.settings.items() if key in _SETTINGS}
        return {
            "version": VERSION,
            "record": None if self.record is None else as_values(self.record),
            "settings": settings,
            "claim": None if self.claim is None else self.claim._asdict(),
        }


def _settings(profile: str, values: object, place: str) -> Profile:
    if values is None:
        return Profile(profile)
    found = {key: values[key] for key in _SETTINGS if key in values} if isinstance(values, dict) else None
    if found is None or not all(map(is_setting, found.values())):
        raise _damaged(place)
    return Profile(profile, **found)


def _claim(values: object, place: str) -> Claim | None:
    match values:
        case None:
            return None
        case {"nonce": str(nonce), "host": str(host), "pid": pid, "ttl": ttl} if (
            type(pid) is type(ttl) is int and ttl > 0
        ):
            return Claim(nonce, host, pid, ttl)
    raise _damaged(place)


def _damaged(place: str) -> DamagedEntry:
    return DamagedEntry(
        f"{place} is damaged: it is not an entry of webex-token.",
        "Nothing was changed; sign in with `webex-token login` to replace it.",
    )
