"""When a claim is over, and until when a process may rely on its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.store.vault.claims import (
    Instant,
    Watched,
    is_over_by_server,
    is_over_by_watching,
    may_redeem,
    pause,
    watching,
)
from webex_token_cli.store.vault.entry import Claim

CLAIM = Claim("nonce", "host", 1, 120)


@pytest.mark.parametrize(
    ("wall", "monotonic", "expected"),
    [
        (0, 0, True),
        (39.9, 39.9, True),
        (40, 40, False),
        (3600, 1, False),  # the machine was suspended, so the monotonic clock stood still
        (1, 3600, False),  # the wall clock was set back
        (-3600, 1, True),  # the wall clock was set back, and a second has passed
    ],
)
def test_a_process_may_begin_to_redeem_in_the_first_third(wall: float, monotonic: float, expected: bool) -> None:
    assert may_redeem(CLAIM, Instant(1e9, 50), Instant(1e9 + wall, 50 + monotonic)) is expected


@pytest.mark.parametrize(("age", "expected"), [(0, False), (121, False), (121.1, True), (-500, False)])
def test_the_server_s_own_clock_ends_a_claim(age: float, expected: bool) -> None:
    assert is_over_by_server(CLAIM, created_at=1e9, read_at=1e9 + age) is expected


def test_a_claim_ends_when_its_version_has_not_changed_for_a_whole_ttl() -> None:
    watched = watching(None, 7, monotonic=10)
    watched = watching(watched, 7, monotonic=100)
    assert watched == Watched(7, 10)
    assert not is_over_by_watching(CLAIM, watched, monotonic=130)
    assert is_over_by_watching(CLAIM, watched, monotonic=130.1)


def test_another_version_is_watched_from_the_start() -> None:
    assert watching(Watched(7, 10), 8, monotonic=100) == Watched(8, 100)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_pause_is_short_at_first_and_never_over_two_seconds(attempt: int, chance: float) -> None:
    assert 0.05 <= pause(attempt, chance) <= 2
    assert pause(0, chance) <= 0.1
