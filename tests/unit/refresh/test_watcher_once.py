"""A single round, as `watch --once` runs it: every profile is checked, and the round ends when all checks have."""

from tests.support.world import DAY, RECORD, START, Delayed, World
from webex_token_cli.errors import GrantRefused
from webex_token_cli.refresh.events import Kind
from webex_token_cli.refresh.watcher import LONGEST_WAIT, TaskResult

NAMES = ["a", "b"]


def test_each_profile_is_checked_once() -> None:
    world = World(records=dict.fromkeys(NAMES, RECORD), now=START + DAY)
    events = world.watcher().once()
    assert [(event.profile, event.kind) for event in events] == [(name, Kind.RENEWED) for name in NAMES]
    assert world.waits == []


def test_a_round_waits_for_the_checks_that_have_begun() -> None:
    world = World(records=dict.fromkeys(NAMES, RECORD), now=START + DAY)
    watcher = world.watcher()
    watcher.executor = Delayed[TaskResult](lambda: len(world.waits) < 3)
    events = watcher.once()
    assert [event.profile for event in events] == NAMES
    assert len(world.waits) == 3


def test_a_round_sleeps_until_its_checks_end_whatever_is_due_or_asked_for_meanwhile() -> None:
    world = World(interval=1, now=START + DAY)
    requests = [True]
    world.check_requested = lambda: bool(requests) and requests.pop()
    withheld = iter([True, True, True])
    watcher = world.watcher()
    watcher.executor = Delayed[TaskResult](lambda: next(withheld, False))
    assert [event.kind for event in watcher.once()] == [Kind.RENEWED]
    assert (world.waits, requests) == ([LONGEST_WAIT] * 3, [])


def test_a_round_that_is_stopped_waits_no_longer() -> None:
    world = World(now=START + DAY)
    world.ended = lambda world: len(world.waits) == 2
    watcher = world.watcher()
    watcher.executor = Delayed[TaskResult](lambda: not world.ended(world))
    assert [event.kind for event in watcher.once()] == [Kind.RENEWED]
    assert len(world.waits) == 2


def test_a_round_waits_for_the_hook_that_calls_for_attention() -> None:
    world = World(now=START + DAY)
    world.failing = lambda _: GrantRefused("Revoked.", "Sign in.")
    assert [event.kind for event in world.watcher().once()] == [Kind.NEEDS_SIGN_IN]
    assert world.calls == [("default", "Revoked. Sign in.")]
