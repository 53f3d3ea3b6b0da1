"""A simulated world for a watcher: a clock that its waits advance, profiles, and the answers of Webex."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from webex_token_cli.errors import WebexTokenError
from webex_token_cli.refresh.check import Hooks, ProfileChecker
from webex_token_cli.refresh.events import Event
from webex_token_cli.refresh.refresher import NotSaved, Outcome, Result
from webex_token_cli.refresh.schedule import Timing
from webex_token_cli.refresh.watcher import Control, Listener, TaskResult, Watcher
from webex_token_cli.tokens import TokenRecord

T = TypeVar("T")

HOUR, DAY = 3600, 86400
START = 1_800_000_000

RECORD = TokenRecord("a", START + 14 * DAY, "r", START + 90 * DAY, START, START, "c", "s")


class Immediate(Generic[T]):
    """An executor that runs each task at the moment it is submitted."""

    def __init__(self) -> None:
        self._results: list[T] = []

    def submit(self, task: Callable[[], T]) -> None:
        self._results.append(task())

    def finished(self) -> list[T]:
        results, self._results = self._results, []
        return results

    def close(self) -> list[T]:
        return self.finished()


class Delayed(Immediate[T]):
    """An executor whose results are ``withheld`` for some time."""

    def __init__(self, withheld: Callable[[], bool]) -> None:
        super().__init__()
        self._withheld = withheld

    def finished(self) -> list[T]:
        return [] if self._withheld() else super().finished()


@dataclass
class World:
    """By default, the watch is stopped after three days, and Webex renews the tokens at each request.

    ``failing`` gives the error that a refresh or a late save of a profile raises, or None, and ``lock`` is open
    meanwhile. The lists record what the watcher did: ``reads`` and ``refreshes`` have the profile and the time,
    ``late`` the records that were saved late, ``changes`` and ``calls`` the arguments of the hooks, and ``waits`` the
    seconds of each wait.
    """

    interval: float = HOUR
    max_age: float = DAY
    now: float = START
    until: float = START + 3 * DAY
    records: dict[str, TokenRecord] = field(default_factory=lambda: {"default": RECORD})
    refresh_expires_at: int | None = None
    failing: Callable[[str], WebexTokenError | None] = lambda _: None
    lock: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
    api_urls: dict[str, str] = field(default_factory=dict)
    reads: list[tuple[str, float]] = field(default_factory=list)
    refreshes: list[tuple[str, float]] = field(default_factory=list)
    late: list[tuple[str, TokenRecord]] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    on_wait: Callable[["World"], None] = lambda _: None
    check_requested: Callable[[], bool] = lambda: False
    ended: Callable[["World"], bool] = lambda world: world.now >= world.until

    def stored(self, name: str) -> TokenRecord | None:
        self.reads.append((name, self.now))
        return self.records.get(name)

    def refresh_from(self, name: str, seen: TokenRecord) -> Outcome:
        self.refreshes.append((name, self.now))
        error = self.failing(name)
        if error:
            raise error
        self.records[name] = self.renewed(seen)
        return Outcome(Result.RENEWED, self.records[name])

    def save_late(self, name: str, unsaved: NotSaved) -> Outcome:
        error = self.failing(name)
        if error:
            raise error
        self.records[name] = unsaved.after
        self.late.append((name, unsaved.after))
        return Outcome(Result.RENEWED, unsaved.after)

    def renewed(self, record: TokenRecord) -> TokenRecord:
        moment = int(self.now)
        return replace(
            record, access_token=f"a{moment}", access_expires_at=moment + 14 * DAY, refreshed_at=moment,
            changed_at=moment, refresh_expires_at=self.refresh_expires_at or moment + 90 * DAY,
        )  # fmt: skip

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        self.on_wait(self)

    def refresher(self, name: str) -> "WorldRefresher":
        return WorldRefresher(self, self.api_urls.get(name, "https://webex.example/v1"))

    def watcher(self, hooks: Hooks | None = None) -> Watcher:
        timing = Timing(self.interval, self.max_age)
        hooks = hooks or Hooks(
            on_change=lambda name, record: self.changes.append((name, record.access_token)),
            on_attention=lambda name, words: self.calls.append((name, words)),
        )

        def clock() -> float:
            return self.now

        def stopping() -> bool:
            return self.ended(self)

        return Watcher(
            profiles=lambda: list(self.records),
            checker=ProfileChecker(self.refresher, timing, clock, stopping, hooks),
            executor=Immediate[TaskResult](),
            control=Control(self.wait, stopping, lambda: self.check_requested()),
            listener=Listener(self.events.append),
            timing=timing,
            clock=clock,
            jitter=lambda _, high: high,
        )

    def hours(self, name: str | None = None) -> list[float]:
        """When the profile was refreshed, in hours since the start; None stands for all profiles."""
        return [(moment - START) / HOUR for each, moment in self.refreshes if name in (None, each)]

    def reported(self, name: str | None = "default") -> list[tuple[float, str]]:
        """The events of the profile that are news: when they were, in seconds since the start, and their kind."""
        return [(e.moment - START, e.kind.value) for e in self.events if e.profile == name and e.is_news]


@dataclass(frozen=True)
class WorldRefresher:
    """The refresher of one profile in a world, as a watcher uses it."""

    world: World
    api_url: str

    def stored(self, name: str) -> TokenRecord | None:
        return self.world.stored(name)

    def refresh_from(self, name: str, seen: TokenRecord) -> Outcome:
        with self.world.lock(name):
            return self.world.refresh_from(name, seen)

    def save_late(self, name: str, unsaved: NotSaved) -> Outcome:
        with self.world.lock(name):
            return self.world.save_late(name, unsaved)
