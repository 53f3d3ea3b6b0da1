"""A call that may hang, given a bound.

A keyring can wait forever for an unlock dialog that nobody sees, and a server can send a byte a second
for as long as it likes. Nothing can interrupt such a call from outside, so it runs in a thread of its own,
which is left behind when the bound is up; the thread is a daemon, so it does not keep the process alive.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# After this many seconds a person wonders; before, a line would only flicker.
PATIENCE = 2.0


class BoundExceeded(Exception):
    """The call did not come back within its bound."""


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
    worker.join(min(patience, seconds))
    if worker.is_alive():
        waiting()
        worker.join(max(0.0, seconds - patience))
    if errors:
        raise errors[0]
    if results:
        return results[0]
    raise BoundExceeded
