"""Many hosts refresh one record: in any order of their steps, and killed, stopped or cut off at any of them."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.shared_record import World
from webex_token_cli.refresh.refresher import Result
from webex_token_cli.store.vault.claims import TTL

# The steps of a refresh that nobody disturbs.
STEPS = (
    "read",
    "read answered",
    "read",
    "read answered",
    "claim",
    "claim answered",
    "redeem",
    "redeem answered",
    "write",
    "write answered",
)


def in_order(_: int) -> int:
    """The first process that can run makes the next step, so that the others come after it."""
    return 0


def drawn(data: st.DataObject) -> Callable[[int], int]:
    return lambda count: data.draw(st.integers(0, count - 1))


def test_a_refresh_takes_two_reads_and_two_writes() -> None:
    world = World(in_order)
    world.refresh_on("a")
    assert world.processes[0].steps == list(STEPS)
    assert world.stored is not None
    assert (world.stored.access_token, world.claimed, world.redeemed) == ("access-1", False, 1)


@given(st.data())
def test_of_many_hosts_one_refreshes_and_the_others_use_its_answer(data: st.DataObject) -> None:
    world = World(drawn(data))
    world.refresh_on("a", "b", "c")
    results = [process.outcome.result for process in world.processes if process.outcome]
    assert (len(results), results.count(Result.RENEWED)) == (3, 1)
    assert (world.redeemed, world.refused, world.claimed) == (1, 0, False)


@given(st.data(), st.sets(st.integers(1, 12), max_size=3))
def test_lost_answers_of_the_store_change_nothing(data: st.DataObject, lost: set[int]) -> None:
    world = World(drawn(data), lost_answers=frozenset(lost))
    world.refresh_on("a", "b")
    assert [process.error for process in world.processes] == [None, None]
    assert (world.redeemed, world.refused, world.claimed) == (1, 0, False)
    assert world.stored is not None
    assert world.stored.refresh_token == world.living


@pytest.mark.parametrize("step", range(1, len(STEPS) + 1))
def test_a_host_that_is_killed_costs_the_others_a_ttl(step: int) -> None:
    world = World(in_order, kill={"a": step})
    world.refresh_on("a", "b")
    _, other = world.processes
    answer_died = STEPS[step - 1] in {"redeem answered", "write"}
    assert (other.error is not None) is answer_died
    assert world.clock - world.version.created_at < 3 * TTL
    if not answer_died:
        assert world.stored is not None
        assert world.stored.refresh_token == world.living


@pytest.mark.parametrize("seconds", [1, TTL / 2, TTL + 5, 2 * TTL + 5])
@pytest.mark.parametrize("step", range(1, len(STEPS) + 1))
def test_a_host_that_is_stopped_heals_when_it_goes_on(step: int, seconds: float) -> None:
    world = World(in_order, stop={"a": (step, seconds)})
    world.refresh_on("a", "b")
    assert world.stored is not None
    assert world.stored.refresh_token == world.living
    assert not world.claimed


@settings(max_examples=300)
@given(st.data(), st.integers(1, 14), st.floats(0, 3 * TTL))
def test_no_order_of_steps_loses_the_living_refresh_token(data: st.DataObject, step: int, seconds: float) -> None:
    world = World(drawn(data), stop={"a": (step, seconds)})
    world.refresh_on("a", "b", "c")
    assert world.stored is not None
    assert world.stored.refresh_token == world.living
