"""Faults: answers that a test or a person orders, which the sandbox gives instead of its own."""

import threading
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Fault:
    """The answer to the next ``times`` requests for ``path``, given after ``delay`` seconds."""

    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    times: int = 1
    delay: float = 0.0


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
