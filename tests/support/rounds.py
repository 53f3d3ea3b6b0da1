"""One round of ``watch --once`` over a stored record that is due, and its complete result for comparison."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import Finished, Program
from tests.support.stored import TIME
from webex_token_cli.store.file.opening import open_file_store
from webex_token_cli.tokens import TokenRecord

DAY = 86400

# Text that depends on time or chance. Waits are compared as the numbers in the JSON line instead.
_VARYING = [
    (re.compile(TIME), "TIME"),
    (re.compile(r"ROUTER_[0-9A-F]+-[0-9A-F]+"), "ROUTER_1"),
    (re.compile(r"127\.0\.0\.1:\d+"), "HOST"),
    (re.compile(r"/\S+/for-(people|machines)(?=/)"), "HOME"),
    (re.compile(r"(?<=Next try in )\d+ \w+|(?<=next refresh in )\d+ \w+"), "WAIT"),
]


def due_record() -> TokenRecord:
    """A record that was refreshed two days ago: a watch refreshes it in its first round."""
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
    """Save ``record`` in the file store of the program whose WEBEX_TOKEN_HOME is ``home``."""
    open_file_store(home / "credentials").save("default", record)


def stored_in(home: Path) -> TokenRecord | None:
    """The record in the file store of the program whose WEBEX_TOKEN_HOME is ``home``."""
    return open_file_store(home / "credentials").load("default")


@dataclass(frozen=True)
class Failure:
    """What a failed round reports: kind of event, message, hint, exit status, and the range of the wait in seconds.

    ``wait`` is None if the watch does not try again before a sign-in. ``tracked`` says whether there is a tracking ID.
    """

    event: str
    error: str
    hint: str
    status: int
    wait: tuple[float, float] | None = (2, 5)
    tracked: bool = True

    @property
    def line(self) -> str:
        """The line of the text log."""
        return f"{self.event}: {self.error} {self.hint if self.wait is None else 'Next try in WAIT.'}"

    def document(self, record: TokenRecord | None) -> dict[str, Any]:
        """The JSON line for a profile that has ``record``, normalized as ``settled`` does."""
        # A wait is rounded down to whole seconds, as the moment it is counted from is.
        wait = None if self.wait is None else pytest.approx(sum(self.wait) / 2, abs=(self.wait[1] - self.wait[0]) / 2)
        needs_sign_in = self.wait is None
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
            "failing_since": None if needs_sign_in else 0,
            "error": self.error,
            "hint": self.hint,
            "exit_status": self.status,
            "tracking_id": "ROUTER_1" if self.tracked else None,
            "attention": "needs sign-in" if needs_sign_in else None,
            "attention_message": f"{self.error} {self.hint}" if needs_sign_in else None,
        }


@dataclass(frozen=True)
class Round:
    """The result of a round: exit status, line of the text log, standard error, and JSON line."""

    status: int
    line: str
    warned: str
    document: dict[str, Any] = field(hash=False)


def expected(failure: Failure, record: TokenRecord | None) -> Round:
    """The result of a round that fails with ``failure`` for a profile that has ``record``."""
    return Round(failure.status, f"TIME  default  {failure.line}\n", "", failure.document(record))


def seen(for_people: Finished, for_machines: Finished) -> Round:
    """The result of a round from the output in both formats. Text that depends on time or chance is replaced."""
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
    """``text`` with everything replaced that depends on time or chance."""
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text


def one_round(form: str) -> list[str]:
    """The arguments for one round over the profile, with the log format ``form``."""
    return ["watch", "--once", "-p", "default", "--log-format", form]


def round_of(program: Program, for_people: Path, for_machines: Path) -> Round:
    """Run a round of ``program`` in each of the two homes side by side, one with a text log and one with a JSON log."""

    def run(home: Path, form: str) -> Finished:
        return program.having(WEBEX_TOKEN_HOME=str(home)).run(*one_round(form))

    with ThreadPoolExecutor(2) as pool:
        return seen(*pool.map(run, (for_people, for_machines), ("text", "json")))
