"""The numbers of a watch, learnt from what the real watcher reports in a simulated world."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.support.world import DAY, HOUR, RECORD, START, World
from webex_token_cli.errors import (
    ConfigurationError,
    DamagedEntry,
    GrantRefused,
    StoreUnavailable,
    TemporaryFailure,
    TooManyRequests,
    WebexTokenError,
)
from webex_token_cli.metrics.numbers import LIVE_BOUND, FailureKind, Snapshot, WatchNumbers
from webex_token_cli.refresh.check import Hooks
from webex_token_cli.refresh.events import Outlook
from webex_token_cli.refresh.schedule import Timing
from webex_token_cli.refresh.watcher import LONGEST_WAIT, Listener, Watcher

TIMING = Timing(HOUR, DAY)


@dataclass
class Observed:
    """A watch in ``world`` with its numbers, and how often they were news that could be written down."""

    world: World
    numbers: WatchNumbers
    watcher: Watcher
    news: int = 0

    def before_wait(self, outlook: Outlook) -> None:
        self.news += self.numbers.before_wait(outlook)

    def snapshot(self) -> Snapshot:
        return self.numbers.snapshot()


def observed(world: World, hooks: Hooks | None = None) -> Observed:
    numbers = WatchNumbers(TIMING, lambda: world.now, lambda: world.now)
    found = Observed(world, numbers, world.watcher(hooks))
    found.watcher.listener = Listener(numbers.event, found.before_wait)
    return found


def run(world: World, hooks: Hooks | None = None) -> Observed:
    found = observed(world, hooks)
    found.watcher.watch()
    return found


def failures(found: Observed, profile: str = "default") -> dict[str, int]:
    return {kind.value: number for kind, number in found.snapshot().profiles[profile].failures.items() if number}


def test_the_times_are_those_of_the_stored_record_and_of_the_last_success() -> None:
    found = run(World(until=START + 1.5 * DAY))
    profile = found.snapshot().profiles["default"]
    assert (profile.access_expires_at, profile.refresh_expires_at, profile.refreshed_at, profile.succeeded_at) == (
        START + 15 * DAY, START + 91 * DAY, START + DAY, START + DAY,
    )  # fmt: skip
    assert (profile.sign_in_needed, failures(found)) == (False, {})


def test_rounds_are_counted_with_when_the_last_one_ended() -> None:
    found = run(World(until=START + 2 * HOUR + 1))
    now = found.snapshot()
    assert (now.rounds, now.round_ended_at, now.round_seconds, now.timing) == (3, START + 2 * HOUR, 0, TIMING)
    assert found.news == 3


def test_a_round_lasts_until_its_last_check_has_ended() -> None:
    clock = [100.0]
    numbers = WatchNumbers(TIMING, lambda: START + clock[0], lambda: clock[0])
    told: list[object] = []
    for moment, next_round, in_flight in [
        *[(103, HOUR, 2), (104, HOUR, 1), (107, HOUR, 0), (110, HOUR, 0), (150, HOUR, 1), (152, HOUR, 0)],
        *[(4000, 2 * HOUR, 1), (9000, 3 * HOUR, 1), (9001, 3 * HOUR, 0)],
    ]:
        clock[0] = moment
        told.append(numbers.before_wait(Outlook(next_round, in_flight, {})))
        told.append(numbers.snapshot().round_seconds)
    assert told == [
        *[False, None, False, None, True, 7, False, 7, False, 7, False, 7],
        *[False, 7, False, 7, True, 5001],
    ]
    assert numbers.snapshot().rounds == 2


def test_one_round_ends_when_it_is_said_to() -> None:
    found = observed(World())
    found.watcher.once()
    assert found.snapshot().rounds == 0
    found.numbers.round_ended()
    found.numbers.round_ended()
    assert (found.snapshot().rounds, found.snapshot().round_ended_at) == (1, START)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (GrantRefused("", ""), "sign_in"),
        (TemporaryFailure("", ""), "temporary"),
        (TooManyRequests("", "", 60), "rate_limit"),
        (StoreUnavailable("", ""), "store"),
        (DamagedEntry("", ""), "store"),
        (ConfigurationError("", ""), "configuration"),
        (WebexTokenError("", ""), "other"),
    ],
)
def test_a_failure_is_counted_by_its_kind(error: WebexTokenError, kind: str) -> None:
    due = replace(RECORD, refreshed_at=START - 2 * DAY)
    found = observed(World(records={"default": due}, failing=lambda _: error))
    found.watcher.once()
    assert failures(found) == {kind: 1}
    assert found.snapshot().profiles["default"].sign_in_needed is (kind == "sign_in")
    assert found.snapshot().profiles["default"].succeeded_at is None


def test_a_failed_hook_is_counted_and_does_not_hide_the_success() -> None:
    def fail(*_: object) -> None:
        raise WebexTokenError("", "")

    due = replace(RECORD, refreshed_at=START - 2 * DAY)
    found = observed(World(records={"default": due}), Hooks(on_change=fail))
    found.watcher.once()
    assert failures(found) == {"hook": 1}
    assert found.snapshot().profiles["default"].succeeded_at == START


def test_a_failed_call_for_attention_does_not_hide_that_a_sign_in_is_needed() -> None:
    def fail(*_: object) -> None:
        raise WebexTokenError("", "")

    due = replace(RECORD, refreshed_at=START - 2 * DAY)
    records = {"default": due, "other": RECORD}
    world = World(records=records, failing=lambda _: GrantRefused("", ""), until=START + 60)
    found = run(world, Hooks(on_attention=fail))
    assert failures(found) == {"sign_in": 1, "hook": 1}
    assert found.snapshot().profiles["default"].sign_in_needed is True


def test_a_profile_that_only_waits_for_the_end_of_a_rate_limit_has_not_failed() -> None:
    due = replace(RECORD, refreshed_at=START - 2 * DAY)
    found = observed(
        World(records={"one": due, "two": due}, failing=lambda _: TooManyRequests("", "", 600), until=START + 300)
    )
    found.watcher.watch()
    assert (failures(found, "one"), failures(found, "two")) == ({"rate_limit": 1}, {})


def test_a_sign_in_clears_that_one_is_needed() -> None:
    seen: list[bool] = []

    def on_wait(world: World) -> None:
        seen.append(found.snapshot().profiles["default"].sign_in_needed)
        if len(seen) == 3:
            world.failing = lambda _: None
            world.records["default"] = replace(RECORD, access_token="another", refreshed_at=int(world.now))

    due = replace(RECORD, refreshed_at=START - 2 * DAY)
    records = {"default": due, "other": RECORD}
    found = observed(World(records=records, until=START + 2 * HOUR, on_wait=on_wait))
    found.world.failing = lambda name: GrantRefused("", "") if name == "default" else None
    found.watcher.watch()
    assert seen[0] is True
    assert seen[-1] is False


def test_a_removed_profile_leaves_the_numbers() -> None:
    def on_wait(world: World) -> None:
        world.records.pop("gone", None)

    found = run(World(records={"default": RECORD, "gone": RECORD}, on_wait=on_wait, until=START + 2 * HOUR))
    assert set(found.snapshot().profiles) == {"default"}


# Health.


def test_it_is_ready_when_each_profile_was_checked_once_and_a_new_profile_changes_nothing() -> None:
    answers = []

    def on_wait(world: World) -> None:
        answers.append(found.numbers.why_not_ready())
        world.records["later"] = RECORD

    found = observed(World(on_wait=on_wait, until=START + 2 * HOUR))
    assert found.numbers.why_not_ready() == "Not every profile has been checked yet."
    found.watcher.watch()
    assert set(answers) == {None}


def test_it_is_not_ready_while_a_profile_is_still_being_checked() -> None:
    numbers = WatchNumbers(TIMING, lambda: START, lambda: 0.0)
    world = World(records={"one": RECORD, "two": RECORD})
    watcher = world.watcher()
    watcher.listener = Listener(numbers.event)
    watcher.once()
    states = dict.fromkeys(["one", "two", "slow"], watcher._known.profiles["one"])
    numbers.before_wait(Outlook(START + HOUR, 1, states))
    assert numbers.why_not_ready() == "Not every profile has been checked yet."
    numbers.before_wait(Outlook(START + HOUR, 0, dict.fromkeys(["one", "two"], states["one"])))
    assert numbers.why_not_ready() is None


def test_it_is_not_ready_before_the_list_of_profiles_was_read() -> None:
    def profiles() -> list[str]:
        raise ConfigurationError("", "")

    found = observed(World(until=START + HOUR))
    found.watcher.profiles = profiles
    found.watcher.watch()
    assert found.numbers.why_not_ready() == "Not every profile has been checked yet."


@pytest.mark.parametrize(
    ("error", "available"), [(StoreUnavailable("", ""), False), (DamagedEntry("", ""), True), (None, True)]
)
def test_it_is_not_ready_while_the_store_cannot_be_used(error: WebexTokenError | None, available: bool) -> None:
    due = replace(RECORD, refreshed_at=START - 2 * DAY)
    found = run(World(records={"default": due}, failing=lambda _: error, until=START + HOUR))
    assert found.snapshot().store_available is available
    assert found.numbers.why_not_ready() == (None if available else "The credential store cannot be used.")


def test_a_store_that_works_again_makes_it_ready_again() -> None:
    due = replace(RECORD, refreshed_at=START - 2 * DAY)

    def failing(_: str) -> WebexTokenError | None:
        return StoreUnavailable("", "") if world.now < START + 600 else None

    world = World(records={"default": due}, failing=failing, until=START + HOUR)
    found = run(world)
    assert failures(found)["store"] > 1
    assert found.numbers.why_not_ready() is None


@pytest.mark.parametrize(
    ("error", "available"), [(StoreUnavailable("", ""), False), (ConfigurationError("", ""), True)]
)
def test_a_list_of_profiles_that_cannot_be_read_is_counted(error: WebexTokenError, available: bool) -> None:
    found = observed(World(until=START + HOUR + 1))

    def profiles() -> list[str]:
        if found.world.now >= START + HOUR:
            raise error
        return ["default"]

    found.watcher.profiles = profiles
    found.watcher.watch()
    now = found.snapshot()
    assert (now.list_failures, now.store_available, set(now.profiles)) == (1, available, {"default"})


def test_it_is_alive_while_it_waits_and_not_when_it_has_done_nothing_for_long() -> None:
    now = [0.0]
    numbers = WatchNumbers(TIMING, lambda: START, lambda: now[0])
    beats: list[Callable[[], object]] = [
        lambda: None,
        lambda: numbers.before_wait(Outlook(START, 1, {})),
        lambda: numbers.before_wait(Outlook(START, 0, {})),
    ]
    for beat in beats:
        beat()
        now[0] += LIVE_BOUND
        assert numbers.why_not_alive() is None
        now[0] += 1
        assert numbers.why_not_alive() == f"The main loop of the watch has not moved for {LIVE_BOUND + 1:.0f} seconds."


def test_a_watch_that_waits_for_hours_is_alive_all_the_time() -> None:
    alive = []
    found = observed(World(until=START + 3 * HOUR))
    found.world.on_wait = lambda _: alive.append(found.numbers.why_not_alive())
    found.watcher.watch()
    assert set(alive) == {None}
    assert max(found.world.waits) == LONGEST_WAIT


def test_requests_are_counted_by_status() -> None:
    numbers = WatchNumbers(TIMING, lambda: START, lambda: 0.0)
    for status in (200, 429, 200, None):
        numbers.answered(status)
    assert numbers.snapshot().requests == {200: 2, 429: 1, None: 1}


def test_a_snapshot_does_not_change_afterwards() -> None:
    found = observed(World())
    before = found.snapshot()
    found.watcher.once()
    between = found.snapshot()
    between.profiles["default"].failures[FailureKind.HOOK] += 1
    assert (before.profiles, failures(found)) == ({}, {})
