"""Requests to Vault or OpenBao: each ends by a deadline, and gets a new token if the server refuses the present one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import requests

from webex_token_cli.errors import StoreUnavailable, StoreUnreachable
from webex_token_cli.store.vault import failures
from webex_token_cli.store.vault.environment import DEFAULT_TIMEOUT
from webex_token_cli.system.timeouts import ReusedThreads, TimeoutExceeded, with_timeout

T = TypeVar("T")


class OutcomeUnknown(StoreUnreachable):
    """A write was sent and no answer came: it may or may not have happened, or may still happen."""


class Forbidden(StoreUnavailable):
    """A policy forbids the request."""

    @classmethod
    def of(cls, error: StoreUnavailable) -> "Forbidden":
        return cls(error.message, error.hint)


class Connection(Protocol):
    """A connection to Vault, which logs in when it is first used."""

    def client(self) -> Any:
        """The hvac client, with a token. Its adapter returns every answer as it is."""

    def renew(self, token: str) -> bool:
        """Get a new token in place of ``token``, which the server refused. Returns whether there is one."""

    @property
    def log_in_hint(self) -> str:
        """The sentence that says how to get a new token."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may have in it."""


@dataclass(slots=True, eq=False, repr=False)
class Requester:
    """Sends requests over ``connection``. ``place`` is what messages call their target.

    One call of the store, which may need several requests, takes at most ``timeout`` seconds. The methods raise
    StoreUnreachable if the same request may succeed later, and another StoreUnavailable if not.
    """

    connection: Connection
    place: str
    timeout: float = DEFAULT_TIMEOUT
    _threads: ReusedThreads = field(default_factory=ReusedThreads, init=False)

    def deadline(self) -> float:
        """Until when one call of the store may take, by the monotonic clock in seconds."""
        return time.monotonic() + self.timeout

    def request(
        self,
        deadline: float,
        call: Callable[[Any], requests.Response],
        capability: str,
        is_write: bool = False,
    ) -> requests.Response:
        """The answer to a request to the key-value engine, with a new token if the server refuses the present one."""
        client = self.step(deadline, self.connection.client)
        answer = self.step(deadline, lambda: call(client.secrets.kv.v2), is_write)
        if answer.status_code != 403:
            return answer
        # A token whose policies do not let it look at itself is refused as well, but in other words.
        itself = self.step(deadline, client.auth.token.lookup_self)
        if itself.status_code == 403 and failures.is_refusal_of_token(itself):
            token = client.token or ""
            if not self.step(deadline, lambda: self.connection.renew(token)):
                raise failures.token_refused(self.place, self.connection.log_in_hint)
            client = self.step(deadline, self.connection.client)
            answer = self.step(deadline, lambda: call(client.secrets.kv.v2), is_write)
            if answer.status_code != 403:
                return answer
        elif itself.status_code not in {200, 403}:
            raise failures.failure(self.place, itself, self.connection.secrets)
        if failures.errors_of(answer) is None:
            raise failures.unexpected(self.place, answer)
        raise Forbidden.of(failures.forbidden(self.place, capability))

    def step(self, deadline: float, call: Callable[[], T], is_write: bool = False) -> T:
        """What ``call`` returns, if it does until ``deadline``."""
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise failures.timed_out(self.place)
        try:
            return with_timeout(call, seconds, run=self._threads.run)
        except TimeoutExceeded:
            error, was_sent = failures.timed_out(self.place), True
        except OSError as raised:  # every error of requests is one, and a missing REQUESTS_CA_BUNDLE another
            error, was_sent = failures.unreachable(self.place, raised), failures.may_have_been_sent(raised)
        raise outcome_unknown(error) if is_write and was_sent else error


def outcome_unknown(error: StoreUnavailable) -> OutcomeUnknown:
    """The error for a write that ended with ``error`` after it was sent."""
    message = f"{error.message.removesuffix('.')}; whether it has stored the entry is unknown."
    return OutcomeUnknown(message, error.hint)
