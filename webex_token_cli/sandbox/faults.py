"""Faults: what a test or a person orders the sandbox to do wrong, in words such as ``refresh=503:30*2@1``.

A fault says where it strikes, what it does, how many requests it meets and what has to happen before it begins.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from webex_token_cli.sandbox.durations import seconds

TOKEN_PATH = "/v1/access_token"  # noqa: S105 - a path
DEVICE_TOKEN_PATH = "/v1/device/token"  # noqa: S105 - a path

# The requests that have a name: a refresh, the exchange of an authorization code, a device's poll, and /people/me.
PLACES = ("refresh", "code", "device", "people")

# What each kind does. A kind whose name ends with a colon here takes seconds after one: `slow:5`, and 503 may.
KINDS = {
    "expired": "refuse the token or code as expired",
    "revoked": "refuse the token or code as revoked",
    "client-refused": "refuse the client id and client secret",
    "tokenlimit": "refuse with tokenlimit_reached: the person has too many access tokens",
    "423": "answer 423 Locked; 423:30 adds Retry-After: 30",
    "429": "answer 429 Too Many Requests; 429:30 adds Retry-After: 30",
    "503": "answer 503 Service Unavailable; 503:30 adds Retry-After: 30",
    "slow": "answer as usual, but slow:5 seconds later",
    "reset": "reset the connection without an answer, and do nothing",
    "captive": "answer 200 with the sign-in page of a captive portal",
    "truncated": "do as asked, but close the connection in the middle of the answer",
    "html-error": "answer 502 with a proxy's HTML page",
    "string-lifetimes": "answer as usual, but with lifetimes as JSON strings",
    "no-refresh-token": "answer as usual, but without a refresh token; the old one stays in force",
    "same-token": "answer a refresh with the same access token, as within a day of the last",
    "answer-lost": "do as asked, replacing the refresh token, then reset the connection",
}
_WITH_SECONDS = frozenset({"423", "429", "503", "slow"})
_OF_TOKEN_ANSWERS = frozenset({"tokenlimit", "string-lifetimes", "no-refresh-token"})
_TOKEN_ANSWERS = frozenset({"refresh", "code", "device", TOKEN_PATH, DEVICE_TOKEN_PATH})

_WORDS = re.compile(
    r"(?P<where>[^=\s]+)=(?P<kind>[a-z0-9-]+)(?::(?P<seconds>[^*@]+))?(?:\*(?P<times>\d+))?(?:@(?P<after>[^*@]+))?"
)


@dataclass(slots=True)
class Fault:
    """One fault that was ordered, and how far it has come.

    ``where`` is one of ``PLACES`` or a path such as ``/v1/people/me``, ``kind`` a key of ``KINDS``, ``seconds`` its
    argument. It meets ``times`` requests. It begins after ``after_requests`` requests there, or ``after_seconds`` after
    it was ordered, by the sandbox's clock. ``came`` is the number of requests that it has met.
    """

    where: str
    kind: str
    seconds: float | None = None
    times: int = 1
    after_requests: int = 0
    after_seconds: float = 0.0
    came: int = 0

    @classmethod
    def parse(cls, words: str) -> "Fault":
        """The fault in ``words``: ``WHERE=KIND[*TIMES][@AFTER]``, where KIND may have seconds as in ``slow:5``.

        AFTER is a number of requests that are answered as usual first, or a duration such as ``10m``.
        Raises ValueError with a sentence that names what is wrong.
        """
        found = _WORDS.fullmatch(words)
        if found is None:
            raise ValueError(f"{words!r} is not like WHERE=KIND[*TIMES][@AFTER], as in refresh=503*2.")
        where, kind, after = found["where"], found["kind"], found["after"] or "0"
        if where not in PLACES and not where.startswith("/"):
            raise ValueError(f"{where!r} is not a place. Name {', '.join(PLACES)} or a path such as {TOKEN_PATH}.")
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not a kind of fault. The kinds are {', '.join(KINDS)}.")
        _check_place(kind, where)
        fault = cls(where, kind, _seconds_of(kind, found["seconds"]), int(found["times"] or 1))
        if fault.times < 1:
            raise ValueError(f"{words!r} would never come: its times must be 1 or more.")
        if after.isdigit():
            fault.after_requests = int(after)
        else:
            fault.after_seconds = seconds(after)
        return fault

    def __str__(self) -> str:
        """The words that describe it, without those that say nothing."""
        argument = "" if self.seconds is None else f":{self.seconds:g}"
        after = f"@{self.after_seconds:g}s" if self.after_seconds else f"@{self.after_requests}"
        times = f"*{self.times}" if self.times > 1 else ""
        return f"{self.where}={self.kind}{argument}{times}{'' if after == '@0' else after}"


def _check_place(kind: str, where: str) -> None:
    if kind == "same-token" and where not in {"refresh", TOKEN_PATH}:
        raise ValueError("'same-token' is about a refresh: write refresh=same-token.")
    if kind in _OF_TOKEN_ANSWERS and where not in _TOKEN_ANSWERS:
        raise ValueError(f"{kind!r} is about answers with tokens: write refresh, code or device before it.")


def _seconds_of(kind: str, given: str | None) -> float | None:
    if given is None:
        if kind == "slow":
            raise ValueError("'slow' needs its seconds, as in refresh=slow:5.")
        return None
    if kind not in _WITH_SECONDS:
        raise ValueError(f"{kind!r} takes no seconds.")
    return seconds(given)


@dataclass(slots=True)
class Answer:
    """An answer of one's own, which the next ``times`` requests for ``path`` get after ``delay`` seconds.

    It is for what no kind of fault describes. ``after_requests`` and ``came`` are as for a fault.
    """

    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    times: int = 1
    delay: float = 0.0
    after_requests: int = 0
    came: int = 0

    @property
    def where(self) -> str:
        """The path."""
        return self.path

    @property
    def after_seconds(self) -> float:
        """It needs no time to pass."""
        return 0.0

    def __str__(self) -> str:
        """What it is, without the body, which may contain a secret."""
        return f"{self.path}={self.status}{f'*{self.times}' if self.times > 1 else ''}"


@dataclass(slots=True)
class _Order:
    fault: Fault | Answer
    since: float
    seen: int = 0


class FaultQueue:
    """The ordered faults, first come first served. ``now`` gives UTC epoch seconds.

    Safe to use from several threads.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._orders: list[_Order] = []
        self._lock = threading.Lock()

    def order(self, fault: Fault | Answer) -> None:
        """Let the next requests that it is about meet ``fault``."""
        with self._lock:
            self._orders.append(_Order(fault, self._now()))

    def ordered(self) -> list[Fault | Answer]:
        """All that were ordered since the last ``clear``, oldest first, those that have come to their end too."""
        with self._lock:
            return [order.fault for order in self._orders]

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._orders.clear()

    def take(self, path: str, place: str) -> Fault | Answer | None:
        """The fault that a request meets, by its path and the name of its place, which may be empty.

        Each fault counts the requests that it is about, those that meet another fault too.
        """
        met = None
        with self._lock:
            for order in self._orders:
                if order.fault.where not in {path, place}:
                    continue
                order.seen += 1
                if met is None and self._is_due(order):
                    met = order.fault
                    met.came += 1
        return met

    def _is_due(self, order: _Order) -> bool:
        fault = order.fault
        return (
            fault.came < fault.times
            and order.seen > fault.after_requests
            and self._now() - order.since >= fault.after_seconds
        )
