"""The turn of one process to redeem a refresh token that many machines share.

A refresh on a shared store goes so: read the entry; if another process has a living claim, wait and read again; write
an own claim with check-and-set; redeem the refresh token; write the answer, without the claim, with check-and-set.
``claims`` says when a claim is over.
"""

import contextlib
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from webex_token_cli.config.names import not_signed_in
from webex_token_cli.errors import DamagedEntry, StoreUnavailable, StoreUnreachable, TemporaryFailure
from webex_token_cli.store.vault import claims
from webex_token_cli.store.vault.claims import TTL, Instant, Watched
from webex_token_cli.store.vault.entries import Entries, Host, Stored
from webex_token_cli.store.vault.entry import Claim
from webex_token_cli.store.vault.key_value import VersionConflict
from webex_token_cli.store.vault.requester import OutcomeUnknown
from webex_token_cli.text import printable
from webex_token_cli.tokens import TokenRecord

# How long a process waits for the claims of others, in ttls. Each process that dies costs the others one ttl.
_LONGEST_WAIT = 2.5

# Seconds after which a person is told what is waited for.
_PATIENCE = 2.0

# How long a write is tried again and again while the server cannot be reached or refuses it, in seconds. An election of
# a new leader takes some ten seconds.
_LONGEST_SAVE = 30.0


@dataclass(slots=True, eq=False, repr=False)
class Turn:
    """The turn of this process to refresh ``record``, the profile's record as it is stored now.

    Without ``claimed``, when the claim was made, there is no turn: another record is stored than the caller has seen.
    ``took_over`` says that another process had claimed the record before, and has not given its claim back. ``ttl`` is
    how many seconds a claim is good for.
    """

    entries: Entries
    host: Host
    say: Callable[[str], None]
    profile: str
    stored: Stored
    number: int
    claimed: Instant | None = None
    took_over: bool = False
    ttl: int = TTL

    @property
    def record(self) -> TokenRecord | None:
        """The record that is stored now."""
        return self.stored.entry.record

    def check(self) -> None:
        """Raise TemporaryFailure if so much time has passed since the claim that another process may have the turn."""
        claim = self.stored.entry.claim
        if self.claimed is None or claim is None or claims.may_redeem(claim, self.claimed, self.host.now()):
            return
        raise TemporaryFailure(
            f"Profile {self.profile} was not refreshed, because this machine was stopped or suspended meanwhile.",
            "Run the command again.",
        )

    def save(self, record: TokenRecord) -> TokenRecord:
        """Store ``record``, the answer to the refresh, and end the turn. Return the record that is stored now.

        That is another one if another process has replaced the record meanwhile, by a new sign-in for example. Raises
        StoreUnavailable, and SignInNeeded if the person was signed out meanwhile.
        """
        tries = _Tries(self.host)
        while True:
            try:
                saved = self._save(record)
            except StoreUnreachable as error:
                tries.pause_after(error)
            else:
                if saved is not None:
                    return saved
                tries.pause_after(_never_written(self.entries, self.profile))

    def _save(self, record: TokenRecord) -> TokenRecord | None:
        """Try once to store ``record``. Return the record that is stored now; None if it is to be tried again."""
        answer = self.stored.entry._replace(record=record, claim=None)
        try:
            self.entries.write(self.profile, answer, after=self.number)
        except (VersionConflict, OutcomeUnknown):
            now = self._read_again()
        else:
            self.claimed = None
            return record
        if now is None:
            return None
        if now.entry.record is None:
            raise not_signed_in(self.profile)
        if now.entry.record != self.record:
            self.claimed = None
            return now.entry.record
        # Only the claim is another one: another process took this one for dead, because it was stopped for long.
        # Webex may have replaced the refresh token, and then this answer is the only one that is good.
        self.number = now.version.number
        return None

    def _read_again(self) -> Stored | None:
        """The entry as it is now; None if it was damaged by hand, and so is to be replaced.

        Nobody can use a damaged entry, and this answer may be the only good one. Raises StoreUnavailable.
        """
        try:
            return self.entries.read(self.profile)
        except DamagedEntry:
            self.number = self.entries.engine.read(self.profile).number
            return None

    def replaced_meanwhile(self) -> TokenRecord | None:
        """The record that another process stores within a ttl, if its claim was taken over; None if there is none.

        It is asked when Webex refuses the refresh token: the other process may have redeemed it, and may still store
        the answer. Raises StoreUnavailable.
        """
        if not self.took_over:
            return None
        self.say(f"Waiting for the process that began to refresh profile {self.profile} before this one …")
        until = self.host.monotonic() + self.ttl
        attempt = 0
        while self.host.monotonic() < until:
            self.host.sleep(claims.pause(attempt, self.host.chance()))
            attempt += 1
            now = self.entries.read(self.profile)
            if now.entry.record != self.record:
                self.claimed = None
                return now.entry.record
        return None

    def give_back(self) -> None:
        """End the turn, if it has not ended. If that fails, it ends by itself after a ttl."""
        if self.claimed is None:
            return
        self.claimed = None
        with contextlib.suppress(VersionConflict, StoreUnavailable):
            self.entries.write(self.profile, self.stored.entry._replace(claim=None), after=self.number)


def take_turn(
    entries: Entries,
    host: Host,
    profile: str,
    seen: TokenRecord,
    say: Callable[[str], None],
    cancelled: Callable[[], bool],
    ttl: int = TTL,
) -> Turn:
    """Wait for the turn of this process to refresh ``seen``. If another record is stored now, there is no turn.

    ``cancelled`` is asked whether to end the wait, and ``ttl`` is how many seconds a claim is good for. Raises
    StoreUnavailable, and TemporaryFailure if other processes have the turn for too long.
    """
    wait = _Wait(host, profile, say, cancelled, _LONGEST_WAIT * ttl)
    nonce = uuid.uuid4().hex
    tries = _Tries(host, cancelled)
    claimed, took_over = host.now(), False
    while True:
        stored = entries.read(profile)
        entry, number = stored.entry, stored.version.number
        if entry.record != seen:
            return Turn(entries, host, say, profile, stored, number)
        # The claim may have been written although the answer to that was lost.
        if entry.claim is not None and entry.claim.nonce == nonce:
            return Turn(entries, host, say, profile, stored, number, claimed, took_over, ttl)
        took_over = entry.claim is not None
        if entry.claim is not None and not wait.is_over(entry.claim, stored):
            wait.pause(entry.claim)
            tries = _Tries(host, cancelled)
            continue
        # The time counts from before the write, so that the claim is never believed to last longer than it does.
        claimed = host.now()
        own = entry._replace(claim=Claim(nonce, host.name, os.getpid(), ttl))
        try:
            number = entries.write(profile, own, after=number)
        except VersionConflict:
            tries.pause_after(_never_written(entries, profile))
        except OutcomeUnknown as error:
            tries.pause_after(error)
        else:
            return Turn(entries, host, say, profile, stored._replace(entry=own), number, claimed, took_over, ttl)


def _never_written(entries: Entries, profile: str) -> StoreUnreachable:
    return StoreUnreachable(
        f"{entries.name_of(profile)} could not be written, because another version of it was stored each time.",
        "Try again later.",
    )


class _Tries:
    """The tries to write an entry. The first one may be repeated at once, and each further one after a pause.

    ``cancelled`` is asked whether to end them.
    """

    def __init__(self, host: Host, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._host = host
        self._cancelled = cancelled
        self._until = host.monotonic() + _LONGEST_SAVE
        self._failed = 0

    def pause_after(self, error: StoreUnreachable) -> None:
        """Wait before the next try. Raises ``error``, why the last one failed, if there were tries for long enough."""
        if self._host.monotonic() > self._until or self._cancelled():
            raise error
        if self._failed:
            self._host.sleep(claims.pause(self._failed - 1, self._host.chance()))
        self._failed += 1


class _Wait:
    """The wait behind the claims of other processes."""

    def __init__(
        self, host: Host, profile: str, say: Callable[[str], None], cancelled: Callable[[], bool], longest: float
    ) -> None:
        self._host = host
        self._longest = longest
        self._profile = profile
        self._say = say
        self._cancelled = cancelled
        self._began = host.monotonic()
        self._pauses = 0
        self._announced = False
        self._watched: Watched | None = None

    def is_over(self, claim: Claim, stored: Stored) -> bool:
        """Whether the process that made ``claim`` has lost its turn."""
        now = self._host.monotonic()
        self._watched = claims.watching(self._watched, stored.version.number, now)
        return claims.is_over_by_server(
            claim, stored.version.created_at, stored.version.read_at
        ) or claims.is_over_by_watching(claim, self._watched, now)

    def pause(self, claim: Claim) -> None:
        """Wait a moment. Raises TemporaryFailure if the wait was too long, and StoreUnavailable if it is cancelled."""
        waited = self._host.monotonic() - self._began
        if self._cancelled():
            raise StoreUnavailable("The wait for another webex-token was interrupted.", "Try again.")
        if waited > self._longest:
            raise TemporaryFailure(
                f"Other processes have been refreshing profile {self._profile} for over {self._longest:.0f} seconds, "
                f"the last on {_process(claim)}.",
                "Try again later.",
            )
        if waited > _PATIENCE and not self._announced:
            self._say(f"Waiting for {_process(claim)}, which refreshes profile {self._profile} now …")
            self._announced = True
        self._host.sleep(claims.pause(self._pauses, self._host.chance()))
        self._pauses += 1


def _process(claim: Claim) -> str:
    """The process that made ``claim``, in words. Whoever may write the entry has chosen them."""
    return f"{printable(claim.host, 80)} (process {printable(str(claim.pid), 20)})"
