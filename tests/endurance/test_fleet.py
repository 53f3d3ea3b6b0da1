"""What many profiles and many rounds of a watch cost in time, memory, files and requests.

``pytest --full`` has a thousand profiles and ten thousand rounds, and every other run fewer. The figures are printed.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.support.measures import measured
from webex_token_cli.commands.watch import AT_ONCE

pytestmark = pytest.mark.long


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Any:
    def say(words: str) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name}: {words}", flush=True)

    return say


@pytest.mark.parametrize("store", ["file", "keyring"])
def test_profiles_are_renewed_side_by_side_in_a_quarter_of_the_time(
    tmp_path: Path, store: str, request: pytest.FixtureRequest, say: Any
) -> None:
    variables = request.getfixturevalue("keyring_session") if store == "keyring" else {}
    full, few = (1000, 24) if store == "file" else (100, 16)
    is_full = request.config.getoption("--full")
    number = full if is_full else few
    # A slow answer outlasts the time that a busy machine needs to begin the next requests.
    took = measured(tmp_path, ["race"], 2 * number + 1, 0.1 if is_full else 0.3, WEBEX_TOKEN_STORE=store, **variables)
    say(f"{number} profiles: {took['one']:.1f} s one after the other, {took['many']:.1f} s side by side")
    assert took["most at once, one after the other"] == 1
    assert took["most at once, side by side"] >= 4
    if is_full:  # other work on the machine makes side by side slower, so this needs an idle one
        assert took["many"] / took["one"] <= 1 / 4


def test_a_watch_does_not_grow_over_many_rounds(tmp_path: Path, request: pytest.FixtureRequest, say: Any) -> None:
    rounds, most_bytes = (10_000, 1024 * 1024) if request.config.getoption("--full") else (500, 512 * 1024)
    used = measured(tmp_path, ["leave-alone", str(rounds)], 2 * AT_ONCE)
    say(f"after 100 rounds and after {rounds}: {used}")
    assert used["bytes"][1] - used["bytes"][0] <= most_bytes
    assert used["descriptors"][0] == used["descriptors"][1]
    assert used["threads"][0] == used["threads"][1]


@pytest.mark.parametrize("number", [5, 1000])
def test_a_round_without_due_profiles_opens_no_file_and_no_connection(tmp_path: Path, number: int, say: Any) -> None:
    cost = measured(tmp_path, ["do-nothing", "500"], number)
    say(f"{cost.pop('milliseconds'):.3f} ms of processor time for each of 500 rounds")
    assert cost == {"open": 0, "socket.connect": 0}
