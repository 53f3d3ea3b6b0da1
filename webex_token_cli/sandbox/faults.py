"""Faults: what a test or a person orders the sandbox to do wrong, in words such as ``refresh=503:30*2@1``.

A fault says where it strikes, what it does, how many requests it meets and what has to happen before it begins.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from webex_token_cli.sandbox.durations import LONGEST, in_digits, seconds
from webex_token_cli.sandbox.quoting import quoted

TOKEN_PATH = "/v1/access_token"  # noqa: S105 - a path
DEVICE_TOKEN_PATH = "/v1/device/token"  # noqa: S105 - a path
CONTROL_ROOT = "/sandbox/"

# The statuses whose answers have no content (RFC 9110 sections 15.3.5 and 15.4.5).
BODILESS = frozenset({204, 304})

# The requests that have a name: a refresh, the exchange of an authorization code, a device's poll, and /people/me.
PLACES = ("refresh", "code", "device", "people")

# What each kind does. A kind whose name ends with a colon here takes seconds after one: `slow:5`, and 503 may.
KINDS = {
    "expired": "refuse the token or code as expired",
    "revoked": "refuse the token or code as revoked",
    "client-refused": "refuse the client id and client secret",
    "tokenlimit": "refuse with tokenlimit_reached: the person has too many access tokens",
    "408": "answer 408 Request Timeout; 408:30 adds Retry-After: 30",
    "423": "answer 423 Locked; 423:30 adds Retry-After: 30",
    "425": "answer 425 Too Early; 425:30 adds Retry-After: 30",
    "429": "answer 429 Too Many Requests; 429:30 adds Retry-After: 30",
    "500": "answer 500 Internal Server Error; 500:30 adds Retry-After: 30",
    "502": "answer 502 Bad Gateway; 502:30 adds Retry-After: 30",
    "503": "answer 503 Service Unavailable; 503:30 adds Retry-After: 30",
    "504": "answer 504 Gateway Timeout; 504:30 adds Retry-After: 30",
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
_WITH_SECONDS = frozenset({"408", "423", "425", "429", "500", "502", "503", "504", "slow"})
_OF_TOKEN_ANSWERS = frozenset({"tokenlimit", "string-lifetimes", "no-refresh-token"})
_TOKEN_ANSWERS = frozenset({"refresh", "code", "device", TOKEN_PATH, DEVICE_TOKEN_PATH})

# The paths to which no token and no code is sent, so that none can have ended.
_WITHOUT_TOKENS = frozenset(
    {"/v1/authorize", "/v1/device/authorize", "/v1/.well-known/openid-configuration", "/verify"}
)

# A path may contain `=`, as the id of an application does.
_WORDS = re.compile(
    r"(?P<where>\S+)=(?P<kind>[a-z0-9-]+)(?::(?P<seconds>[^*@]+))?(?:\*(?P<times>\d+))?(?:@(?P<after>[^*@]+))?",
    re.ASCII,
)

# Ten requests a second for more than three years. Python does not read numbers of thousands of digits.
_MOST = 10**9


@dataclass(slots=True)
class Fault:
    """One fault that was ordered, and how far it has come.

    ``where`` is one of ``PLACES`` or a path such as ``/v1/people/me``, ``kind`` a key of ``KINDS``, ``seconds`` its
    argument. It meets ``times`` requests. It begins after ``after_requests`` requests there, or ``after_seconds`` after
    it was ordered, by the sandbox's clock. ``came`` is the number of requests that it has met. Kinds that change an
    answer with tokens wait for one: a refusal has no lifetimes, for example.
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
            raise ValueError(f"{quoted(words)} is not like WHERE=KIND[*TIMES][@AFTER], as in refresh=503*2.")
        kind, after = found["kind"], found["after"] or "0"
        fault = cls(found["where"], kind)
        _check_kind(fault)
        fault.seconds = None if found["seconds"] is None else seconds(found["seconds"])
        fault.times = _count(found["times"] or "1")
        if re.fullmatch(r"\d+", after, re.ASCII):
            fault.after_requests = _count(after)
        else:
            fault.after_seconds = seconds(after)
        fault.check()
        return fault

    def check(self) -> None:
        """Raise ValueError with a sentence if no request can meet this."""
        _check_kind(self)
        if self.kind == "slow" and self.seconds is None:
            raise ValueError("'slow' needs its seconds, as in refresh=slow:5.")
        if self.kind not in _WITH_SECONDS and self.seconds is not None:
            raise ValueError(f"{self.kind!r} takes no seconds.")
        _check_path(self.where)
        _check_counts(self.times, self.after_requests)

    def __str__(self) -> str:
        """The words that describe it, without those that say nothing."""
        argument = "" if self.seconds is None else f":{in_digits(self.seconds)}"
        after = f"@{in_digits(self.after_seconds)}s" if self.after_seconds else f"@{self.after_requests}"
        times = f"*{self.times}" if self.times > 1 else ""
        return f"{self.where}={self.kind}{argument}{times}{'' if after == '@0' else after}"


def _check_kind(fault: Fault) -> None:
    """Raise ValueError unless the place and the kind are known and belong together."""
    where, kind = fault.where, fault.kind
    if where not in PLACES and not where.startswith("/"):
        raise ValueError(f"{quoted(where)} is not a place. Name {', '.join(PLACES)} or a path such as {TOKEN_PATH}.")
    if kind not in KINDS:
        raise ValueError(f"{quoted(kind)} is not a kind of fault. The kinds are {', '.join(KINDS)}.")
    if kind == "same-token" and where not in {"refresh", TOKEN_PATH}:
        raise ValueError("'same-token' is about a refresh: write refresh=same-token.")
    if kind in {"expired", "revoked"} and where in _WITHOUT_TOKENS:
        raise ValueError(f"{kind!r} is about a token or a code, and requests for {where} have none.")
    if kind in _OF_TOKEN_ANSWERS and where not in _TOKEN_ANSWERS:
        raise ValueError(f"{kind!r} is about answers with tokens: write refresh, code or device before it.")


def _check_path(path: str) -> None:
    """Raise ValueError for a path whose requests never meet a fault."""
    if path.startswith(CONTROL_ROOT):
        raise ValueError(f"The paths below {CONTROL_ROOT} have no faults: they are how faults are ordered.")
    if "?" in path or "#" in path:
        raise ValueError(f"{quoted(path)} is more than a path. Leave out what follows the path.")


def _check_counts(times: int, after_requests: int) -> None:
    if not 1 <= times <= _MOST:
        raise ValueError(f"A fault meets from 1 to {_MOST} requests.")
    if not 0 <= after_requests <= _MOST:
        raise ValueError(f"A fault begins after 0 to {_MOST} requests.")


def _count(digits: str) -> int:
    """The number, or one that is too large if there are more digits than Python reads."""
    return int(digits) if len(digits) <= len(str(_MOST)) else _MOST + 1


@dataclass(slots=True)
class Answer:
    """An answer of one's own, which the next ``times`` requests for ``path`` get after ``delay`` seconds.

    It is for what no kind of fault describes, and for the paths of Webex's API that the sandbox does not have.
    With ``scope``, a request needs a valid access token that has this scope; another one is refused, and counts as
    well. ``spark:all`` includes the others that begin with ``spark:``, without ``spark:kms`` and
    ``spark:applications_token``. ``after_requests`` and ``came`` are as for a fault.
    """

    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    times: int = 1
    delay: float = 0.0
    after_requests: int = 0
    came: int = 0
    scope: str = ""

    def check(self) -> None:
        """Raise ValueError with a sentence if it could not be sent as one HTTP answer."""
        _check_path(self.path)
        _check_counts(self.times, self.after_requests)
        if not self.path.startswith("/"):
            raise ValueError(f"{quoted(self.path)} is not a path such as {TOKEN_PATH}.")
        if not 200 <= self.status <= 599:
            raise ValueError(f"{self.status} is not the status of an answer: it must be from 200 to 599.")
        if self.status in BODILESS and self.body:
            raise ValueError(f"An answer with status {self.status} has no body.")
        if not 0 <= self.delay <= LONGEST:
            raise ValueError("The delay must be from 0 seconds to a thousand years.")
        for name, value in self.headers.items():
            _check_header(name, value)
        self.body.encode()  # UnicodeEncodeError is a ValueError

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


def _check_header(name: str, value: str) -> None:
    """Raise ValueError unless it is one header (RFC 9110 section 5) that leaves the length of the answer alone."""
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not re.fullmatch(r"[\t\x20-\x7e]*", value):
        raise ValueError(f"{quoted(name)} is not a header with a value of one line in ASCII.")
    if name.lower() in {"content-length", "transfer-encoding", "connection"}:
        raise ValueError(f"{name} is written by the sandbox itself.")


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
        """Let the next requests that it is about meet ``fault``. Raises ValueError if none could."""
        fault.check()
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
                if order.fault.where != place and unquote(order.fault.where) != unquote(path):
                    continue
                order.seen += 1
                if met is None and self._is_due(order):
                    met = order.fault
                    met.came += 1
        return met

    def give_back(self, fault: Fault) -> None:
        """Let ``fault`` meet another request, because the usual answer to this one had nothing that it could change."""
        with self._lock:
            fault.came -= 1

    def _is_due(self, order: _Order) -> bool:
        fault = order.fault
        return (
            fault.came < fault.times
            and order.seen > fault.after_requests
            and self._now() - order.since >= fault.after_seconds
        )
