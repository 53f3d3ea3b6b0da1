"""Whole processes, started in turn: one run of each command, then the next run of each, and so on.

A machine that is slower for a while is slower for all commands then, so that the ratios of their medians are steady.
"""

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command to time: its name in the table, its arguments, and what is added to the environment."""

    name: str
    arguments: Sequence[str]
    variables: Mapping[str, str]

    @property
    def is_installed(self) -> bool:
        """Whether this machine has the program."""
        return shutil.which(self.arguments[0]) is not None


@dataclass(frozen=True)
class Timing:
    """The wall times of a command's runs, in seconds; none if the program is not installed."""

    name: str
    seconds: Sequence[float]

    @property
    def median(self) -> float:
        """The median, in seconds."""
        return statistics.median(self.seconds)


class CommandFailedError(Exception):
    """A command that is to be timed failed, so that its time means nothing."""


def time_in_turn(commands: Sequence[Command], runs: int) -> dict[str, Timing]:
    """Time ``runs`` runs of each command, after one that fills the caches. Raises CommandFailedError."""
    seconds: dict[str, list[float]] = {command.name: [] for command in commands}
    installed = [command for command in commands if command.is_installed]
    for number in range(runs + 1):
        for command in installed:
            took = _run(command)
            if number:
                seconds[command.name].append(took)
    return {name: Timing(name, times) for name, times in seconds.items()}


def _run(command: Command) -> float:
    environment = {**os.environ, **command.variables}
    started = time.perf_counter()
    done = subprocess.run(
        list(command.arguments), env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    took = time.perf_counter() - started
    if done.returncode != 0:
        raise CommandFailedError(f"{command.name}: {done.stderr.decode(errors='replace').strip()}")
    return took


def table(timings: Mapping[str, Timing]) -> str:
    """The medians and minima as lines, in the order of the commands."""
    width = max(map(len, timings))
    lines = [f"{'':{width}}   median   fastest"]
    for name, timing in timings.items():
        if timing.seconds:
            lines.append(f"{name:{width}}  {timing.median * 1000:6.1f}ms  {min(timing.seconds) * 1000:6.1f}ms")
        else:
            lines.append(f"{name:{width}}  not installed")
    return "\n".join(lines)


def ratios(timings: Mapping[str, Timing], pairs: Sequence[tuple[str, str]]) -> str:
    """The ratio of the medians of each pair, where both were timed."""
    lines = [
        f"{timings[one].median / timings[other].median:5.2f}  {one} / {other}"
        for one, other in pairs
        if all(name in timings and timings[name].seconds for name in (one, other))
    ]
    return "\n".join(lines)
