"""The loop on a machine that is suspended, or whose clock is set."""

from collections.abc import Callable
from dataclasses import replace

from tests.support.world import DAY, HOUR, RECORD, START, Delayed, World
from webex_token_cli.errors import (
    GrantRefused,
    TemporaryFailure,
    TooManyRequests,
)
from webex_token_cli.refresh.events import Outlook
from webex_token_cli.refresh.watcher import LONGEST_WAIT


def stepping(moment: float, seconds: float) -> Callable[[World], None]:
    """Set the clock once, by ``seconds``, at ``moment``."""
    steps = [seconds]

    def step(world: World) -> None:
        if steps and world.now >= moment:
            world.now += steps.pop()

    return step


def test_after_a_suspend_the_check_comes_within_a_minute_and_once() -> None:
    world = World(until=START + 10 * DAY)

    def suspend(world: World) -> None:
        if START + 10 * HOUR < world.now < START + 10 * HOUR + 120:
            world.now += 3 * DAY

    world.on_wait = suspend
    world.watcher().watch()
    woken = START + 10 * HOUR + 60 + 3 * DAY
    first = world.refreshes[0][1]
    assert first - woken <= LONGEST_WAIT
    assert [moment for _, moment in world.refreshes if moment < woken + 12 * HOUR] == [first]


def test_a_check_that_was_interrupted_by_a_suspend_is_repeated_at_once() -> None:
    world = World(until=START + 5 * DAY)
    waits: list[float] = []
    watcher = world.watcher()
    # The answer to the first refresh is on its way when the machine is suspended, and comes after it woke.
    watcher.executor = Delayed(lambda: bool(world.refreshes) and len(waits) < 2)

    def wait(world: World) -> None:
        if world.refreshes:
            waits.append(world.now)
            world.now += 3 * DAY if len(waits) == 1 else 0

    world.on_wait = wait
    watcher.watch()
    woken = waits[0] + 3 * DAY
    assert world.refreshes[0][1] == START + DAY
    assert 0 < world.refreshes[1][1] - woken <= 2 * LONGEST_WAIT


def test_a_watch_that_is_stopped_after_a_suspend_begins_no_other_check_and_no_hook() -> None:
    world = World(records=dict.fromkeys("ab", RECORD), until=START + DAY + 3 * DAY)
    watcher = world.watcher()
    # Both answers are on their way when the machine is suspended, and come after the watch was stopped.
    watcher.executor = Delayed(lambda: bool(world.refreshes) and not world.ended(world))
    world.failing = lambda name: GrantRefused("revoked", "sign in") if name == "b" else None
    world.on_wait = stepping(START + DAY + 60, 3 * DAY - 120)
    watcher.watch()
    assert [(name, moment - START) for name, moment in world.refreshes] == [("a", DAY), ("b", DAY)]
    assert world.reported("b")[-1] == (4 * DAY, "needs sign-in")
    assert world.calls == []


def test_a_clock_set_back_delays_the_next_round_by_an_interval_at_most() -> None:
    world = World(until=START + DAY)
    stepped: list[float] = []

    def step(world: World) -> None:
        if not stepped and world.now > START + 10 * HOUR:
            world.now -= 5 * DAY
            stepped.append(world.now)

    world.on_wait = step
    world.watcher().watch()
    after = next(event.moment for event in world.events if event.moment < START)
    assert after - stepped[0] <= HOUR + LONGEST_WAIT


def test_a_clock_set_back_just_before_a_wait_lengthens_it_to_an_interval_at_most() -> None:
    world = World(interval=1, until=START + 10)
    watcher = world.watcher()

    def step(_: Outlook) -> None:
        world.now -= 3 * DAY * (not world.waits)

    world.ended = lambda world: len(world.waits) > 2
    replace(watcher, listener=replace(watcher.listener, before_wait=step)).watch()
    assert max(world.waits) <= 1


def test_a_clock_set_back_within_the_interval_delays_no_round() -> None:
    world = World(records={"default": replace(RECORD, refreshed_at=START - DAY + 600)}, until=START + 2 * HOUR)
    world.on_wait = stepping(START + 3300, -2400)
    world.watcher().watch()
    assert [moment - START for _, moment in world.refreshes] == [900]


def test_a_clock_set_back_by_minutes_begins_a_round_at_once() -> None:
    world = World(until=START + 2 * HOUR)
    watcher = world.watcher()
    rounds: list[float] = []

    def profiles() -> list[str]:
        rounds.append(world.now - START)
        return list(world.records)

    watcher.profiles = profiles
    world.on_wait = stepping(START + 1200, -300)
    watcher.watch()
    assert rounds == [0, 900, 900 + HOUR]


def test_a_clock_set_back_before_a_failure_does_not_delay_the_retry() -> None:
    world = World(until=START + DAY + HOUR)
    world.failing = lambda _: TemporaryFailure("down", "wait", 3000) if len(world.refreshes) == 1 else None

    world.on_wait = stepping(START + DAY + 600, -5 * DAY)
    world.ended = lambda world: world.now < START and world.now > START - 4 * DAY + HOUR
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 600 - 5 * DAY]


def test_a_record_from_the_future_is_refreshed_once() -> None:
    world = World(until=START + 2 * HOUR)
    world.records["default"] = replace(
        RECORD, refreshed_at=START + 400 * DAY, changed_at=START + 400 * DAY, access_expires_at=START + 414 * DAY
    )
    world.watcher().watch()
    assert world.hours() == [0]


def test_a_rate_limit_ends_if_the_clock_is_set_back_before_it() -> None:
    old = replace(RECORD, refreshed_at=START - 2 * DAY)
    world = World(records={"a": old, "b": old}, until=START + HOUR)
    world.failing = lambda _: TooManyRequests("too many", "wait", 3000) if len(world.refreshes) == 1 else None

    world.on_wait = stepping(START + 60, -120)
    world.watcher().watch()
    assert [moment - START for _, moment in world.refreshes] == [0, -60, -60]


def test_a_rate_limit_that_has_ended_does_not_return_if_the_clock_is_set_back() -> None:
    world = World(records={"a": replace(RECORD, refreshed_at=START - 2 * DAY)})
    world.ended = lambda world: len(world.waits) == 10
    world.failing = lambda _: TooManyRequests("too many", "wait", 3000) if len(world.refreshes) == 1 else None
    there, back = stepping(START + 60, 2 * HOUR), stepping(START + 60 + 2 * HOUR + 60, -2 * HOUR)

    def step(world: World) -> None:
        there(world)
        back(world)

    world.on_wait = step
    world.watcher().watch()
    assert [moment - START for _, moment in world.refreshes] == [0, 60 + 2 * HOUR, 120]
