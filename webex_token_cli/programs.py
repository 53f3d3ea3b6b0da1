"""What Python programs come in through: the application in a program's own process, and its token over time."""

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from webex_token_cli.application import Application
from webex_token_cli.errors import ConfigurationError, StoreUnavailable, TemporaryFailure, as_data
from webex_token_cli.tokens import TokenRecord

T = TypeVar("T")

# The warnings of ``get`` go to this logger.
LOGGER = "webex_token_cli"

# A token is looked up again after this many seconds. It is less than the five minutes for which a token that is looked
# up is still valid, so that no token expires in between.
LOOK_AGAIN = 60.0

# After a temporary failure, every request would ask Webex again; for this many seconds, they get the same failure.
_FAILURE_LASTS = 5.0


def application(clock: Callable[[], float] = time.time) -> Application:
    """An application with this process's environment, which logs what the command would say."""
    log = logging.getLogger(LOGGER)
    if not log.handlers:
        log.addHandler(logging.NullHandler())  # without a handler, Python prints warnings to standard error
    return Application(
        os.environ,
        say=lambda text: log.warning("%s", text.removeprefix("Warning: ")),
        interactive=sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty(),
        clock=clock,
    )


def check_min_valid(min_valid: float) -> float:
    """Return ``min_valid`` if it is a number of seconds. Raises ConfigurationError if not."""
    if not (math.isfinite(min_valid) and min_valid >= 0):
        raise ConfigurationError(f"{min_valid!r} is not a number of seconds.", "Give a min_valid of 0 or more.")
    return min_valid


class OneInEachProcess(Generic[T]):
    """What ``make`` returns, made once in each process, when it is first asked for. Any thread may ask.

    The child of a fork has the objects of its parent, but none of the threads that they wait for, and a lock that such
    a thread held is locked for ever. A connection is still the parent's, and each would read the other's answers. So
    the child uses nothing that the parent has made.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {}

    def __call__(self) -> T:
        pid = os.getpid()
        if pid not in self._made:
            # Of threads that come here at once, the first sets it for all. A lock could itself be held at the fork.
            self._made.setdefault(pid, self._make())
        return self._made[pid]


@dataclass(slots=True, repr=False, eq=False)
class TokenSource:
    """The access token of ``profile``, for each request of a program that runs longer than a token.

    It is refreshed if it expires within ``min_valid`` seconds. The store is read at most once a minute, and once more
    after Webex has refused a token. ``clock`` gives UTC epoch seconds. Any thread may call any method; while one looks
    the token up, the others wait for it. An object serves one process.
    """

    application: Application
    profile: str
    min_valid: float
    clock: Callable[[], float]
    _record: TokenRecord | None = None
    _looked_at: float = 0.0
    _refreshed_at: float | None = None
    _failure: TemporaryFailure | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def token(self) -> str:
        """The access token for a request. Raises the errors of ``access_token``."""
        with self._lock:
            record, age = self._record, self.clock() - self._looked_at
            if self._failure is not None and 0 <= age < _FAILURE_LASTS:
                raise as_data(self._failure)
            # If the clock was set back, the age is negative and says nothing.
            if record is None or not 0 <= age < LOOK_AGAIN or record.access_expired(self.clock()):
                record = self._look_or_take_last()
            return record.access_token

    def token_after_refusal(self, refused: str) -> str | None:
        """Another token than ``refused``, which Webex does not accept; None if there is none.

        The store may have a newer one. If it has not, the refresh token is redeemed, at most once a minute: the grant
        may have been replaced, and then only Webex knows. Raises the errors of ``access_token``.
        """
        with self._lock:
            if self._record is not None and self._record.access_token != refused:
                return self._record.access_token
            record = self._look()
            if record.access_token == refused and self._may_refresh():
                self._refreshed_at = self.clock()
                refresher = self.application.refresher(self.application.settings(self.profile))
                record = refresher.refresh(self.profile, lambda stored: stored.access_token == refused).record
                self._record = record
            return None if record.access_token == refused else record.access_token

    def _may_refresh(self) -> bool:
        return self._refreshed_at is None or not 0 <= self.clock() - self._refreshed_at < LOOK_AGAIN

    def _look_or_take_last(self) -> TokenRecord:
        """The record in the store, or the last one if the store fails and the last token is valid for long enough."""
        try:
            return self._look()
        except StoreUnavailable as error:
            if self._record is None or not self._record.relied_on_for(self.min_valid, self.clock()):
                raise
            self.application.say(
                f"Warning: the access token was not looked up, and the last one is used. {error.message}"
            )
            return self._record

    def _look(self) -> TokenRecord:
        self._looked_at = self.clock()
        try:
            self._record = self.application.valid_record(self.profile, self.min_valid)
        except TemporaryFailure as error:
            self._failure = error
            raise
        self._failure = None
        return self._record
