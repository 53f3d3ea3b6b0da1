"""What a credential store is: where the records of all profiles are, and how one process at a time changes them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import DamagedEntry
from webex_token_cli.tokens import TokenRecord


class Turn(Protocol):
    """The turn of this process to refresh a record, while no other process does."""

    @property
    def record(self) -> TokenRecord | None:
        """The record that is stored now. If it is not the one that was to be refreshed, there is nothing to do."""

    def check(self) -> None:
        """Called right before the refresh token is redeemed. Raises TemporaryFailure if the turn may be over."""

    def save(self, record: TokenRecord, /) -> TokenRecord:
        """Store the answer. Return the record that is stored now: another one if somebody was faster after all.

        Raises StoreUnavailable.
        """

    def replaced_meanwhile(self) -> TokenRecord | None:
        """The record that another process has stored, if Webex has just refused the refresh token; None if none has.

        Raises StoreUnavailable.
        """


class CredentialStore(Protocol):
    """The records of all profiles in one place. Every method raises StoreUnavailable."""

    @property
    def place(self) -> str:
        """The store, in words for people."""

    @property
    def backend(self) -> str | None:
        """The class of the keyring that ``config.ini`` remembers; None for other stores."""

    @property
    def caution(self) -> str | None:
        """Why secrets may not be safe in the store, as the end of a sentence; None if nothing is known."""

    def where(self, profile: str, /) -> str:
        """Where the profile's record is stored, in words for people."""

    def load(self, profile: str, /) -> TokenRecord | None:
        """The profile's record, or None if there is none. Raises DamagedEntry if it is not readable."""

    def save(self, profile: str, record: TokenRecord, settings: Profile | None = None, /) -> None:
        """Replace the profile's record, and its ``settings`` in a store that has them. Callers hold ``changing``."""

    def delete(self, profile: str, /) -> bool:
        """Remove the profile's record. Return whether there was one. Callers hold ``changing``."""

    def names(self) -> list[str]:
        """The names of the profiles that the store lists; empty if only ``config.ini`` does."""

    def settings(self, profile: str, /) -> Profile | None:
        """The settings that are stored with the profile's record; None if only ``config.ini`` has them."""

    def changing(self, profile: str, /, *, needs_room: bool = True) -> AbstractContextManager[None]:
        """A context in which the profile's record is replaced or removed, and no other process does that.

        A removal needs no room, and must not fail because there is none.
        """

    def refreshing(self, profile: str, seen: TokenRecord, /) -> AbstractContextManager[Turn]:
        """A context in which no other process refreshes ``seen``, if that is still the profile's record."""

    def check(self) -> str:
        """Write, read and remove an entry. Return a sentence that says so."""

    def try_to_write(self, profile: str, /) -> None:
        """Find out whether the profile's record can be written, before a person is asked to consent."""


def load_replaceable(store: CredentialStore, profile: str, say: Callable[[str], None]) -> TokenRecord | None:
    """The record that a sign-in is about to replace, or None if there is none.

    A damaged record also gives None, and a warning. Raises StoreUnavailable if the store does not answer, or if a newer
    version wrote the record.
    """
    try:
        return store.load(profile)
    except DamagedEntry as error:
        say(f"Warning: {error.message}")
        return None
