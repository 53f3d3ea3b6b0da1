"""A launchd agent: its property list, and what ``launchctl`` is asked to do with it."""

import plistlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.service.job import NAME, Job, Runner, Standing

# launchd cannot be told which exit status a restart would not mend. But it starts nothing more often than
# this: a watch that ends at once, because nobody is signed in, is tried again once an hour, and one that
# dies after having run for longer than that, at once.
THROTTLE = 3600

# A bootout answers before it is done, and until then a bootstrap is refused.
_TRIES, _PAUSE = 10, 0.5


@dataclass(frozen=True, slots=True)
class Agent:
    """The property list in ~/Library/LaunchAgents; ``user`` is the user's id, ``log_file`` what it is to write."""

    path: Path
    run: Runner
    user: str
    log_file: Path
    nap: Callable[[float], None] = time.sleep

    @property
    def log(self) -> str:
        """How to see the log."""
        return f"tail -f {self.log_file}"

    @property
    def _domain(self) -> str:
        return f"gui/{self.user}"

    @property
    def _service(self) -> str:
        return f"{self._domain}/{NAME}"

    def text(self, job: Job) -> str:
        """The property list that runs ``job``."""
        agent = {
            "Label": NAME,
            "ProgramArguments": list(job.command),
            "EnvironmentVariables": dict(job.environment),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": THROTTLE,
            "ProcessType": "Background",
            "Umask": 0o077,
            "StandardOutPath": str(self.log_file),
            "StandardErrorPath": str(self.log_file),
        }
        return plistlib.dumps(agent, sort_keys=False).decode()

    def standing(self) -> Standing:
        """How the agent stands. Raises ConfigurationError when the user has no session at the screen."""
        session = self.run(["launchctl", "print", self._domain])
        if session.status != 0:
            raise ConfigurationError(
                f"launchd has no session of this user's to run an agent in: {session.why}.",
                "Log in at the Mac itself, then try again, or run `webex-token watch --once` every hour from cron.",
            )
        asked = self.run(["launchctl", "print", self._service])
        if asked.status != 0:
            return Standing()
        pid, ended = _value("pid", asked.out), _value("last exit code", asked.out)
        running = pid.isdigit()
        return Standing(
            known=True,
            enabled=True,
            running=running,
            since=self.run(["ps", "-o", "lstart=", "-p", pid]).out.strip() if running else "",
            state=_value("state", asked.out),
            ended_with=int(ended) if ended.isdigit() and not running else None,
        )

    def start(self, standing: Standing, changed: bool) -> bool:
        """Have the agent run now and at every login; see Manager."""
        if standing.known and standing.running and not changed:
            return False
        if standing.known and not changed:
            self._ask(["kickstart", self._service])
            return True
        if standing.known:
            self._ask(["bootout", self._service])
        self._ask(["enable", self._service])
        self._ask(["bootstrap", self._domain, str(self.path)], tries=_TRIES)
        return True

    def stop(self, standing: Standing) -> None:
        """End it, and unload it."""
        if standing.known:
            self._ask(["bootout", self._service])

    def forget(self) -> None:
        """Nothing: launchd reads the folder at the next login."""

    def lasting(self) -> str:
        """An agent lives as long as its user's session."""
        return "until you log out of this Mac"

    def how_to_add(self, variable: str) -> str:
        """The session's own variables are the agents' too."""
        return f"`launchctl setenv {variable} …` gives it to agents, until you log out."

    def _ask(self, command: list[str], tries: int = 1) -> None:
        for left in reversed(range(tries)):
            asked = self.run(["launchctl", *command])
            if asked.status == 0:
                return
            if left:
                self.nap(_PAUSE)
        raise WebexTokenError(
            f"launchctl {' '.join(command)} failed: {asked.why}.", f"See {self.log_file}, then try again."
        )


def _value(key: str, text: str) -> str:
    """What ``launchctl print`` says of ``key``, of the service itself and not of a part of it."""
    found = re.search(rf"^\t{key} = (.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""
