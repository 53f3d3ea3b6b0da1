"""The loop that keeps tokens fresh. ``schedule.py`` says what is due when.

One thread reads the list of profiles, decides and reports. Everything else that may wait for Webex, a keyring or a
hook runs in an executor and returns data: ``check.py`` makes it, ``decision.py`` says what it means.
"""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from webex_token_cli.errors import SignInNeeded, TooManyRequests, WebexTokenError, as_data
from webex_token_cli.refresh.check import CheckResult, HookResult, ProfileChecker
from webex_token_cli.refresh.decision import decide
from webex_token_cli.refresh.events import Event, Kind, Outlook
from webex_token_cli.refresh.executor import Executor
from webex_token_cli.refresh.refresher import NotSaved
from webex_token_cli.refresh.schedule import (
    ProfileState,
    Timing,
    failed,
    needs_check,
    retry_is_due,
    round_is_due,
    should_report,
)

# In seconds. Timers stand still while a machine is suspended, but the wall clock does not. A wait of at most this
# long makes a check at most a minute late after the machine wakes up.
LONGEST_WAIT = 60.0

TaskResult = CheckResult | HookResult


@dataclass(slots=True)
class Control:
    """How a watch waits, and how it is told to stop or to check now; ``signals.StopRequest`` has all of it.

    ``wait`` waits for so many seconds, or until a result or a signal arrives. ``stopping`` says whether the watch
    was asked to end; ``check_requested`` says, once per request, whether it was asked to check now. No wait is
    longer than ``longest_wait`` seconds.
    """

    wait: Callable[[float], None]
    stopping: Callable[[], bool]
    check_requested: Callable[[], bool] = lambda: False
    longest_wait: float = LONGEST_WAIT


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what a watch does: ``report`` of each event, ``before_wait`` before each wait, and ``when_idle``
    whenever the last of several checks has ended."""

    report: Callable[[Event], None]
    before_wait: Callable[[Outlook], None] = lambda _: None
    when_idle: Callable[[], None] = lambda: None


@dataclass(slots=True)
class _Progress:
    """Where the loop stands.

    ``tasks`` counts the tasks in the executor, ``in_flight`` has the profiles that are being checked, ``overtaken``
    those whose check was in flight when a later round began, and ``requested`` those that a person asked about.
    """

    tasks: int = 0
    in_flight: set[str] = field(default_factory=set)
    overtaken: set[str] = field(default_factory=set)
    requested: set[str] = field(default_factory=set)
    round_at: float | None = None
    retry_at: float | None = None
    ticked_at: float = 0.0
    ending: bool = False


@dataclass(slots=True)
class _Knowledge:
    """What the watch knows: the state of each profile and of ``config.ini``, and Webex's answers still to be saved."""

    profiles: dict[str, ProfileState] = field(default_factory=dict)
    config: ProfileState = field(default_factory=ProfileState)
    unsaved: dict[str, NotSaved] = field(default_factory=dict)


@dataclass(slots=True)
class Watcher:
    """Keeps the tokens of ``profiles()`` fresh.

    The names are asked for in each round, so that a new profile joins and a removed one leaves. ``profiles`` may
    raise WebexTokenError, and does so soon once a stop is requested. ``jitter`` draws a number between two bounds.
    """

    profiles: Callable[[], list[str]]
    checker: ProfileChecker
    executor: Executor[TaskResult]
    control: Control
    listener: Listener
    timing: Timing
    clock: Callable[[], float]
    jitter: Callable[[float, float], float] = random.uniform
    _known: _Knowledge = field(default_factory=_Knowledge)
    _progress: _Progress = field(default_factory=_Progress)

    def watch(self) -> bool:
        """Run a round each interval, and retries between them, until stopped. Checks that have begun are finished.

        Returns False if it ended because no profile is left that can be refreshed.
        """
        try:
            while not self.control.stopping():
                self._tick()
                if self._nothing_can_be_kept_fresh():
                    return False
                self._wait()
            return True
        finally:
            self._finish()
            self._save_unsaved_answers()

    def once(self) -> list[Event]:
        """Check every profile once, and return the events."""
        events: list[Event] = []
        try:
            events += self._begin_round(self.clock())
            events += self._process_finished()
            while self._progress.tasks and not self.control.stopping():
                self._before_wait()
                self.control.check_requested()  # a request that nobody takes would end each wait at once
                self.control.wait(self.control.longest_wait)
                events += self._process_finished()
        finally:
            events += self._finish()
        return events

    def _tick(self) -> None:
        """Do what is due now. If nothing is, the cost does not depend on the number of profiles."""
        now, progress = self.clock(), self._progress
        self._process_finished()
        requested = self.control.check_requested()
        # Without this, a clock that was set back would delay the next round by as much.
        set_back = now < progress.ticked_at - LONGEST_WAIT
        if requested or set_back or round_is_due(progress.round_at, self.timing, now):
            self._begin_round(now, everything=requested)
        elif now < progress.ticked_at or (progress.retry_at is not None and now >= progress.retry_at):
            self._begin_retries(now)
        progress.ticked_at = now
        self._process_finished()

    def _begin_round(self, now: float, everything: bool = False) -> list[Event]:
        """Begin to check the profiles that need it, or ``everything``, which is reported then even if it is no news."""
        self._progress.round_at = now
        # A check that the machine was suspended in the middle of tells what was true before.
        self._progress.overtaken |= self._progress.in_flight
        events = self._list_profiles(now)
        if everything:
            self._progress.requested = set(self._known.profiles)
        for name, state in self._known.profiles.items():
            if name not in self._progress.in_flight and (everything or needs_check(state, self.timing, now)):
                self._begin_check(name, state)
        self._plan_retries()
        return events

    def _begin_retries(self, now: float) -> None:
        for name, state in self._known.profiles.items():
            if name not in self._progress.in_flight and retry_is_due(state, now):
                self._begin_check(name, state)
        self._plan_retries()

    def _plan_retries(self) -> None:
        in_flight = self._progress.in_flight
        times = (s.retry_at for name, s in self._known.profiles.items() if s.retry_at and name not in in_flight)
        self._progress.retry_at = min(times, default=None)

    def _plan_retry(self, name: str, state: ProfileState) -> None:
        """Plan the retry of one profile whose check has ended: with many profiles, to plan all takes long."""
        progress = self._progress
        if state.retry_at is not None and name not in progress.in_flight:
            progress.retry_at = min(state.retry_at, progress.retry_at or state.retry_at)

    def _list_profiles(self, now: float) -> list[Event]:
        """Update the list of profiles. If it cannot be read, the last list is used and the failure is returned."""
        before = self._known.config
        try:
            names = self.profiles()
        except WebexTokenError as error:
            self._known.config = failed(before, as_data(error), None, self.timing, now, self.jitter)
            is_news = should_report(before, error)
            event = Event(now, None, Kind.FAILED, error=error, next_at=now + self.timing.interval, is_news=is_news)
            # A request to stop ends the reading as well, and then nothing has failed.
            return [] if self.control.stopping() else [self._report(event)]
        if names != list(self._known.profiles):
            self._known.profiles = {name: self._known.profiles.get(name) or ProfileState() for name in names}
        self._known.config = ProfileState()
        if before.failures:
            self._report(Event(now, None, Kind.FRESH, failing_since=before.failing_since))
        return []

    def _submit(self, task: Callable[[], TaskResult]) -> None:
        self._progress.tasks += 1
        self.executor.submit(task)

    def _begin_check(self, name: str, state: ProfileState) -> None:
        self._progress.in_flight.add(name)
        self._submit(functools.partial(self.checker.check, name, state, self._known.unsaved.get(name)))

    def _process_finished(self) -> list[Event]:
        results = self.executor.finished()
        if not results:
            return []
        events = self._process_all(results)
        if not self._progress.in_flight:
            self.listener.when_idle()
        return events

    def _finish(self) -> list[Event]:
        """Let the tasks that have started end, and report them; the others are dropped."""
        self._progress.ending = True
        events = self._process_all(self.executor.close())
        self.listener.when_idle()
        return events

    def _save_unsaved_answers(self) -> None:
        """Try once more to save: an answer that is lost with the process may hold the only valid refresh token."""
        for name, unsaved in list(self._known.unsaved.items()):
            if name in self._known.profiles:
                self._process_check(self.checker.save(name, self._known.profiles[name], unsaved))

    def _process_all(self, results: list[TaskResult]) -> list[Event]:
        events: list[Event] = []
        for result in results:
            self._progress.tasks -= 1
            if isinstance(result, CheckResult):
                events += self._process_check(result)
            else:
                events += self._process_hook(result.profile, result.error)
        return events

    def _process_check(self, result: CheckResult) -> list[Event]:
        """Decide what the result means, remember it, and report it."""
        name, now, progress = result.profile, self.clock(), self._progress
        progress.in_flight.discard(name)
        before = self._known.profiles.get(name)
        if before is None:  # the profile was removed during its check
            return []
        after, event = decide(result, before, self.timing, now, self.jitter)
        self._known.profiles[name] = after
        self._remember_unsaved(result)
        self._extend_rate_limit(result, after, now)
        if name in progress.overtaken and not progress.ending:
            progress.overtaken.discard(name)
            if needs_check(after, self.timing, now):
                self._begin_check(name, after)
        self._plan_retry(name, after)
        requested = name in progress.requested
        progress.requested.discard(name)
        if event is None:
            return []
        event = replace(event, is_news=event.is_news or requested)
        self._report(event)
        if event.attention is not None and not progress.ending:
            self._submit(functools.partial(self.checker.call_for_attention, name, event.attention[1]))
        return [event, *self._process_hook(name, result.hook_error)]

    def _remember_unsaved(self, result: CheckResult) -> None:
        if isinstance(result.error, NotSaved):
            self._known.unsaved[result.profile] = result.error
        elif result.outcome is not None or isinstance(result.error, SignInNeeded):
            self._known.unsaved.pop(result.profile, None)

    def _extend_rate_limit(self, result: CheckResult, after: ProfileState, now: float) -> None:
        """If Webex gave no Retry-After, leave it alone for longer after each failure, as the profile's retries do."""
        if isinstance(result.error, TooManyRequests) and result.postponed_until is None and after.retry_at is not None:
            self.checker.rate_limits.begin(result.api_url, result.error, now, after.retry_at - now)

    def _process_hook(self, name: str, error: WebexTokenError | None) -> list[Event]:
        return [] if error is None else [self._report(Event(self.clock(), name, Kind.HOOK_FAILED, error=error))]

    def _report(self, event: Event) -> Event:
        self.listener.report(event)
        return event

    def _nothing_can_be_kept_fresh(self) -> bool:
        states = self._known.profiles.values()
        return not (self._progress.tasks or self._known.config.failures or any(not s.given_up for s in states))

    def _before_wait(self) -> float:
        """Tell the listener what is waited for, and return when the next round is."""
        next_round = (self._progress.round_at or 0.0) + self.timing.interval
        self.listener.before_wait(Outlook(next_round, len(self._progress.in_flight), self._known.profiles))
        return next_round

    def _wait(self) -> None:
        next_round = self._before_wait()
        left = min(next_round, self._progress.retry_at or next_round) - self.clock()
        if left > 0 and not self.control.stopping():
            # If the clock was set back since the round began, more than an interval seems to be left.
            self.control.wait(min(left, self.timing.interval, self.control.longest_wait))
