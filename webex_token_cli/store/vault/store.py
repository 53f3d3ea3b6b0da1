"""Records in OpenBao or Vault, which many machines share."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from webex_token_cli.config.names import is_profile_name
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import DamagedEntry, StoreUnavailable, StoreUnreachable
from webex_token_cli.store.vault.authentication import open_engine
from webex_token_cli.store.vault.claims import TTL
from webex_token_cli.store.vault.entries import Entries, Host
from webex_token_cli.store.vault.entry import Entry
from webex_token_cli.store.vault.key_value import VersionConflict
from webex_token_cli.store.vault.turn import Turn, take_turn
from webex_token_cli.tokens import TokenRecord

# An entry that others write is written again as it is this often, until it stays.
_ATTEMPTS = 20

# A profile's name cannot contain a ":".
_PROBE = "doctor:probe"


def open_vault_store(
    environment: Mapping[str, str], say: Callable[[str], None], cancelled: Callable[[], bool], ttl: int = TTL
) -> "VaultStore":
    """The store at the server that ``environment`` names. Nothing is sent yet. Raises ConfigurationError."""
    return VaultStore(Entries(open_engine(environment, say)), Host.this(), say, cancelled, ttl)


@dataclass(slots=True, eq=False, repr=False)
class VaultStore:
    """The records of all profiles below one path of a server.

    ``say`` shows a message while a call waits, and ``cancelled`` is asked whether to end the wait for a claim, or the
    reads of a list. ``ttl`` is how many seconds a claim is good for.
    """

    entries: Entries
    host: Host
    say: Callable[[str], None] = lambda _: None
    cancelled: Callable[[], bool] = lambda: False
    ttl: int = TTL
    _settings: dict[str, Profile] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The server and the path, for messages."""
        return self.entries.engine.place

    @property
    def backend(self) -> None:
        """None: no keyring is remembered."""

    @property
    def caution(self) -> None:
        """None: the server encrypts what it stores."""

    def where(self, profile: str) -> str:
        """Where the profile's record is stored, in words for people."""
        return f"{self.place}, key {profile}"

    def load(self, profile: str) -> TokenRecord | None:
        """The profile's record, or None if there is none. Raises DamagedEntry, StoreUnavailable."""
        entry = self.entries.read(profile).entry
        self._settings[profile] = entry.settings
        return entry.record

    def settings(self, profile: str) -> Profile:
        """The settings that are stored with the profile's record, as they were when it was last loaded.

        So a watch asks for the entry once in a round. A damaged entry has none, so that a sign-in can replace it.
        Raises StoreUnavailable.
        """
        if profile not in self._settings:
            try:
                self.load(profile)
            except DamagedEntry:
                return Profile(profile)
        return self._settings[profile]

    def names(self) -> list[str]:
        """The names of the profiles with a record, even a damaged one. Raises StoreUnavailable, also if cancelled.

        Other programs may have keys there as well, whose names no profile can have.
        """
        return [name for name in self.entries.engine.names() if is_profile_name(name) and self._is_listed(name)]

    def save(self, profile: str, record: TokenRecord, settings: Profile | None = None) -> None:
        """Replace whatever is stored of the profile. Raises StoreUnavailable.

        A sign-in needs no turn, because it redeems no stored refresh token. A process that does so at this moment finds
        another record than its own, and stores nothing.
        """
        settings = self.settings(profile) if settings is None else settings
        self.entries.replace(profile, Entry(record, settings))
        self._settings[profile] = settings

    def delete(self, profile: str) -> bool:
        """Remove the profile's record. Return whether there was one. Raises StoreUnavailable.

        An entry without a record stays, so that a process that redeems the refresh token now does not store its answer.
        """
        with contextlib.suppress(DamagedEntry):
            if self.load(profile) is None:
                return False
        number = self.entries.replace(profile, Entry(None, Profile(profile)))
        self.entries.engine.destroy_before(profile, number)
        return True

    def try_to_write(self, profile: str) -> None:
        """Write the profile's entry again as it is, so that a person is not asked to consent for nothing.

        Raises StoreUnavailable.
        """
        engine = self.entries.engine
        for _ in range(_ATTEMPTS):
            version = engine.read(profile)
            if version.number == 0:
                engine.prepare(profile)
            values = version.values if isinstance(version.values, dict) else Entry(None, Profile(profile)).encoded()
            with contextlib.suppress(VersionConflict):
                engine.write(profile, values, after=version.number)
                return

    def check(self) -> str:
        """Write, read and remove an entry that belongs to no profile. Return a sentence that says so.

        Raises StoreUnavailable.
        """
        number = self.entries.replace(_PROBE, Entry(None, Profile(_PROBE)))
        self.entries.engine.read(_PROBE)
        self.entries.engine.destroy_before(_PROBE, number + 1)
        return f"An entry was written to {self.place}, read and removed."

    def changing(self, profile: str, *, needs_room: bool = True) -> AbstractContextManager[None]:  # noqa: ARG002
        """A context for a change of the profile by a sign-in or a sign-out. Check-and-set needs no lock."""
        return nullcontext()

    @contextlib.contextmanager
    def refreshing(self, profile: str, seen: TokenRecord) -> Iterator[Turn]:
        """The turn of this process to redeem the refresh token of ``seen``, if that is still stored.

        Raises StoreUnavailable, and TemporaryFailure if other processes have the turn for too long.
        """
        turn = take_turn(self.entries, self.host, profile, seen, self.say, self.cancelled, self.ttl)
        try:
            yield turn
        finally:
            turn.give_back()

    def _is_listed(self, profile: str) -> bool:
        """Whether the profile has a record, or an entry that cannot be read.

        That entry may be damaged, written by a newer version, or forbidden to this host by a policy. It must not stop a
        command for all profiles, which reports it when its turn comes. Raises StoreUnreachable, and StoreUnavailable if
        cancelled: with many profiles and a slow server, all reads together take longer than a stop may.
        """
        if self.cancelled():
            raise StoreUnavailable(f"The list of profiles in {self.place} was interrupted.", "Try again.")
        try:
            return self.load(profile) is not None
        except StoreUnreachable:
            raise
        except StoreUnavailable:
            return True
