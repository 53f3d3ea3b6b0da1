"""A call that may hang, given a bound.

A keyring can wait forever for an unlock dialog that nobody sees, and a server can send a byte a second
for as long as it likes. Nothing can interrupt such a call from outside, so it runs in a thread of its own,
which is left behind when the bound is up; the thread is a daemon, so it does not keep the process alive.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

# After this many seconds a person wonders; before, a line would only flicker.
PATIENCE = 2.0


class BoundExceeded(Exception):
    """The call did not come back within its bound; ``worker`` is the thread that is still in it, if it was begun."""

    def __init__(self, worker: threading.Thread | None = None) -> None:
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
    begun = begin(call)
    _wait_for(begun.worker, seconds, waiting, patience)
    return begun.result()


@dataclass(frozen=True, slots=True)
class Begun(Generic[T]):
    """A call that runs in a thread of its own."""

    worker: threading.Thread
    _results: list[T] = field(repr=False)
    _errors: list[BaseException] = field(repr=False)

    def result(self) -> T:
        """What the call has returned or raised. Raises BoundExceeded when it has done neither yet."""
        if self._errors:
            raise self._errors[0]
        if self._results:
            return self._results[0]
        raise BoundExceeded(self.worker)

    def wait(self) -> T:
        """What the call returns or raises, whenever it does."""
        self.worker.join()
        return self.result()


def begin(call: Callable[[], T]) -> Begun[T]:
    """Begin ``call`` beside whatever is done meanwhile."""
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread, whatever it is
            errors.append(error)

    worker = threading.Thread(target=work, name="bounded-call", daemon=True)
    worker.start()
    return Begun(worker, results, errors)


@dataclass(slots=True)
class BoundedCalls:
    """Bounded calls to one thing, of which none is begun while one that was given up on still hangs.

    So a keyring that waits for its password all night holds one thread and not one a look, and a write that it
    does at last cannot undo a later one. With ``one_at_a_time``, threads wait for each other: a locked keyring
    would ask each of them for its password.
    """

    one_at_a_time: bool = False
    _given_up_on: list[threading.Thread] = field(default_factory=list)
    # For a signal's handler too, which may have to tidy up in the middle of its own thread's turn.
    _turn: threading.RLock = field(default_factory=threading.RLock)

    def __call__(
        self,
        call: Callable[[], T],
        seconds: float,
        waiting: Callable[[], None] = lambda: None,
        patience: float = PATIENCE,
    ) -> T:
        """As ``bounded``; the wait for other calls counts."""
        deadline = time.monotonic() + seconds
        if not self.one_at_a_time:
            return self._after_what_hangs(call, deadline, waiting, patience)
        if not self._turn.acquire(timeout=seconds):
            raise BoundExceeded
        try:
            return self._after_what_hangs(call, deadline, waiting, patience)
        finally:
            self._turn.release()

    def _after_what_hangs(
        self, call: Callable[[], T], deadline: float, waiting: Callable[[], None], patience: float
    ) -> T:
        for hanging in list(self._given_up_on):
            if hanging.is_alive():
                _wait_for(hanging, _left(deadline), waiting, patience)
            if hanging.is_alive():
                raise BoundExceeded(hanging)
            with contextlib.suppress(ValueError):  # another thread has noticed it too
                self._given_up_on.remove(hanging)
        try:
            return bounded(call, _left(deadline), waiting, patience)
        except BoundExceeded as exceeded:
            if exceeded.worker is not None:
                self._given_up_on.append(exceeded.worker)
            raise


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _wait_for(worker: threading.Thread, seconds: float, waiting: Callable[[], None], patience: float) -> None:
    worker.join(min(patience, seconds))
    if worker.is_alive():
        waiting()
        worker.join(max(0.0, seconds - patience))
