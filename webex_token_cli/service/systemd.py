"""A systemd user unit: its text, and what ``systemctl --user`` is asked to do with it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from webex_token_cli.errors import ConfigurationError, SignInNeeded, WebexTokenError
from webex_token_cli.service.job import NAME, Job, Runner, Standing
from webex_token_cli.text import printable

UNIT = f"{NAME}.service"
LOG = f"journalctl --user -u {NAME}"

_TEXT = """\
# Written by `webex-token service install`, which writes it anew when something changes.
# Settings of your own belong into `systemctl --user edit webex-token`, which is kept.

[Unit]
Description=Keep Webex tokens fresh

# No After=: the keyring is started by D-Bus when it is asked for. While it is locked, or the network is
# not there yet, watch tries again.

[Service]
Type=notify
NotifyAccess=main
{environment}ExecStart={command}
# A refresh may wait for a lock, a keyring and Webex, all of them bounded; longer is a hang.
TimeoutStartSec=5min
WatchdogSec=5min
Restart=on-failure
RestartSec=60
# 3: no profile is left that can be kept fresh. 2: a setting is wrong. A restart mends neither.
RestartPreventExitStatus=2 3

UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
# The keyring's D-Bus, Webex, and how the C library looks up addresses.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
# Not PrivateTmp=: it would hide the lock in /tmp that keeps every webex-token of this user from spending one
# refresh token twice. Not ProtectSystem= and the like: in a user unit they take user namespaces, which many
# systems refuse, and then the service does not start.

[Install]
WantedBy=default.target
"""

_PLAIN = re.compile(r"[A-Za-z0-9_@+./:=,~-]+", re.ASCII)
# What systemd starts no program with in its path, however it is written; as an argument it is welcome.
_NO_PROGRAM = re.compile(r"['\"\\\x00-\x1f\x7f]")
_ESCAPED = {'"': '\\"', "\\": "\\\\", "%": "%%"}

_PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "ActiveEnterTimestamp",
    "StatusText", "ExecMainCode", "ExecMainStatus",
)  # fmt: skip

# What ExecMainCode is for a process that ended by itself: CLD_EXITED (sigaction(2)).
_EXITED = "1"


def quoted(word: str) -> str:
    """``word`` as systemd.syntax(7) has it, so that exactly this word comes out: quotes, escapes, specifiers."""
    if _PLAIN.fullmatch(word):
        return word
    return '"' + "".join(_ESCAPED.get(each) or _as_is(each) for each in word) + '"'


def _as_is(each: str) -> str:
    """A character, or the bytes of one that no unit file can hold: a control character, or half of no UTF-8 at all."""
    if each.isprintable():
        return each
    return "".join(f"\\x{byte:02x}" for byte in each.encode(errors="surrogateescape"))


def _command(words: Sequence[str]) -> str:
    """An ExecStart= value. The colon turns the expansion of ``$`` off, where there is one (systemd 244)."""
    if _NO_PROGRAM.search(words[0]):
        words = ("/usr/bin/env", *words)
    line = " ".join(quoted(word) for word in words)
    return f":{line}" if "$" in line else line


def _environment(variables: Mapping[str, str]) -> str:
    return "".join(f"Environment={quoted(f'{name}={value}')}\n" for name, value in variables.items())


@dataclass(frozen=True, slots=True)
class UserUnit:
    """The unit in the folder where the user's own systemd looks for units; ``user`` is the user's id."""

    path: Path
    run: Runner
    user: str
    log: str = LOG

    def text(self, job: Job) -> str:
        """The unit that runs ``job``."""
        return _TEXT.format(environment=_environment(job.environment), command=_command(job.command))

    def standing(self) -> Standing:
        """How the unit stands. Raises ConfigurationError when no systemd of this user's answers."""
        asked = self.run(["systemctl", "--user", "show", UNIT, f"--property={','.join(_PROPERTIES)}"])
        if asked.status != 0:
            raise ConfigurationError(
                f"No systemd of this user's can be asked here: {asked.why}.",
                "After sudo or su, sign in as that user instead. In a container, have it run `webex-token watch` "
                "itself; with another init or cron, `webex-token watch --once` every hour. `webex-token service "
                "install --print` prints the unit.",
            )
        found = dict(line.split("=", 1) for line in asked.out.splitlines() if "=" in line)
        if found.get("LoadState") == "masked":
            raise ConfigurationError(
                f"{UNIT} is masked.", f"Allow it with `systemctl --user unmask {NAME}`, then try again."
            )
        running = found.get("ActiveState") in {"active", "reloading"}
        return Standing(
            known=found.get("LoadState") != "not-found",
            enabled=found.get("UnitFileState") == "enabled",
            running=running,
            stale=found.get("NeedDaemonReload") == "yes",
            since=found.get("ActiveEnterTimestamp", "") if running else "",
            says=printable(found.get("StatusText", "")) if running else "",
            state=found.get("SubState", ""),
            ended_with=_ended_with(found),
        )

    def start(self, standing: Standing, changed: bool) -> bool:
        """Have the unit run now and from now on; see Manager."""
        wanted = []
        changed |= standing.stale  # an install that was interrupted between writing and starting
        if changed or not standing.known:
            wanted.append(["daemon-reload"])
        if not standing.enabled:
            wanted.append(["enable", UNIT])
        if changed or not standing.running:
            wanted.append(["restart", UNIT])
        for each in wanted:
            self._ask(each)
        return bool(wanted)

    def stop(self, standing: Standing) -> None:
        """Stop and disable it."""
        if standing.known:
            self._ask(["stop", UNIT])
        if self.path.exists():
            self._ask(["disable", UNIT])

    def forget(self) -> None:
        """Have systemd look at its units again, and forget that this one may have failed."""
        self._ask(["daemon-reload"])
        self.run(["systemctl", "--user", "reset-failed", UNIT])  # says no where there is nothing to forget

    def lasting(self) -> str:
        """Whether the user lingers (loginctl(1)): else systemd ends the user's services with the last session."""
        asked = self.run(["loginctl", "show-user", self.user, "--property=Linger", "--value"])
        match asked.out.strip():
            case "yes":
                return "from boot on, whether you are logged in or not (linger is on)"
            case "no":
                return "until your last session ends (linger is off); `loginctl enable-linger` keeps it running"
            case _:
                return "until your last session ends, unless linger is on (`loginctl enable-linger`)"

    def how_to_add(self, variable: str) -> str:
        """A drop-in is a file of the user's own, with permissions of its own."""
        return f"`systemctl --user edit {NAME}` takes [Service] and Environment={variable}=… into a file of your own."

    def _ask(self, command: list[str]) -> None:
        asked = self.run(["systemctl", "--user", *command])
        if asked.status == 0:
            return
        ended_with = self.standing().ended_with if command[0] == "restart" else None
        if ended_with == SignInNeeded.exit_status:
            raise SignInNeeded(
                f"{UNIT} is installed and has ended at once: nobody is signed in whose token could be kept fresh.",
                "Sign in with `webex-token login`, then run `webex-token service install` again.",
            )
        raise WebexTokenError(
            f"systemctl --user {' '.join(command)} failed: {asked.why}.", f"See why with `{LOG} -n 20`, then try again."
        )


def _ended_with(found: Mapping[str, str]) -> int | None:
    status = found.get("ExecMainStatus", "")
    over = found.get("ActiveState") in {"inactive", "failed"}
    return int(status) if over and found.get("ExecMainCode") == _EXITED and status.isdigit() else None
