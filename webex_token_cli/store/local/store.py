"""A credential store of this machine: the records of all profiles in one keyring, one entry for each profile."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import RecordTooLarge, StoreUnavailable
from webex_token_cli.store.keyring.splitting import REMOVED, Keyring, SplittingKeyring, TooLarge
from webex_token_cli.store.records import decode, encode
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

_CHECK_FILES = (
    "Check who may write there, whether another program has the file open, and the free space, then try again."
    if sys.platform == "win32"
    else "Check the owner, the permissions (0600, the folder 0700) and the free space there, then try again."
)

T = TypeVar("T")


def let_output_through() -> AbstractContextManager[HeldOutput]:
    """A context in which nothing is held back."""
    return nullcontext(HeldOutput.nothing())


@dataclass(slots=True, eq=False, repr=False)
class LocalStore:
    """The records of all profiles in ``keyring``.

    A call to the keyring takes at most ``timeout`` seconds, once those of other threads have finished. Every method
    raises StoreUnavailable if the keyring fails, is locked or does not answer.

    ``place`` names the keyring in messages, and ``say`` shows a message while a call waits.
    ``lock`` opens a context in which no other process changes the profile's entry. ``check_folders`` raises
    StoreUnavailable if records cannot be locked or written, so that a person is not asked to sign in for nothing.
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
    check_folders: Callable[[], None] = lambda: None
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

    def names(self) -> list[str]:
        """Empty, because a keyring cannot say what it holds. ``config.ini`` lists the profiles of this machine."""
        return []

    def settings(self, profile: str) -> None:  # noqa: ARG002 - the store of a server has them
        """None, because ``config.ini`` has the settings of a profile of this machine."""
        return

    @contextmanager
    def changing(self, profile: str, *, needs_room: bool = True) -> Iterator[None]:
        """A context in which no other process changes the profile's record, with room for a new one if it is needed.

        Raises StoreUnavailable if there is no room, or if another process changes the record for too long.
        """
        with self.lock(profile), self.reserved(profile) if needs_room else nullcontext():
            yield

    @contextmanager
    def refreshing(self, profile: str, seen: TokenRecord) -> Iterator["LocalTurn"]:
        """The turn of this process to refresh ``seen``, if that is still stored. Raises as ``changing`` does."""
        with self.lock(profile):
            record = self.load(profile)
            if record != seen:
                yield LocalTurn(self, profile, record)
                return
            with self.reserved(profile, record):
                yield LocalTurn(self, profile, record)

    @contextmanager
    def reserved(self, profile: str, record: TokenRecord | None = None) -> Iterator[None]:
        """Reserve room for a new record of the profile while the context is open.

        This comes before a code or a refresh token is redeemed, because Webex's answer may be the only copy of the
        tokens. ``record`` is the present record, if there is one. Raises StoreUnavailable if there is no room.
        """
        self.check_folders()
        size = RESERVED if record is None else max(RESERVED, 2 * len(encode(record)))
        release = self._call("Room for a new record could not be reserved", lambda: self.reserve(profile, size))
        try:
            yield
        finally:
            with suppress(TimeoutExceeded):
                self.calls(release, self.timeout)

    def save(self, profile: str, record: TokenRecord, settings: Profile | None = None) -> None:  # noqa: ARG002
        """Replace the profile's record. Raises RecordTooLarge and other StoreUnavailable.

        The record is read back, because some keyrings report a successful write and store nothing. The ``settings`` are
        in ``config.ini``.
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
            raise self.not_removed(profile)
        return True

    def check(self) -> str:
        """Write an entry as large as a record can be, read it and remove it. Return a sentence that says so.

        Raises StoreUnavailable if a step fails.
        """
        from webex_token_cli.store.local.probe import SIZE, probe

        probe(self)
        return f"An entry of {SIZE:,} characters was written to {self.place}, read and removed."

    def try_to_write(self, profile: str) -> None:
        """Write an entry as large as a record can be, so that a person is not asked to consent for nothing.

        Some keyrings ask for a password only when they are written. Raises StoreUnavailable.
        """
        from webex_token_cli.store.local.probe import try_to_write

        try_to_write(self, profile)

    def discard(self, profile: str, size: int, timeout: float) -> None:
        """Remove an entry of at most ``size`` characters, without overwriting it. Raises nothing.

        It holds no secret. The keyring may just hang while it writes, so it is given ``timeout`` seconds.
        """
        keyring = self.keyring
        if isinstance(keyring, SplittingKeyring):
            with suppress(Exception), self.hold_output():
                self.calls(lambda: keyring.discard(SERVICE, profile, size), timeout)
            return
        with suppress(StoreUnavailable):
            self.hurried(timeout).delete(profile)

    def not_removed(self, profile: str) -> StoreUnavailable:
        """The error for a keyring that reports success and still has the profile's entry."""
        return StoreUnavailable(
            f"{self.place} did not remove an entry, but reported success.",
            f"Remove the entry {self._entry(profile)} there by hand, and choose another keyring "
            "(`keyring --list-backends` lists them), or use --store file.",
        )

    def _entry(self, profile: str) -> str:
        """What a person looks for in the keyring's own window."""
        from webex_token_cli.store.keyring import credential_manager

        if self.backend == credential_manager.BACKEND:
            return repr(credential_manager.place_of(SERVICE, profile))
        return f"{profile!r} of {SERVICE!r}"

    def hurried(self, timeout: float) -> "LocalStore":
        """The same store, which waits ``timeout`` seconds at most and says nothing."""
        return replace(self, timeout=timeout, say=lambda _: None)

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
            self.say(f"Waiting for {self.place} (a window may ask for its password or your permission) …")

        try:
            return self.calls(call, self.timeout, waiting)
        except TimeoutExceeded:
            raise StoreUnavailable(
                f"{self.place} did not answer within {self.timeout:.0f} seconds.",
                "A window may ask for its password or your permission: answer it and try again, or see --store file.",
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
                _CHECK_FILES
                if self.plain_file
                else "Unlock the keyring and try again; on a machine without one, see --store file.",
            ) from None


class LocalTurn:
    """The turn of this process to refresh ``record``, the profile's record as it is stored now, behind a lock."""

    def __init__(self, store: LocalStore, profile: str, record: TokenRecord | None) -> None:
        self._store = store
        self._profile = profile
        self.record = record

    def check(self) -> None:
        """Raise nothing: a lock does not end while its process lives."""

    def save(self, record: TokenRecord) -> TokenRecord:
        """Store ``record`` and return it. Raises RecordTooLarge and other StoreUnavailable."""
        self._store.save(self._profile, record)
        return record

    def replaced_meanwhile(self) -> None:
        """None, because nobody else can have refreshed the record behind the lock."""
