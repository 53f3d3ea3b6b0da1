"""Several hosts that refresh one record on a shared store, in simulated time, one step of one host after the other.

Each request to the store or to Webex is two steps: one before it takes effect, one before its answer arrives. A host
can be killed or stopped at any step, and an answer can be lost. Nothing waits for real.
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.records import FULL_RECORD
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import GrantRefused, WebexTokenError
from webex_token_cli.refresh.refresher import Outcome, Refresher
from webex_token_cli.store.vault.entries import Entries, Host
from webex_token_cli.store.vault.entry import Entry
from webex_token_cli.store.vault.key_value import Version, VersionConflict
from webex_token_cli.store.vault.requester import OutcomeUnknown
from webex_token_cli.store.vault.store import VaultStore
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

PROFILE = "shared"
START = 1_800_000_000.0
LIFETIME = 1209599


class Killed(BaseException):
    """The process of a host is killed."""


@dataclass
class Process:
    """A process on a host: the thread that plays it, and what came of its refresh."""

    name: str
    steps: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
    error: WebexTokenError | None = None
    killed: bool = False
    ended: bool = False
    wakes_at: float = 0.0
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


@dataclass
class Server:
    """A KV version 2 engine with one key, whose clock is ``offset`` seconds ahead of the hosts'."""

    world: "World"
    process: Process
    place: str = "Vault"

    def read(self, key: str, /) -> Version:
        self.world.step(self.process, "read")
        found = self.world.version._replace(read_at=float(int(self.world.clock)))
        self.world.step(self.process, "read answered")
        return found

    def write(self, key: str, values: Mapping[str, Any], /, after: int) -> int:
        what = "claim" if values["claim"] else "write"
        self.world.step(self.process, what)
        current = self.world.version
        if current.number != after:
            self.world.step(self.process, f"{what} answered")
            raise VersionConflict
        self.world.version = Version(after + 1, _as_json(values), self.world.clock, 0.0)
        self.world.step(self.process, f"{what} answered")
        if len(self.process.steps) in self.world.lost_answers:
            raise OutcomeUnknown("lost", "lost")
        return after + 1

    def names(self) -> list[str]:
        return [PROFILE]

    def prepare(self, key: str, /) -> None: ...
    def destroy_before(self, key: str, number: int, /) -> None: ...


@dataclass
class World:
    """The simulated time, the server's key, Webex, and the processes.

    ``choose`` picks which of so many runnable processes makes the next step. ``kill`` and ``stop`` say at which step
    (counted from 1) which process is killed, or stopped for how many seconds. ``lost_answers`` are the steps after
    which the answer to a write is lost.
    """

    choose: Callable[[int], int]
    rotates: bool = True
    kill: Mapping[str, int] = field(default_factory=dict)
    stop: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    lost_answers: frozenset[int] = frozenset()
    clock: float = START
    redeemed: int = 0
    refused: int = 0
    living: str = FULL_RECORD.refresh_token or ""
    processes: list[Process] = field(default_factory=list)
    back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.version = Version(1, _as_json(Entry(FULL_RECORD, Profile(PROFILE)).encoded()), START - 3600, 0.0)

    @property
    def stored(self) -> TokenRecord | None:
        """The record that is stored now."""
        return Entry.parse(PROFILE, self.version.values, "the entry").record

    @property
    def claimed(self) -> bool:
        """Whether a claim is stored now."""
        return Entry.parse(PROFILE, self.version.values, "the entry").claim is not None

    def refresh_on(self, *hosts: str) -> None:
        """Refresh on all ``hosts`` at once, until each has ended."""
        started = [self._start(name) for name in hosts]
        while any(not process.ended for process in started):
            self._run_one()

    def step(self, process: Process, what: str) -> None:
        """Called by a process: let the others run."""
        process.steps.append(what)
        number = len(process.steps)
        if self.kill.get(process.name) == number:
            process.killed = True
            raise Killed
        stopped = self.stop.get(process.name)
        if stopped is not None and stopped[0] == number:
            process.wakes_at = self.clock + stopped[1]
        self.back.release()
        process.turn.acquire()

    def sleep(self, process: Process, seconds: float) -> None:
        """Called by a process."""
        process.wakes_at = self.clock + seconds
        self.back.release()
        process.turn.acquire()

    def redeem(self, process: Process, record: TokenRecord) -> TokenResponse:
        """Webex's answer to a refresh."""
        self.step(process, "redeem")
        if record.refresh_token != self.living:
            self.refused += 1
            self.step(process, "redeem answered")
            raise GrantRefused("Webex refuses the refresh token.", "Sign in again.")
        self.redeemed += 1
        number = self.redeemed
        self.living = f"refresh-{number}" if self.rotates else self.living
        answer = TokenResponse(f"access-{number}", LIFETIME, self.living, LIFETIME, None)
        self.step(process, "redeem answered")
        return answer

    def _start(self, name: str) -> Process:
        process = Process(name)
        self.processes.append(process)
        threading.Thread(target=self._play, args=(process,), daemon=True).start()
        return process

    def _play(self, process: Process) -> None:
        process.turn.acquire()
        host = Host(process.name, lambda: self.clock, lambda: self.clock, lambda s: self.sleep(process, s), lambda: 0.5)
        store = VaultStore(Entries(Server(self, process)), host)
        refresher = Refresher(
            store=store,
            redeem=lambda record: self.redeem(process, record),
            clock=lambda: self.clock,
            sleep=lambda seconds: self.sleep(process, seconds),
        )
        try:
            process.outcome = refresher.refresh(PROFILE, lambda record: record == FULL_RECORD)
        except WebexTokenError as error:
            process.error = error
        except Killed:
            pass
        process.ended = True
        self.back.release()

    def _run_one(self) -> None:
        alive = [process for process in self.processes if not process.ended]
        runnable = [process for process in alive if process.wakes_at <= self.clock]
        if not runnable:
            self.clock = min(process.wakes_at for process in alive)
            return
        process = runnable[self.choose(len(runnable))]
        self.clock += 0.01
        process.turn.release()
        self.back.acquire()


def _as_json(values: Mapping[str, Any]) -> object:
    return json.loads(json.dumps(values))
