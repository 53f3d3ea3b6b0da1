"""``python -m tests.bench``: time the commands against others, and measure a watch, on this machine."""

import argparse
import tempfile
from pathlib import Path

from tests.bench.commands import PAIRS, prepared_commands
from tests.bench.processes import ratios, table, time_in_turn
from tests.bench.watching import idle_round, race, rest

SECTIONS = ("commands", "rest", "rounds")


def main() -> None:
    """Measure the sections that the command line names, and print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"some of: {', '.join(SECTIONS)} [all]")
    parser.add_argument("--runs", type=int, default=20, help="runs of each command [20]")
    parser.add_argument("--profiles", type=int, default=1000, help="the most profiles in a round [1000]")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"There is no section {', '.join(sorted(unknown))}.")
    sections = options.sections or SECTIONS
    with tempfile.TemporaryDirectory(prefix="webex-token-bench-") as folder:
        if "commands" in sections:
            print_commands(Path(folder), options.runs)
        if "rest" in sections:
            print_rest(Path(folder))
        if "rounds" in sections:
            print_rounds(Path(folder), options.profiles)


def print_commands(folder: Path, runs: int) -> None:
    """Time whole processes in turn, and print their medians and the ratios that matter."""
    with prepared_commands(folder) as commands:
        timings = time_in_turn(commands, runs)
    print(f"Whole processes, {runs} runs in turn:\n\n{table(timings)}\n\n{ratios(timings, PAIRS)}\n", flush=True)


def print_rest(folder: Path) -> None:
    """Print the memory of a watch at rest."""
    used = rest(folder)
    print(
        f"Private memory of a watch of 10 profiles at rest: {used.watch / 2**20:.1f} MiB, "
        f"{used.watch / used.imports:.2f} of a process that imports click, keyring and requests "
        f"({used.imports / 2**20:.1f} MiB).\n",
        flush=True,
    )


def print_rounds(folder: Path, most: int) -> None:
    """Print the cost of idle rounds, and how long rounds take in which every profile is due, for 1, 10, 100, …"""
    number = 1
    while number <= most:
        seconds = idle_round(folder, number)
        print(f"{number:6} profiles: {seconds * 1000:8.3f} ms of processor time in a round in which none is due")
        number *= 10
    number = 1
    # One after the other takes a second for ten profiles, so that is measured for 200 at most, and then calculated.
    while number <= most:
        one, _ = race(folder, min(number, 200), 0.1)
        _, many = race(folder, number, 0.1)
        alone = one * number / min(number, 200)
        print(
            f"{number:6} profiles, all due, 100 ms an answer: {many:7.1f} s side by side, "
            f"{alone:8.1f} s one after the other, {alone / many:5.1f} times faster",
            flush=True,
        )
        number *= 10


if __name__ == "__main__":
    main()
