"""A call that may hang, given a bound.

A keyring can wait forever for an unlock dialog that nobody sees, and a server can send a byte a second
for as long as it likes. Nothing can interrupt such a call from outside, so it runs in a thread of its own,
which is left behind when the bound is up; the thread is a daemon, so it does not keep the process alive.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

# After this many seconds a person wonders; before, a line would only flicker.
PATIENCE = 2.0


class BoundExceeded(Exception):
    """The call did not come back within its bound; ``worker`` is the thread that is still in it."""

    def __init__(self, worker: threading.Thread) -> None:
        super().__init__()
        self.worker = worker


def bounded(
    call: Callable[[], T],
    seconds: float,
    waiting: Callable[[], None] = lambda: None,
    patience: float = PATIENCE,
) -> T:
    """What ``call`` returns or raises, if it does so within ``seconds``.

    ``waiting`` is called once, after ``patience`` seconds, to say what is being waited for.
    Raises BoundExceeded when the bound is up.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread, whatever it is
            errors.append(error)

    worker = threading.Thread(target=work, name="bounded-call", daemon=True)
    worker.start()
    _wait_for(worker, seconds, waiting, patience)
    if errors:
        raise errors[0]
    if results:
        return results[0]
    raise BoundExceeded(worker)


@dataclass(slots=True)
class BoundedCalls:
    """Bounded calls to one thing, of which none is begun while one that was given up on still hangs.

    So a keyring that waits for its password all night holds one thread and not one a look, and a write that it
    does at last cannot undo a later one.
    """

    _given_up_on: threading.Thread | None = None

    def __call__(
        self,
        call: Callable[[], T],
        seconds: float,
        waiting: Callable[[], None] = lambda: None,
        patience: float = PATIENCE,
    ) -> T:
        """As ``bounded``; the wait for the call that hangs counts."""
        started = time.monotonic()
        hanging = self._given_up_on
        if hanging is not None and hanging.is_alive():
            _wait_for(hanging, seconds, waiting, patience)
            if hanging.is_alive():
                raise BoundExceeded(hanging)
        try:
            return bounded(call, max(0.0, seconds - (time.monotonic() - started)), waiting, patience)
        except BoundExceeded as exceeded:
            self._given_up_on = exceeded.worker
            raise


def _wait_for(worker: threading.Thread, seconds: float, waiting: Callable[[], None], patience: float) -> None:
    worker.join(min(patience, seconds))
    if worker.is_alive():
        waiting()
        worker.join(max(0.0, seconds - patience))
