"""A year of suspends, outages, 429s, clocks that are set, full disks and revocations, in a second or two.

``support/watch_rules.py`` has the rules that the watch must obey: no grant expires that could have been refreshed,
tokens are refreshed once a day, no wait, retry or round is too long, a needed sign-in is reported once, and nothing
stored is lost or replaced by something older.
A few years by default, 200 with ``--full``. Everything is drawn from a seed, which a failure names.
"""

import os
import time

import pytest

from tests.support.machine import Machine

# In two of them the machine is away for longer than a grant lives, and in one the store fails while it is waited for a
# sign-in.
SOME = (0, 1, 4, 6, 11)


def seeds(request: pytest.FixtureRequest) -> list[int]:
    given = os.environ.get("WEBEX_TOKEN_TEST_SEED")
    return [int(given)] if given else list(range(200) if request.config.getoption("--full") else SOME)


def test_a_year(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    failed: dict[int, list[str]] = {}
    years = []
    for seed in seeds(request):
        machine = Machine(seed)
        machine.watch()
        years.append(machine)
        if machine.rules.problems:
            failed[seed] = machine.rules.problems[:10]
    told = {
        "years": len(years),
        "refreshes": sum(len(year.rules.refreshes) for year in years),
        "saved late": sum(year.saved_late for year in years),
        "steps of the clock": sum(len(year.stepped) for year in years),
        "sign-ins needed": sum(len(year.told) for year in years),
        "grants lapsed in an absence of months": sum(year.lapsed for year in years),
    }
    with capsys.disabled():
        print(f"\n{request.node.name}: {time.monotonic() - started:.1f} s, {told}", flush=True)
    assert failed == {}
    # A script in which nothing goes wrong would prove nothing.
    assert len(years) == 1 or all(told.values()), told
