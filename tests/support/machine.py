"""A simulated machine with a watch, on which a year of faults happens.

The loop, the checks, the schedule, the refresher and the records are the real ones. ``watch_rules.py`` has the rules
that the watch must obey.
"""

import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeVar

from keyring.errors import KeyringError

from tests.support.watch_rules import INTERVAL, MAX_AGE, WatchRules
from tests.support.world import Immediate
from tests.support.year import (
    API_URLS,
    END,
    HOUR,
    MINUTE,
    NAMES,
    Calendar,
    Grant,
    Time,
    Webex,
    within,
)
from webex_token_cli.errors import SignInNeeded, TemporaryFailure, WebexTokenError
from webex_token_cli.refresh.check import Hooks, ProfileChecker
from webex_token_cli.refresh.events import Event, Kind
from webex_token_cli.refresh.refresher import NotSaved, Outcome, Refresher
from webex_token_cli.refresh.schedule import Attention, Timing
from webex_token_cli.refresh.watcher import Control, Listener, TaskResult, Watcher
from webex_token_cli.store.local.store import LocalStore
from webex_token_cli.store.records import decode
from webex_token_cli.system.timeouts import ExclusiveCalls
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

T = TypeVar("T")


class Unbounded(ExclusiveCalls):
    """Runs calls directly: they cannot hang here, so they need no thread."""

    def __call__(self, call: Callable[[], T], *_: object, **__: object) -> T:
        return call()


class Machine(Time):
    """A machine with five profiles signed in, and a year before it.

    ``dead`` has the grants that Webex refused, by profile.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.dice = random.Random(seed)
        self.calendar = Calendar.drawn(self.dice)
        self.webex = Webex(self.calendar, self.dice)
        self.rules = WatchRules(self, self.calendar, self.webex)
        self.entries: dict[str, str] = {}
        self.dead: dict[str, Grant] = {}
        # Profiles that need a sign-in: a run of the watch, a profile, and which of its grants.
        self.refused: list[tuple[int, str, int]] = []
        self.told: list[tuple[int, str, int]] = []
        self.called: list[tuple[int, str, int]] = []
        self.attention: list[tuple[str, str]] = []
        self.heard: list[tuple[str, str]] = []
        self.lapsed, self.saved_late, self.runs = 0, 0, 1
        self.store = LocalStore(self, "memory", lock=lambda _: nullcontext(), say=lambda _: None, calls=Unbounded())
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
        waiting = [name for name in NAMES if name not in self.rules.expected and name not in self.dead]
        if seconds >= INTERVAL:
            self.rules.woke_up([name for name in waiting if self.stored(name).refreshed_at + MAX_AGE <= self.clock()])

            # `before_event` is called in the wait after the one in which the machine woke up.
            self.plan(self.true + 61, lambda: None)

    def before_event(self) -> None:
        self.rules.require_checks_since_waking()

    def revoke(self, name: str) -> None:
        self.webex.grants[name].revoked = True

    def step(self, size: float) -> None:
        super().step(size)
        self.rules.clock_was_set()

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

    # -- the store: memory that fails at times ---------------------------------------------------------

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
            self.rules.broken(f"an old grant of {username} was stored over a newer one")

    def delete_password(self, service: str, username: str) -> None:
        self.rules.broken(f"{username} was removed")

    # -- Webex, as it is reached from here -------------------------------------------------------------

    def redeem(self, record: TokenRecord) -> TokenResponse:
        name, asked = record.client_id, self.true
        grant = self.webex.grants[name]
        last = grant.last
        self.rules.refresh_begins(name)
        try:
            self.webex.refuse(name, asked)
        except TemporaryFailure as error:
            self.rules.refresh_failed(name, error)
            self.busy(self.dice.choice([0.05, 0.05, 30.0]))
            raise
        try:
            response = self.webex.refresh(record.refresh_token or "", asked)
        except SignInNeeded:
            self.dead[name] = grant
            self.refused.append(self.sign_in_needed(name))
            if not grant.revoked:
                self.lapsed += 1
                self.rules.check_gap(name, last, grant.expires_at)
            raise
        self.rules.refreshed(name, last)
        self.busy(self.dice.uniform(0.05, 1.5))
        return response

    def sign_in_needed(self, name: str) -> tuple[int, str, int]:
        return self.runs, name, id(self.webex.grants[name])

    # -- the watch -------------------------------------------------------------------------------------

    def profiles(self) -> list[str]:
        self.rules.round_begins()
        return list(NAMES)

    def refresher_for(self, _: str) -> Refresher:
        return self.refresher

    def refresher_of(self, name: str) -> "MachineRefresher":
        return MachineRefresher(self, API_URLS[name])

    def report(self, event: Event) -> None:
        name, error = event.profile or "", event.error
        if error is None or event.kind is Kind.NEEDS_SIGN_IN:
            self.rules.check_succeeded(name)
        else:
            self.rules.check_failed(name, event)
        if event.kind is Kind.NEEDS_SIGN_IN:
            self.told.append(self.sign_in_needed(name))
            after = MINUTE * 30_000 ** self.dice.random()
            self.plan(self.true + after, lambda: self.come_to_sign_in(name))
        if event.attention is not None:
            self.attention.append((name, event.attention[1]))
            if event.attention[0] is Attention.SIGN_IN:
                self.called.append(self.sign_in_needed(name))
        if type(error) is WebexTokenError:
            self.rules.broken(error.message)

    def watch(self) -> None:
        """Watch for a year. If the watch ends because every profile needs a sign-in, restart it after the next one."""
        while self.true < END:
            if not self.watcher().watch():
                if len(self.dead) < len(NAMES):
                    self.rules.broken(f"the watch ended though only {sorted(self.dead)} need a sign-in")
                self.be_down()
        for name in NAMES:
            if name not in self.dead and not self.webex.grants[name].revoked:
                self.rules.check_gap(name, self.webex.grants[name].last, self.true)
        self.rules.year_ends()
        self.require_that_sign_ins_were_reported_once()

    def require_that_sign_ins_were_reported_once(self) -> None:
        problems = self.rules.problems
        if len(set(self.refused)) != len(self.refused):
            problems.append("a grant that was refused was shown again")
        if not self.refused == self.told == self.called:
            problems.append(f"needing a sign-in: {self.refused}, told: {self.told}, called: {self.called}")
        if self.attention != self.heard:
            problems.append("the attention reported and the calls of the hook differ")

    def be_down(self) -> None:
        while len(self.dead) == len(NAMES) and self._events:
            self.busy(max(0.0, self._events[0][0] - self.true))
            self.happen_next()
        self.runs += 1
        self.rules.watch_ends()

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


@dataclass(frozen=True)
class MachineRefresher:
    """The machine's refresher, which notes when it is used."""

    machine: Machine
    api_url: str

    def stored(self, name: str) -> TokenRecord | None:
        self.machine.rules.check_begins(name)
        record = self.machine.refresher_for(name).stored(name)
        if name in self.machine.dead:
            # A profile that waits for a sign-in is only read, so a failure to read it is over without an event.
            self.machine.rules.check_succeeded(name)
        return record

    def refresh_from(self, name: str, seen: TokenRecord) -> Outcome:
        return self.machine.refresher_for(name).refresh_from(name, seen)

    def save_late(self, name: str, unsaved: NotSaved) -> Outcome:
        self.machine.rules.check_begins(name)
        outcome = self.machine.refresher_for(name).save_late(name, unsaved)
        self.machine.saved_late += 1
        return outcome
