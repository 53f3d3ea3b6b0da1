"""The loop that keeps tokens fresh; when what is due stands in ``schedule.py``.

One thread decides and reports; what may wait, for Webex or for a keyring, is done side by side by a crew.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from webex_token_cli.errors import SignInNeeded, TemporaryFailure, TooManyRequests, WebexTokenError
from webex_token_cli.refresh.check import Account, Hooks, Looked, Looker, Postponed, error_of
from webex_token_cli.refresh.events import Event, Kind, Outlook
from webex_token_cli.refresh.executor import Crew
from webex_token_cli.refresh.refresher import NotSaved, Outcome, Result
from webex_token_cli.refresh.schedule import (
    Standing,
    Timing,
    attention,
    due_at,
    failed,
    is_news,
    needs_look,
    postponed,
    retry_is_due,
    round_is_due,
    succeeded,
)

# Timers stand still while a machine is suspended; the wall clock does not. Looking at it this often makes
# a look at most a minute late after a wake-up.
LONGEST_NAP = 60.0

_KINDS = {
    Result.RENEWED: Kind.RENEWED,
    Result.UNCHANGED: Kind.UNCHANGED,
    Result.NOT_DUE: Kind.FRESH,
    Result.SUPERSEDED: Kind.SUPERSEDED,
}

# What a call in the crew hands back: what is to be done with its result, in the one thread that decides.
Settlement = Callable[[], list[Event]]


@dataclass(slots=True)
class Watcher:
    """Keeps the tokens of ``profiles()`` fresh; asked anew each round, so that one can join and leave.

    ``account`` leads to a profile; ``crew`` does what may take time; ``report`` is told of each event. ``nap``
    sleeps for so many seconds, or until a result, a signal or anything else cuts it short, ``before_nap`` is
    called before each, ``at_rest`` whenever the last of several looks is done. ``stopping`` says whether the end
    was asked for, ``look_asked``, once, whether a look was. No nap is longer than ``longest_nap`` seconds.
    """

    profiles: Callable[[], list[str]]
    account: Callable[[str], Account]
    crew: Crew[Settlement]
    report: Callable[[Event], None]
    timing: Timing
    clock: Callable[[], float]
    nap: Callable[[float], None]
    stopping: Callable[[], bool]
    look_asked: Callable[[], bool] = lambda: False
    before_nap: Callable[[Outlook], None] = lambda _: None
    at_rest: Callable[[], None] = lambda: None
    hooks: Hooks = field(default_factory=Hooks)
    draw: Callable[[float, float], float] = random.uniform
    longest_nap: float = LONGEST_NAP
    _standings: dict[str, Standing] = field(default_factory=dict)
    _unsaved: dict[str, NotSaved] = field(default_factory=dict)
    _looker: Looker = field(init=False)
    _in_flight: set[str] = field(default_factory=set)
    _passed_over: set[str] = field(default_factory=set)
    _calls: int = 0
    _config: Standing = field(default_factory=Standing)
    _round_at: float | None = None
    _retry_at: float | None = None
    _ticked_at: float = 0.0
    _ending: bool = False

    def __post_init__(self) -> None:
        self._looker = Looker(self.account, self.hooks, self.timing, self.clock, self.stopping)

    def watch(self) -> bool:
        """Rounds every interval, retries between them, until stopped; what is in flight then is finished.

        False when it ended because no profile is left that can be kept fresh.
        """
        try:
            while not self.stopping():
                self._tick()
                if self._nobody_is_left():
                    return False
                self._wait()
            return True
        finally:
            self._finish()
            self._save_what_is_unsaved()

    def once(self) -> list[Event]:
        """One look at every profile, and what came of each."""
        events: list[Event] = []
        try:
            events += self._begin_round(self.clock(), everything=True)
            events += self._settle_finished()
            while self._calls and not self.stopping():
                self._wait()
                events += self._settle_finished()
        finally:
            events += self._finish()
        return events

    def _tick(self) -> None:
        """Do what it is time for. When it is time for nothing, this costs the same however much is stored."""
        now = self.clock()
        self._settle_finished()
        asked = self.look_asked()
        # A clock that was set back would put the next round off by as much.
        set_back = now < self._ticked_at - LONGEST_NAP
        if asked or set_back or round_is_due(self._round_at, self.timing, now):
            self._begin_round(now, everything=asked)
        elif now < self._ticked_at or (self._retry_at is not None and now >= self._retry_at):
            self._begin_retries(now)
        self._ticked_at = now
        self._settle_finished()

    def _begin_round(self, now: float, everything: bool) -> list[Event]:
        """Begin a look at each profile that needs one, or, with ``everything``, at each that may be looked at now."""
        self._round_at = now
        # A look that a suspended machine was in the middle of says what held before.
        self._passed_over |= self._in_flight
        events = self._list_profiles(now)
        for name, standing in self._standings.items():
            asked = everything and standing.retry_at is None
            if name not in self._in_flight and (asked or needs_look(standing, self.timing, now)):
                self._begin_look(name, standing)
        self._plan_retries()
        return events

    def _begin_retries(self, now: float) -> None:
        for name, standing in self._standings.items():
            if name not in self._in_flight and retry_is_due(standing, now):
                self._begin_look(name, standing)
        self._plan_retries()

    def _plan_retries(self) -> None:
        waiting = (s.retry_at for name, s in self._standings.items() if s.retry_at and name not in self._in_flight)
        self._retry_at = min(waiting, default=None)

    def _list_profiles(self, now: float) -> list[Event]:
        """Bring the profiles up to date. Where they cannot be read, the last ones hold, and an event tells of it."""
        before = self._config
        try:
            names = self.profiles()
        except WebexTokenError as error:
            self._config = failed(before, error, None, self.timing, now, self.draw)
            next_at = now + self.timing.interval
            event = Event(now, None, Kind.FAILED, error=error, next_at=next_at, is_news=is_news(before, error))
            self.report(event)
            return [event]
        if names != list(self._standings):
            self._standings = {name: self._standings.get(name) or Standing() for name in names}
        self._config = Standing()
        if before.failures:
            self.report(Event(now, None, Kind.FRESH, failing_since=before.failing_since))
        return []

    def _begin(self, call: Callable[[], Settlement]) -> None:
        self._calls += 1
        self.crew.start(call)

    def _begin_look(self, name: str, standing: Standing) -> None:
        self._in_flight.add(name)
        unsaved = self._unsaved.get(name)

        def call() -> Settlement:
            looked = self._looker.look(name, standing, unsaved)
            return lambda: self._settle(looked)

        self._begin(call)

    def _settle_finished(self) -> list[Event]:
        settlements = self.crew.finished()
        if not settlements:
            return []
        events = self._settle_each(settlements)
        self._plan_retries()
        if not self._in_flight:
            self.at_rest()
        return events

    def _finish(self) -> list[Event]:
        """Let what is in flight end, and tell of it; what nobody has begun is not begun."""
        self._ending = True
        events = self._settle_each(self.crew.close())
        self.at_rest()
        return events

    def _save_what_is_unsaved(self) -> None:
        """Try once more before the answers, which may be the only good ones, are gone with the process."""
        for name, unsaved in list(self._unsaved.items()):
            if name in self._standings:
                self._settle(self._looker.look(name, self._standings[name], unsaved, to_the_end=True))

    def _settle_each(self, settlements: list[Settlement]) -> list[Event]:
        events: list[Event] = []
        for settle in settlements:
            self._calls -= 1
            events += settle()
        return events

    def _settle(self, looked: Looked) -> list[Event]:
        """Take in what a look came to, and report it."""
        name, now = looked.profile, self.clock()
        self._in_flight.discard(name)
        before = self._standings.get(name)
        if before is None:  # it has left meanwhile
            return []
        after, event = self._judged(looked, before, now)
        self._standings[name] = after
        if name in self._passed_over and not self._ending:
            self._passed_over.discard(name)
            if needs_look(after, self.timing, now):
                self._begin_look(name, after)
        if event is None:
            return []
        event = replace(event, attention=attention(name, before, after, now))
        self.report(event)
        if event.attention is not None and not self._ending:
            self._call_for_attention(name, event.attention[1])
        if looked.hook_error is None:
            return [event]
        return [event, self._hook_failed(name, looked.hook_error)]

    def _judged(self, looked: Looked, before: Standing, now: float) -> tuple[Standing, Event | None]:
        """The profile's new standing, and what is to be told of it, if anything."""
        name, error = looked.profile, looked.error
        if isinstance(error, Postponed):
            after = postponed(before, looked.seen, now, now + (error.retry_after or 0.0))
            return after, Event(now, name, Kind.RETRYING, error=error, next_at=after.retry_at, is_news=False)
        if error is not None:
            after = failed(before, error, looked.seen, self.timing, now, self.draw)
            self._remember(looked, after)
            event = Event(
                now, name, _kind_of(error), after.record, error, after.retry_at, is_news=is_news(before, error)
            )
            return after, replace(event, failing_since=after.failing_since if after.failures else None)
        if looked.outcome is None:
            return replace(before, retry_at=None, failures=0), None
        record = looked.outcome.record
        self._unsaved.pop(name, None)
        next_at = max(due_at(record, self.timing), now + self.timing.interval)
        since = before.failing_since if before.failures else None
        return succeeded(record, now), Event(
            now, name, _happened(looked.outcome, before), record, next_at=next_at, failing_since=since
        )

    def _remember(self, looked: Looked, after: Standing) -> None:
        """Keep what a failure leaves to do: an answer of Webex's to save, a Webex to leave alone."""
        if isinstance(looked.error, NotSaved):
            self._unsaved[looked.profile] = looked.error
        elif isinstance(looked.error, SignInNeeded):
            self._unsaved.pop(looked.profile, None)
        elif isinstance(looked.error, TooManyRequests) and after.retry_at is not None:
            # Without a Retry-After of Webex's, it is left alone for longer each time.
            self._looker.quieten(looked.service, looked.error, after.retry_at - after.failed_at)

    def _call_for_attention(self, name: str, words: str) -> None:
        def call() -> Settlement:
            error = error_of(lambda: self.hooks.on_attention(name, words))
            return lambda: [] if error is None else [self._hook_failed(name, error)]

        self._begin(call)

    def _hook_failed(self, name: str, error: WebexTokenError) -> Event:
        event = Event(self.clock(), name, Kind.HOOK_FAILED, error=error)
        self.report(event)
        return event

    def _nobody_is_left(self) -> bool:
        hopeful = self._calls or self._config.failures or any(not s.given_up for s in self._standings.values())
        return not hopeful

    def _wait(self) -> None:
        next_look = (self._round_at or 0.0) + self.timing.interval
        self.before_nap(Outlook(next_look, len(self._in_flight), self._standings))
        left = min(next_look, self._retry_at or next_look) - self.clock()
        if left > 0 and not self.stopping():
            self.nap(min(left, self.longest_nap))


def _happened(outcome: Outcome, before: Standing) -> Kind:
    """What a look that did not fail has found; what others did may have been over before it began."""
    if outcome.result is Result.NOT_DUE and before.given_up:
        return Kind.SIGNED_IN
    known = before.record or outcome.record
    if outcome.result is Result.NOT_DUE and known.access_token != outcome.record.access_token:
        return Kind.SUPERSEDED
    return _KINDS[outcome.result]


def _kind_of(error: WebexTokenError) -> Kind:
    if isinstance(error, SignInNeeded):
        return Kind.NEEDS_SIGN_IN
    return Kind.RETRYING if isinstance(error, TemporaryFailure) else Kind.FAILED
