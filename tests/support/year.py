"""A simulated year in which every kind of fault happens to a watch: the time, the faults, and Webex.

The faults are drawn from a seed. The machine with the watch is in ``machine.py``.
"""

import bisect
import heapq
import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from webex_token_cli.errors import GrantRefused, TemporaryFailure, TooManyRequests
from webex_token_cli.token_response import TokenResponse

MINUTE, HOUR, DAY = 60, 3600, 86400
START = 1_800_000_000
END = START + 365 * DAY

# Seconds that a check may be late: the longest wait, and two for the rounding of times to whole seconds.
LATE = 60.0 + 2.0

NAMES = ("default", "work", "lab", "bot", "gov")
API_URLS = {name: "https://api-usgov.example/v1" if name == "gov" else "https://webexapis.example/v1" for name in NAMES}

Span = tuple[float, float]


def within(spans: Iterable[Span], moment: float) -> Span | None:
    """The first of ``spans`` that ``moment`` lies in."""
    return next((span for span in spans if span[0] <= moment < span[1]), None)


@dataclass(frozen=True)
class Calendar:
    """All that happens in a year. Every moment is in the true time, which no change of the clock affects.

    ``suspends`` has moments and their lengths in seconds. ``steps`` has the moments at which the machine's clock is
    set, and by how many seconds. ``outages`` has for each API URL the spans in which it cannot be reached. In the
    spans of ``floods`` it answers 429, with the given Retry-After. In the spans of ``store_fails`` the store cannot be
    written, nor read if the third value is true. ``revocations`` and ``sign_ins``, which nobody asked for, have a
    moment and a profile.
    """

    suspends: list[tuple[float, float]]
    steps: list[tuple[float, float]]
    outages: dict[str, list[Span]]
    floods: dict[str, list[tuple[float, float, float | None]]]
    store_fails: list[tuple[float, float, bool]]
    revocations: list[tuple[float, str]]
    sign_ins: list[tuple[float, str]]

    @classmethod
    def drawn(cls, dice: random.Random) -> "Calendar":
        """Draw a year."""

        def moments(most: int) -> list[float]:
            return sorted(dice.uniform(START, END) for _ in range(dice.randint(0, most)))

        suspends = [(at, _length(dice, MINUTE, 3 * DAY)) for at in moments(250)]
        suspends += [(at, _length(dice, 4 * DAY, 40 * DAY)) for at in moments(2)]
        if dice.random() < 0.15:  # longer than a grant lives
            suspends.append((dice.uniform(START, START + 200 * DAY), dice.uniform(85, 110) * DAY))
        network = [(at, at + _length(dice, 10, 2 * DAY)) for at in moments(60)]
        network += [(at, at + _length(dice, 2 * DAY, 20 * DAY)) for at in moments(2)]
        # Wi-Fi takes some time to reconnect after a suspend.
        network += [(at, at + length + dice.uniform(0, 90)) for at, length in suspends if dice.random() < 0.5]
        api_urls = sorted(set(API_URLS.values()))
        return cls(
            suspends=sorted(suspends),
            steps=_steps(dice, [*moments(12), *(dice.uniform(*span) for span in network if dice.random() < 0.3)]),
            outages={
                api_url: sorted(network + [(at, at + _length(dice, MINUTE, DAY)) for at in moments(12)])
                for api_url in api_urls
            },
            floods={
                api_url: [(at, at + _length(dice, 10, 6 * HOUR), _retry_after(dice)) for at in moments(150)]
                for api_url in api_urls
            },
            store_fails=[(at, at + _length(dice, 10, 12 * HOUR), dice.random() < 0.5) for at in moments(60)],
            revocations=[(at, dice.choice(NAMES)) for at in [*moments(4), dice.uniform(START, END)]],
            sign_ins=[(at, dice.choice(NAMES)) for at in moments(3)],
        )


def _length(dice: random.Random, shortest: float, longest: float) -> float:
    """Draw a length in seconds between the two. Short ones are more likely than long ones."""
    return float(shortest * (longest / shortest) ** dice.random())


def _retry_after(dice: random.Random) -> float | None:
    return dice.choice([None, None, dice.uniform(1, 60), dice.uniform(60, 3 * HOUR), 10.0 * DAY])


def _steps(dice: random.Random, moments: list[float]) -> list[tuple[float, float]]:
    """Draw by how much the clock is set at each of ``moments``: by seconds up to 20 years, as after a dead battery.

    Most steps are taken back some time later.
    """
    steps = []
    for at in moments:
        size = dice.choice([-1, 1]) * _length(dice, 1, dice.choice([300, DAY, 60 * DAY, 20 * 365 * DAY]))
        steps.append((at, size))
        if dice.random() < 0.8 or abs(size) > DAY:
            steps.append((at + _length(dice, MINUTE, 10 * DAY), -size))
    return sorted(steps)


@dataclass(frozen=True)
class Lifetimes:
    """How long the tokens of an integration live, in seconds, and what a refresh does to them.

    A refresh returns a new access token if the old one is ``renew_after`` old or has expired. With ``extends``, the
    refresh token then lives for another ``refresh``.
    """

    access: int = 14 * DAY
    refresh: int = 90 * DAY
    renew_after: int = DAY
    extends: bool = True


INTEGRATION = Lifetimes()


@dataclass
class Grant:
    """One sign-in at Webex. ``rotates`` says whether each refresh returns a new refresh token."""

    profile: str
    rotates: bool
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    signed_in_at: float
    made_at: float
    expires_at: float
    revoked: bool = False
    refused: int = 0
    answered: list[float] = field(default_factory=list, repr=False)

    @property
    def last(self) -> float:
        """When the grant was last refreshed, or when the person signed in if it never was."""
        return self.answered[-1] if self.answered else self.signed_in_at


@dataclass
class Webex:
    """Webex. A refresh token that is used again after it was replaced revokes the grant."""

    calendar: Calendar
    dice: random.Random
    lifetimes: Lifetimes = INTEGRATION
    grants: dict[str, Grant] = field(default_factory=dict)
    reused: list[str] = field(default_factory=list)
    unchanged: int = 0
    rate_limits: dict[str, Span] = field(default_factory=dict)
    _of: dict[str, Grant] = field(default_factory=dict, repr=False)
    _made: int = 0

    def sign_in(self, profile: str, now: float) -> TokenResponse:
        """Make a new grant for the profile. The earlier one stays valid, but no profile uses it any more."""
        ends = now + self.lifetimes.refresh
        grant = Grant(profile, self.dice.random() < 0.5, self._new("a"), self._new("r"), now, now, ends)
        self.grants[profile] = self._of[grant.refresh] = grant
        return self._response(grant, now)

    def refuse(self, profile: str, now: float) -> None:
        """Raise the error that a request of the profile gets at ``now``, if it gets one."""
        api_url = API_URLS[profile]
        if within(self.calendar.outages[api_url], now):
            raise TemporaryFailure("Webex could not be reached.", "Check the network.")
        for begins, ends, retry_after in self.calendar.floods[api_url]:
            if begins <= now < ends:
                # The program does not obey a Retry-After of more than a day, which can only be a mistake.
                self.rate_limits[api_url] = now, now + min(retry_after or 0.0, DAY)
                raise TooManyRequests("Webex cannot answer now (HTTP 429).", "Try again later.", retry_after)
        if self.dice.random() < 0.02:
            raise TemporaryFailure("Webex cannot answer now (HTTP 503).", "Try again later.")

    def refresh(self, refresh_token: str, now: float) -> TokenResponse:
        """Redeem a refresh token."""
        grant = self._of[refresh_token]
        if refresh_token != grant.refresh:
            self.reused.append(grant.profile)
            grant.revoked = True
        if grant.revoked or now >= grant.expires_at:
            grant.refused += 1
            raise GrantRefused("Webex no longer accepts the grant.", "Sign in again.")
        if now - grant.made_at >= min(self.lifetimes.renew_after, self.lifetimes.access):
            grant.access, grant.made_at = self._new("a"), now
        else:
            self.unchanged += 1
        if grant.rotates:
            grant.refresh = self._new("r")
            self._of[grant.refresh] = grant
        if self.lifetimes.extends:
            grant.expires_at = now + self.lifetimes.refresh
        grant.answered.append(now)
        return self._response(grant, now)

    def _response(self, grant: Grant, now: float) -> TokenResponse:
        return TokenResponse(
            grant.access,
            int(grant.made_at + self.lifetimes.access - now - 0.001),
            grant.refresh,
            int(grant.expires_at - now - 0.001),
        )

    def _new(self, kind: str) -> str:
        self._made += 1
        return f"{kind}{self._made}"


class Time:
    """The true time, which only moves forward, and the machine's clock, which is ahead of it by ``offset`` seconds.

    ``away`` has the spans in which the machine could check nothing, because it was suspended or busy. ``stepped`` has
    the moments at which the clock was set, and its offset from then on.
    """

    def __init__(self) -> None:
        self.true, self.offset = float(START), 0.0
        self.away: list[Span] = []
        self.stepped: list[tuple[float, float]] = []
        self.longest_wait = 0.0
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._next = float("inf")

    def clock(self) -> float:
        """The time that the machine's clock shows."""
        return self.true + self.offset

    def plan(self, at: float, happen: Callable[[], None]) -> None:
        """Have ``happen`` called at the true time ``at``."""
        heapq.heappush(self._events, (at, next(self._order), happen))
        self._next = self._events[0][0]

    def before_event(self) -> None:
        """Called before the first event of a wait."""

    def wait(self, seconds: float) -> None:
        """Wait for ``seconds``. A suspend in the meantime makes the wait longer."""
        end = self.true + seconds
        if seconds > self.longest_wait:
            self.longest_wait = seconds
        if end >= self._next:
            self.before_event()
            while self._events and self._events[0][0] <= end:
                end += self.happen_next()
        self.true = end

    def happen_next(self) -> float:
        """Advance to the next event and let it happen. Returns the seconds for which the machine was away."""
        at, _, happen = heapq.heappop(self._events)
        self.true = before = max(self.true, at)
        happen()
        self._next = self._events[0][0] if self._events else float("inf")
        return self.true - before

    def busy(self, seconds: float) -> None:
        """Let ``seconds`` pass in which the machine can check nothing."""
        self.away.append((self.true, self.true + seconds))
        self.true += seconds

    def step(self, size: float) -> None:
        """Set the clock forward by ``size`` seconds, or back if it is negative."""
        self.offset += size
        self.stepped.append((self.true, self.offset))

    def idle(self, since: float, until: float) -> float:
        """The seconds between the two moments in which the machine could have checked something."""
        first = bisect.bisect_left(self.away, since, key=lambda span: span[1])
        gone = sum(min(until, ends) - max(since, begins) for begins, ends in self.away[first:] if begins < until)
        return until - since - gone

    def stepped_since(self, moment: float) -> bool:
        """Whether the clock was set after ``moment``."""
        return bool(self.stepped) and self.stepped[-1][0] >= moment

    def set_back(self, since: float, until: float) -> list[tuple[float, float]]:
        """When the clock was set back between the two moments, and how much less time then seems to have passed.

        If that is more time than has passed since ``since``, the watch must notice that ``since`` lies in the future.
        """
        before = next((offset for at, offset in reversed(self.stepped) if at < since), 0.0)
        steps = ((at, before - offset) for at, offset in self.stepped if since <= at <= until)
        return [(at, back) for at, back in steps if back > 0]

    def lateness(self, since: float, wait: float) -> float:
        """The seconds for which the machine did not do what was due ``wait`` after ``since``, although it could.

        If the clock was set back by so little that the watch need not notice, that time is not counted.
        """
        due = since + wait
        if self.true <= due:
            return 0.0
        return self.idle(due, self.true) - self.stretch(since, self.true)

    def stretch(self, since: float, until: float) -> float:
        """By how many seconds a wait between the two may be too long, because the clock was set back unnoticed."""
        return max((back for at, back in self.set_back(since, until) if back <= at - since + LATE), default=0.0)
