"""Refresh one profile: lock, read the record again, redeem the refresh token, save the answer."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar

from webex_token_cli.config.names import not_signed_in, sign_in_hint
from webex_token_cli.errors import GrantRefused, RecordTooLarge, SignInNeeded, StoreUnavailable, WebexTokenError
from webex_token_cli.store.credentials import CredentialStore, Turn
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

# A store that fails once is often a daemon that restarts. Webex may just have replaced the refresh token, so saving
# is tried four times, with pauses of 1, 2 and 3 seconds between: longer than a person would like to wait.
SAVE_ATTEMPTS = 4
SAVE_PAUSE = 1.0

T = TypeVar("T")


class Result(StrEnum):
    """The result of a refresh that did not fail.

    NEW_PAIR is for a Service App whose refresh token Webex did not accept, and that was given new tokens instead.
    """

    RENEWED = "renewed"
    UNCHANGED = "unchanged"
    NOT_DUE = "not due"
    SUPERSEDED = "renewed by another process"
    NEW_PAIR = "new pair"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a refresh, and the record that is stored now."""

    result: Result
    record: TokenRecord


class NotSaved(StoreUnavailable):
    """Webex answered a refresh with ``after``, but the store failed to save it and still has ``before``.

    If Webex has replaced the refresh token, only the one in ``after`` is valid. A caller that goes on running
    saves it later with ``Refresher.save_late``.
    """

    def __init__(self, message: str, hint: str, before: TokenRecord, after: TokenRecord) -> None:
        super().__init__(message, hint)
        self.before = before
        self.after = after


class TokenEndpoint(Protocol):
    """Redeems the record's refresh token; the errors are those of ``webex.client.WebexClient.refresh``."""

    def __call__(self, record: TokenRecord, /) -> TokenResponse: ...


@dataclass(frozen=True, slots=True)
class Refresher:
    """Refreshes stored tokens.

    ``redeem`` asks Webex, at the base URL ``api_url``. ``clock`` gives UTC epoch seconds, ``sleep`` takes seconds.
    ``defer_signals`` opens a context in which signals are deferred. ``not_signed_in`` makes the error for a profile
    of which nothing is stored. ``new_pair`` gets new tokens without a refresh token, as a Service App can; it is None
    for a person's sign-in.
    """

    store: CredentialStore
    redeem: TokenEndpoint = field(repr=False)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    defer_signals: Callable[[], AbstractContextManager[object]] = nullcontext
    api_url: str = ""
    not_signed_in: Callable[[str], SignInNeeded] = not_signed_in
    new_pair: TokenEndpoint | None = field(default=None, repr=False)

    def stored(self, profile: str) -> TokenRecord | None:
        """Return the profile's record, None if there is none. Raises StoreUnavailable."""
        return self.store.load(profile)

    def refresh(self, profile: str, due: Callable[[TokenRecord], bool] = lambda _: True) -> Outcome:
        """Refresh the profile's tokens if ``due`` says so of the stored record; it is asked once, before the lock.

        Behind the lock there is nothing to ask again: the record is either still the same, or another process has
        replaced it, and then its record is the outcome (``refresh_from``).

        Raises SignInNeeded when nothing is stored or the grant cannot be refreshed any more,
        TemporaryFailure when Webex could not be asked, StoreUnavailable, ConfigurationError. Whatever is
        raised, the record that was stored before is still stored.
        """
        seen = self._load(profile)
        if not due(seen):
            return Outcome(Result.NOT_DUE, seen)
        return self.refresh_from(profile, seen)

    def refresh_from(self, profile: str, seen: TokenRecord) -> Outcome:
        """Refresh the profile's tokens, if the stored record is still ``seen``. Raises as ``refresh`` does."""
        with self.store.refreshing(profile, seen) as turn:
            # If another process was faster, its result is taken, even if that is due as well. To redeem the
            # refresh token again would gain nothing, and could cost the grant if Webex rotates it.
            if turn.record != seen:
                return self._superseded(profile, turn.record)
            # Signals are deferred until the result is saved, because Webex may have replaced the refresh token.
            with self.defer_signals():
                return self._redeem_and_save(profile, seen, turn)

    def _redeem_and_save(self, profile: str, record: TokenRecord, turn: Turn) -> Outcome:
        if record.refresh_token is None:
            if self.new_pair is not None:
                return self._replace_and_save(profile, record, turn, "it has no refresh token", self.new_pair)
            raise SignInNeeded(f"Profile {profile} has no refresh token.", sign_in_hint(profile))
        turn.check()
        try:
            renewed = self._redeem(profile, record)
        except GrantRefused:
            replaced = turn.replaced_meanwhile()
            if replaced is not None:
                return self._superseded(profile, replaced)
            if self.new_pair is None:
                raise
            why = "Webex no longer accepts its refresh token"
            return self._replace_and_save(profile, record, turn, why, self.new_pair)
        return self._save(profile, record, renewed, turn)

    def _replace_and_save(
        self, profile: str, record: TokenRecord, turn: Turn, why: str, new_pair: TokenEndpoint
    ) -> Outcome:
        """Get a new pair of tokens and save it. ``why`` begins the message of an error."""
        turn.check()
        asked = self.clock()
        try:
            response = new_pair(record)
        except WebexTokenError as error:
            error.message = f"Profile {profile}: {why}, and it got no new tokens. {error.message}"
            raise
        replaced = record.refreshed(response, asked, took=max(0.0, self.clock() - asked))
        outcome = self._save(profile, record, replaced, turn)
        return Outcome(Result.NEW_PAIR, outcome.record) if outcome.record == replaced else outcome

    def _superseded(self, profile: str, record: TokenRecord | None) -> Outcome:
        if record is None:
            raise self.not_signed_in(profile)
        return Outcome(Result.SUPERSEDED, record)

    def _redeem(self, profile: str, record: TokenRecord) -> TokenRecord:
        # A refresh token that has expired by this machine's clock is redeemed all the same: the clock may be
        # wrong, and Webex knows.
        asked = self.clock()
        try:
            response = self.redeem(record)
        except SignInNeeded as error:
            # The HTTP layer does not know the profile, so its hint cannot name it.
            named = type(error)(f"Profile {profile}: {error.message}", sign_in_hint(profile))
            named.tracking_id = error.tracking_id
            raise named from error
        return record.refreshed(response, asked, took=max(0.0, self.clock() - asked))

    def save_late(self, profile: str, unsaved: NotSaved) -> Outcome:
        """Save an answer that could not be saved before. If another record was stored since, that one stays.

        Raises NotSaved when it still cannot be saved, SignInNeeded when nothing is stored any more,
        StoreUnavailable.
        """
        with self.store.refreshing(profile, unsaved.before) as turn:
            if turn.record != unsaved.before:
                return self._superseded(profile, turn.record)
            with self.defer_signals():
                return self._save(profile, unsaved.before, unsaved.after, turn)

    def _load(self, profile: str) -> TokenRecord:
        record = self.stored(profile)
        if record is None:
            raise self.not_signed_in(profile)
        return record

    def _save(self, profile: str, before: TokenRecord, after: TokenRecord, turn: Turn) -> Outcome:
        try:
            stored = save_patiently(lambda: turn.save(after), self.sleep)
        except StoreUnavailable as error:
            raise _not_saved(error, before, after) from error
        return _outcome(before, after) if stored == after else self._superseded(profile, stored)


def save_patiently(save: Callable[[], T], sleep: Callable[[float], None]) -> T:
    """Return what ``save`` returns, which stores an answer that may hold the only valid refresh token.

    It is tried four times, unless the record is too large. Raises the StoreUnavailable of the last attempt.
    """
    attempt = 1
    while True:
        try:
            return save()
        except StoreUnavailable as error:
            if attempt == SAVE_ATTEMPTS or isinstance(error, RecordTooLarge):
                raise
        sleep(SAVE_PAUSE * attempt)
        attempt += 1


def _not_saved(error: StoreUnavailable, before: TokenRecord, after: TokenRecord) -> NotSaved:
    hint = (
        "The old record is still stored, and mostly still good: make the store writable, then run `webex-token "
        "refresh`; if Webex refuses it, sign in again with `webex-token login`."
    )
    return NotSaved(
        f"Webex answered the refresh, but its answer could not be stored: {error.message}",
        error.hint if isinstance(error, RecordTooLarge) else hint,
        before,
        after,
    )


def _outcome(before: TokenRecord, after: TokenRecord) -> Outcome:
    return Outcome(Result.UNCHANGED if after.same_token_as(before) else Result.RENEWED, after)
