"""A call that may hang, given a bound.

A keyring can wait forever for an unlock dialog that nobody sees. Nothing can interrupt such a call from
outside, so it runs in a thread of its own, which is left behind when the bound is up; the thread is a
daemon, so it does not keep the process alive.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

from webex_token_cli.errors import StoreUnavailable

T = TypeVar("T")

# Time for a person at a terminal to notice the keyring's dialog and to type a password.
BOUND_WITH_A_PERSON = 120.0
# Time for a keyring that answers at all, on a machine under load.
BOUND_UNATTENDED = 20.0
# After this many seconds a person wonders; before, a line would only flicker.
PATIENCE = 2.0


def bounded(call: Callable[[], T], seconds: float, waiting: Callable[[], None], patience: float = PATIENCE) -> T:
    """What ``call`` returns or raises, if it does so within ``seconds``.

    ``waiting`` is called once, after ``patience`` seconds, to say what is being waited for.
    Raises StoreUnavailable when the bound is up.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - handed over to the caller's thread, whatever it is
            errors.append(error)

    worker = threading.Thread(target=work, name="credential-store", daemon=True)
    worker.start()
    worker.join(min(patience, seconds))
    if worker.is_alive():
        waiting()
        worker.join(max(0.0, seconds - patience))
    if errors:
        raise errors[0]
    if results:
        return results[0]
    raise StoreUnavailable(
        f"The credential store did not answer within {seconds:.0f} seconds.",
        "It may be waiting for its password in a window: unlock it and try again, or sign in with --store file.",
    )
