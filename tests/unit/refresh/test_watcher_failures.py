"""The loop when checks fail: what is retried when, and what needs a sign-in."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.world import DAY, HOUR, RECORD, START, World, WorldRefresher
from webex_token_cli.errors import (
    GrantRefused,
    SignInNeeded,
    StoreUnavailable,
    TemporaryFailure,
    TooManyRequests,
    WebexTokenError,
)
from webex_token_cli.refresh.events import Event, Kind, exit_status
from webex_token_cli.refresh.refresher import NotSaved
from webex_token_cli.store.local.locks import locked


def test_a_temporary_failure_is_retried_with_growing_waits_until_it_passes() -> None:
    world = World(until=START + DAY + 2 * HOUR)
    world.failing = lambda _: TemporaryFailure("down", "wait") if world.now < START + DAY + 60 else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 5, 15, 35, 75]
    # The third failure is not reported: a repeated one is, each time that their number has doubled.
    assert world.reported()[1:] == [(DAY + t, "retrying") for t in (0, 5, 35)] + [(DAY + 75, "renewed")]
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


def test_a_failure_of_the_store_is_retried() -> None:
    world = World(until=START + DAY + HOUR)
    world.failing = lambda _: StoreUnavailable("locked", "unlock") if world.now < START + DAY + 10 else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 5, 15]


def test_a_retry_after_is_obeyed() -> None:
    world = World(until=START + DAY + HOUR)
    world.failing = lambda _: TemporaryFailure("busy", "wait", 600) if world.now < START + DAY + 600 else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 600]


def test_a_retry_after_longer_than_the_interval_is_obeyed_by_rounds_too() -> None:
    world = World(until=START + DAY + 10 * HOUR)
    world.failing = lambda _: TemporaryFailure("busy", "wait", 5 * HOUR) if world.now < START + DAY + HOUR else None
    world.watcher().watch()
    assert [moment - START - DAY for _, moment in world.refreshes] == [0, 5 * HOUR]
    assert [e.kind for e in world.events if START + DAY < e.moment < START + DAY + 5 * HOUR] == []


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
    assert world.reported("a") == [(0, "fresh"), (DAY, "retrying"), (DAY + 900, "renewed")]
    assert world.reported("b") == [(0, "fresh"), (DAY + 900, "renewed")]


def test_without_a_retry_after_a_rate_limit_holds_longer_after_each_failure() -> None:
    world = World(records=dict.fromkeys("ab", RECORD), until=START + DAY + HOUR)
    world.failing = lambda _: TooManyRequests("too many", "wait") if world.now < START + DAY + 60 else None
    world.watcher().watch()
    asked = [(name, moment - START - DAY) for name, moment in world.refreshes]
    assert asked == [("a", 0), ("a", 5), ("a", 15), ("a", 35), ("a", 75), ("b", 75)]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StoreUnavailable("locked", "unlock"), [(615, "renewed")]),
        (TemporaryFailure("down", "wait"), [(615, "renewed")]),
        (TemporaryFailure("busy", "wait", 900), [(600, "retrying"), (900, "renewed")]),
        (TooManyRequests("too many", "wait", 900), [(600, "retrying"), (900, "renewed")]),
    ],
)
def test_a_requested_check_waits_for_no_retry_but_for_one_that_webex_asked_for(
    error: WebexTokenError, told: list[tuple[int, str]]
) -> None:
    world = World(until=START + DAY + HOUR)
    world.failing = lambda _: error if world.now < START + DAY + 600 else None
    asked = [START + DAY + 600]
    world.check_requested = lambda: bool(asked) and world.now >= asked[0] and bool(asked.pop())
    world.watcher().watch()
    assert [(moment - DAY, kind) for moment, kind in world.reported() if moment >= DAY + 600] == told


def test_another_failure_delays_no_profile_but_its_own() -> None:
    world = World(records=dict.fromkeys(["busy", "down", "fine"], RECORD), until=START + DAY + HOUR)
    failures = {"busy": TemporaryFailure("busy", "wait", 600), "down": TemporaryFailure("down", "wait")}
    world.failing = lambda name: failures.pop(name, None)
    world.watcher().watch()
    asked = [(name, moment - START - DAY) for name, moment in world.refreshes]
    assert asked == [("busy", 0), ("down", 0), ("fine", 0), ("down", 5), ("busy", 600)]
    assert [moment - START for name, moment in world.reads if name == "fine"] == [0, DAY]


def test_a_retry_delays_no_round() -> None:
    world = World(until=START + DAY + HOUR)
    world.failing = lambda _: TemporaryFailure("down", "wait") if len(world.refreshes) == 1 else None

    def sign_in(world: World) -> None:
        if world.now > START + DAY + 60:
            world.records["late"] = RECORD

    world.on_wait = sign_in
    world.ended = lambda world: world.now > START + DAY + HOUR
    world.watcher().watch()
    assert [moment - START - DAY for name, moment in world.reads if name == "late"] == [HOUR]


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


def test_an_answer_that_is_unsaved_at_the_end_is_saved_then(tmp_path: Path) -> None:
    world = World(until=START + DAY + 60)
    world.lock = lambda name: locked(tmp_path / name, lambda _: None, cancelled=lambda: world.ended(world))
    answer = replace(RECORD, access_token="new", refresh_token="new", refreshed_at=START + DAY)
    world.failing = lambda _: NotSaved("disk full", "make room", RECORD, answer) if world.now < world.until else None
    world.watcher().watch()
    assert world.late == [("default", answer)]
    assert world.records["default"] == answer


def test_a_permanent_failure_is_reported_once_and_the_others_go_on() -> None:
    world = World(records={"bad": RECORD, "good": RECORD})
    world.failing = lambda name: GrantRefused("revoked", "sign in") if name == "bad" else None
    assert world.watcher().watch()
    assert [name for name, _ in world.refreshes] == ["bad", "good", "good"]
    said = [event for event in world.events if event.profile == "bad" and event.error]
    assert [event.kind for event in said] == [Kind.NEEDS_SIGN_IN]
    assert world.records["bad"] == RECORD


def test_a_profile_that_no_store_can_hold_is_reported_once_and_watched_after_a_sign_in() -> None:
    world = World(records={"good": RECORD}, until=START + 5 * HOUR)

    def refresher(name: str) -> WorldRefresher:
        if name not in world.records:
            raise SignInNeeded("Nobody is signed in with profile late.", "Sign in.")
        return world.refresher(name)

    def sign_in(world: World) -> None:
        if world.now > START + 3 * HOUR:
            world.records["late"] = RECORD

    world.on_wait = sign_in
    watcher = world.watcher()
    watcher.checker = replace(watcher.checker, refresher=refresher)
    watcher.profiles = lambda: ["good", "late"]
    watcher.watch()
    late = [(event.moment - START, event.kind) for event in world.events if event.profile == "late"]
    assert late == [(0, Kind.NEEDS_SIGN_IN), (4 * HOUR, Kind.SIGNED_IN)]


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


def test_a_sign_in_during_a_failing_refresh_is_watched() -> None:
    world = World(until=START + 2 * DAY + 2 * HOUR, records={"raced": RECORD, "other": RECORD})

    def fail(name: str) -> WebexTokenError | None:
        if name != "raced" or world.now > START + DAY:
            return None
        world.records["raced"] = replace(RECORD, access_token="new", refreshed_at=START + DAY)
        return GrantRefused("revoked", "sign in")

    world.failing = fail
    world.watcher().watch()
    assert [(moment - START) / HOUR for name, moment in world.refreshes if name == "raced"] == [24, 48]


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


def test_the_watch_ends_if_every_profile_needs_a_sign_in() -> None:
    world = World(records={"a": RECORD, "b": RECORD}, failing=lambda _: GrantRefused("revoked", "sign in"))
    assert not world.watcher().watch()
    assert len(world.refreshes) == 2


def test_the_exit_status_of_a_round_is_that_of_its_worst_failure() -> None:
    def event(error: WebexTokenError | None) -> Event:
        return Event(START, "p", Kind.FRESH, None, error)

    fine, later, never = event(None), event(TemporaryFailure("", "")), event(GrantRefused("", ""))
    assert [exit_status(e) for e in ([fine], [never, fine], [never, later], [])] == [0, 3, 4, 0]
