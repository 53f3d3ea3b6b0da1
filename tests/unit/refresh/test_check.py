"""The check of one profile: what it returns for each step that ends it."""

from dataclasses import replace

import pytest

from tests.support.world import DAY, HOUR, RECORD, START, World
from webex_token_cli.errors import GrantRefused, TooManyRequests
from webex_token_cli.refresh.check import CheckResult, HookResult, Hooks, ProfileChecker
from webex_token_cli.refresh.refresher import Outcome, Result
from webex_token_cli.refresh.schedule import ProfileState, Timing

URL = "https://webex.example/v1"
UNKNOWN = ProfileState()
DUE = replace(RECORD, refreshed_at=START - DAY)


@pytest.fixture
def world() -> World:
    return World(records={"a": DUE, "b": DUE})


def checker(world: World, hooks: Hooks | None = None) -> ProfileChecker:
    return ProfileChecker(
        world.refresher, Timing(HOUR, DAY), lambda: world.now, lambda: world.ended(world), hooks or Hooks()
    )


def test_a_record_that_is_not_due_is_only_read(world: World) -> None:
    world.records["a"] = RECORD
    result = checker(world).check("a", UNKNOWN, None)
    assert result == CheckResult("a", URL, RECORD, Outcome(Result.NOT_DUE, RECORD))
    assert world.refreshes == []


def test_a_record_that_is_due_is_refreshed(world: World) -> None:
    result = checker(world).check("a", UNKNOWN, None)
    assert result == CheckResult("a", URL, DUE, Outcome(Result.RENEWED, world.records["a"]))
    assert world.records["a"].refreshed_at == START


def test_a_rate_limit_postpones_the_check_of_another_profile(world: World) -> None:
    limit = TooManyRequests("too many", "wait", 900)
    world.failing = lambda _: limit
    both = checker(world)
    assert both.check("a", UNKNOWN, None) == CheckResult("a", URL, DUE, error=limit)
    assert both.check("b", UNKNOWN, None) == CheckResult("b", URL, DUE, error=limit, postponed_until=START + 900)
    assert world.refreshes == [("a", START)]


def test_a_profile_that_still_waits_for_a_sign_in_is_skipped(world: World) -> None:
    waiting = ProfileState(DUE, error=GrantRefused("", ""), given_up=True)
    assert checker(world).check("a", waiting, None) == CheckResult("a")
    del world.records["a"]
    assert checker(world).check("a", replace(waiting, record=None), None) == CheckResult("a")
    assert world.refreshes == []


def test_a_new_sign_in_that_is_refused_as_well_is_reported(world: World) -> None:
    refused = GrantRefused("revoked", "sign in")
    world.failing = lambda _: refused
    waiting = ProfileState(RECORD, error=refused, given_up=True)
    assert checker(world).check("a", waiting, None) == CheckResult("a", URL, DUE, error=refused)


def test_a_profile_without_a_record_needs_a_sign_in(world: World) -> None:
    del world.records["a"]
    result = checker(world).check("a", UNKNOWN, None)
    assert result.error is not None
    assert (result.error.exit_status, result.error.message) == (3, "Nobody is signed in as profile a.")


def test_no_check_begins_when_the_watch_is_ending(world: World) -> None:
    world.now = world.until
    assert checker(world).check("a", UNKNOWN, None) == CheckResult("a")
    assert world.reads == []


def test_the_failure_of_a_hook_is_part_of_the_result(world: World) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the-token-is-in-here")

    failing = checker(world, Hooks(on_change=fail, on_attention=fail))
    result = failing.check("a", UNKNOWN, None)
    assert (result.error, result.outcome and result.outcome.result) == (None, Result.RENEWED)
    assert str(result.hook_error) == "Something unexpected failed (RuntimeError)."
    attention = failing.call_for_attention("a", "Sign in.")
    assert str(attention.error) == "Something unexpected failed (RuntimeError)."
    assert checker(world).call_for_attention("a", "Sign in.") == HookResult("a", None)
