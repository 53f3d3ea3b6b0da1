"""A simulated year of one profile, to see when it had no valid access token, and whether that could not be helped.

The loop, the checks, the schedule, the refresher and the records are the real ones. Webex cannot be reached at times,
and sends 429 and 503 at times. The machine is never suspended, and its clock is right.
"""

import random
from contextlib import nullcontext
from dataclasses import replace

from tests.support.machine import Unbounded
from tests.support.world import Immediate
from tests.support.year import API_URLS, DAY, END, HOUR, LATE, START, Calendar, Lifetimes, Span, Time, Webex
from webex_token_cli.errors import TemporaryFailure
from webex_token_cli.refresh.check import ProfileChecker
from webex_token_cli.refresh.events import Event
from webex_token_cli.refresh.refresher import Refresher
from webex_token_cli.refresh.schedule import Attention, Timing
from webex_token_cli.refresh.watcher import Control, Listener, TaskResult, Watcher
from webex_token_cli.store.local.store import LocalStore
from webex_token_cli.store.records import decode
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

# The watch's defaults, in seconds.
TIMING = Timing(HOUR, DAY)

PROFILE = "gov"


# Longer outages are those of a machine that is suspended for months.
LONGEST_OUTAGE = 20 * DAY


def _short(calendar: Calendar) -> dict[str, list[Span]]:
    """The outages of a machine that is never suspended."""
    return {
        api_url: [(begins, ends) for begins, ends in spans if ends - begins <= LONGEST_OUTAGE]
        for api_url, spans in calendar.outages.items()
    }


class LivingTokens(Time):
    """A year with a watch over one profile.

    The person signs in ``signs_in_after`` seconds after the watch has told them to: when it first warns of the refresh
    token's end, or, if they are ``late``, only when it needs them. ``dead`` has the spans without a valid access
    token, ``lapses`` the moments at which a refresh token ended, and ``warnings`` those of the warnings before.
    ``seen_unextended`` tells whether a stored record has ever said that Webex does not extend the refresh token.
    """

    def __init__(self, seed: int, lifetimes: Lifetimes, *, late: bool = False, signs_in_after: float = DAY) -> None:
        super().__init__()
        self.dice = random.Random(seed)
        drawn = Calendar.drawn(self.dice)
        self.calendar = replace(
            drawn, suspends=[], steps=[], outages=_short(drawn), store_fails=[], revocations=[], sign_ins=[]
        )
        self.webex = Webex(self.calendar, self.dice, lifetimes)
        self.late, self.signs_in_after = late, signs_in_after
        self.entries: dict[str, str] = {}
        self.dead: list[Span] = []
        self.failed: list[Span] = []
        self.lapses: list[float] = []
        self.warnings: list[float] = []
        self.sign_ins = 0
        self.seen_unextended = False
        self.lives_until = 0.0
        self.store = LocalStore(self, "memory", lock=lambda _: nullcontext(), say=lambda _: None, calls=Unbounded())
        self.refresher = Refresher(self.store, self.redeem, self.clock, self.busy, api_url=API_URLS[PROFILE])
        self.sign_in()

    # -- the store -------------------------------------------------------------------------------------

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[username] = password
        self.seen_unextended |= decode(password, username).sign_in_by is not None

    def delete_password(self, service: str, username: str) -> None:
        raise AssertionError("nothing is removed")

    # -- Webex and the person --------------------------------------------------------------------------

    def sign_in(self) -> None:
        response = self.webex.sign_in(PROFILE, self.true)
        self.lives()
        self.sign_ins += 1
        self.store.save(PROFILE, TokenRecord.signed_in(response, PROFILE, "secret", self.clock()))

    def lives(self) -> None:
        """Note that the profile has the access token of its grant from now on."""
        if self.lives_until < self.true and self.lives_until:
            self.dead.append((self.lives_until, self.true))
        self.lives_until = self.webex.grants[PROFILE].made_at + self.webex.lifetimes.access

    def redeem(self, record: TokenRecord) -> TokenResponse:
        asked = self.true
        try:
            self.webex.refuse(PROFILE, asked)
        except TemporaryFailure as error:
            self.busy(self.dice.choice([0.05, 30.0]))
            self.failed.append((asked, self.true + min(error.retry_after or 0.0, DAY)))
            raise
        if asked >= self.webex.grants[PROFILE].expires_at:
            self.lapses.append(self.webex.grants[PROFILE].expires_at)
        response = self.webex.refresh(record.refresh_token or "", asked)
        self.lives()
        return response

    # -- the watch -------------------------------------------------------------------------------------

    def report(self, event: Event) -> None:
        if event.attention is None:
            return
        why = event.attention[0]
        if why is Attention.RUNNING_OUT:
            self.warnings.append(self.true)
        if why is (Attention.SIGN_IN if self.late else Attention.RUNNING_OUT):
            self.plan(self.true + self.signs_in_after, self.sign_in)

    def watch(self) -> "LivingTokens":
        """Let the year pass. The watch ends when its profile needs a sign-in, and is started again after it."""

        def over() -> bool:
            return self.true >= END

        while self.true < END:
            watcher = Watcher(
                profiles=lambda: [PROFILE],
                checker=ProfileChecker(lambda _: self.refresher, TIMING, self.clock, over),
                executor=Immediate[TaskResult](),
                # Long waits are safe while the clock is right and the machine awake, and make the year pass quickly.
                control=Control(self.wait, over, longest_wait=TIMING.interval),
                listener=Listener(self.report),
                timing=TIMING,
                clock=self.clock,
                jitter=self.dice.uniform,
            )
            if not watcher.watch():
                if not self._events:
                    break
                self.true = max(self.true, self._events[0][0])
                self.happen_next()
        return self

    # -- what is required ------------------------------------------------------------------------------

    def inexcusable(self) -> list[str]:
        """The spans of ``dead`` in which Webex answered for longer than a round, and only a refresh was needed."""
        found = []
        for begins, ends in self.dead:
            # The refresh token may end before the access token that it gave last.
            lapse = next((at for at in self.lapses if begins - self.webex.lifetimes.access <= at < ends), ends)
            free = self._longest_free(begins, max(begins, lapse))
            if free > TIMING.interval + LATE:
                found.append(f"day {(begins - START) / DAY:.1f}: {free / HOUR:.2f} h without a token")
        return found

    def _longest_free(self, since: float, until: float) -> float:
        api_url = API_URLS[PROFILE]
        taken = [
            *self.calendar.outages[api_url],
            *((begins, ends + min(wait or 0.0, DAY)) for begins, ends, wait in self.calendar.floods[api_url]),
            *self.failed,
        ]
        longest, free_since = 0.0, since
        for begins, ends in sorted(span for span in taken if span[1] >= since and span[0] < until):
            longest = max(longest, begins - free_since)
            free_since = max(free_since, ends)
        return max(longest, until - free_since)

    def untimely(self) -> list[str]:
        """The ends of refresh tokens of which nobody was warned between 14 days and 13 days before."""
        return [
            f"day {(at - START) / DAY:.1f}: warned on days {[round((each - START) / DAY, 1) for each in self.warnings]}"
            for at in self.lapses
            if not any(13 * DAY - LATE - HOUR <= at - each <= 14 * DAY for each in self.warnings)
        ]
