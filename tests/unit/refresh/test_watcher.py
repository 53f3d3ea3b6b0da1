"""The loop on a simulated clock: what each round reads and refreshes, and when a hook runs."""

from dataclasses import replace

import pytest

from tests.support.world import DAY, HOUR, RECORD, START, World
from webex_token_cli.errors import (
    ConfigurationError,
    GrantRefused,
    StoreUnavailable,
    TemporaryFailure,
)
from webex_token_cli.refresh.check import Hooks
from webex_token_cli.refresh.events import Kind, Outlook
from webex_token_cli.refresh.schedule import Attention
from webex_token_cli.refresh.watcher import LONGEST_WAIT


def test_a_day_old_token_is_renewed_each_day() -> None:
    world = World()
    assert world.watcher().watch()
    assert world.hours() == [24, 48]
    assert {event.kind for event in world.events} == {Kind.FRESH, Kind.RENEWED}
    assert max(world.waits) <= LONGEST_WAIT


def test_a_round_in_which_nothing_is_due_reads_nothing() -> None:
    world = World(records={str(n): RECORD for n in range(50)}, until=START + DAY)
    world.watcher().watch()
    assert [moment for _, moment in world.reads] == [START] * 50
    assert len(world.waits) > 1000


def test_a_profile_that_waits_for_a_sign_in_is_read_only_once_a_round() -> None:
    world = World(records={"bad": RECORD, "good": RECORD}, until=START + DAY + 5 * HOUR)
    world.failing = lambda name: GrantRefused("revoked", "sign in") if name == "bad" else None
    world.watcher().watch()
    after = [(moment - START - DAY) / HOUR for name, moment in world.reads if name == "bad" and moment > START + DAY]
    assert after == [1, 2, 3, 4]


def test_a_renewal_by_another_process_counts_as_one() -> None:
    world = World(until=START + DAY + 20 * HOUR)

    def elsewhere(world: World) -> None:
        if world.now == START + 12 * HOUR:
            world.records["default"] = world.renewed(world.records["default"])

    world.on_wait = elsewhere
    world.watcher().watch()
    assert world.hours() == [36]
    assert world.reported() == [(0, "fresh"), (DAY, "renewed elsewhere"), (36 * HOUR, "renewed")]
    assert world.changes == [("default", f"a{START + hours * HOUR}") for hours in (12, 36)]


def test_a_requested_check_comes_at_once() -> None:
    world = World(until=START + HOUR / 2)
    asked = [START + 600]
    world.check_requested = lambda: bool(asked) and world.now >= asked[0] and bool(asked.pop())
    world.watcher().watch()
    assert [e.moment - START for e in world.events] == [0, 600]


def test_profiles_join_and_leave() -> None:
    world = World(until=START + 5 * HOUR)

    def change(world: World) -> None:
        if world.now == START + 90 * 60:
            world.records["late"] = RECORD
        if world.now == START + 210 * 60:
            world.records.pop("late", None)

    world.on_wait = change
    world.watcher().watch()
    assert world.reported("late") == [(2 * HOUR, "fresh")]
    assert {moment - START for name, moment in world.reads if name == "late"} == {2 * HOUR}


def test_if_the_list_of_profiles_cannot_be_read_the_last_one_is_used() -> None:
    world = World(until=START + DAY + HOUR)
    watcher = world.watcher()
    listed = watcher.profiles

    def profiles() -> list[str]:
        if START + 2 * HOUR <= world.now < START + 30 * HOUR:
            raise ConfigurationError("Line 3 is not valid.", "Correct it.")
        return listed()

    watcher.profiles = profiles
    assert watcher.watch()
    assert world.hours() == [24]
    assert world.reported(None) == [
        *[(hours * HOUR, "failed") for hours in (2, 3, 5, 9, 17)],
    ]
    failed = [event for event in world.events if event.kind is Kind.FAILED]
    assert {(event.next_at or 0) - event.moment for event in failed} == {HOUR}


def test_a_list_that_cannot_be_read_at_the_start_does_not_end_the_watch() -> None:
    world = World(until=START + 3 * HOUR)

    def profiles() -> list[str]:
        if world.now < START + 2 * HOUR:
            raise ConfigurationError("Line 3 is not valid.", "Correct it.")
        return list(world.records)

    watcher = world.watcher()
    watcher.profiles = profiles
    assert watcher.watch()
    assert world.reported() == [(2 * HOUR, "fresh")]


@pytest.mark.parametrize("moment", [START, START + HOUR], ids=["at the start", "later"])
def test_a_stop_that_ends_the_reading_of_the_list_is_no_failure(moment: float) -> None:
    world = World(ended=lambda world: world.now > moment)
    watcher = world.watcher()

    def profiles() -> list[str]:
        if world.now == moment:
            world.now += 1
            raise StoreUnavailable("The list was interrupted.", "Try again.")
        return list(world.records)

    watcher.profiles = profiles
    assert watcher.watch()
    assert world.reported(None) == []


def test_what_is_shared_by_the_checks_is_let_go_when_the_last_one_has_ended() -> None:
    world = World(records=dict.fromkeys("ab", RECORD), until=START + HOUR / 2)
    watcher = world.watcher()
    idle: list[int] = []
    watcher.listener = replace(watcher.listener, when_idle=lambda: idle.append(len(world.events)))
    watcher.watch()
    assert idle == [2, 2]  # after the first round, and at the end


def test_nothing_waits_once_it_is_time_for_the_next_round() -> None:
    world = World(until=START + 6 * HOUR)
    late = iter([HOUR, 2 * HOUR + 1])

    def before_wait(outlook: Outlook) -> None:
        world.now += next(late, 0)

    watcher = world.watcher()
    watcher.listener = replace(watcher.listener, before_wait=before_wait)
    watcher.watch()
    assert min(world.waits) > 0


def test_a_watch_that_is_stopped_before_a_wait_does_not_wait() -> None:
    world = World()
    watcher = world.watcher()
    stopped: list[bool] = []
    world.ended = lambda _: bool(stopped)
    watcher.listener = replace(watcher.listener, before_wait=lambda _: stopped.append(True))
    assert watcher.watch()
    assert world.waits == []


def test_the_hook_for_attention_runs_once_for_a_needed_sign_in() -> None:
    world = World(records={"bad": RECORD, "good": RECORD}, until=START + 3 * DAY)
    world.failing = lambda name: GrantRefused("Revoked.", "Sign in.") if name == "bad" else None
    world.watcher().watch()
    assert world.calls == [("bad", "Revoked. Sign in.")]


def test_a_refresh_token_that_webex_does_not_extend_is_warned_about_several_times() -> None:
    world = World(until=START + 90 * DAY - HOUR, refresh_expires_at=START + 90 * DAY)
    world.watcher().watch()
    warned = [e for e in world.events if e.attention]
    # With under 14, 7 and 3 days left, and not on each day between.
    assert [(e.moment - START) / DAY for e in warned] == [77, 84, 88]
    assert {e.attention and e.attention[0] for e in warned} == {Attention.RUNNING_OUT}
    assert len(world.calls) == 3
    assert world.calls[0][1].endswith("(in 13 days), and Webex does not extend it. Sign in with `webex-token login`.")


def test_an_access_token_that_expires_during_an_outage_is_reported_once() -> None:
    world = World(until=START + 16 * DAY)
    world.failing = lambda _: TemporaryFailure("Down.", "Wait.")
    world.watcher().watch()
    ((name, words),) = world.calls
    assert name == "default"
    assert words.startswith("The access token expired ")
    assert words.endswith("and cannot be renewed yet. Down. Wait.")


def test_a_hook_that_fails_is_reported_and_the_watch_goes_on() -> None:
    world = World(until=START + 3 * DAY)

    def fail(*_: object) -> None:
        raise RuntimeError("the-token-is-in-here")

    assert world.watcher(Hooks(on_change=fail, on_attention=fail)).watch()
    assert world.hours() == [24, 48]
    assert [kind for _, kind in world.reported()] == ["fresh", "renewed", "hook failed", "renewed", "hook failed"]
    assert not any("the-token" in event.error.message for event in world.events if event.error)
