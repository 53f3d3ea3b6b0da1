"""The numbers of a watch, which it learns from the same events as the log. Knows neither Prometheus nor HTTP."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from webex_token_cli.errors import (
    ConfigurationError,
    DamagedEntry,
    RecordTooLarge,
    SignInNeeded,
    StoreUnavailable,
    TemporaryFailure,
    TooManyRequests,
    WebexTokenError,
)
from webex_token_cli.refresh.events import Event, Kind, Outlook
from webex_token_cli.refresh.schedule import ProfileState, Timing
from webex_token_cli.refresh.watcher import LONGEST_WAIT

# Seconds after which a watch that has neither waited nor reported anything hangs. Its main loop waits for a minute at
# most, and asks neither Webex nor, for single profiles, the credential store: that happens in other threads.
LIVE_BOUND = 3 * LONGEST_WAIT


class FailureKind(StrEnum):
    """What kind of failure a check had."""

    SIGN_IN = "sign_in"
    TEMPORARY = "temporary"
    RATE_LIMIT = "rate_limit"
    STORE = "store"
    CONFIGURATION = "configuration"
    HOOK = "hook"
    OTHER = "other"


# In this order: a rate limit is a temporary failure as well.
_KINDS: tuple[tuple[type[WebexTokenError], FailureKind], ...] = (
    (SignInNeeded, FailureKind.SIGN_IN),
    (TooManyRequests, FailureKind.RATE_LIMIT),
    (TemporaryFailure, FailureKind.TEMPORARY),
    (StoreUnavailable, FailureKind.STORE),
    (ConfigurationError, FailureKind.CONFIGURATION),
)


@dataclass(slots=True)
class ProfileNumbers:
    """The numbers of one profile. Times are UTC epoch seconds, and None if they are not known.

    ``store_failed`` says whether the credential store could not be used at the last check.
    """

    access_expires_at: int | None = None
    refresh_expires_at: int | None = None
    refreshed_at: int | None = None
    succeeded_at: float | None = None
    sign_in_needed: bool = False
    store_failed: bool = False
    failures: Counter[FailureKind] = field(default_factory=Counter)

    def learn(self, event: Event) -> None:
        """Take in what happened to the profile."""
        record = event.record
        if record is not None:
            self.access_expires_at, self.refresh_expires_at = record.access_expires_at, record.refresh_expires_at
            self.refreshed_at = record.refreshed_at
        if event.error is not None and not _is_postponed(event):
            self.failures[_kind(event)] += 1
        if event.kind is Kind.HOOK_FAILED:
            return
        if event.error is None:
            self.succeeded_at = event.moment
        self.sign_in_needed = event.kind is Kind.NEEDS_SIGN_IN
        self.store_failed = _is_failure_of_the_store(event.error)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All numbers of a watch at one moment.

    ``requests`` counts the requests to Webex by the status of their answers, None if there was no answer.
    ``list_failures`` counts the rounds in which the list of profiles could not be read.
    """

    timing: Timing
    profiles: Mapping[str, ProfileNumbers]
    requests: Mapping[int | None, int]
    store_available: bool
    list_failures: int
    rounds: int
    round_ended_at: float | None
    round_seconds: float | None


@dataclass(slots=True, eq=False)
class _Rounds:
    """The rounds that have ended. ``began`` is when the current one began, by the monotonic clock."""

    began: float | None
    number: int = 0
    ended_at: float | None = None
    seconds: float | None = None
    next_round: float | None = None


class WatchNumbers:
    """Collects the numbers of one watch. Every method may be called in any thread.

    ``clock`` gives UTC epoch seconds. ``monotonic`` gives seconds from any start, and stands still while the machine
    is suspended, as timers do. The first round begins now.
    """

    def __init__(self, timing: Timing, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._timing = timing
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._moved_at = monotonic()
        self._rounds = _Rounds(monotonic())
        self._profiles: dict[str, ProfileNumbers] = {}
        self._states: Mapping[str, ProfileState] = {}
        self._requests: Counter[int | None] = Counter()
        self._list_failures = 0
        self._list_is_in_a_store_that_failed = False
        self._all_checked = False
        self._has_news = False

    def event(self, event: Event) -> None:
        """Take in what happened."""
        with self._lock:
            self._moved_at = self._monotonic()
            self._has_news = True
            if event.profile is None:
                self._list_failures += event.error is not None
                self._list_is_in_a_store_that_failed = _is_failure_of_the_store(event.error)
            else:
                self._profiles.setdefault(event.profile, ProfileNumbers()).learn(event)

    def answered(self, status: int | None) -> None:
        """Count a request to Webex, by the status of its answer; None if there was no answer."""
        with self._lock:
            self._requests[status] += 1

    def before_wait(self, outlook: Outlook) -> bool:
        """Take in the state of the watch. Return whether all checks have ended and the numbers have changed since."""
        with self._lock:
            self._moved_at = self._monotonic()
            if outlook.states is not self._states:  # the watcher makes a new list only if other profiles are in it
                self._states = outlook.states
                self._profiles = {name: each for name, each in self._profiles.items() if name in outlook.states}
            self._all_checked |= 0 < len(outlook.states) <= len(self._profiles)
            if outlook.next_round != self._rounds.next_round:
                self._rounds.next_round = outlook.next_round
                # A round that begins while checks of the one before still run is counted as one with it.
                if self._rounds.began is None:
                    self._rounds.began = self._monotonic()
            if outlook.in_flight:
                return False
            self._end_round()
            news, self._has_news = self._has_news, False
            return news

    def round_ended(self) -> None:
        """End the current round now, of a watch that does not wait after it."""
        with self._lock:
            self._end_round()

    def _end_round(self) -> None:
        rounds = self._rounds
        if rounds.began is not None:
            rounds.seconds, rounds.began = self._monotonic() - rounds.began, None
            rounds.ended_at = self._clock()
            rounds.number += 1
            self._has_news = True

    def why_not_alive(self) -> str | None:
        """Why the watch hangs, in a sentence; None if its main loop moves."""
        silent = self._monotonic() - self._moved_at
        return f"The main loop of the watch has not moved for {silent:.0f} seconds." if silent > LIVE_BOUND else None

    def why_not_ready(self) -> str | None:
        """Why the watch does not keep all profiles fresh yet, in a sentence; None if it does."""
        with self._lock:
            if not self._store_available():
                return "The credential store cannot be used."
            return None if self._all_checked else "Not every profile has been checked yet."

    def _store_available(self) -> bool:
        return not self._list_is_in_a_store_that_failed and not any(p.store_failed for p in self._profiles.values())

    def snapshot(self) -> Snapshot:
        """All numbers as they are now."""
        with self._lock:
            return Snapshot(
                timing=self._timing,
                profiles={name: replace(each, failures=each.failures.copy()) for name, each in self._profiles.items()},
                requests=self._requests.copy(),
                store_available=self._store_available(),
                list_failures=self._list_failures,
                rounds=self._rounds.number,
                round_ended_at=self._rounds.ended_at,
                round_seconds=self._rounds.seconds,
            )


def _kind(event: Event) -> FailureKind:
    if event.kind is Kind.HOOK_FAILED:
        return FailureKind.HOOK
    return next((kind for error, kind in _KINDS if isinstance(event.error, error)), FailureKind.OTHER)


def _is_postponed(event: Event) -> bool:
    """Whether the check only waits for the end of a rate limit that another profile met. No failure began then."""
    return event.kind is Kind.RETRYING and event.failing_since is None


def _is_failure_of_the_store(error: WebexTokenError | None) -> bool:
    """Whether ``error`` concerns the whole credential store, not one entry in it."""
    return isinstance(error, StoreUnavailable) and not isinstance(error, DamagedEntry | RecordTooLarge)
