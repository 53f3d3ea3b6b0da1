"""The credential store: the records of all profiles in one keyring, one entry for each profile."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from webex_token_cli.errors import DamagedEntry, RecordTooLarge, StoreUnavailable
from webex_token_cli.store.records import decode, encode
from webex_token_cli.store.splitting import REMOVED, Keyring, TooLarge
from webex_token_cli.system.output import HeldOutput
from webex_token_cli.system.timeouts import ExclusiveCalls, TimeoutExceeded
from webex_token_cli.text import printable, scrub
from webex_token_cli.tokens import TokenRecord

# The service name of every entry; the user name is the profile.
SERVICE = "webex-token"

# Seconds in which a person at a terminal can notice the keyring's dialog and type a password.
TIMEOUT_INTERACTIVE = 120.0
# Seconds in which a keyring that works answers even on a busy machine.
TIMEOUT_UNATTENDED = 20.0

# Characters for which room is reserved before Webex is asked. The longest records that are known have 5,000, and a
# longer answer should not be lost either.
RESERVED = 32 * 1024

T = TypeVar("T")


def let_output_through() -> AbstractContextManager[HeldOutput]:
    """A context in which nothing is held back."""
    return nullcontext(HeldOutput.nothing())


@dataclass(slots=True, eq=False, repr=False)
class CredentialStore:
    """The records of all profiles in ``keyring``.

    Every call takes at most ``timeout`` seconds, and raises StoreUnavailable if the keyring fails, is locked or
    does not answer.

    ``place`` names the keyring in messages, and ``say`` shows a message while a call waits.
    ``lock`` opens a context in which no other process changes the profile's entry; callers hold it from reading
    a record to writing it. ``check`` raises StoreUnavailable if records cannot be locked or written, so that a
    person is not asked to sign in for nothing.
    ``reserve`` reserves room for so many characters of the profile's next record, and returns what gives it back.
    ``hold_output`` opens a context in which the keyring's own output is held back.
    ``caution`` says why secrets may not be safe in the keyring, as the end of a sentence; None if nothing is known.
    ``backend`` is the keyring library's class behind the store, as PYTHON_KEYRING_BACKEND names it, or None.
    ``plain_file`` gives the path of a profile's entry if entries are unencrypted files; None if they are not.
    """

    keyring: Keyring
    place: str
    lock: Callable[[str], AbstractContextManager[None]]
    say: Callable[[str], None]
    timeout: float = TIMEOUT_UNATTENDED
    plain_file: Callable[[str], Path] | None = None
    check: Callable[[], None] = lambda: None
    reserve: Callable[[str, int], Callable[[], None]] = lambda _, __: lambda: None
    hold_output: Callable[[], AbstractContextManager[HeldOutput]] = let_output_through
    caution: str | None = None
    backend: str | None = None
    calls: ExclusiveCalls = field(default_factory=ExclusiveCalls)

    def where(self, profile: str) -> str:
        """Where the profile's record is stored, in words for people. An unencrypted file is called a plain file."""
        if self.plain_file:
            return f"plain file {self.plain_file(profile)}"
        return self.place

    def entry(self, profile: str) -> str:
        """The name of the profile's entry, for messages."""
        return f"The entry {profile!r} in {self.where(profile)}"

    def load(self, profile: str) -> TokenRecord | None:
        """The profile's record, or None if there is no entry.

        Raises DamagedEntry if the entry is not a record, and StoreUnavailable.
        """
        text = self._read(profile)
        return None if text in (None, REMOVED) else decode(text, self.entry(profile))

    def contains(self, profile: str) -> bool:
        """Whether there is an entry of the profile, whatever its text is. Raises StoreUnavailable."""
        return self._read(profile) is not None

    def load_replaceable(self, profile: str) -> TokenRecord | None:
        """The record that a sign-in is about to replace, or None if there is none.

        A damaged entry also gives None, and a warning. Raises StoreUnavailable if the store does not answer, or
        if a newer version wrote the entry.
        """
        try:
            return self.load(profile)
        except DamagedEntry as error:
            self.say(f"Warning: {error.message}")
            return None

    @contextmanager
    def reserved(self, profile: str, record: TokenRecord | None = None) -> Iterator[None]:
        """Reserve room for a new record of the profile while the context is open.

        This comes before a code or a refresh token is redeemed, because Webex's answer may be the only copy of the
        tokens. ``record`` is the present record, if there is one. Raises StoreUnavailable if there is no room.
        """
        self.check()
        size = RESERVED if record is None else max(RESERVED, 2 * len(encode(record)))
        release = self._call("Room for a new record could not be reserved", lambda: self.reserve(profile, size))
        try:
            yield
        finally:
            with suppress(TimeoutExceeded):
                self.calls(release, self.timeout)

    def save(self, profile: str, record: TokenRecord) -> None:
        """Replace the profile's record. Raises RecordTooLarge and other StoreUnavailable.

        The record is read back, because some keyrings report a successful write and store nothing.
        """
        text = encode(record)
        self._call(
            "An entry could not be written", lambda: self.keyring.set_password(SERVICE, profile, text), record.secrets
        )
        stored = self._call("An entry could not be read back", lambda: self.keyring.get_password(SERVICE, profile))
        if stored != text:
            raise StoreUnavailable(
                f"{self.place} accepted the record but did not store it.",
                "Choose another keyring (`keyring --list-backends` lists them), or sign in with --store file.",
            )

    def delete(self, profile: str) -> bool:
        """Remove the profile's record, even if it is damaged. Return whether there was one.

        Raises StoreUnavailable, also if the keyring reports success and the record is still there.
        """
        try:
            self._call("An entry could not be removed", lambda: self.keyring.delete_password(SERVICE, profile))
        except StoreUnavailable:
            # Backends report a missing entry with errors of their own, so only reading it can tell.
            if not self.contains(profile):
                return False
            raise
        if self._still_has_record(profile):
            raise not_removed(self.place, profile)
        return True

    def _still_has_record(self, profile: str) -> bool:
        if self.plain_file:  # the file system has reported the removal
            return False
        with suppress(StoreUnavailable):
            return self._read(profile) not in (None, REMOVED)
        return False

    def _read(self, profile: str) -> str | None:
        return self._call("An entry could not be read", lambda: self.keyring.get_password(SERVICE, profile))

    def _call(self, failure: str, call: Callable[[], T], secrets: tuple[str | None, ...] = ()) -> T:
        """Run ``call``. ``failure`` begins the message of its failure, from which ``secrets`` are removed."""
        with self.hold_output() as output:
            return self._call_heard(failure, call, secrets, output)

    def _call_heard(
        self, failure: str, call: Callable[[], T], secrets: tuple[str | None, ...], output: HeldOutput
    ) -> T:
        def waiting() -> None:
            output.release()  # it may ask a person for something
            self.say(f"Waiting for {self.place} (it may ask to be unlocked) …")

        try:
            return self.calls(call, self.timeout, waiting)
        except TimeoutExceeded:
            raise StoreUnavailable(
                f"{self.place} did not answer within {self.timeout:.0f} seconds.",
                "It may be waiting for its password in a window: unlock it and try again, or see --store file.",
            ) from None
        except TooLarge as error:
            raise RecordTooLarge(
                f"The record has {error.size:,} characters, and {self.place} can hold {error.limit:,}.",
                "What was stored before is unchanged. Sign in with --store file, which holds records of any size.",
            ) from None
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - Windows and third-party backends raise types of their own
            why = printable(scrub(str(error), secrets), 500) or type(error).__name__
            printed = printable(scrub(output.last_line(), secrets))
            raise StoreUnavailable(
                f"{failure} in {self.place}: {why}{printed and f' ({printed})'}.",
                "Check the owner, the permissions (0600, the folder 0700) and the free space there, then try again."
                if self.plain_file
                else "Unlock the keyring and try again; on a machine without one, see --store file.",
            ) from None


def not_removed(place: str, profile: str) -> StoreUnavailable:
    """The error for a keyring that reports success and still has the profile's entry."""
    return StoreUnavailable(
        f"{place} did not remove an entry, but reported success.",
        f"Remove the entry {profile!r} of {SERVICE!r} there by hand, and choose another keyring "
        "(`keyring --list-backends` lists them), or use --store file.",
    )
