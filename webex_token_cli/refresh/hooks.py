"""Commands of the person's own that are run when something has happened."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping

from webex_token_cli.errors import WebexTokenError
from webex_token_cli.times import duration_in_words

# Time for a secret manager in another data centre; a hook that takes longer hangs.
BOUND = 60.0

# What a hook that is running may still take once the end was asked for, in seconds.
_GRACE = 5.0

# How often to look whether it was, in seconds.
_GLANCE = 0.25


class HookFailed(WebexTokenError):
    """A command of the person's own could not be run, failed, or did not end."""


def run_hook(
    command: str,
    environment: Mapping[str, str],
    words: str,
    *,
    bound: float = BOUND,
    stopping: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run ``command`` in a shell, with ``words`` as its standard input, and wait at most ``bound`` seconds.

    What it prints goes to standard error, so that our own output stays ours. Once ``stopping`` says so it
    has a few seconds left. Raises HookFailed, which never quotes what the command was given.
    """
    try:
        process = subprocess.Popen(
            _in_a_shell(command),
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=2,
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        raise _failed(f"could not be started ({error.strerror})") from None
    with process:
        status = _wait(process, words.encode(), bound, stopping, clock)
    if status < 0:
        raise _failed(f"was ended by {_name_of(-status)}")
    if status > 0:
        raise _failed(f"ended with exit status {status}")


def _in_a_shell(command: str) -> list[str]:
    return ["/bin/sh", "-c", command] if os.name == "posix" else ["cmd", "/d", "/s", "/c", command]


def _wait(
    process: "subprocess.Popen[bytes]",
    words: bytes | None,
    bound: float,
    stopping: Callable[[], bool],
    clock: Callable[[], float],
) -> int:
    deadline, hurried = clock() + bound, False
    while True:
        try:
            process.communicate(words, timeout=_GLANCE)
        except subprocess.TimeoutExpired:
            words = None
        else:
            return process.returncode
        if not hurried and stopping():
            deadline, hurried = min(deadline, clock() + _GRACE), True
        if clock() >= deadline:
            _kill(process)
            why = "was not done when the watch ended" if hurried else f"was not done within {duration_in_words(bound)}"
            raise _failed(f"{why}, and was killed")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End it with all that it has started."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _name_of(number: int) -> str:
    """What people call the signal; those for real-time use mostly have no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _failed(how: str) -> HookFailed:
    return HookFailed(f"The command {how}.", "The tokens are stored all the same; run it by hand to see what it says.")
