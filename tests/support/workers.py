"""Processes that begin their work together, such as ``store_worker`` and ``repeated_command``."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.program import Program

# Seconds that a process has to end after its time is over, on a machine with few cores.
PATIENCE = 180


@contextmanager
def python(program: Program, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Python with ``arguments`` in the environment of ``program``. It is killed if it still runs at the end."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, *arguments],
        env=program.environment,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def working(program: Program, task: str, seconds: float, *profiles: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that does ``task`` again and again, once ``begin`` has been called."""
    with python(program, "-m", "tests.support.store_worker", task, str(seconds), *profiles) as process:
        yield process


@contextmanager
def repeating(program: Program, rounds: int, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that runs ``command`` each time that ``begin`` is called, and ends after ``rounds``."""
    with python(program, "-m", "tests.support.repeated_command", str(rounds), *command) as process:
        yield process


def begin(*processes: "subprocess.Popen[str]") -> None:
    """Wait until all ``processes`` are ready, and let them begin."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", (process.args, process.communicate())
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("begin\n")
        process.stdin.flush()


def finished(process: "subprocess.Popen[str]") -> dict[str, object]:
    """What the process has done."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, (process.args, err)
    return dict(json.loads(out))
