"""The rules that a watch must obey on the simulated machine, and which of them it broke.

The machine reports what happens. Broken rules are collected in ``problems``, because the loop would report an exception
as an unexpected error of one profile.
"""

import bisect
import collections
from collections.abc import Iterator

from tests.support.year import API_URLS, DAY, HOUR, LATE, NAMES, START, Calendar, Span, Time, Webex
from webex_token_cli.errors import TemporaryFailure, TooManyRequests
from webex_token_cli.refresh.events import Event
from webex_token_cli.tokens import CLOCK_SLACK

# The two settings of the watch, in seconds.
INTERVAL, MAX_AGE = float(HOUR), float(DAY)


class WatchRules:
    """The rules for one machine, whose ``time``, ``calendar`` and ``webex`` they are checked against.

    ``expected`` has, for each profile whose check failed, when that was, how long the profile waits, and whether the
    failure was its own. ``failed_for`` has the spans in which a refresh failed.
    """

    def __init__(self, time: Time, calendar: Calendar, webex: Webex) -> None:
        self.time, self.calendar, self.webex = time, calendar, webex
        self.problems: list[str] = []
        self.expected: dict[str, tuple[float, float, bool]] = {}
        self.failed_for: dict[str, list[Span]] = {name: [] for name in NAMES}
        self.checked_at: dict[str, float] = {}
        self.refreshes: list[tuple[str, float]] = []
        self._round_at: float | None = None
        self._woken: tuple[float, list[str]] | None = None

    def broken(self, words: str) -> None:
        """Record that a rule was broken, and when."""
        day, rest = divmod(self.time.true - START, DAY)
        self.problems.append(f"day {day:.0f}, {rest / HOUR:.2f} h: {words}")

    # -- rounds and checks -----------------------------------------------------------------------------

    def watch_ends(self) -> None:
        """Forget when the next round and the next checks are due."""
        self._round_at, self._woken = None, None
        self.expected.clear()

    def round_begins(self) -> None:
        """Require that the round is neither late nor early."""
        if self._round_at is not None:
            late = self.time.lateness(self._round_at, INTERVAL)
            if late > LATE:
                self.broken(f"a round was {late:.0f} s late")
            early = self._round_at + INTERVAL - self.time.true
            if early > 1 and not self.time.stepped_since(self._round_at):
                self.broken(f"a round {early:.0f} s early")
        self._round_at = self.time.true

    def check_begins(self, name: str) -> None:
        """Require that the check of a profile is neither late nor early."""
        last, wait, failed = self.expected.get(name, (self.time.true, 0.0, False))
        late = self.time.lateness(last, wait)
        if late > LATE:
            self.broken(f"{name} was tried again {late:.0f} s late")
        before = self.checked_at.get(name, 0.0)
        if failed and self.time.true - before < 2.4 and not self.time.stepped_since(before):
            self.broken(f"{name} was tried again after {self.time.true - before:.2f} s")
        self.checked_at[name] = self.time.true

    def check_succeeded(self, name: str) -> None:
        """Expect no further check before the next round."""
        self.expected.pop(name, None)

    def check_failed(self, name: str, event: Event) -> None:
        """Expect the next check when the event says, and require that this is not too late."""
        if event.next_at is None or event.error is None:
            return
        wait = event.next_at - self.time.clock()
        asked_for = min(event.error.retry_after or 0.0, DAY) if isinstance(event.error, TemporaryFailure) else 0.0
        if wait > max(INTERVAL, asked_for) + 1:
            self.broken(f"{name} waits {wait:.0f} s after {event.error.message}")
        self.expected[name] = self.time.true, wait, event.failing_since is not None

    # -- a machine that was suspended ------------------------------------------------------------------

    def woke_up(self, due: list[str]) -> None:
        """Expect checks of the profiles that are ``due`` now."""
        self._woken = self.time.true, due

    def clock_was_set(self) -> None:
        """Expect none of these checks any more, because the profiles may not be due any more."""
        self._woken = None

    def require_checks_since_waking(self) -> None:
        """Require that each profile that was due when the machine woke up has been checked since then."""
        if self._woken is not None:
            since, due = self._woken
            for name in due:
                if self.checked_at.get(name, 0.0) < since:
                    self.broken(f"{name} was due at the wake-up and was not checked")
            self._woken = None

    # -- refreshes -------------------------------------------------------------------------------------

    def refresh_begins(self, name: str) -> None:
        """Require that no Retry-After of this Webex has yet to end."""
        since, until = self.webex.rate_limits.get(API_URLS[name], (0.0, 0.0))
        if since <= self.time.true < until - 1 and not self.time.stepped_since(since):
            self.broken(f"{name} asked Webex {until - self.time.true:.0f} s before the end of its Retry-After")

    def refresh_failed(self, name: str, error: TemporaryFailure) -> None:
        """Record the span in which no refresh is required, for each profile that the failure concerns."""
        until = self.time.true + min(error.retry_after or 0.0, DAY)
        for each in NAMES:
            if each == name or (isinstance(error, TooManyRequests) and API_URLS[each] == API_URLS[name]):
                self.failed_for[each].append((self.time.true, until))

    def refreshed(self, name: str, last: float) -> None:
        """Require that the refresh is neither early nor late after the ``last`` one."""
        now = self.time.true
        self.refreshes.append((name, now))
        if now - last < MAX_AGE - 2 and not self.time.stepped_since(last):
            self.broken(f"{name} was refreshed after {now - last:.0f} s")
        self.check_gap(name, last, now)

    def check_gap(self, name: str, since: float, until: float) -> None:
        """Require that the profile was refreshed in the first free span after it was due that was long enough.

        Long enough is an interval, and one wait. The profile is due a day after ``since``.
        """
        due = since + MAX_AGE
        if until - due <= INTERVAL + LATE:
            return
        free = self._longest_free(name, due, until)
        allowed = INTERVAL + LATE
        for at, back in self.time.set_back(since, until):
            # A record from the future is refreshed, if that is possible before its time has come.
            noticed = self._longest_free(name, at, since + back - CLOCK_SLACK) > INTERVAL + LATE
            allowed = max(allowed, INTERVAL + LATE + (0.0 if noticed else back))
        if free > allowed:
            self.broken(f"{name} was not refreshed for {(until - since) / HOUR:.1f} h, {free / HOUR:.1f} h of it free")

    def attempt_failed(self, name: str) -> None:
        """Record a failed attempt to get the profile new tokens, after which another one is due within an interval."""
        self.failed_for[name].append((self.time.true, self.time.true))

    def check_healed(self, name: str, since: float) -> None:
        """Require that new tokens came within a round after ``since``, when they became possible."""
        allowed = INTERVAL + LATE + max((back for _, back in self.time.set_back(since, self.time.true)), default=0.0)
        free = self._longest_free(name, since, self.time.true)
        if free > allowed:
            self.broken(f"{name} got no new tokens for {free / HOUR:.1f} h in which Webex would have given them")

    def _longest_free(self, name: str, since: float, until: float) -> float:
        return max((ends - begins for begins, ends in self._free(name, since, until)), default=0.0)

    def _free(self, name: str, since: float, until: float) -> Iterator[Span]:
        """The spans in which nothing prevented a refresh: machine, network, Webex and store were available."""
        api_url, time = API_URLS[name], self.time
        taken = [
            *self.calendar.outages[api_url],
            *((begins, ends) for begins, ends, _ in self.calendar.floods[api_url]),
            *((begins, ends) for begins, ends, _ in self.calendar.store_fails),
            *((begins, ends + time.stretch(begins, ends)) for begins, ends in self.failed_for[name]),
            *time.away[bisect.bisect_left(time.away, since, key=lambda span: span[1]) :],
        ]
        free_since = since
        for begins, ends in sorted(span for span in taken if span[1] >= since and span[0] < until):
            if begins > free_since:
                yield free_since, begins
            free_since = max(free_since, ends)
        if until > free_since:
            yield free_since, until

    # -- the whole year --------------------------------------------------------------------------------

    def year_ends(self) -> None:
        """Check the rules that concern the year as a whole."""
        if self.time.longest_wait > 60:
            self.problems.append(f"a wait of {self.time.longest_wait} s")
        self.problems += [f"{name} showed a refresh token that was redeemed before" for name in self.webex.reused]
        self.problems += self._more_than_ideal()

    def _more_than_ideal(self) -> list[str]:
        """One refresh a day is ideal. One more is allowed, and one more for each step of the clock."""
        count = collections.Counter((name, (at - START) // DAY) for name, at in self.refreshes)
        steps = collections.Counter((at - START) // DAY for at, _ in self.time.stepped)
        return [
            f"{name} was refreshed {number} times on day {day:.0f}"
            for (name, day), number in count.items()
            if number > 2 + steps[day] + steps[day - 1]
        ]
