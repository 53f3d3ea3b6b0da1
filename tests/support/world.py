"""A world for a watcher: a clock that its naps move on, profiles, and what Webex says to each refresh."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from webex_token_cli.errors import SignInNeeded, WebexTokenError
from webex_token_cli.refresh.check import Account, Hooks
from webex_token_cli.refresh.events import Event
from webex_token_cli.refresh.refresher import NotSaved, Outcome, Result
from webex_token_cli.refresh.schedule import Timing
from webex_token_cli.refresh.watcher import Settlement, Watcher
from webex_token_cli.tokens import TokenRecord

T = TypeVar("T")

HOUR, DAY = 3600, 86400
START = 1_800_000_000

RECORD = TokenRecord("a", START + 14 * DAY, "r", START + 90 * DAY, START, START, "c", "s")


class AtOnce(Generic[T]):
    """A crew that does each call the moment it is started."""

    def __init__(self) -> None:
        self._results: list[T] = []

    def start(self, call: Callable[[], T]) -> None:
        self._results.append(call())

    def finished(self) -> list[T]:
        results, self._results = self._results, []
        return results

    def close(self) -> list[T]:
        return self.finished()


@dataclass
class World:
    """By default it ends after three days, and Webex renews whenever it is asked."""

    interval: float = HOUR
    max_age: float = DAY
    now: float = START
    until: float = START + 3 * DAY
    records: dict[str, TokenRecord] = field(default_factory=lambda: {"default": RECORD})
    refresh_expires_at: int | None = None
    failing: Callable[[str], WebexTokenError | None] = lambda _: None
    services: dict[str, str] = field(default_factory=dict)
    reads: list[tuple[str, float]] = field(default_factory=list)
    refreshes: list[tuple[str, float]] = field(default_factory=list)
    late: list[tuple[str, TokenRecord]] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    naps: list[float] = field(default_factory=list)
    on_nap: Callable[["World"], None] = lambda _: None
    ended: Callable[["World"], bool] = lambda world: world.now >= world.until

    def stored(self, name: str) -> TokenRecord | None:
        self.reads.append((name, self.now))
        return self.records.get(name)

    def refresh(self, name: str, due: Callable[[TokenRecord], bool]) -> Outcome:
        record = self.stored(name)
        if record is None:
            raise SignInNeeded(f"Nobody is signed in as profile {name}.", "Sign in.")
        if not due(record):
            return Outcome(Result.NOT_DUE, record)
        self.refreshes.append((name, self.now))
        error = self.failing(name)
        if error:
            raise error
        self.records[name] = self.renewed(record)
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

    def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds
        self.on_nap(self)

    def account(self, name: str) -> Account:
        return Account(
            self.services.get(name, "https://webex.example/v1"),
            stored=lambda: self.stored(name),
            refresh=lambda due: self.refresh(name, due),
            save_late=lambda unsaved: self.save_late(name, unsaved),
        )

    def watcher(self, hooks: Hooks | None = None) -> Watcher:
        return Watcher(
            profiles=lambda: list(self.records),
            account=self.account,
            crew=AtOnce[Settlement](),
            report=self.events.append,
            timing=Timing(self.interval, self.max_age),
            clock=lambda: self.now,
            nap=self.nap,
            stopping=lambda: self.ended(self),
            hooks=hooks
            or Hooks(
                on_change=lambda name, record: self.changes.append((name, record.access_token)),
                on_attention=lambda name, words: self.calls.append((name, words)),
            ),
            draw=lambda _, high: high,
        )

    def hours(self, name: str | None = None) -> list[float]:
        """When it refreshed, in hours since the start."""
        return [(moment - START) / HOUR for each, moment in self.refreshes if name in (None, each)]

    def said(self, name: str | None = "default") -> list[tuple[float, str]]:
        """What was worth a line about the profile: seconds since the start, and what."""
        return [(e.moment - START, e.kind.value) for e in self.events if e.profile == name and e.is_news]
