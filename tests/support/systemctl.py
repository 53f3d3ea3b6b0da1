"""A fake ``systemctl`` and ``loginctl`` for a user's systemd. Their state and the calls to them are in files."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.fake_command import CommandFolder

UNIT = "webex-token.service"
SINCE = "Mon 2026-11-23 14:05:12 CET"

# With ``start_fails_with``, each start ends with that status; with ``session`` False, no systemd answers.
_INITIAL_STATE: dict[str, Any] = {
    "session": True,
    "linger": "no",
    "loaded": None,
    "enabled": False,
    "masked": False,
    "state": "inactive",
    "status": 0,
    "start_fails_with": None,
    "says": "1 profile is fresh, next check in 60 minutes",
}


@dataclass(frozen=True)
class FakeSystemd:
    """The fake commands in ``folder``, to be put first on the PATH, for the unit file ``unit``."""

    folder: Path
    unit: Path

    @property
    def _files(self) -> CommandFolder:
        return CommandFolder(self.folder, _INITIAL_STATE)

    def prepare(self) -> None:
        self.folder.mkdir(parents=True)
        self.set()
        fake = f"tests.support.systemctl.FakeSystemd(Path({str(self.folder)!r}), Path({str(self.unit)!r}))"
        self._files.install((self.folder / name for name in ("systemctl", "loginctl")), fake)

    def set(self, **changes: Any) -> None:
        """Change parts of the state."""
        self._files.set(**changes)

    def get(self) -> dict[str, Any]:
        """The state."""
        return self._files.get()

    def calls(self) -> list[str]:
        """The commands since the last call of this, without those that only show the state."""
        return self._files.calls(only_show=("show", "show-user"))

    def answer(self, argv: list[str]) -> int:
        """Do what the command does, and return its exit status."""
        arguments = [argument for argument in argv[1:] if argument != "--user"]
        self._files.add_call(arguments)
        state = self.get()
        if not state["session"]:
            sys.stderr.write("Failed to connect to bus: No medium found\n")
            return 1
        if arguments[0] == "show-user":
            sys.stdout.write(f"{state['linger']}\n")
            return 0
        assert argv[1] == "--user"
        return self._systemctl(arguments, state)

    def _systemctl(self, arguments: list[str], state: dict[str, Any]) -> int:
        text = self.unit.read_text() if self.unit.exists() else None
        match arguments:
            case ["show", "webex-token.service", _]:
                sys.stdout.writelines(f"{key}={value}\n" for key, value in self._properties(state, text).items())
            case ["daemon-reload"]:
                self.set(loaded=text)
            case ["enable", "webex-token.service"] if state["loaded"]:
                self.set(enabled=True)
            case ["disable", "webex-token.service"] if text:
                self.set(enabled=False)
            case ["stop", "webex-token.service"] if state["loaded"]:
                self.set(state="inactive", status=0)
            case ["restart", "webex-token.service"] if state["loaded"] and state["start_fails_with"] is not None:
                self.set(state="failed", status=state["start_fails_with"])
                sys.stderr.write(f"Job for {UNIT} failed because the control process exited with error code.\nSee …\n")
                return 1
            case ["restart", "webex-token.service"] if state["loaded"]:
                self.set(state="active")
            case ["reset-failed", "webex-token.service"] if state["state"] == "failed":
                self.set(state="inactive")
            case _:
                sys.stderr.write(f"Failed: {' '.join(arguments)}\n")
                return 5
        return 0

    def _properties(self, state: dict[str, Any], text: str | None) -> dict[str, str]:
        active = state["state"] == "active"
        # A loaded unit stays known without its file until it has stopped and systemd has reloaded its units.
        load = "masked" if state["masked"] else "loaded" if state["loaded"] or text else "not-found"
        return {
            "LoadState": load,
            "ActiveState": state["state"],
            "SubState": "running" if active else {"inactive": "dead"}.get(state["state"], state["state"]),
            "UnitFileState": ("enabled" if state["enabled"] else "disabled") if text else "",
            "NeedDaemonReload": "yes" if state["loaded"] and state["loaded"] != text else "no",
            "ActiveEnterTimestamp": SINCE if active else "",
            "StatusText": state["says"] if active else "",
            "ExecMainCode": "1" if state["state"] == "failed" else "0",
            "ExecMainStatus": str(state["status"]),
        }
