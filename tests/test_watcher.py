"""The schedule, and the loop around it on a clock of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.errors import ConfigurationError, GrantRefused, StoreUnavailable, TemporaryFailure, WebexTokenError
from webex_token_cli.refresher import Outcome, Result
from webex_token_cli.tokens import TokenRecord
from webex_token_cli.watcher import LONGEST_NAP, Event, Kind, Watcher, due_at, exit_status, retry_wait

HOUR, DAY = 3600, 86400
START = 1_800_000_000

RECORD = TokenRecord("a", START + 14 * DAY, "r", START + 90 * DAY, START, START, "c", "s")


@pytest.mark.parametrize(
    ("record", "max_age", "interval", "due"),
    [
        (RECORD, DAY, HOUR, START + DAY),
        (RECORD, 20 * DAY, HOUR, START + 14 * DAY - 2 * HOUR),
        (RECORD, 20 * DAY, DAY, START + 12 * DAY),
        (replace(RECORD, refreshed_at=START + 5 * DAY), DAY, HOUR, START + 6 * DAY),
        (replace(RECORD, access_expires_at=START + 60), DAY, HOUR, START + 60 - 2 * HOUR),
    ],
)
def test_a_profile_is_due_at_its_age_or_two_rounds_before_its_end(
    record: TokenRecord, max_age: float, interval: float, due: float
) -> None:
    assert due_at(record, max_age, interval) == due


@given(
    st.integers(1, 10**6),
    st.floats(1, 10**6),
    st.none() | st.floats(0, 10**9),
    st.floats(0, 1),
)
def test_a_retry_waits_between_a_little_and_an_interval(
    failures: int, interval: float, asked_for: float | None, share: float
) -> None:
    wait = retry_wait(failures, interval, asked_for, lambda low, high: low + share * (high - low))
    asked = min(asked_for or 0, DAY)
    assert max(0, asked) <= wait <= max(interval, asked)
    assert wait > 0


def test_retries_grow() -> None:
    longest = [retry_wait(n, HOUR, None, lambda _, high: high) for n in (1, 2, 3, 10, 11, 99)]
    assert longest == [5, 10, 20, 2560, HOUR, HOUR]


@dataclass
class World:
    """A clock that naps move on, profiles, and what Webex will say."""

    interval: float = HOUR
    max_age: float = DAY
    now: float = START
    until: float = START + 3 * DAY
    records: dict[str, TokenRecord] = field(default_factory=lambda: {"default": RECORD})
    failing: Callable[[str], WebexTokenError | None] = lambda _: None
    refreshes: list[tuple[str, float]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    naps: list[float] = field(default_factory=list)
    on_nap: Callable[["World"], None] = lambda _: None

    def refresh(self, name: str, due: Callable[[TokenRecord], bool]) -> Outcome:
        if not due(self.records[name]):
            return Outcome(Result.NOT_DUE, self.records[name])
        self.refreshes.append((name, self.now))
        error = self.failing(name)
        if error:
            raise error
        moment = int(self.now)
        self.records[name] = replace(
            self.records[name], access_token=f"a{moment}", access_expires_at=moment + 14 * DAY, refreshed_at=moment
        )
        return Outcome(Result.RENEWED, self.records[name])

    def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds
        self.on_nap(self)

    def watcher(self) -> Watcher:
        return Watcher(
            profiles=lambda: list(self.records),
            stored=self.records.get,
            refresh=self.refresh,
            report=self.events.append,
            interval=self.interval,
            max_age=self.max_age,
            clock=lambda: self.now,
            nap=self.nap,
            stopping=lambda: self.now >= self.until,
            draw=lambda _, high: high,
        )

    def hours(self) -> list[float]:
        """When it refreshed, in hours since the start."""
        return [(moment - START) / HOUR for _, moment in self.refreshes]


def test_a_day_old_token_is_renewed_each_day() -> None:
    world = World()
    assert world.watcher().watch()
    assert world.hours() == [24, 48]
    assert {event.kind for event in world.events} == {Kind.FRESH, Kind.RENEWED}
    assert max(world.naps) <= LONGEST_NAP


def test_a_temporary_failure_is_retried_with_growing_waits_until_it_passes() -> None:
    world = World(until=START + DAY + 2 * HOUR)
    world.failing = lambda _: TemporaryFailure("down", "wait") if world.now < START + DAY + 60 else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 5, 15, 35, 75]
    assert [e.kind for e in world.events if e.moment >= START + DAY][:6] == [
        *[Kind.RETRYING] * 4,
        Kind.RENEWED,
        Kind.FRESH,
    ]


def test_webexs_own_wait_is_kept() -> None:
    world = World(until=START + DAY + HOUR)
    world.failing = lambda _: TemporaryFailure("busy", "wait", 600) if world.now < START + DAY + 600 else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 600]


def test_a_permanent_failure_is_said_once_and_the_others_go_on() -> None:
    world = World(records={"bad": RECORD, "good": RECORD})
    world.failing = lambda name: GrantRefused("revoked", "sign in") if name == "bad" else None
    assert world.watcher().watch()
    assert [name for name, _ in world.refreshes] == ["bad", "good", "good"]
    said = [event for event in world.events if event.profile == "bad" and event.error]
    assert [event.kind for event in said] == [Kind.NEEDS_SIGN_IN]
    assert world.records["bad"] == RECORD


def test_a_new_sign_in_clears_it() -> None:
    world = World(records={"bad": RECORD, "good": RECORD}, until=START + 4 * DAY)
    world.failing = lambda name: (
        GrantRefused("revoked", "sign in") if name == "bad" and world.now < START + 2 * DAY else None
    )

    def sign_in(world: World) -> None:
        if world.now == START + 2 * DAY + HOUR / 2:
            world.records["bad"] = replace(RECORD, access_token="new", refreshed_at=int(world.now))

    world.on_nap = sign_in
    world.watcher().watch()
    assert [(moment - START) / HOUR for name, moment in world.refreshes if name == "bad"] == [24, 73]


def test_with_nobody_left_it_ends() -> None:
    world = World(records={"a": RECORD, "b": RECORD}, failing=lambda _: GrantRefused("revoked", "sign in"))
    assert not world.watcher().watch()
    assert len(world.refreshes) == 2


def test_a_store_that_fails_is_tried_again() -> None:
    world = World(until=START + DAY + HOUR)
    world.failing = lambda _: StoreUnavailable("locked", "unlock") if world.now < START + DAY + 10 else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 5, 15]


def test_after_a_suspend_the_look_comes_within_a_minute_and_once() -> None:
    world = World(until=START + 10 * DAY)

    def suspend(world: World) -> None:
        if START + 10 * HOUR < world.now < START + 10 * HOUR + 120:
            world.now += 3 * DAY

    world.on_nap = suspend
    world.watcher().watch()
    woken = START + 10 * HOUR + 60 + 3 * DAY
    first = world.refreshes[0][1]
    assert first - woken <= LONGEST_NAP
    assert [moment for _, moment in world.refreshes if moment < woken + 12 * HOUR] == [first]


def test_a_clock_set_back_delays_the_next_look_by_an_interval_at_most() -> None:
    world = World(until=START + DAY)
    stepped: list[float] = []

    def step(world: World) -> None:
        if not stepped and world.now > START + 10 * HOUR:
            world.now -= 5 * DAY
            stepped.append(world.now)

    world.on_nap = step
    world.watcher().watch()
    after = next(event.moment for event in world.events if event.moment < START)
    assert after - stepped[0] <= HOUR + LONGEST_NAP


def test_profiles_join_and_leave() -> None:
    world = World(until=START + 5 * HOUR)

    def change(world: World) -> None:
        if world.now == START + 90 * 60:
            world.records["late"] = RECORD
        if world.now == START + 210 * 60:
            world.records.pop("late", None)

    world.on_nap = change
    world.watcher().watch()
    assert [(e.moment - START) / HOUR for e in world.events if e.profile == "late"] == [2, 3]


def test_a_round_is_worth_its_worst_failure() -> None:
    def event(error: WebexTokenError | None) -> Event:
        return Event(START, "p", Kind.FRESH, None, error)

    fine, later, never = event(None), event(TemporaryFailure("", "")), event(GrantRefused("", ""))
    assert [exit_status(e) for e in ([fine], [never, fine], [never, later], [])] == [0, 3, 4, 0]


def test_webexs_own_wait_is_kept_beyond_the_interval_and_rounds_leave_the_profile_alone() -> None:
    world = World(until=START + DAY + 10 * HOUR)
    world.failing = lambda _: TemporaryFailure("busy", "wait", 5 * HOUR) if world.now < START + DAY + HOUR else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 5 * HOUR]
    assert [e.kind for e in world.events if START + DAY < e.moment < START + DAY + 5 * HOUR] == []


def test_names_that_cannot_be_read_leave_the_last_ones_watched() -> None:
    world = World(until=START + DAY + HOUR)
    watcher = world.watcher()
    listed = watcher.profiles

    def profiles() -> list[str]:
        if START + 2 * HOUR <= world.now < START + 30 * HOUR:
            raise ConfigurationError("Line 3 is none.", "Correct it.")
        return listed()

    watcher.profiles = profiles
    assert watcher.watch()
    assert world.hours() == [24]
    assert {(e.profile, e.kind) for e in world.events if e.error} == {("config.ini", Kind.FAILED)}


def test_one_profiles_surprise_leaves_the_others_watched() -> None:
    world = World(records={"odd": RECORD, "good": RECORD}, until=START + DAY + HOUR)

    def fail(name: str) -> WebexTokenError | None:
        if name == "odd":
            raise RuntimeError("the-secret-is-in-here")
        return None

    world.failing = fail
    assert world.watcher().watch()
    assert [moment for name, moment in world.refreshes if name == "good"] == [START + DAY]
    said = [e.error for e in world.events if e.error]
    assert {(type(error), error.message) for error in said} == {
        (WebexTokenError, "Something unexpected failed (RuntimeError).")
    }


def test_a_sign_in_during_the_refresh_that_failed_is_not_given_up_on() -> None:
    world = World(until=START + 2 * DAY + 2 * HOUR, records={"raced": RECORD, "other": RECORD})

    def fail(name: str) -> WebexTokenError | None:
        if name != "raced" or world.now > START + DAY:
            return None
        world.records["raced"] = replace(RECORD, access_token="new", refreshed_at=START + DAY)
        return GrantRefused("revoked", "sign in")

    world.failing = fail
    world.watcher().watch()
    assert [(moment - START) / HOUR for name, moment in world.refreshes if name == "raced"] == [24, 48]


def test_a_record_from_the_future_is_refreshed_once_to_set_it_right() -> None:
    world = World(until=START + 2 * HOUR)
    world.records["default"] = replace(
        RECORD, refreshed_at=START + 400 * DAY, changed_at=START + 400 * DAY, access_expires_at=START + 414 * DAY
    )
    world.watcher().watch()
    assert world.hours() == [0]


def test_a_look_that_is_asked_for_comes_at_once() -> None:
    world = World(until=START + HOUR / 2)
    asked = [START + 600]
    watcher = world.watcher()
    watcher.look_asked = lambda: bool(asked) and world.now >= asked[0] and bool(asked.pop())
    watcher.watch()
    assert [e.moment - START for e in world.events] == [0, 600]
