"""The status of the service, and what every service manager can be asked for."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from webex_token_cli.service.definition import ServiceDefinition
from webex_token_cli.text import printable

# Seconds. A start returns when the service reports that it is ready, or when the manager gives up on it after 5 minutes
# (TimeoutStartSec= in the unit); this leaves the manager time to say so.
_TIMEOUT = 400.0

# Windows' own commands write to a pipe in the code page of consoles.
_OUTPUT_ENCODING = "oem" if sys.platform == "win32" else "utf-8"


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What the manager reports about the service.

    ``known`` means that the manager has loaded it, ``enabled`` that it starts without being asked, and ``stale`` that
    its file has changed since it was loaded. ``since`` is when it started and ``state`` the manager's word for its
    state, both as the manager writes them. ``message`` is the last line that the service reported about itself.
    ``ended_with`` is the exit status of its last run, or None if it runs or did not exit by itself.
    """

    known: bool = False
    enabled: bool = False
    running: bool = False
    stale: bool = False
    since: str = ""
    message: str = ""
    state: str = ""
    ended_with: int | None = None


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit status and the output of a command."""

    status: int
    out: str = ""
    err: str = ""

    @property
    def reason(self) -> str:
        """The first line that explains the failure, without its full stop."""
        text = self.err.strip() or self.out.strip() or f"exit status {self.status}"
        return printable(text.splitlines()[0]).rstrip(".")


CommandRunner = Callable[[Sequence[str]], CommandResult]


class ServiceManager(Protocol):
    """The service manager of one kind of system, such as systemd.

    Each method may raise ConfigurationError if this user has no such manager, and WebexTokenError if the manager
    refuses a request.
    """

    @property
    def path(self) -> Path:
        """The path of the service's file, whether or not it exists."""
        ...

    @property
    def log(self) -> str:
        """The command that shows the service's log."""
        ...

    @property
    def encoding(self) -> str:
        """The encoding of the file in ``path``."""
        ...

    def text(self, definition: ServiceDefinition) -> str:
        """The content of the file that makes the manager run ``definition``. Pure.

        Raises ConfigurationError if the file cannot hold a part of it.
        """
        ...

    def status(self) -> ServiceStatus:
        """Ask the manager for the status of the service."""
        ...

    def start(self, status: ServiceStatus, changed: bool) -> bool:
        """Start and enable the service in ``path``. Returns False if nothing had to be done.

        ``status`` is its status now, and ``changed`` means that the file has just been rewritten. Raises SignInNeeded
        if the service ended at once because no profile is signed in.
        """
        ...

    def stop(self, status: ServiceStatus) -> None:
        """Stop and disable the service. Its file still exists."""
        ...

    def forget(self) -> None:
        """Make the manager notice that the file was removed."""
        ...

    def lifetime(self) -> str:
        """How long the service runs, such as until the session ends, and how to change that."""
        ...

    def how_to_add(self, variable: str) -> str:
        """How the user gives the service a variable that holds a secret."""
        ...


def run_command(command: Sequence[str]) -> CommandResult:
    """Run a manager's command until it ends, for 400 seconds at most.

    Never raises: the exit status is 124 after a timeout and 127 if the command is missing, as in a shell.
    """
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding=_OUTPUT_ENCODING,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return CommandResult(124, err=f"{command[0]} did not end within {_TIMEOUT:.0f} seconds")
    except OSError as error:
        return CommandResult(127, err=f"{command[0]}: {error.strerror or type(error).__name__}")
    return CommandResult(done.returncode, done.stdout, done.stderr)
