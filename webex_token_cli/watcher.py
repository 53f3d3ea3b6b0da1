"""When the next refresh is due, and the loop around it.

The schedule is pure: it is computed from records, settings and the wall clock at each look, so that a
suspend, a clock step or a debugger's pause delays nothing by more than the longest nap.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from webex_token_cli.errors import SignInNeeded, TemporaryFailure, WebexTokenError
from webex_token_cli.refresher import Outcome, Result
from webex_token_cli.tokens import TokenRecord

# Timers stand still while a machine is suspended; the wall clock does not. Looking at it this often makes
# a look at most a minute late after a wake-up.
LONGEST_NAP = 60.0

# How far two machines' clocks, or one that is being set, may differ before a time is taken for wrong.
CLOCK_SLACK = 300.0

# The longest that Webex's Retry-After is obeyed for: beyond a day it is a mistake, and grants would suffer.
LONGEST_RETRY_AFTER = 86400.0

# The first wait after a temporary failure, in seconds; each further one may be twice as long.
FIRST_RETRY = 5.0


def due_at(record: TokenRecord, max_age: float, interval: float) -> float:
    """When, in UTC epoch seconds, ``record`` is to be refreshed by a watcher that looks every ``interval`` seconds.

    That is when it was last refreshed ``max_age`` seconds ago, or when a round that is skipped would let it
    expire: before the round after next, so that one failed round does no harm.
    """
    return min(record.refreshed_at + max_age, record.access_expires_at - 2 * interval)


def is_due(record: TokenRecord, now: float, max_age: float, interval: float) -> bool:
    """Whether the round at ``now`` refreshes ``record``.

    A record from the future was made while the clock was wrong, then or now: its times say nothing.
    """
    return now >= due_at(record, max_age, interval) or record.refreshed_at > now + CLOCK_SLACK


def retry_wait(failures: int, interval: float, asked_for: float | None, draw: Callable[[float, float], float]) -> float:
    """Seconds to wait after the ``failures``-th temporary failure in a row.

    Growing with full jitter, never longer than ``interval``; but at least what Webex ``asked_for``, if that
    makes sense.
    """
    ceiling = min(interval, FIRST_RETRY * 2.0 ** min(failures - 1, 30))
    wait = draw(min(FIRST_RETRY, ceiling) / 2, ceiling)
    return max(min(interval, wait), min(asked_for or 0.0, LONGEST_RETRY_AFTER))


class Kind(StrEnum):
    """What can happen in a round."""

    FRESH = "fresh"
    RENEWED = "renewed"
    UNCHANGED = "unchanged"
    RETRYING = "retrying"
    NEEDS_SIGN_IN = "needs sign-in"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one profile, and when it will be looked at next for that reason (UTC epoch seconds)."""

    moment: float
    profile: str
    kind: Kind
    record: TokenRecord | None = None
    error: WebexTokenError | None = None
    next_at: float | None = None


@dataclass(slots=True)
class _Standing:
    """What a watcher remembers of one profile between looks."""

    failures: int = 0
    retry_at: float | None = None
    given_up_on: TokenRecord | None = None
    given_up: bool = False


@dataclass(slots=True)
class Watcher:
    """Keeps the tokens of ``profiles()`` fresh; asked anew each round, so that one can join and leave.

    ``refresh`` is ``Refresher.refresh`` for any profile, ``stored`` gives its record, ``report`` is told of
    each event, ``nap`` sleeps for that many seconds or until it is cut short, ``stopping`` says whether the
    end was asked for, ``look_asked``, once, whether a look was.
    """

    profiles: Callable[[], list[str]]
    stored: Callable[[str], TokenRecord | None]
    refresh: Callable[[str, Callable[[TokenRecord], bool]], Outcome]
    report: Callable[[Event], None]
    interval: float
    max_age: float
    clock: Callable[[], float]
    nap: Callable[[float], None]
    stopping: Callable[[], bool]
    look_asked: Callable[[], bool] = lambda: False
    draw: Callable[[float, float], float] = random.uniform
    _standings: dict[str, _Standing] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)

    def round(self) -> list[Event]:
        """Look at every profile once, refresh what is due, and report what happened.

        A profile that is waiting after a failure is left to its own time.
        """
        now = self.clock()
        events = [] if (failed := self._list_profiles()) is None else [failed]
        for name in self._names:
            standing = self._standings.setdefault(name, _Standing())
            if self.stopping():
                break
            if standing.retry_at is None or now >= standing.retry_at:
                events.append(self._look(name, standing))
                self.report(events[-1])
        return events

    def watch(self) -> bool:
        """Rounds every ``interval`` seconds, retries between them, until stopped.

        False when it ended because no profile is left that can be kept fresh.
        """
        next_round = self.clock()
        while not self.stopping():
            now = self.clock()
            # A clock that was set back must not make the next round wait for longer than an interval.
            next_round = min(next_round, now + self.interval)
            if self.look_asked():
                next_round = now
            if now >= next_round:
                self.round()
                next_round = self.clock() + self.interval
            else:
                self._retry(now)
            if not self._hopeful():
                return False
            self._nap_until(min([next_round, *self._retries()]))
        return True

    def _list_profiles(self) -> Event | None:
        """Bring the names up to date; where they cannot be read, the last ones hold, and an event tells of it."""
        try:
            self._names = self.profiles()
        except WebexTokenError as error:
            event = Event(self.clock(), "config.ini", Kind.FAILED, None, error, self.clock() + self.interval)
            self.report(event)
            return event
        for name in set(self._standings) - set(self._names):
            del self._standings[name]
        return None

    def _retry(self, now: float) -> None:
        for name, standing in list(self._standings.items()):
            if standing.retry_at is not None and now >= standing.retry_at and not self.stopping():
                self.report(self._look(name, standing))

    def _look(self, name: str, standing: _Standing) -> Event:
        seen: TokenRecord | None = None

        def due(record: TokenRecord) -> bool:
            nonlocal seen
            seen = record
            return is_due(record, self.clock(), self.max_age, self.interval)

        try:
            if standing.given_up:
                record = self.stored(name)
                if record == standing.given_up_on:
                    return Event(self.clock(), name, Kind.NEEDS_SIGN_IN, record)
            outcome = self.refresh(name, due)
        except WebexTokenError as error:
            return self._failed(name, standing, error, seen)
        except Exception as error:  # noqa: BLE001 - one profile's surprise must not end the watch over the others
            surprise = WebexTokenError(f"Something unexpected failed ({type(error).__name__}).", "See --debug.")
            return self._failed(name, standing, surprise, seen)
        standing.failures, standing.retry_at, standing.given_up = 0, None, False
        now = self.clock()
        kind = {Result.RENEWED: Kind.RENEWED, Result.UNCHANGED: Kind.UNCHANGED}.get(outcome.result, Kind.FRESH)
        due_next = due_at(outcome.record, self.max_age, self.interval)
        return Event(now, name, kind, outcome.record, next_at=max(due_next, now + self.interval))

    def _failed(self, name: str, standing: _Standing, error: WebexTokenError, seen: TokenRecord | None) -> Event:
        now = self.clock()
        if isinstance(error, SignInNeeded):
            # What failed is the record that was seen, not what a sign-in may have stored since.
            standing.failures, standing.retry_at, standing.given_up, standing.given_up_on = 0, None, True, seen
            return Event(now, name, Kind.NEEDS_SIGN_IN, standing.given_up_on, error)
        standing.failures += 1
        asked_for = error.retry_after if isinstance(error, TemporaryFailure) else None
        standing.retry_at = now + retry_wait(standing.failures, self.interval, asked_for, self.draw)
        kind = Kind.RETRYING if isinstance(error, TemporaryFailure) else Kind.FAILED
        return Event(now, name, kind, None, error, standing.retry_at)

    def _hopeful(self) -> bool:
        return any(not standing.given_up for standing in self._standings.values())

    def _retries(self) -> list[float]:
        return [s.retry_at for s in self._standings.values() if s.retry_at is not None]

    def _nap_until(self, moment: float) -> None:
        left = moment - self.clock()
        if left > 0 and not self.stopping():
            self.nap(min(left, LONGEST_NAP))


def exit_status(events: list[Event]) -> int:
    """What one round comes to for a scheduler: 0 when all are fresh, else the worst of the failures' statuses."""
    return max((event.error.exit_status for event in events if event.error), default=0)
