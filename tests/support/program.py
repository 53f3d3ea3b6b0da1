"""The installed program as a subprocess, in an environment of its own."""

import contextlib
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from tests.support import credential_manager
from tests.support.folders import ROOT, SUPPORT

WEBEX_TOKEN = Path(sysconfig.get_path("scripts"), "webex-token.exe" if os.name == "nt" else "webex-token")

# The sandbox's consent page, answered by a browser of forty lines. BROWSER is read as a shell would read it, so the
# path of a program has slashes on Windows too.
ACCEPTING_BROWSER = f"{Path(sys.executable).as_posix()} -m webex_token_cli.sandbox.accepting_browser %s"

# Seconds in which a busy machine, too, does what is not waited for. The waits that tests tell it from take longer.
PROMPT = 10.0

# Where `sitecustomize` gives the user of the tests a home folder in the user database.
USER_DATABASE = SUPPORT / "user_database"

_PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "COVERAGE_PROCESS_START",
    "PYTHONDONTWRITEBYTECODE",
    "TEST_USER_DATABASE_HOME",
    "WINEUSERNAME",  # what Wine calls the user; without it, a command in this process would have none
    *credential_manager.VARIABLES,
    # Windows' own, without which programs do not start there.
    "COMSPEC",
    "PATHEXT",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "USERNAME",
    "WINDIR",
)


@dataclass(frozen=True)
class Finished:
    """What a command came to."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Program:
    """Runs ``webex-token`` with nothing of this machine's user in its environment.

    ``through`` is a command that is given the program's own as its last arguments, and ``command`` starts the program.
    """

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    through: tuple[str, ...] = ()
    command: tuple[str, ...] = (str(WEBEX_TOKEN),)

    def having(self, **variables: str | None) -> "Program":
        """The same with some environment variables set, or with None unset."""
        merged = {**self.variables, **variables}
        return replace(self, variables={name: value for name, value in merged.items() if value is not None})

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment that the program gets."""
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        paths = [self.variables["PYTHONPATH"]] if "PYTHONPATH" in self.variables else []
        paths.append(str(USER_DATABASE))
        if os.name == "nt":
            paths.append(str(ROOT))  # for the Credential Manager of the tests, and where the program is not installed
        return {
            **passed_on,
            **_home_variables(self.home),
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            # Windows has an encoding of its own for pipes; an empty value of this variable leaves it in force.
            **({"PYTHONIOENCODING": "utf-8"} if os.name == "nt" else {}),
            **self.variables,
            "PYTHONPATH": os.pathsep.join(paths),
        }

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 60) -> Finished:
        """Run a command to its end."""
        done = subprocess.run(
            [*self.through, *self.command, *arguments],
            env=self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def started(self, *arguments: str, stdin: IO[bytes] | int = subprocess.DEVNULL) -> Iterator["Running"]:
        """A command that runs while the context is open; it is killed if it is still there at the end."""
        self.home.mkdir(parents=True, exist_ok=True)
        out, err = self.home / f"out-{time.monotonic_ns()}", self.home / f"err-{time.monotonic_ns()}"
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                [*self.through, *self.command, *arguments],
                env=self.environment,
                stdin=stdin,
                stdout=out_file,
                stderr=err_file,
            )
            try:
                yield Running(process, out, err)
            finally:
                process.kill()
                process.wait()


def _home_variables(home: Path) -> dict[str, str]:
    """The variables that tell a program where the user's folders are."""
    if os.name == "nt":
        return {
            "USERPROFILE": str(home),
            "APPDATA": str(home / "AppData" / "Roaming"),
            "LOCALAPPDATA": str(home / "AppData" / "Local"),
        }
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_CACHE_HOME": str(home / ".cache"),
    }


@dataclass(frozen=True)
class Running:
    """A command that was started."""

    process: subprocess.Popen[bytes]
    _out: Path
    _err: Path

    @property
    def out(self) -> str:
        """What it has printed on standard output so far."""
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """What it has printed on standard error so far."""
        return self._err.read_text(encoding="utf-8")

    def finish(self, timeout: float = 30) -> Finished:
        """Wait for its end."""
        status = self.process.wait(timeout)
        return Finished(status, self.out, self.err)

    def wait_for(self, text: str, times: int = 1, timeout: float = 30) -> None:
        """Wait until it has printed ``text`` that many times, on either stream."""
        wait_until(
            lambda: (self.out + self.err).count(text) >= times, lambda: self.out + self.err, timeout, self.process
        )

    def url(self) -> str:
        """The address that ``login`` asks the person to open."""
        self.wait_for("/authorize?")
        return next(word for word in self.err.split() if "/authorize?" in word)


def wait_until(
    condition: object,
    explain: object = lambda: "",
    timeout: float = 30,
    process: "subprocess.Popen[bytes] | None" = None,
) -> None:
    """Wait for ``condition()``, looking often; fail with ``explain()`` when it does not come."""
    assert callable(condition)
    assert callable(explain)
    deadline = time.monotonic() + timeout
    while not condition():
        ended = process is not None and process.poll() is not None
        if (ended and not condition()) or time.monotonic() > deadline:
            raise AssertionError(f"waited in vain{' for a process that ended' if ended else ''}: {explain()}")
        time.sleep(0.02)
