"""How long it takes to renew many profiles, all of which are due, and what that uses."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.profiles import program_with_profiles
from tests.bench.scripts import FEWEST_STEPS
from tests.bench.usage import processor_seconds
from tests.support.measures import DAY, serving
from tests.support.program import WEBEX_TOKEN
from webex_token_cli.commands.watch import AT_ONCE

__all__ = ["AT_ONCE", "ONE_AFTER_THE_OTHER", "WATCH_ONCE", "Renewals", "fewest_steps", "renew"]

WATCH_ONCE = (str(WEBEX_TOKEN), "watch", "--once")
ONE_AFTER_THE_OTHER = (str(WEBEX_TOKEN), "refresh", "--all")


@dataclass(frozen=True)
class Renewals:
    """The renewal of ``profiles`` by one process: seconds, seconds of processor time, and the most memory in bytes.

    ``server`` is the processor time of the stand-in for Webex, which runs in a process of its own.
    """

    profiles: int
    seconds: float
    processor: float
    peak: int
    server: float

    def seconds_for(self, profiles: int) -> float:
        """How long as many as ``profiles`` would take at the same pace."""
        return self.seconds * profiles / self.profiles


def renew(folder: Path, command: Sequence[str], profiles: int, latency: float) -> Renewals:
    """Run ``command`` with so many profiles in the file store, of which every one is due.

    The stand-in waits ``latency`` seconds before each answer.
    """
    with serving(profiles, latency) as server:
        program = program_with_profiles(folder, server.environment, server.grants, ago=2 * DAY)
        at_server = processor_seconds(server.process)
        output = folder / "output"
        with output.open("wb") as out:
            started = time.monotonic()
            process = subprocess.Popen(
                list(command), env=program.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - started
        at_server = processor_seconds(server.process) - at_server
    lines = output.read_text()
    renewed = sum("renewed" in line for line in lines.splitlines())
    assert (process.returncode, renewed) == (0, profiles), lines[-2000:]
    return Renewals(profiles, took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, at_server)


def fewest_steps(at_once: int) -> tuple[str, ...]:
    """The command that only does what no renewal can do without, so many at once."""
    return (sys.executable, "-c", FEWEST_STEPS, str(at_once))
