"""What a watch uses while none of its profiles is due: memory, and processor time in a round."""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.profiles import program_with_profiles
from tests.bench.usage import Memory, memory_of, processor_seconds
from tests.support.desktop import desktop
from tests.support.measures import serving
from tests.support.program import Program, wait_until

# What others would import for the same: click, the library of the same keyring, and requests.
_IMPORTS = """
import click, keyring.backends.SecretService, secretstorage, jeepney.io.blocking, requests, sys
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
"""

# What a watch imports besides, before it has a line of its own: locks and threads.
_UNAVOIDABLE = "import concurrent.futures.thread, filelock, logging\n"

_WAIT = "print(flush=True)\nsys.stdin.read()\n"

# Seconds between two rounds: the shortest interval, in which a round is as dear as in an hour.
_INTERVAL = 1


@dataclass(frozen=True)
class Rest:
    """The memory of a watch at rest, of a process that only imports click, requests and the keyring's library, and of
    one that also imports what locks and threads need."""

    watch: Memory
    imports: Memory
    floor: Memory


def memory_at_rest(folder: Path, profiles: int) -> Rest:
    """Measure a watch of ``profiles`` in GNOME Keyring a few rounds after its first one, and the imports beside it.

    All processes run when one is measured, so that they share the same pages of the same libraries.
    """
    with desktop(folder / "desktop") as session, serving(profiles) as server:
        program = program_with_profiles(
            folder, {**server.environment, **session}, server.grants, ago=0, in_keyring=True
        )
        with (
            _importing(_IMPORTS + _WAIT, program) as imports,
            _importing(_IMPORTS + _UNAVOIDABLE + _WAIT, program) as floor,
            program.started("watch", "--interval", str(_INTERVAL)) as watch,
        ):
            watch.wait_for("fresh: ", times=profiles)
            time.sleep(3 * _INTERVAL)
            return Rest(memory_of(watch.process.pid), memory_of(imports), memory_of(floor))


@contextlib.contextmanager
def _importing(script: str, program: Program) -> Iterator[int]:
    """The id of a process that runs ``script``, once it has printed a line. It ends with its standard input."""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=program.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.stdin.close()


def _seen(log: str) -> int:
    """The profiles that ``log`` tells of. A watch of thousands may leave out lines, and says how many."""
    return log.count("fresh: ") + sum(map(int, re.findall(r"(\d+) lines? of this log could not be written", log)))


def idle_round(folder: Path, profiles: int, rounds: int) -> float:
    """The processor time of a round of ``watch`` in which none of ``profiles`` is due, in seconds.

    The store is the file store. The first round, which reads all records, is not counted.
    """
    with serving(profiles) as server:
        program = program_with_profiles(folder, server.environment, server.grants, ago=0)
        with program.started("watch", "--interval", str(_INTERVAL)) as watch:
            wait_until(lambda: _seen(watch.out) >= profiles, lambda: watch.err, timeout=300, process=watch.process)
            time.sleep(2.5 * _INTERVAL)  # the last lines are written, and a measurement begins between two rounds
            before = processor_seconds(watch.process.pid)
            time.sleep(rounds * _INTERVAL)
            return (processor_seconds(watch.process.pid) - before) / rounds
