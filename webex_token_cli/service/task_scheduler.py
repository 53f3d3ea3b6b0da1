"""The task of Windows' Task Scheduler: its XML, and the ``schtasks`` commands that control it."""

import csv
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.service.definition import NAME, ServiceDefinition
from webex_token_cli.service.manager import CommandResult, CommandRunner, ServiceStatus
from webex_token_cli.service.supervisor import escaped
from webex_token_cli.text import printable

# The elements stand in the order in which the Task Scheduler itself exports them; within LogonTrigger the schema
# requires it. No encoding is declared, so that the printed text is valid in whichever encoding it is saved; the file
# itself has a byte order mark.
#
# A LogonTrigger without a UserId would start at everybody's logon, and only an administrator may install one.
# The Task Scheduler may take an exit status for a success, so the supervisor restarts `watch`, and RestartOnFailure
# restarts the supervisor. Its number is small, because neither helps while a sign-in is needed.
_TEXT = """\
<?xml version="1.0"?>
<!-- Written by `webex-token service install`, which overwrites this file and the task when a setting changes. -->
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Keep Webex tokens fresh</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>{user}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <Hidden>true</Hidden>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
    <WakeToRun>false</WakeToRun>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>3</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{command}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""

# The columns of `schtasks /Query /FO CSV /V`. Their titles and most of their values are in the language of Windows,
# so they are told by their places, and the state by the number of the last result.
_STATE, _LAST_RUN, _LAST_RESULT = 3, 5, 6

# Last results (winerror.h). SCHED_S_TASK_RUNNING, and ERROR_REQUEST_REFUSED, which IgnoreNew leaves behind when a
# second start is ignored because the task runs.
_RUNNING = frozenset({0x41301, 0x800710E0})

# `schtasks` returns before a task has started or ended. Both usually need under a second.
_TRIES, _PAUSE = 20, 0.5  # the pause in seconds


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """The task of the Task Scheduler, and the file ``path`` from which it is created.

    ``user`` is the security identifier (SID) of the user or else the name, ``interpreter`` Python without a console
    (pythonw.exe), and ``system`` the folder of ``schtasks``: Windows would look for it in the current folder first.
    The task writes to ``log_file``.
    """

    path: Path
    run: CommandRunner
    user: str
    log_file: Path
    interpreter: Path
    system: Path
    sleep: Callable[[float], None] = time.sleep
    encoding: str = "utf-16"  # with a byte order mark, as schtasks itself writes it

    @property
    def name(self) -> str:
        """The task's name. All users of a computer share one folder of tasks, so it has the user in it."""
        return f"{NAME}-{re.sub(r'[^A-Za-z0-9.-]', '-', self.user)}"

    @property
    def log(self) -> str:
        """The PowerShell command that shows the log."""
        return "Get-Content -Wait '{}'".format(str(self.log_file).replace("'", "''"))

    def text(self, definition: ServiceDefinition) -> str:
        """The XML that runs ``definition``. A task has no variables of its own, so the supervisor sets them."""
        variables = [f"{name}={value}" for name, value in definition.environment.items()]
        words = [str(self.log_file), *variables, "--", *definition.command]
        arguments = ["-m", "webex_token_cli.cli.supervised", *map(escaped, words)]
        return _TEXT.format(
            user=escape(self.user),
            command=escape(str(self.interpreter)),
            arguments=escape(subprocess.list2cmdline(arguments)),
        )

    def status(self) -> ServiceStatus:
        """Ask the Task Scheduler for the task's status. Raises ConfigurationError if it cannot be asked."""
        result = self._schtasks("/Query", "/TN", self.name, "/FO", "CSV", "/V", "/NH")
        if result.status == 1:
            return ServiceStatus()
        if result.status != 0:
            raise ConfigurationError(
                f"The Task Scheduler cannot be asked: {_reason(result)}.",
                "Check that schtasks works here, or run `webex-token watch` from the Startup folder.",
            )
        row = next(csv.reader(result.out.strip().splitlines()), [])
        if len(row) <= _LAST_RESULT or not re.fullmatch(r"-?\d+", row[_LAST_RESULT]):
            raise WebexTokenError(
                "schtasks describes the task in a form that this program does not know.",
                f"See it with `schtasks /Query /TN {self.name} /V /FO LIST`.",
            )
        last_result = int(row[_LAST_RESULT]) & 0xFFFFFFFF
        running = last_result in _RUNNING
        registered = self._schtasks("/Query", "/TN", self.name, "/XML")
        return ServiceStatus(
            known=True,
            enabled="<Enabled>false</Enabled>" not in registered.out,
            running=running,
            since=printable(row[_LAST_RUN]) if running else "",
            state=printable(row[_STATE]),
            # Larger numbers are the Task Scheduler's own, such as "has not yet run".
            ended_with=last_result if last_result < 0x100 else None,
        )

    def start(self, status: ServiceStatus, changed: bool) -> bool:
        """Start the task, now and at every logon; see ServiceManager."""
        create = changed or not status.known
        if not create and status.enabled and status.running:
            return False
        if create and status.running:
            self._end()
        if create:
            self._create()
        elif not status.enabled:
            self._ask("/Change", "/TN", self.name, "/ENABLE")
        if create or not status.running:
            self._ask("/Run", "/TN", self.name)
            self._wait(lambda now: now.running)  # or it has ended within a moment, which the status tells
        return True

    def stop(self, status: ServiceStatus) -> None:
        """Stop and delete the task."""
        if status.running:
            self._end()
        if status.known:
            self._ask("/Delete", "/TN", self.name, "/F")

    def forget(self) -> None:
        """Do nothing: the Task Scheduler does not read the file again."""

    def lifetime(self) -> str:
        """A task with an interactive token runs as long as its user's session."""
        return "until you sign out of Windows"

    def how_to_add(self, variable: str) -> str:
        """Tasks get the variables of the user."""
        return f"Give it to all your programs with `setx {variable} …`, then sign out of Windows and in again."

    def _create(self) -> None:
        """Create the task, or replace it. After a failure the file is removed, so that another install tries again."""
        try:
            self._ask("/Create", "/TN", self.name, "/XML", str(self.path), "/F")
        except WebexTokenError:
            self.path.unlink(missing_ok=True)
            raise

    def _end(self) -> None:
        """End the task, and wait until it has ended: a start would be ignored until then."""
        self._ask("/End", "/TN", self.name)
        if not self._wait(lambda now: not now.running):
            raise WebexTokenError(
                "The Task Scheduler did not end the task.", "End `watch` in the Task Manager, then try again."
            )

    def _wait(self, reached: Callable[[ServiceStatus], bool]) -> bool:
        """Wait until the status is ``reached``, for ten seconds at most. Returns whether it is."""
        for _ in range(_TRIES):
            if reached(self.status()):
                return True
            self.sleep(_PAUSE)
        return False

    def _ask(self, *arguments: str) -> None:
        result = self._schtasks(*arguments)
        if result.status != 0:
            raise WebexTokenError(
                f"schtasks {arguments[0]} failed: {_reason(result)}.",
                f"See the task `{self.name}` in the Task Scheduler (show hidden tasks), then try again.",
            )

    def _schtasks(self, *arguments: str) -> CommandResult:
        return self.run([str(self.system / "schtasks.exe"), *arguments])


def _reason(result: CommandResult) -> str:
    """The first line of what schtasks reports, without the word that begins each of its errors."""
    return result.reason.removeprefix("ERROR: ")


def windowless(interpreter: Path) -> Path:
    """The Python beside ``interpreter`` that opens no console window; ``interpreter`` itself if there is none."""
    found = interpreter.with_name("pythonw.exe")
    return found if found.exists() else interpreter


def current_user(run: CommandRunner, system: Path, name: str) -> str:
    """The SID of the user of this process, or ``name`` if Windows does not tell it."""
    result = run([str(system / "whoami.exe"), "/user", "/fo", "csv", "/nh"])
    found = re.search(r"S-1-[0-9-]+[0-9]", result.out) if result.status == 0 else None
    return found[0] if found else name
