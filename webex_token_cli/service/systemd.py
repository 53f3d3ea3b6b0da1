"""The systemd user unit: its text, and the ``systemctl --user`` commands that control it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from webex_token_cli.errors import ConfigurationError, SignInNeeded, WebexTokenError
from webex_token_cli.service.definition import NAME, ServiceDefinition
from webex_token_cli.service.manager import CommandRunner, ServiceStatus
from webex_token_cli.text import printable

UNIT = f"{NAME}.service"
LOG = f"journalctl --user -u {NAME}"

_TEXT = """\
# Written by `webex-token service install`, which overwrites this file when a setting changes.
# Put your own settings into `systemctl --user edit webex-token`; they are never overwritten.

[Unit]
Description=Keep Webex tokens fresh

# There is no After=, because D-Bus starts the keyring on demand. While the keyring is locked or the network
# is down, watch tries again.

[Service]
Type=notify
NotifyAccess=main
{environment}ExecStart={command}
# A refresh may wait for a lock, a keyring and Webex. Each wait has a timeout, so a longer silence is a hang.
TimeoutStartSec=5min
WatchdogSec=5min
Restart=on-failure
RestartSec=60
# Exit status 2: a setting is wrong. 3: every profile needs a sign-in. A restart repairs neither.
RestartPreventExitStatus=2 3

UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
# For D-Bus (the keyring), for Webex, and for the C library's look-up of addresses.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
# PrivateTmp= and ProtectHome= are not set: they can hide the lock that keeps two webex-token processes of a user from
# redeeming one refresh token twice. ProtectSystem= and similar settings are not set: a user unit needs user
# namespaces for them, and where a system forbids those, the service would not start.

[Install]
WantedBy=default.target
"""

_PLAIN = re.compile(r"[A-Za-z0-9_@+./:=,~-]+", re.ASCII)
# systemd starts no program whose path has one of these characters, even if it is escaped. Arguments may have them.
_NOT_IN_A_PROGRAM = re.compile(r"['\"\\\x00-\x1f\x7f]")
_ESCAPED = {'"': '\\"', "\\": "\\\\", "%": "%%"}

_PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "ActiveEnterTimestamp",
    "StatusText", "ExecMainCode", "ExecMainStatus",
)  # fmt: skip

# The value of ExecMainCode for a process that exited by itself: CLD_EXITED (sigaction(2)).
_EXITED = "1"


def quoted(word: str) -> str:
    """``word`` quoted and escaped as in systemd.syntax(7), so that systemd reads it unchanged."""
    if _PLAIN.fullmatch(word):
        return word
    return '"' + "".join(_ESCAPED.get(each) or _character(each) for each in word) + '"'


def _character(each: str) -> str:
    """A printable character, or the escaped bytes of one that a unit file cannot hold."""
    if each.isprintable():
        return each
    return "".join(f"\\x{byte:02x}" for byte in each.encode(errors="surrogateescape"))


def _command(words: Sequence[str]) -> str:
    """An ExecStart= value. A leading colon turns the expansion of ``$`` off (systemd 244 and newer)."""
    if _NOT_IN_A_PROGRAM.search(words[0]):
        words = ("/usr/bin/env", *words)
    line = " ".join(quoted(word) for word in words)
    return f":{line}" if "$" in line else line


def _environment(variables: Mapping[str, str]) -> str:
    return "".join(f"Environment={quoted(f'{name}={value}')}\n" for name, value in variables.items())


@dataclass(frozen=True, slots=True)
class UserUnit:
    """The unit in the folder that the user's own systemd reads. ``user`` is the user id."""

    path: Path
    run: CommandRunner
    user: str
    log: str = LOG
    encoding: str = "utf-8"

    def text(self, definition: ServiceDefinition) -> str:
        """The unit that runs ``definition``."""
        return _TEXT.format(environment=_environment(definition.environment), command=_command(definition.command))

    def status(self) -> ServiceStatus:
        """Ask systemd for the unit's status. Raises ConfigurationError if this user's systemd does not answer."""
        result = self.run(["systemctl", "--user", "show", UNIT, f"--property={','.join(_PROPERTIES)}"])
        if result.status != 0:
            raise ConfigurationError(
                f"systemd does not answer for this user: {result.reason}.",
                "After sudo or su, sign in as that user instead. In a container, have it run `webex-token watch` "
                "itself; with another init or cron, `webex-token watch --once` every hour. `webex-token service "
                "install --print` prints the unit.",
            )
        found = dict(line.split("=", 1) for line in result.out.splitlines() if "=" in line)
        if found.get("LoadState") == "masked":
            raise ConfigurationError(
                f"{UNIT} is masked.", f"Allow it with `systemctl --user unmask {NAME}`, then try again."
            )
        running = found.get("ActiveState") in {"active", "reloading"}
        return ServiceStatus(
            known=found.get("LoadState") != "not-found",
            enabled=found.get("UnitFileState") == "enabled",
            running=running,
            stale=found.get("NeedDaemonReload") == "yes",
            since=found.get("ActiveEnterTimestamp", "") if running else "",
            message=printable(found.get("StatusText", "")) if running else "",
            state=found.get("SubState", ""),
            ended_with=_ended_with(found),
        )

    def start(self, status: ServiceStatus, changed: bool) -> bool:
        """Start and enable the unit; see ServiceManager."""
        commands = []
        changed |= status.stale  # an install that was interrupted between writing and starting
        if changed or not status.known:
            commands.append(["daemon-reload"])
        if not status.enabled:
            commands.append(["enable", UNIT])
        if changed or not status.running:
            commands.append(["restart", UNIT])
        for each in commands:
            self._ask(each)
        return bool(commands)

    def stop(self, status: ServiceStatus) -> None:
        """Stop and disable the unit."""
        if status.known:
            self._ask(["stop", UNIT])
        if self.path.exists():
            self._ask(["disable", UNIT])

    def forget(self) -> None:
        """Make systemd read its units again, and forget that this one may have failed."""
        self._ask(["daemon-reload"])
        self.run(["systemctl", "--user", "reset-failed", UNIT])  # fails if the unit has not failed, which is fine

    def lifetime(self) -> str:
        """Whether the user lingers (loginctl(1)). If not, systemd stops the user's services with the last session."""
        result = self.run(["loginctl", "show-user", self.user, "--property=Linger", "--value"])
        match result.out.strip():
            case "yes":
                return "from boot on, whether you are logged in or not (linger is on)"
            case "no":
                return "until your last session ends (linger is off); `loginctl enable-linger` keeps it running"
            case _:
                return "until your last session ends, unless linger is on (`loginctl enable-linger`)"

    def how_to_add(self, variable: str) -> str:
        """A drop-in is a file of the user's own, which this program does not write."""
        return f"Write [Service] and Environment={variable}=… into the file that `systemctl --user edit {NAME}` opens."

    def _ask(self, command: list[str]) -> None:
        result = self.run(["systemctl", "--user", *command])
        if result.status == 0:
            return
        ended_with = self.status().ended_with if command[0] == "restart" else None
        if ended_with == SignInNeeded.exit_status:
            raise SignInNeeded(
                f"{UNIT} is installed, but ended at once because no profile is signed in.",
                "Sign in with `webex-token login`, then run `webex-token service install` again.",
            )
        raise WebexTokenError(
            f"systemctl --user {' '.join(command)} failed: {result.reason}.",
            f"See why with `{LOG} -n 20`, then try again.",
        )


def _ended_with(found: Mapping[str, str]) -> int | None:
    status = found.get("ExecMainStatus", "")
    over = found.get("ActiveState") in {"inactive", "failed"}
    return int(status) if over and found.get("ExecMainCode") == _EXITED and status.isdigit() else None
