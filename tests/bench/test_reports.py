"""The pure parts of the benchmark: medians, ratios, tables, and what the kernel says of memory."""

import dataclasses
import sys

from tests.bench.processes import Command, Timing, ratios, table, time_in_turn
from tests.bench.reports import growth_per_profile, idle_rounds_in_words, memory_in_words, renewals_in_words
from tests.bench.rest import Rest
from tests.bench.rounds import Renewals
from tests.bench.usage import Memory, memory_in

TIMINGS = {
    "get": Timing("get", (0.3, 0.1, 0.2)),
    "keyring get": Timing("keyring get", (0.1, 0.1, 0.1, 0.3)),
    "oidc-token": Timing("oidc-token", ()),
}

ROLLUP = """55e0-7ffd ---p 00000000 00:00 0  [rollup]
Rss:               43200 kB
Pss:               30500 kB
Pss_Dirty:         20000 kB
Private_Clean:      1000 kB
Private_Dirty:     24800 kB
Swap:                  0 kB
"""


def test_the_table_has_the_median_and_the_fastest_run_and_what_is_not_installed() -> None:
    assert table(TIMINGS) == (
        "              median   fastest\n"
        "get           200.0ms   100.0ms\n"
        "keyring get   100.0ms   100.0ms\n"
        "oidc-token   not installed"
    )


def test_ratios_are_those_of_the_medians_where_both_were_timed() -> None:
    pairs = [("get", "keyring get"), ("get", "oidc-token"), ("get", "nothing")]
    assert ratios(TIMINGS, pairs) == " 2.00  get / keyring get"


def test_a_program_that_is_not_installed_is_not_run() -> None:
    commands = [Command("here", (sys.executable, "-c", ""), {}), Command("missing", ("no-such-program",), {})]
    timings = time_in_turn(commands, 2)
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {"here": 2, "missing": 0}


def test_memory_is_read_from_the_kernels_table() -> None:
    assert memory_in(ROLLUP) == Memory(private=25_800 * 1024, proportional=30_500 * 1024, resident=43_200 * 1024)


def test_memory_at_rest_is_shown_beside_that_of_the_imports() -> None:
    mebibyte = 2**20
    rest = Rest(
        Memory(22 * mebibyte, 33 * mebibyte, 44 * mebibyte),
        Memory(20 * mebibyte, 30 * mebibyte, 40 * mebibyte),
        Memory(21 * mebibyte, 31 * mebibyte, 41 * mebibyte),
    )
    lines = memory_in_words(rest).splitlines()[-3:]
    assert [line.split()[-1] for line in lines] == ["1.10", "1.10", "1.10"]
    assert "33.0 MiB" in lines[1]


def test_the_growth_of_a_round_is_that_between_the_fewest_and_the_most_profiles() -> None:
    seconds = {1: 0.001, 10: 0.002, 101: 0.003}
    assert abs(growth_per_profile(seconds) - 0.00002) < 1e-12
    assert idle_rounds_in_words(seconds).endswith("Each further profile adds 20.00 µs.")
    assert "Each further" not in idle_rounds_in_words({1: 0.001})


def test_the_time_one_after_the_other_is_calculated_from_fewer_profiles() -> None:
    one_by_one = Renewals(200, 20.0, 1.0, 2**25, 0.5)
    watch = Renewals(1000, 10.0, 5.0, 50 * 2**20, 0.5)
    least = dataclasses.replace(watch, seconds=8.0)
    words = renewals_in_words(one_by_one, watch, least, at_once=16, latency=0.1)
    assert "1000 due, 100 ms an answer: 10.0 s with watch --once, 100.0 s one after the other" in words
    assert "calculated from 200 of refresh --all): 10.0 times faster" in words
    assert "processor time 5.0 ms a profile, the most memory 50 MiB" in words
    assert "the waits alone 6.3 s" in words
    assert "(12.5 times faster)" in words
    assert "the sandbox used 5% of one processor" in words
