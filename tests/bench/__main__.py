"""``python -m tests.bench``: time the commands against others, and measure a watch, on this machine."""

import argparse
import compileall
import tempfile
from pathlib import Path

from tests.bench.commands import PAIRS, prepared_commands
from tests.bench.processes import ratios, table, time_in_turn
from tests.bench.reports import (
    idle_rounds_in_words,
    load_in_words,
    memory_in_words,
    renewals_in_words,
    throughput_in_words,
)
from tests.bench.rest import idle_round, memory_at_rest
from tests.bench.rounds import AT_ONCE, ONE_AFTER_THE_OTHER, WATCH_ONCE, fewest_steps, renew
from tests.bench.sandbox import throughput
from tests.support.folders import ROOT

SECTIONS = ("commands", "rest", "rounds", "sandbox")

# The profiles that are renewed one after the other. To renew more of them takes as much longer as there are more.
_ONE_BY_ONE = 200

# Seconds in which the stand-in for Webex answers.
_LATENCY = 0.1

# The clients that refresh at the sandbox at once.
_CLIENTS = 16


def main() -> None:
    """Measure the sections that the command line names, and print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"some of: {', '.join(SECTIONS)} [all]")
    parser.add_argument("--runs", type=int, default=20, help="runs of each command [20]")
    parser.add_argument("--profiles", type=int, default=10_000, help="the most profiles in a round [10000]")
    parser.add_argument("--idle-rounds", type=int, default=10, help="rounds of a second in which none is due [10]")
    parser.add_argument("--grants", type=int, default=100_000, help="the most grants of the sandbox [100000]")
    parser.add_argument("--seconds", type=float, default=10, help="how long clients refresh at the sandbox [10]")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"There is no section {', '.join(sorted(unknown))}.")
    sections = options.sections or SECTIONS
    # As an installed program is. Python itself compiles nothing for good where PYTHONDONTWRITEBYTECODE is set.
    compileall.compile_dir(ROOT / "webex_token_cli", quiet=1)
    print(f"{load_in_words()}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="webex-token-bench-") as folder:
        if "commands" in sections:
            print_commands(Path(folder), options.runs)
        if "rest" in sections:
            print_rest(Path(folder), options.profiles, options.idle_rounds)
        if "rounds" in sections:
            print_rounds(Path(folder), options.profiles)
    if "sandbox" in sections:
        print_sandbox(options.grants, options.seconds)


def print_commands(folder: Path, runs: int) -> None:
    """Time whole processes in turn, and print their medians and the ratios that matter."""
    with prepared_commands(folder) as commands:
        timings = time_in_turn(commands, runs)
    print(f"Whole processes, {runs} runs in turn:\n\n{table(timings)}\n\n{ratios(timings, PAIRS)}\n", flush=True)


def print_rest(folder: Path, most: int, rounds: int) -> None:
    """Print the memory of a watch at rest, and the processor time of its rounds for 1, 10, 100, … profiles."""
    print(f"{memory_in_words(memory_at_rest(folder / 'rest', min(10, most)))}\n", flush=True)
    seconds = {number: idle_round(folder / f"idle-{number}", number, rounds) for number in _powers_of_ten(most)}
    print(f"{idle_rounds_in_words(seconds)}\n", flush=True)


def print_rounds(folder: Path, most: int) -> None:
    """Print how long rounds take in which every profile is due, for 1, 10, 100, … profiles."""
    few = min(_ONE_BY_ONE, most)
    one_by_one = renew(folder / "one-by-one", ONE_AFTER_THE_OTHER, few, _LATENCY)
    for number in _powers_of_ten(most):
        watch = renew(folder / f"watch-{number}", WATCH_ONCE, number, _LATENCY)
        least = renew(folder / f"least-{number}", fewest_steps(AT_ONCE), number, _LATENCY)
        print(renewals_in_words(one_by_one, watch, least, AT_ONCE, _LATENCY), flush=True)
    print(f"\n{load_in_words()}\n", flush=True)


def print_sandbox(most: int, seconds: float) -> None:
    """Print how many refreshes a second the sandbox answers with few grants, and with as many as that."""
    print("The sandbox's answers to refreshes, each with a new access token:\n", flush=True)
    for grants in sorted({_CLIENTS, most}):
        print(throughput_in_words(throughput(grants, _CLIENTS, seconds)), flush=True)
    print(f"\n{load_in_words()}\n", flush=True)


def _powers_of_ten(most: int) -> list[int]:
    return [10**exponent for exponent in range(len(str(most)))]


if __name__ == "__main__":
    main()
