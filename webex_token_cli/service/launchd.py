"""The launchd agent: its property list, and the ``launchctl`` commands that control it."""

import plistlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.service.definition import NAME, ServiceDefinition
from webex_token_cli.service.manager import CommandRunner, ServiceStatus
from webex_token_cli.text import printable

# Seconds between two starts. launchd cannot be told which exit statuses make a restart useless. With this throttle, a
# watch that ends at once because nobody is signed in restarts once an hour, while one that fails after it has run for
# longer than an hour restarts at once.
_THROTTLE = 3600

# `launchctl bootout` returns before it has finished, and `bootstrap` fails until then. It usually needs under a second.
_TRIES, _PAUSE = 10, 0.5  # the pause in seconds


@dataclass(frozen=True, slots=True)
class Agent:
    """The property list in ~/Library/LaunchAgents. ``user`` is the user id; the agent writes to ``log_file``."""

    path: Path
    run: CommandRunner
    user: str
    log_file: Path
    sleep: Callable[[float], None] = time.sleep
    encoding: str = "utf-8"

    @property
    def log(self) -> str:
        """The command that shows the log."""
        return f"tail -f {self.log_file}"

    @property
    def _domain(self) -> str:
        return f"gui/{self.user}"

    @property
    def _service(self) -> str:
        return f"{self._domain}/{NAME}"

    def text(self, definition: ServiceDefinition) -> str:
        """The property list that runs ``definition``. Raises ConfigurationError if XML cannot hold a part of it."""
        agent = {
            "Label": NAME,
            "ProgramArguments": list(definition.command),
            "EnvironmentVariables": dict(definition.environment),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": _THROTTLE,
            "ProcessType": "Background",
            "Umask": 0o077,
            "StandardOutPath": str(self.log_file),
            "StandardErrorPath": str(self.log_file),
        }
        for part in (*definition.command, *(f"{name}={value}" for name, value in definition.environment.items())):
            _check(part)
        return plistlib.dumps(agent, sort_keys=False).decode()

    def status(self) -> ServiceStatus:
        """Ask launchd for the agent's status. Raises ConfigurationError if the user is not logged in at the Mac."""
        session = self.run(["launchctl", "print", self._domain])
        if session.status != 0:
            raise ConfigurationError(
                f"launchd has no session for this user: {session.reason}.",
                "Log in at the Mac itself and try again, or run `webex-token watch --once` every hour from cron.",
            )
        result = self.run(["launchctl", "print", self._service])
        if result.status != 0:
            return ServiceStatus()
        pid, ended = _value("pid", result.out), _value("last exit code", result.out)
        running = pid.isdigit()
        return ServiceStatus(
            known=True,
            enabled=True,
            running=running,
            since=self.run(["ps", "-o", "lstart=", "-p", pid]).out.strip() if running else "",
            state=_value("state", result.out),
            ended_with=int(ended) if ended.isdigit() and not running else None,
        )

    def start(self, status: ServiceStatus, changed: bool) -> bool:
        """Start the agent, now and at every login; see ServiceManager."""
        if status.known and status.running and not changed:
            return False
        if status.known and not changed:
            self._ask(["kickstart", self._service])
            return True
        if status.known:
            self._ask(["bootout", self._service])
        self._ask(["enable", self._service])
        self._ask(["bootstrap", self._domain, str(self.path)], tries=_TRIES)
        return True

    def stop(self, status: ServiceStatus) -> None:
        """Stop and unload the agent."""
        if status.known:
            self._ask(["bootout", self._service])

    def forget(self) -> None:
        """Do nothing: launchd reads the folder at the next login."""

    def lifetime(self) -> str:
        """An agent runs as long as its user's session."""
        return "until you log out of this Mac"

    def how_to_add(self, variable: str) -> str:
        """Agents inherit the variables of the session."""
        return f"Give it to all agents, until you log out, with `launchctl setenv {variable} …`."

    def _ask(self, command: list[str], tries: int = 1) -> None:
        for left in reversed(range(tries)):
            result = self.run(["launchctl", *command])
            if result.status == 0:
                return
            if left:
                self.sleep(_PAUSE)
        raise WebexTokenError(
            f"launchctl {' '.join(command)} failed: {result.reason}.", f"See {self.log_file}, then try again."
        )


def _check(part: str) -> None:
    """Raise ConfigurationError if a property list cannot hold ``part``: XML has no way to write a control character."""
    try:
        plistlib.dumps(part)
    except ValueError:  # a UnicodeEncodeError is one as well
        raise ConfigurationError(
            f"A launchd agent cannot hold {printable(part, 80)!r}: it has a control character or is not UTF-8.",
            "Leave such characters out, or write the command into a script and name that.",
        ) from None


def _value(key: str, text: str) -> str:
    """The value of ``key`` in the output of ``launchctl print``, for the agent itself and not for a part of it."""
    found = re.search(rf"^\t{key} = (.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""
