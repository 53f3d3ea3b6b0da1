"""Many profiles in a process of their own, which are renewed at a stand-in in another process.

``test_fleet.py`` runs ``python -m tests.support.fleet TASK …``, so that its measurements include neither pytest's
threads and memory nor the work of the stand-in. The environment leads to the folders and to Webex, as for the program.
"""

import gc
import json
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.program import wait_until
from tests.support.threads import calls
from webex_token_cli.application import Application
from webex_token_cli.commands.watch import AT_ONCE
from webex_token_cli.config.sections import with_section
from webex_token_cli.config.settings import Profile
from webex_token_cli.refresh.check import ProfileChecker
from webex_token_cli.refresh.events import Kind
from webex_token_cli.refresh.executor import ThreadExecutor
from webex_token_cli.refresh.refresher import Refresher
from webex_token_cli.refresh.schedule import Timing
from webex_token_cli.refresh.watcher import Control, Listener, TaskResult, Watcher
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.system.signals import StopRequest
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

HOUR, DAY = 3600, 86400

# What `watch` does without options.
HOURLY = Timing(HOUR, DAY)


def serve(count: int, latency: float) -> None:
    """Run a stand-in with ``count`` grants, two days old, until standard input ends.

    The first line of output has the environment that leads to it, and the grants. ``latency`` is in seconds.
    """
    sandbox = Sandbox(Rules(latency=latency, rotate=True))
    made = [sandbox.token_response() for _ in range(count)]
    sandbox.advance(2 * DAY)
    with sandbox:
        print(json.dumps({"environment": sandbox.environment, "grants": made}), flush=True)
        sys.stdin.read()


@dataclass
class Fleet:
    """The profiles of this process's environment, and watchers for them that go by ``clock``."""

    clock: Callable[[], float] = time.time
    application: Application = field(default_factory=lambda: Application(os.environ))
    most_at_once: int = 0
    _requests: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def sign_in(self, grants: dict[str, dict[str, object]], ago: float) -> None:
        """Store a profile for each name, with the tokens of its grant, as if refreshed ``ago`` seconds ago."""
        sections = []
        store_name = os.environ["WEBEX_TOKEN_STORE"]
        store = self.application.store(store_name)
        for name, grant in grants.items():
            record = TokenRecord.signed_in(
                TokenResponse.parse(grant),
                os.environ["WEBEX_CLIENT_ID"],
                os.environ["WEBEX_CLIENT_SECRET"],
                time.time() - ago,
            )
            store.save(name, record)
            sections.append(with_section("", name, Profile(name, store=store_name).settings))
        path = self.application.config.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(sections))

    def refresher(self, name: str) -> Refresher:
        """The refresher of a profile, as ``watch`` makes it, which also counts the requests at one time."""
        refresher = self.application.refresher(self.application.settings(name))

        def redeem(record: TokenRecord) -> TokenResponse:
            with self._counting:
                self._requests += 1
                self.most_at_once = max(self.most_at_once, self._requests)
            try:
                return refresher.redeem(record)
            finally:
                with self._counting:
                    self._requests -= 1

        return replace(refresher, clock=self.clock, redeem=redeem)

    def watcher(self, at_once: int, stop: StopRequest, timing: Timing = HOURLY) -> Watcher:
        """The watcher of the command ``watch``, with ``clock`` as its clock."""
        return Watcher(
            profiles=self.application.config.names,
            checker=ProfileChecker(self.refresher, timing, self.clock, stop),
            executor=ThreadExecutor[TaskResult](at_once, stop.wake),
            control=Control(stop.wait, stop),
            listener=Listener(lambda _: None, when_idle=self.application.close_connections),
            timing=timing,
            clock=self.clock,
        )

    def round(self, names: list[str], at_once: int, stop: StopRequest) -> float:
        """Renew the profiles ``names``, all of which are due, and return the seconds that it took."""
        watcher = self.watcher(at_once, stop)
        watcher.profiles = lambda: names
        started = time.monotonic()
        events = watcher.once()
        took = time.monotonic() - started
        assert sorted((e.profile, e.kind) for e in events) == sorted((n, Kind.RENEWED) for n in names), events
        return took


def race() -> dict[str, float]:
    """Renew half of the grants on standard input one after the other, and the others side by side.

    Returns the seconds that both took, and the largest number of requests at one time.
    """
    first, *grants = json.load(sys.stdin)
    half = len(grants) // 2
    one, many = [f"one-{n:04}" for n in range(half)], [f"many-{n:04}" for n in range(half)]
    fleet = Fleet()
    fleet.sign_in(dict(zip(["first", *one, *many], [first, *grants], strict=True)), ago=2 * DAY)
    with StopRequest() as stop:
        fleet.round(["first"], 1, stop)  # imports modules and opens connections, which is not to be measured
        result = {"one": fleet.round(one, 1, stop), "most at once, one after the other": fleet.most_at_once}
        result["many"] = fleet.round(many, AT_ONCE, stop)
        return {**result, "most at once, side by side": fleet.most_at_once}


@dataclass
class QuickWatch:
    """A watch that does not wait between its rounds: a wait only advances its clock."""

    interval: float
    max_age: float
    measure: Callable[[int], None]
    last_round: int
    now: float = field(default_factory=time.time)
    rounds: int = 0

    def run(self) -> None:
        """Watch the profiles on standard input; ``measure`` is called at the end of each round."""
        grants = json.load(sys.stdin)
        fleet = Fleet(clock=lambda: self.now)
        fleet.sign_in({f"p{number}": grant for number, grant in enumerate(grants)}, ago=0)
        listed = fleet.application.config.names

        def names() -> list[str]:
            self.rounds += 1
            return listed()

        with StopRequest() as stop:
            watcher = fleet.watcher(AT_ONCE, stop, Timing(self.interval, self.max_age))

            def wait(seconds: float) -> None:
                if watcher._progress.in_flight:
                    stop.wait(seconds)
                else:
                    self.measure(self.rounds)
                    self.now += seconds

            watcher.profiles = names
            watcher.control = Control(wait, stopping=lambda: self.rounds >= self.last_round, longest_wait=self.interval)
            watcher.watch()


def leave_alone(rounds: int) -> dict[str, list[int]]:
    """What is in use after a hundred rounds and after the last one. Every fiftieth round refreshes all profiles.

    ``bytes`` is the memory that Python's objects take. ``resident`` varies by a megabyte, because it includes the gaps
    between them.
    """
    used: dict[int, dict[str, int]] = {}

    def measure(number: int) -> None:
        if number in (100, rounds - 1) and number not in used:
            wait_until(lambda: not calls())  # idle threads end within a second
            gc.collect()
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            used[number] = {
                "bytes": tracemalloc.get_traced_memory()[0],
                "resident": resident,
                "descriptors": len(list(Path("/proc/self/fd").iterdir())),
                "threads": threading.active_count(),
            }

    # Pathlib interns the name of each temporary file. After some ten thousand names the interpreter enlarges its table
    # of such strings by a megabyte, so this makes it do so before the first measurement.
    tracemalloc.start()
    for number in range(100_000):
        sys.intern(f"name-{number}")
    QuickWatch(HOUR, 50 * HOUR, measure, rounds).run()
    first, last = used.values()
    return {what: [first[what], last[what]] for what in first}


def do_nothing(rounds: int) -> dict[str, float]:
    """The cost of a round in which nothing is due. The first round, which reads all records, is not counted."""
    counted = {"open": 0, "socket.connect": 0}
    cost: dict[str, float] = {}
    began: list[tuple[int, float]] = []

    def count(event: str, _: tuple[object, ...]) -> None:
        if began and event in counted:
            counted[event] += 1

    def measure(number: int) -> None:
        if not began:
            began.append((number, time.process_time()))
        elif number == rounds - 1:
            first, at = began[0]
            cost["milliseconds"] = (time.process_time() - at) / (number - first) * 1000

    sys.addaudithook(count)
    QuickWatch(1.0, DAY, measure, rounds).run()
    return {**cost, **counted}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", count, latency]:
            serve(int(count), float(latency))
        case ["race"]:
            print(json.dumps(race()))
        case ["leave-alone", rounds]:
            print(json.dumps(leave_alone(int(rounds))))
        case ["do-nothing", rounds]:
            print(json.dumps(do_nothing(int(rounds))))
