"""A fake ``schtasks`` and ``whoami`` of Windows. Their state and the calls to them are in files."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.fake_command import CommandFolder

SID = "S-1-5-21-1004336348-1177238915-682003330-1001"
TASK = f"webex-token-{SID}"
SINCE = "11/23/2026 2:05:12 PM"

# Last results (winerror.h), as schtasks prints them.
RUNNING, NOT_YET_RUN, TERMINATED, START_IGNORED = 267009, 267011, 267014, -2147020576

# ``refuses`` maps a first argument to the exit status and the error with which it fails. With ``slow``, so many
# questions pass before a start or an end shows. ``start_ends_with`` is the last result of each start.
_INITIAL_STATE: dict[str, Any] = {
    "sid": SID,
    "xml": None,
    "enabled": True,
    "last_result": NOT_YET_RUN,
    "next_result": None,
    "slow": 0,
    "start_ends_with": RUNNING,
    "refuses": {},
}


@dataclass(frozen=True)
class FakeTaskScheduler:
    """The fake commands in ``System32`` of ``folder``, which takes the place of C:\\Windows."""

    folder: Path

    @property
    def _files(self) -> CommandFolder:
        return CommandFolder(self.folder, _INITIAL_STATE)

    def prepare(self) -> None:
        programs = self.folder / "System32"
        programs.mkdir(parents=True)
        self.set()
        fake = f"tests.support.schtasks.FakeTaskScheduler(Path({str(self.folder)!r}))"
        self._files.install((programs / name for name in ("schtasks.exe", "whoami.exe")), fake)

    def set(self, **changes: Any) -> None:
        """Change parts of the state."""
        self._files.set(**changes)

    def get(self) -> dict[str, Any]:
        """The state."""
        return self._files.get()

    def calls(self) -> list[str]:
        """The commands since the last call of this, without those that only show the state."""
        return self._files.calls(only_show=("/Query",))

    def answer(self, argv: list[str]) -> int:
        """Do what the command does, and return its exit status."""
        state = self.get()
        if Path(argv[0]).name == "whoami.exe":
            assert argv[1:] == ["/user", "/fo", "csv", "/nh"]
            sys.stdout.write(f'"desktop\\ada","{state["sid"]}"\n')
            return 0 if state["sid"] else 1
        self._files.add_call(argv[1:])
        if argv[1] in state["refuses"]:
            status, error = state["refuses"][argv[1]]
            sys.stderr.write(f"{error}\n")
            return int(status)
        return self._schtasks(argv[1:], state)

    def _schtasks(self, arguments: list[str], state: dict[str, Any]) -> int:
        running = state["last_result"] in (RUNNING, START_IGNORED)
        match arguments:
            case ["/Create", "/TN", name, "/XML", path, "/F"] if name == TASK:
                content = Path(path).read_bytes()
                assert content.startswith(b"\xff\xfe"), "schtasks wants UTF-16 with a byte order mark"
                self.set(xml=content.decode("utf-16"), enabled=True, last_result=NOT_YET_RUN, next_result=None)
            case [_, "/TN", name, *_] if name != TASK or state["xml"] is None:
                sys.stderr.write("ERROR: The system cannot find the file specified.\n")
                return 1
            case ["/Query", "/TN", _, "/FO", "CSV", "/V", "/NH"]:
                self._print_row(state)
            case ["/Query", "/TN", _, "/XML"]:
                xml = state["xml"]
                if not state["enabled"]:
                    head, settings, tail = xml.partition("<Settings>")
                    xml = head + settings + tail.replace("<Enabled>true<", "<Enabled>false<")
                sys.stdout.write(xml)
            case ["/Change", "/TN", _, "/ENABLE"]:
                self.set(enabled=True)
            case ["/Run", "/TN", _] if not state["enabled"]:
                sys.stderr.write("ERROR: The task is disabled.\n")
                return 1
            case ["/Run", "/TN", _]:
                self._become(START_IGNORED if running else state["start_ends_with"])
            case ["/End", "/TN", _]:
                self._become(TERMINATED)
            case ["/Delete", "/TN", _, "/F"]:
                self.set(xml=None)
            case _:
                sys.stderr.write('ERROR: Invalid syntax.\nType "SCHTASKS /?" for usage.\n')
                return 1
        return 0

    def _become(self, result: int) -> None:
        if self.get()["slow"]:
            self.set(next_result=[self.get()["slow"], result])
        else:
            self.set(last_result=result)

    def _print_row(self, state: dict[str, Any]) -> None:
        """The line of a German Windows, whose words are not those of an English one."""
        if state["next_result"]:
            left, result = state["next_result"]
            self.set(
                **({"next_result": [left - 1, result]} if left > 1 else {"next_result": None, "last_result": result})
            )
        word = "Wird ausgeführt" if state["last_result"] in (RUNNING, START_IGNORED) else "Bereit"
        arguments = re.search("<Arguments>(.*)</Arguments>", state["xml"])
        row = [
            "DESKTOP",
            f"\\{TASK}",
            "Nicht zutreffend",
            word,
            "Nur interaktiv",
            SINCE,
            str(state["last_result"]),
            "N/A",
        ]
        row += [arguments[1] if arguments else "", "N/A", "Keep Webex tokens fresh", "Aktiviert"]
        sys.stdout.write("\n" + ",".join('"{}"'.format(value.replace('"', '""')) for value in row) + "\n")
