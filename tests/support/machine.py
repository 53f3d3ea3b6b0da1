"""A simulated machine with a watch, on which a year of faults happens, and the rules that the watch must obey.

The loop, the checks, the schedule, the refresher and the records are the real ones. Broken rules are collected in
``problems``, because the loop would report an exception as an unexpected error of one profile.
"""

import bisect
import collections
import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeVar

from keyring.errors import KeyringError

from tests.support.world import Immediate
from tests.support.year import (
    API_URLS,
    DAY,
    END,
    HOUR,
    LATE,
    MINUTE,
    NAMES,
    START,
    Calendar,
    Grant,
    Span,
    Time,
    Webex,
    within,
)
from webex_token_cli.errors import SignInNeeded, TemporaryFailure, TooManyRequests, WebexTokenError
from webex_token_cli.refresh.check import Hooks, ProfileChecker
from webex_token_cli.refresh.events import Event, Kind
from webex_token_cli.refresh.refresher import NotSaved, Outcome, Refresher
from webex_token_cli.refresh.schedule import CLOCK_SLACK, Attention, Timing
from webex_token_cli.refresh.watcher import Control, Listener, TaskResult, Watcher
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.store.records import decode
from webex_token_cli.system.timeouts import ExclusiveCalls
from webex_token_cli.tokens import TokenRecord, TokenResponse

T = TypeVar("T")

INTERVAL, MAX_AGE = float(HOUR), float(DAY)


class _Unbounded(ExclusiveCalls):
    """Runs calls directly: they cannot hang here, so they need no thread."""

    def __call__(self, call: Callable[[], T], *_: object, **__: object) -> T:
        return call()


class Machine(Time):
    """A machine with five profiles signed in, and a year before it.

    ``expected`` has, for each profile whose check failed, when that was, how long it waits, and whether the failure
    was its own; ``dead`` has the grants that Webex refused; ``failed_for`` has the spans in which a refresh failed.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.dice = random.Random(seed)
        self.calendar = Calendar.drawn(self.dice)
        self.webex = Webex(self.calendar, self.dice)
        self.problems: list[str] = []
        self.entries: dict[str, str] = {}
        self.failed_for: dict[str, list[Span]] = {name: [] for name in NAMES}
        self.expected: dict[str, tuple[float, float, bool]] = {}
        self.checked_at: dict[str, float] = {}
        self.round_at: float | None = None
        self.woken: tuple[float, list[str]] | None = None
        self.dead: dict[str, Grant] = {}
        # Profiles that need a sign-in: a run of the watch, a profile, and which of its grants.
        self.refused: list[tuple[int, str, int]] = []
        self.told: list[tuple[int, str, int]] = []
        self.called: list[tuple[int, str, int]] = []
        self.attention: list[tuple[str, str]] = []
        self.heard: list[tuple[str, str]] = []
        self.refreshes: list[tuple[str, float]] = []
        self.lapsed, self.saved_late, self.runs = 0, 0, 1
        self.store = CredentialStore(
            self, "memory", lock=lambda _: nullcontext(), say=lambda _: None, calls=_Unbounded()
        )
        self.refresher = Refresher(self.store, self.redeem, self.clock, self.busy)
        for name in NAMES:
            self.sign_in(name)
        for at, seconds in self.calendar.suspends:
            self.plan(at, lambda seconds=seconds: self.suspend(seconds))  # type: ignore[misc]
        for at, size in self.calendar.steps:
            self.plan(at, lambda size=size: self.step(size))  # type: ignore[misc]
        for at, name in self.calendar.revocations:
            self.plan(at, lambda name=name: self.revoke(name))  # type: ignore[misc]
        for at, name in self.calendar.sign_ins:
            self.plan(at, lambda name=name: self.come_to_sign_in(name))  # type: ignore[misc]

    # -- what happens ----------------------------------------------------------------------------------

    def suspend(self, seconds: float) -> None:
        self.busy(seconds)
        waiting = [name for name in NAMES if name not in self.expected and name not in self.dead]
        if seconds >= INTERVAL:
            due = [name for name in waiting if self.stored(name).refreshed_at + MAX_AGE <= self.clock()]
            self.woken = self.true, due

            # `before_event` checks this in the wait after the one in which the machine woke up.
            self.plan(self.true + 61, lambda: None)

    def before_event(self) -> None:
        """Require that the watch checked, as soon as the machine woke up, every profile that was due then."""
        if self.woken is not None:
            since, due = self.woken
            for name in due:
                if self.checked_at.get(name, 0.0) < since:
                    self.problem(f"{name} was due at the wake-up and was not checked")
            self.woken = None

    def revoke(self, name: str) -> None:
        self.webex.grants[name].revoked = True

    def step(self, size: float) -> None:
        super().step(size)
        self.woken = None  # the profiles that were due may not be due any more

    def come_to_sign_in(self, name: str) -> None:
        """Sign in as a person would, and try again later if it is not possible now."""
        api_url = API_URLS[name]
        if within(self.calendar.outages[api_url], self.true) or self.flood(api_url, self.true) or self.store_failure():
            self.plan(self.true + HOUR / 2, lambda: self.come_to_sign_in(name))
        else:
            self.sign_in(name)

    def sign_in(self, name: str) -> None:
        response = self.webex.sign_in(name, self.true)
        self.dead.pop(name, None)
        self.store.save(name, TokenRecord.signed_in(response, name, "secret", self.clock()))

    def flood(self, api_url: str, moment: float) -> bool:
        return within([(begins, ends) for begins, ends, _ in self.calendar.floods[api_url]], moment) is not None

    # -- the store: memory, that fails now and then ----------------------------------------------------

    def store_failure(self) -> tuple[float, float, bool] | None:
        return next((fail for fail in self.calendar.store_fails if fail[0] <= self.true < fail[1]), None)

    def stored(self, name: str) -> TokenRecord:
        return decode(self.entries[name], name)

    def get_password(self, service: str, username: str) -> str | None:
        failure = self.store_failure()
        if failure is not None and failure[2]:
            raise KeyringError("locked")
        return self.entries.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.store_failure() is not None:
            raise KeyringError("the disk is full")
        self.entries[username] = password
        if self.stored(username).refresh_token != self.webex.grants[username].refresh:
            self.problem(f"an old grant of {username} was stored over a newer one")

    def delete_password(self, service: str, username: str) -> None:
        self.problem(f"{username} was removed")

    # -- Webex, as it is reached from here -------------------------------------------------------------

    def redeem(self, record: TokenRecord) -> TokenResponse:
        name, asked = record.client_id, self.true
        api_url, grant = API_URLS[name], self.webex.grants[name]
        since, until = self.webex.rate_limits.get(api_url, (0.0, 0.0))
        if since <= asked < until - 1 and not self.stepped_since(since):
            self.problem(f"{name} asked Webex {until - asked:.0f} s before the end of its Retry-After")
        try:
            self.webex.refuse(name, asked)
        except TemporaryFailure as error:
            quiet_until = asked + min(error.retry_after or 0.0, DAY)
            for each in NAMES:
                if each == name or (isinstance(error, TooManyRequests) and API_URLS[each] == api_url):
                    self.failed_for[each].append((asked, quiet_until))
            self.busy(self.dice.choice([0.05, 0.05, 30.0]))
            raise
        last = grant.last
        try:
            response = self.webex.refresh(record.refresh_token or "", asked)
        except SignInNeeded:
            self.dead[name] = grant
            self.refused.append(self.sign_in_needed(name))
            if not grant.revoked:
                self.lapsed += 1
                self.check_gap(name, last, grant.expires_at)
            raise
        self.refreshes.append((name, asked))
        if asked - last < MAX_AGE - 2 and not self.stepped_since(last):
            self.problem(f"{name} was refreshed after {asked - last:.0f} s")
        self.check_gap(name, last, asked)
        self.busy(self.dice.uniform(0.05, 1.5))
        return response

    def sign_in_needed(self, name: str) -> tuple[int, str, int]:
        return self.runs, name, id(self.webex.grants[name])

    def check_gap(self, name: str, since: float, until: float) -> None:
        """Require that the watch refreshed in the first span that was long enough for it.

        That is, from a day after ``since`` on: the machine awake, the network and Webex there, and not wanting to be
        left alone, the store working, for as long as one check after the other may take, and one wait.
        """
        due = since + MAX_AGE
        if until - due <= INTERVAL + LATE:
            return
        free = self.longest_free(name, due, until)
        allowed = INTERVAL + LATE
        for at, back in self.set_back(since, until):
            # A record from the future is refreshed, if that is possible before its time has come.
            noticed = self.longest_free(name, at, since + back - CLOCK_SLACK) > INTERVAL + LATE
            allowed = max(allowed, INTERVAL + LATE + (0.0 if noticed else back))
        if free > allowed:
            self.problem(f"{name} was not refreshed for {(until - since) / HOUR:.1f} h, {free / HOUR:.1f} h of it free")

    def longest_free(self, name: str, since: float, until: float) -> float:
        return max((ends - begins for begins, ends in self.free(name, since, until)), default=0.0)

    def free(self, name: str, since: float, until: float) -> Iterator[Span]:
        """The spans in which nothing stood in the way of a refresh."""
        api_url = API_URLS[name]
        taken = [
            *self.calendar.outages[api_url],
            *((begins, ends) for begins, ends, _ in self.calendar.floods[api_url]),
            *((begins, ends) for begins, ends, _ in self.calendar.store_fails),
            *((begins, ends + self.stretch(begins, ends)) for begins, ends in self.failed_for[name]),
            *self.away[bisect.bisect_left(self.away, since, key=lambda span: span[1]) :],
        ]
        free_since = since
        for begins, ends in sorted(span for span in taken if span[1] >= since and span[0] < until):
            if begins > free_since:
                yield free_since, begins
            free_since = max(free_since, ends)
        if until > free_since:
            yield free_since, until

    # -- the watch -------------------------------------------------------------------------------------

    def profiles(self) -> list[str]:
        """Record the start of a round, and require that it is neither late nor early."""
        if self.round_at is not None:
            late = self.lateness(self.round_at, INTERVAL)
            if late > LATE:
                self.problem(f"a round was {late:.0f} s late")
            early = self.round_at + INTERVAL - self.true
            if early > 1 and not self.stepped_since(self.round_at):
                self.problem(f"a round {early:.0f} s early")
        self.round_at = self.true
        return list(NAMES)

    def check_begins(self, name: str) -> None:
        """Record the check of a profile, and require that it is neither late nor early."""
        last, wait, failed = self.expected.get(name, (self.true, 0.0, False))
        late = self.lateness(last, wait)
        if late > LATE:
            self.problem(f"{name} was tried again {late:.0f} s late")
        before = self.checked_at.get(name, 0.0)
        if failed and self.true - before < 2.4 and not self.stepped_since(before):
            self.problem(f"{name} was tried again after {self.true - before:.2f} s")
        self.checked_at[name] = self.true

    def refresher_of(self, name: str) -> "MachineRefresher":
        return MachineRefresher(self, API_URLS[name])

    def report(self, event: Event) -> None:
        name, error = event.profile or "", event.error
        if error is None or event.kind is Kind.NEEDS_SIGN_IN:
            self.expected.pop(name, None)
        elif event.next_at is not None:
            wait = event.next_at - self.clock()
            asked_for = min(error.retry_after or 0.0, DAY) if isinstance(error, TemporaryFailure) else 0.0
            if wait > max(INTERVAL, asked_for) + 1:
                self.problem(f"{name} waits {wait:.0f} s after {error.message}")
            self.expected[name] = self.true, wait, event.failing_since is not None
        if event.kind is Kind.NEEDS_SIGN_IN:
            self.told.append(self.sign_in_needed(name))
            after = MINUTE * 30_000 ** self.dice.random()
            self.plan(self.true + after, lambda: self.come_to_sign_in(name))
        if event.attention is not None:
            self.attention.append((name, event.attention[1]))
            if event.attention[0] is Attention.SIGN_IN:
                self.called.append(self.sign_in_needed(name))
        if type(error) is WebexTokenError:
            self.problem(error.message)

    def watch(self) -> None:
        """Watch for a year. If the watch ends because every profile needs a sign-in, restart it after the next one."""
        while self.true < END:
            if not self.watcher().watch():
                if len(self.dead) < len(NAMES):
                    self.problem(f"the watch ended though only {sorted(self.dead)} need a sign-in")
                self.be_down()
        for name in NAMES:
            if name not in self.dead and not self.webex.grants[name].revoked:
                self.check_gap(name, self.webex.grants[name].last, self.true)
        if self.longest_wait > 60:
            self.problems.append(f"a wait of {self.longest_wait} s")
        self.problems += [f"{name} showed a refresh token that was redeemed before" for name in self.webex.reused]
        if len(set(self.refused)) != len(self.refused):
            self.problems.append("a grant that was refused was shown again")
        if not self.refused == self.told == self.called:
            self.problems.append(f"needing a sign-in: {self.refused}, told: {self.told}, called: {self.called}")
        if self.attention != self.heard:
            self.problems.append("the attention reported and the calls of the hook differ")
        self.problems += self.more_than_ideal()

    def more_than_ideal(self) -> list[str]:
        """One refresh a day is ideal. One more is allowed, and one more for each step of the clock."""
        count = collections.Counter((name, (at - START) // DAY) for name, at in self.refreshes)
        steps = collections.Counter((at - START) // DAY for at, _ in self.stepped)
        return [
            f"{name} was refreshed {number} times on day {day:.0f}"
            for (name, day), number in count.items()
            if number > 2 + steps[day] + steps[day - 1]
        ]

    def be_down(self) -> None:
        while len(self.dead) == len(NAMES) and self._events:
            self.busy(max(0.0, self._events[0][0] - self.true))
            self.happen_next()
        self.runs += 1
        self.round_at, self.woken = None, None
        self.expected.clear()

    def watcher(self) -> Watcher:
        timing = Timing(INTERVAL, MAX_AGE)

        def over() -> bool:
            return self.true >= END

        hooks = Hooks(on_attention=lambda name, words: self.heard.append((name, words)))
        return Watcher(
            profiles=self.profiles,
            checker=ProfileChecker(self.refresher_of, timing, self.clock, over, hooks),
            executor=Immediate[TaskResult](),
            control=Control(self.wait, over),
            listener=Listener(self.report),
            timing=timing,
            clock=self.clock,
            jitter=self.dice.uniform,
        )

    def problem(self, words: str) -> None:
        day, rest = divmod(self.true - START, DAY)
        self.problems.append(f"day {day:.0f}, {rest / HOUR:.2f} h: {words}")


@dataclass(frozen=True)
class MachineRefresher:
    """The machine's refresher, which notes when it is used."""

    machine: Machine
    api_url: str

    def stored(self, name: str) -> TokenRecord | None:
        self.machine.check_begins(name)
        record = self.machine.refresher.stored(name)
        if name in self.machine.dead:
            # A profile that waits for a sign-in is only read, so a failure to read it is over without an event.
            self.machine.expected.pop(name, None)
        return record

    def refresh_from(self, name: str, seen: TokenRecord) -> Outcome:
        return self.machine.refresher.refresh_from(name, seen)

    def save_late(self, name: str, unsaved: NotSaved) -> Outcome:
        self.machine.check_begins(name)
        outcome = self.machine.refresher.save_late(name, unsaved)
        self.machine.saved_late += 1
        return outcome
