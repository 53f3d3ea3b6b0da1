"""The loop on a simulated clock: what is refreshed when, what is reported, and what is left alone."""

from collections.abc import Callable
from dataclasses import replace

from tests.support.world import DAY, HOUR, RECORD, START, Immediate, World
from webex_token_cli.errors import (
    ConfigurationError,
    GrantRefused,
    StoreUnavailable,
    TemporaryFailure,
    TooManyRequests,
    WebexTokenError,
)
from webex_token_cli.refresh.check import Hooks
from webex_token_cli.refresh.events import Event, Kind, exit_status
from webex_token_cli.refresh.refresher import NotSaved
from webex_token_cli.refresh.schedule import Attention
from webex_token_cli.refresh.watcher import LONGEST_WAIT, TaskResult


class Delayed(Immediate[TaskResult]):
    """An executor whose results are ``withheld`` for some time."""

    def __init__(self, withheld: Callable[[], bool]) -> None:
        super().__init__()
        self._withheld = withheld

    def finished(self) -> list[TaskResult]:
        return [] if self._withheld() else super().finished()


def stepping(moment: float, seconds: float) -> Callable[[World], None]:
    """Set the clock once, by ``seconds``, at ``moment``."""
    steps = [seconds]

    def step(world: World) -> None:
        if steps and world.now >= moment:
            world.now += steps.pop()

    return step


def test_a_day_old_token_is_renewed_each_day() -> None:
    world = World()
    assert world.watcher().watch()
    assert world.hours() == [24, 48]
    assert {event.kind for event in world.events} == {Kind.FRESH, Kind.RENEWED}
    assert max(world.waits) <= LONGEST_WAIT


def test_a_temporary_failure_is_retried_with_growing_waits_until_it_passes() -> None:
    world = World(until=START + DAY + 2 * HOUR)
    world.failing = lambda _: TemporaryFailure("down", "wait") if world.now < START + DAY + 60 else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 5, 15, 35, 75]
    # The third failure is not reported: a repeated one is, each time that their number has doubled.
    assert world.said()[1:] == [(DAY + t, "retrying") for t in (0, 5, 35)] + [(DAY + 75, "renewed")]
    assert world.events[-1].failing_since == START + DAY


def test_a_different_failure_is_reported_at_once() -> None:
    world = World(until=START + DAY + 10 * HOUR)

    def fail(_: str) -> WebexTokenError:
        error = TemporaryFailure(f"HTTP {502 if world.now < START + DAY + HOUR else 503}, id {world.now}", "wait")
        error.tracking_id = str(world.now)
        return error

    world.failing = fail
    world.watcher().watch()
    retries = len(world.refreshes)
    told = [event.error.message[:8] for event in world.events if event.is_news and event.error]
    assert told == ["HTTP 502"] * 4 + ["HTTP 503"]
    assert retries > 15


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


def test_a_renewal_by_another_process_counts_as_ours() -> None:
    world = World(until=START + DAY + 20 * HOUR)

    def elsewhere(world: World) -> None:
        if world.now == START + 12 * HOUR:
            world.records["default"] = world.renewed(world.records["default"])

    world.on_wait = elsewhere
    world.watcher().watch()
    assert world.hours() == [36]
    assert world.said() == [(0, "fresh"), (DAY, "renewed elsewhere"), (36 * HOUR, "renewed")]
    assert world.changes == [("default", f"a{START + hours * HOUR}") for hours in (12, 36)]


def test_a_rate_limit_holds_for_every_profile_of_the_same_api() -> None:
    names = ["a", "b", "c", "elsewhere"]
    world = World(records=dict.fromkeys(names, RECORD), api_urls={"elsewhere": "other"}, until=START + DAY + HOUR)
    world.failing = lambda name: (
        TooManyRequests("too many", "wait", 900) if name != "elsewhere" and world.now < START + DAY + 600 else None
    )
    world.watcher().watch()
    assert [(name, moment - START - DAY) for name, moment in world.refreshes] == [
        ("a", 0), ("elsewhere", 0), ("a", 900), ("b", 900), ("c", 900),
    ]  # fmt: skip
    assert world.said("a") == [(0, "fresh"), (DAY, "retrying"), (DAY + 900, "renewed")]
    assert world.said("b") == [(0, "fresh"), (DAY + 900, "renewed")]


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


def test_an_answer_that_could_not_be_saved_is_saved_later_without_asking_webex() -> None:
    world = World(until=START + DAY + HOUR)
    answer = replace(RECORD, access_token="new", refresh_token="new", refreshed_at=START + DAY)

    def fail(_: str) -> WebexTokenError | None:
        if world.now == START + DAY:
            return NotSaved("disk full", "make room", RECORD, answer)
        return StoreUnavailable("locked", "unlock") if world.now < START + DAY + 30 else None

    world.failing = fail
    world.watcher().watch()
    assert len(world.refreshes) == 1
    assert world.late == [("default", answer)]
    assert world.records["default"] == answer
    assert world.changes == [("default", "new")]


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
    assert [kind for _, kind in world.said()] == ["fresh", "renewed", "hook failed", "renewed", "hook failed"]
    assert not any("the-token" in event.error.message for event in world.events if event.error)


def test_a_clock_set_back_before_a_failure_does_not_delay_the_retry() -> None:
    world = World(until=START + DAY + HOUR)
    world.failing = lambda _: TemporaryFailure("down", "wait", 3000) if len(world.refreshes) == 1 else None

    world.on_wait = stepping(START + DAY + 600, -5 * DAY)
    world.ended = lambda world: world.now < START and world.now > START - 4 * DAY + HOUR
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 600 - 5 * DAY]


def test_a_retry_after_is_obeyed() -> None:
    world = World(until=START + DAY + HOUR)
    world.failing = lambda _: TemporaryFailure("busy", "wait", 600) if world.now < START + DAY + 600 else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 600]


def test_a_permanent_failure_is_reported_once_and_the_others_go_on() -> None:
    world = World(records={"bad": RECORD, "good": RECORD})
    world.failing = lambda name: GrantRefused("revoked", "sign in") if name == "bad" else None
    assert world.watcher().watch()
    assert [name for name, _ in world.refreshes] == ["bad", "good", "good"]
    said = [event for event in world.events if event.profile == "bad" and event.error]
    assert [event.kind for event in said] == [Kind.NEEDS_SIGN_IN]
    assert world.records["bad"] == RECORD


def test_a_new_sign_in_ends_a_permanent_failure() -> None:
    world = World(records={"bad": RECORD, "good": RECORD}, until=START + 4 * DAY)
    world.failing = lambda name: (
        GrantRefused("revoked", "sign in") if name == "bad" and world.now < START + 2 * DAY else None
    )

    def sign_in(world: World) -> None:
        if world.now == START + 2 * DAY + HOUR / 2:
            world.records["bad"] = replace(RECORD, access_token="new", refreshed_at=int(world.now))

    world.on_wait = sign_in
    world.watcher().watch()
    assert [(moment - START) / HOUR for name, moment in world.refreshes if name == "bad"] == [24, 73]


def test_it_ends_if_no_profile_can_be_kept_fresh() -> None:
    world = World(records={"a": RECORD, "b": RECORD}, failing=lambda _: GrantRefused("revoked", "sign in"))
    assert not world.watcher().watch()
    assert len(world.refreshes) == 2


def test_a_store_that_fails_is_tried_again() -> None:
    world = World(until=START + DAY + HOUR)
    world.failing = lambda _: StoreUnavailable("locked", "unlock") if world.now < START + DAY + 10 else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 5, 15]


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


def test_profiles_join_and_leave() -> None:
    world = World(until=START + 5 * HOUR)

    def change(world: World) -> None:
        if world.now == START + 90 * 60:
            world.records["late"] = RECORD
        if world.now == START + 210 * 60:
            world.records.pop("late", None)

    world.on_wait = change
    world.watcher().watch()
    assert world.said("late") == [(2 * HOUR, "fresh")]
    assert {moment - START for name, moment in world.reads if name == "late"} == {2 * HOUR}


def test_the_exit_status_of_a_round_is_that_of_its_worst_failure() -> None:
    def event(error: WebexTokenError | None) -> Event:
        return Event(START, "p", Kind.FRESH, None, error)

    fine, later, never = event(None), event(TemporaryFailure("", "")), event(GrantRefused("", ""))
    assert [exit_status(e) for e in ([fine], [never, fine], [never, later], [])] == [0, 3, 4, 0]


def test_a_retry_after_longer_than_the_interval_is_obeyed_by_rounds_too() -> None:
    world = World(until=START + DAY + 10 * HOUR)
    world.failing = lambda _: TemporaryFailure("busy", "wait", 5 * HOUR) if world.now < START + DAY + HOUR else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 5 * HOUR]
    assert [e.kind for e in world.events if START + DAY < e.moment < START + DAY + 5 * HOUR] == []


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
    assert world.said(None) == [
        *[(hours * HOUR, "failed") for hours in (2, 3, 5, 9, 17)],
    ]


def test_an_unexpected_error_in_one_profile_leaves_the_others_watched() -> None:
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


def test_a_requested_check_comes_at_once() -> None:
    world = World(until=START + HOUR / 2)
    asked = [START + 600]
    world.check_requested = lambda: bool(asked) and world.now >= asked[0] and bool(asked.pop())
    world.watcher().watch()
    assert [e.moment - START for e in world.events] == [0, 600]


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


def test_an_answer_that_is_unsaved_at_the_end_is_saved_then() -> None:
    world = World(until=START + DAY + 60)
    answer = replace(RECORD, access_token="new", refresh_token="new", refreshed_at=START + DAY)
    world.failing = lambda _: NotSaved("disk full", "make room", RECORD, answer) if world.now < world.until else None
    world.watcher().watch()
    assert world.late == [("default", answer)]
    assert world.records["default"] == answer


def test_a_clock_set_back_within_the_interval_delays_no_round() -> None:
    world = World(records={"default": replace(RECORD, refreshed_at=START - DAY + 600)}, until=START + 2 * HOUR)
    world.on_wait = stepping(START + 3300, -2400)
    world.watcher().watch()
    assert [moment - START for _, moment in world.refreshes] == [900]
