"""One round of ``watch --once`` over a stored token that is due: what it came to, whole, for a table to compare."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Finished, Program
from webex_token_cli.store.backends import open_file_store
from webex_token_cli.tokens import TokenRecord

DAY = 86400

# What nothing but time and chance decide; the wait is told apart from them by the JSON line's numbers.
_VARYING = [
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "TIME"),
    (re.compile(r"ROUTER_[0-9A-F]+-[0-9A-F]+"), "ROUTER_1"),
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"/\S+/for-(people|machines)(?=/)"), "HOME"),
    (re.compile(r"(?<=Next try in )\d+ \w+|(?<=next refresh in )\d+ \w+"), "WAIT"),
]


def due_record() -> TokenRecord:
    """Signed in and refreshed two days ago: a watch refreshes it at its first look."""
    then = int(time.time()) - 2 * DAY
    return TokenRecord(
        access_token="the-old-access-token",
        access_expires_at=then + 14 * DAY,
        refresh_token="the-old-refresh-token",
        refresh_expires_at=then + 90 * DAY,
        changed_at=then,
        refreshed_at=then,
        client_id="the-client-id",
        client_secret="the-client-secret",
    )


def store_in(home: Path, record: TokenRecord) -> None:
    """Have ``record`` in the file store of the program that lives in ``home``."""
    open_file_store(home / "credentials").save("default", record)


def stored_in(home: Path) -> TokenRecord | None:
    """What is in the file store of the program that lives in ``home``."""
    return open_file_store(home / "credentials").load("default")


@dataclass(frozen=True)
class Failure:
    """What a round that failed comes to: how the line begins, what is said, the exit status, and seconds to wait."""

    event: str
    error: str
    hint: str
    status: int
    wait: tuple[float, float] | None = (2, 5)
    tracked: bool = True

    @property
    def line(self) -> str:
        """What people read."""
        return f"{self.event}: {self.error} {self.hint if self.wait is None else 'Next try in WAIT.'}"

    def document(self, record: TokenRecord | None) -> dict[str, Any]:
        """What machines read of a profile that has ``record``, as ``settled`` would have it."""
        # A wait is rounded down to whole seconds, as the moment it is counted from is.
        wait = None if self.wait is None else pytest.approx(sum(self.wait) / 2, abs=(self.wait[1] - self.wait[0]) / 2)
        lost = self.wait is None
        return {
            "version": 1,
            "time": "TIME",
            "profile": "default",
            "event": self.event,
            "message": self.line,
            "access_token_expires_at": record and record.access_expires_at,
            "refresh_token_expires_at": record and record.refresh_expires_at,
            "refreshed_at": record and record.refreshed_at,
            "next_at": wait,
            "failing_since": None if lost else 0,
            "error": self.error,
            "hint": self.hint,
            "exit_status": self.status,
            "tracking_id": "ROUTER_1" if self.tracked else None,
            "attention": "needs sign-in" if lost else None,
            "attention_message": f"{self.error} {self.hint}" if lost else None,
        }


@dataclass(frozen=True)
class Round:
    """What was seen of a round: its exit status, the line for people, what they were told besides, the JSON line."""

    status: int
    line: str
    warned: str
    document: dict[str, Any] = field(hash=False)


def expected(failure: Failure, record: TokenRecord | None) -> Round:
    """The round that ``failure`` makes of a profile that has ``record``."""
    return Round(failure.status, f"TIME  default  {failure.line}\n", "", failure.document(record))


def seen(for_people: Finished, for_machines: Finished) -> Round:
    """The round as both kinds of log show it. What only time and chance decide is taken out."""
    assert (for_machines.status, settled(for_machines.err)) == (for_people.status, settled(for_people.err))
    (line,) = for_machines.out.splitlines()
    document: dict[str, Any] = json.loads(line)
    moment = document["time"]
    assert abs(moment - time.time()) < 60
    for key, value in document.items():
        if isinstance(value, str):
            document[key] = settled(value)
        elif key in {"next_at", "failing_since"} and value is not None:
            document[key] = value - moment
    return Round(for_people.status, settled(for_people.out), settled(for_people.err), {**document, "time": "TIME"})


def settled(text: str) -> str:
    """``text`` without what only time and chance decide."""
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text


def looking_once(form: str) -> list[str]:
    """The command that makes one round over the profile, and tells of it in the ``form`` of log."""
    return ["watch", "--once", "-p", "default", "--log-format", form]


def round_of(program: Program, for_people: Path, for_machines: Path) -> Round:
    """A round of ``program`` in each of the two homes, side by side, the one told as text and the other as JSON."""

    def look(home: Path, form: str) -> Finished:
        return program.having(WEBEX_TOKEN_HOME=str(home)).run(*looking_once(form))

    with ThreadPoolExecutor(2) as pool:
        return seen(*pool.map(look, (for_people, for_machines), ("text", "json")))
