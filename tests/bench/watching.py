"""What a watch uses while nothing is due, and how long its rounds take with many profiles."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.desktop import desktop
from tests.support.folders import ROOT
from tests.support.measures import measured
from tests.support.program import Program
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox

_SIGN_IN = """
import json, sys
from tests.support.fleet import Fleet
Fleet().sign_in(json.load(sys.stdin), ago=0)
"""

# What no watch can do without: click, the keyring's library, and requests.
_IMPORTS = (
    "import click, keyring.backends.SecretService, secretstorage, requests, time; print(flush=True); time.sleep(60)"
)


@dataclass(frozen=True)
class Rest:
    """A watch of ten profiles of which none is due: its memory, and that of a process that only imports, in bytes."""

    watch: int
    imports: int


def rest(folder: Path) -> Rest:
    """Measure a watch in a GNOME Keyring, once its first round is over."""
    with desktop(folder / "desktop") as session, Sandbox(Rules()) as sandbox:
        program = Program(
            folder / "home",
            {
                **sandbox.environment,
                **session,
                "WEBEX_TOKEN_HOME": str(folder / "webex-token"),
                "WEBEX_TOKEN_STORE": "keyring",
                "PYTHONPATH": str(ROOT),
            },
        )
        names = [f"bench-{number}" for number in range(10)]
        grants = {name: sandbox.webex.issue_token_response(("spark:all",)) for name in names}
        subprocess.run(
            [sys.executable, "-c", _SIGN_IN], input=json.dumps(grants).encode(), env=program.environment, check=True
        )
        with program.started("watch", "--interval", "1") as watch:
            watch.wait_for(": fresh", times=len(names))
            time.sleep(3)  # some rounds more: what is measured is a watch at rest
            used = _resident(watch.process.pid)
        with subprocess.Popen(
            [sys.executable, "-c", _IMPORTS], env=program.environment, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            imports = _resident(process.pid)
            process.kill()
        for name in names:
            program.run("logout", "-p", name)
        return Rest(used, imports)


def _resident(process: int) -> int:
    """The memory of a process that no other process shares, in bytes: the sum of its private pages."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def idle_round(folder: Path, profiles: int, rounds: int = 200) -> float:
    """The processor time of a round in which none of ``profiles`` is due, in seconds. The store is the file store."""
    return float(measured(folder / f"idle-{profiles}", ["do-nothing", str(rounds)], profiles)["milliseconds"]) / 1000


def race(folder: Path, profiles: int, latency: float) -> tuple[float, float]:
    """How long it takes to renew ``profiles`` one after the other and side by side, in seconds."""
    took = measured(folder / f"race-{profiles}", ["race"], 2 * profiles + 1, latency)
    return float(took["one"]), float(took["many"])
