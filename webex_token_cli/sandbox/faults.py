"""Faults: answers that a test or a person orders, which the sandbox gives instead of its own."""

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

TOKEN_PATH = "/v1/access_token"  # noqa: S105 - a path

# Answers of the token endpoint that Webex has been seen to give or documents: the status and the body of each. The
# name is the error code, or says what the status means.
_ANSWERS: dict[str, tuple[int, dict[str, str]]] = {
    "invalid_grant": (400, {"error": "invalid_grant", "error_description": "The refresh token was revoked."}),
    "invalid_client": (401, {"error": "invalid_client", "error_description": "The client secret is wrong."}),
    "invalid_scope": (400, {"error": "invalid_scope", "error_description": "The scope is not allowed."}),
    "invalid_request": (400, {"error": "invalid_request", "error_description": "The refresh token is invalid."}),
    "invalid_refresh_token": (400, {"error": "invalid_refresh_token"}),
    "tokenlimit_reached": (400, {"error": "tokenlimit_reached"}),
    "locked": (423, {"message": "The resource is locked."}),
    "too_many_requests": (429, {"message": "Too many requests."}),
    "service_unavailable": (503, {"message": "The service is unavailable."}),
}


@dataclass(slots=True)
class Fault:
    """The answer to the next ``times`` requests for ``path``, given after ``delay`` seconds."""

    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    times: int = 1
    delay: float = 0.0

    @classmethod
    def named(
        cls, name: str, path: str = TOKEN_PATH, times: int = 1, retry_after: int | None = None, delay: float = 0.0
    ) -> "Fault":
        """A refusal or failure by its ``name``: an error code such as ``tokenlimit_reached``, or ``locked`` (423).

        ``retry_after`` is sent as Retry-After, in seconds. Raises KeyError if the name is not known.
        """
        status, body = _ANSWERS[name]
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return cls(path, status, headers, json.dumps(body), times, delay)


def ordered_fault(order: dict[str, Any]) -> Fault:
    """The fault that the JSON ``order`` describes: by its ``name``, or by the status and the rest of the answer.

    Raises TypeError or KeyError if it describes none.
    """
    return Fault.named(**order) if "name" in order else Fault(**order)


class FaultQueue:
    """The ordered faults, first come first served. Safe to use from several threads.

    ``in_flight`` is the number of requests that wait for the delay of their fault now.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def order(self, fault: Fault) -> None:
        """Answer the next requests for the fault's path with ``fault``."""
        with self._lock:
            self._faults.append(fault)

    def take(self, path: str) -> Fault | None:
        """The fault that answers a request for ``path``, after its delay; None if none is ordered."""
        with self._lock:
            fault = next((each for each in self._faults if each.path == path and each.times > 0), None)
            if fault is None:
                return None
            fault.times -= 1
            self.in_flight += 1
        time.sleep(fault.delay)
        with self._lock:
            self.in_flight -= 1
        return fault
