"""What ``tests.support.fleet`` measures, with the stand-in for Webex and the profiles in processes of their own."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.folders import ROOT
from tests.support.program import Program

FLEET = [sys.executable, "-m", "tests.support.fleet"]

DAY = 86400


@dataclass(frozen=True)
class Server:
    """A stand-in for Webex: its process, the environment variables that lead to it, and the grants that it knows."""

    process: int
    environment: dict[str, str]
    grants: list[dict[str, Any]]


@contextlib.contextmanager
def serving(count: int, latency: float = 0.0) -> Iterator[Server]:
    """Run a stand-in for Webex with ``count`` grants, two days old, in a process of its own.

    ``latency`` is in seconds.
    """
    with running([*FLEET, "serve", str(count), str(latency)]) as (process, served):
        yield Server(process, served["environment"], served["grants"])


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[tuple[int, Any]]:
    """Run ``command`` until its standard input ends: its process, and the JSON that is its first line of output."""
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.pid, json.loads(process.stdout.readline())
        finally:
            process.stdin.close()


def measured(folder: Path, task: list[str], count: int, latency: float = 0.0, **variables: str) -> Any:
    """What ``tests.support.fleet`` measures when it does ``task`` with ``count`` profiles."""
    with serving(count, latency) as server:
        home = {"WEBEX_TOKEN_HOME": str(folder / "fleet"), "WEBEX_TOKEN_STORE": "file", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*FLEET, *task],
            env=Program(folder / "home", {**server.environment, **home, **variables}).environment,
            input=json.dumps(server.grants),
            capture_output=True,
            encoding="utf-8",
            timeout=900,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
