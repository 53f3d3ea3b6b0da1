"""Lock, read again, spend the refresh token, save: one function, a typed outcome."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from webex_token_cli.config.settings import not_signed_in, sign_in_hint
from webex_token_cli.errors import SignInNeeded, StoreUnavailable
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.tokens import TokenRecord, TokenResponse

# A store that fails once is often a daemon being restarted. What is at stake is a refresh token that
# Webex may just have replaced, so it is tried for longer than a person would like to wait.
SAVE_ATTEMPTS = 4
SAVE_PAUSE = 1.0


class Result(StrEnum):
    """What became of a refresh that did not fail."""

    RENEWED = "renewed"
    UNCHANGED = "unchanged"
    NOT_DUE = "not due"
    SUPERSEDED = "renewed by another process"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a refresh, and the record that holds now."""

    result: Result
    record: TokenRecord


class NotSaved(StoreUnavailable):
    """Webex answered a refresh with ``after``, and the store, which has ``before``, did not take it.

    Where Webex replaces refresh tokens, ``after`` is the grant: who can wait keeps it, and saves it later.
    """

    def __init__(self, message: str, hint: str, before: TokenRecord, after: TokenRecord) -> None:
        super().__init__(message, hint)
        self.before = before
        self.after = after


class TokenEndpoint(Protocol):
    """Spends the record's refresh token; the errors are those of ``webex.WebexClient.refresh``."""

    def __call__(self, record: TokenRecord, /) -> TokenResponse: ...


@dataclass(frozen=True, slots=True)
class Refresher:
    """What a refresh works with; ``uninterrupted`` opens a context that signals do not cut short."""

    store: CredentialStore
    spend: TokenEndpoint = field(repr=False)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    uninterrupted: Callable[[], AbstractContextManager[object]] = nullcontext

    def refresh(self, profile: str, due: Callable[[TokenRecord], bool] = lambda _: True) -> Outcome:
        """Refresh the profile's tokens if ``due`` says so, of the record before the lock and again behind it.

        Raises SignInNeeded when nothing is stored or the grant cannot be refreshed any more,
        TemporaryFailure when Webex could not be asked, StoreUnavailable, ConfigurationError. Whatever is
        raised, what was stored before is still stored.
        """
        before = self._stored(profile)
        if not due(before):
            return Outcome(Result.NOT_DUE, before)
        with self.store.lock(profile):
            current = self._stored(profile)
            # Somebody else was quicker: their result is ours. Spending the refresh token again would
            # gain nothing, and where Webex rotates it, could cost the grant.
            if current.refreshed_at != before.refreshed_at or not current.same_token_as(before):
                return Outcome(Result.SUPERSEDED, current)
            # From here to the end of the save, a signal has to wait: Webex may have replaced the refresh token.
            with self.uninterrupted():
                return self._spend(profile, current)

    def _spend(self, profile: str, record: TokenRecord) -> Outcome:
        if record.refresh_token is None:
            raise SignInNeeded(f"Profile {profile} has no refresh token.", sign_in_hint(profile))
        # What could not be stored is better not asked for: Webex may replace the refresh token.
        self.store.check()
        # A refresh token that has expired by this machine's clock is spent all the same: the clock may be
        # wrong, and Webex knows.
        asked = self.clock()
        try:
            response = self.spend(record)
        except SignInNeeded as error:
            # The hint of the HTTP layer cannot know the profile.
            named = type(error)(f"Profile {profile}: {error.message}", sign_in_hint(profile))
            named.tracking_id = error.tracking_id
            raise named from error
        renewed = record.refreshed(response, asked, took=max(0.0, self.clock() - asked))
        self._save(profile, record, renewed)
        return _outcome(record, renewed)

    def save_late(self, profile: str, unsaved: NotSaved) -> Outcome:
        """Save what could not be saved before, unless something else was stored meanwhile, which then holds.

        Raises NotSaved when it still cannot be saved, SignInNeeded when nothing is stored any more,
        StoreUnavailable.
        """
        with self.store.lock(profile):
            current = self._stored(profile)
            if current != unsaved.before:
                return Outcome(Result.SUPERSEDED, current)
            with self.uninterrupted():
                self._save(profile, current, unsaved.after)
                return _outcome(current, unsaved.after)

    def _stored(self, profile: str) -> TokenRecord:
        record = self.store.load(profile)
        if record is None:
            raise not_signed_in(profile)
        return record

    def _save(self, profile: str, before: TokenRecord, record: TokenRecord) -> None:
        for attempt in range(1, SAVE_ATTEMPTS + 1):
            try:
                self.store.save(profile, record)
            except StoreUnavailable as error:
                if attempt == SAVE_ATTEMPTS:
                    raise NotSaved(
                        f"Webex answered the refresh, but its answer could not be stored: {error.message}",
                        "The old record is still stored, and mostly still good: make the store writable, then run "
                        "`webex-token refresh`; if Webex refuses it, sign in again with `webex-token login`.",
                        before,
                        record,
                    ) from error
                self.sleep(SAVE_PAUSE * attempt)
            else:
                return


def _outcome(before: TokenRecord, after: TokenRecord) -> Outcome:
    return Outcome(Result.UNCHANGED if after.same_token_as(before) else Result.RENEWED, after)
