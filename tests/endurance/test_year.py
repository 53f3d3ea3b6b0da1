"""A simulated year of suspends, outages, rate limits, clock changes, full disks and revocations, in about a second.

``support/watch_rules.py`` has the rules that the watch must obey: no grant expires that could have been refreshed,
tokens are refreshed once a day, no wait, retry or round is too long, a needed sign-in is reported once, and nothing
stored is lost or replaced by something older.
``--full`` simulates 200 years, and every other run a few. Each year is drawn from a seed, which a failure names.
"""

import os
import time

import pytest

from tests.support.machine import Machine
from tests.support.machine_with_service_app import MachineWithServiceApp

pytestmark = pytest.mark.long

# The clock is set most often in year 0. In 6 and 9, the machine is away for longer than a grant lives, and in 6 the
# store fails while a profile waits for its sign-in.
SEEDS_OF_AN_ORDINARY_RUN = (0, 6, 9)


def seeds(request: pytest.FixtureRequest) -> list[int]:
    given = os.environ.get("TEST_SEED")
    if given:
        return [int(given)]
    return list(range(200) if request.config.getoption("--full") else SEEDS_OF_AN_ORDINARY_RUN)


def test_a_watch_obeys_its_rules_for_a_year(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    problems: dict[int, list[str]] = {}
    years = []
    for seed in seeds(request):
        machine = Machine(seed)
        machine.watch()
        years.append(machine)
        if machine.rules.problems:
            problems[seed] = machine.rules.problems[:10]
    totals = {
        "years": len(years),
        "refreshes": sum(len(year.rules.refreshes) for year in years),
        "saved late": sum(year.saved_late for year in years),
        "steps of the clock": sum(len(year.stepped) for year in years),
        "sign-ins needed": sum(len(year.told) for year in years),
        "grants lapsed in an absence of months": sum(year.lapsed for year in years),
    }
    with capsys.disabled():
        print(f"\n{request.node.name}: {time.monotonic() - started:.1f} s, {totals}", flush=True)
    assert problems == {}
    # If one kind of event never happened, the rules about it were not tested.
    assert len(years) == 1 or all(totals.values()), totals


def test_a_service_app_that_is_revoked_twice_a_year_heals_within_a_round(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    problems: dict[int, list[str]] = {}
    years = []
    for seed in seeds(request):
        machine = MachineWithServiceApp(seed)
        machine.watch()
        years.append(machine)
        if machine.rules.problems:
            problems[seed] = machine.rules.problems[:10]
    waits = sorted(wait for year in years for wait in year.waits)
    totals = {
        "years": len(years),
        "revoked by an admin": sum(year.revoked_by_admin for year in years),
        "new pairs": len(waits),
        "attempts while not authorized": sum(year.refusals for year in years),
        "median wait in seconds once it was possible": round(waits[len(waits) // 2]) if waits else -1,
    }
    with capsys.disabled():
        print(f"\n{request.node.name}: {time.monotonic() - started:.1f} s, {totals}", flush=True)
    assert problems == {}
    assert totals["revoked by an admin"] == 2 * len(years)
    assert len(waits) >= len(years)  # a revocation before a long absence is not noticed for long
    assert totals["attempts while not authorized"] > 0
