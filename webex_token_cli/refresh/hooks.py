"""Shell commands of the person that run after an event."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping

from webex_token_cli.errors import WebexTokenError
from webex_token_cli.system.jobs import killer_of
from webex_token_cli.times import duration_in_words

# Seconds that a hook may take: enough for a secret manager in another data centre. A hook that takes longer hangs.
TIMEOUT = 60.0

# Seconds that a running hook may still take once the watch is ending: few enough for a service manager to wait.
_GRACE = 5.0

# How often the end of the watch is looked for, in seconds: soon enough to notice, rarely enough to cost nothing.
_POLL_INTERVAL = 0.25


class HookFailed(WebexTokenError):
    """A hook could not be started, failed, or did not end in time."""


def run_hook(
    command: str,
    environment: Mapping[str, str],
    text: str,
    *,
    timeout: float = TIMEOUT,
    stopping: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run ``command`` in a shell with ``text`` as its standard input, and wait at most ``timeout`` seconds.

    Its standard output goes to standard error, so that it does not mix with the log. Once ``stopping`` says that
    the watch is ending, the command has five seconds left. Raises HookFailed, whose message never contains
    ``text``. ``clock`` is in seconds, from any start.
    """
    try:
        process = subprocess.Popen(
            _shell_command(command),
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=2,
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        raise _failed(f"could not be started ({error.strerror})") from None
    with process, killer_of(process) as kill:
        status = _wait(process, kill, text.encode(), timeout, stopping, clock)
    if status < 0:
        raise _failed(f"was ended by {_signal_name(-status)}")
    if status > 0:
        raise _failed(f"ended with exit status {status}")


def _shell_command(command: str) -> list[str] | str:
    """What starts the shell.

    On Windows that is one line: the quotes of ``command`` would get backslashes in front of them in a list, which cmd
    does not read. With /s it removes the outer quotes alone.
    """
    return ["/bin/sh", "-c", command] if os.name == "posix" else f'cmd /d /s /c "{command}"'


def _wait(
    process: "subprocess.Popen[bytes]",
    kill: Callable[[], None],
    text: bytes | None,
    timeout: float,
    stopping: Callable[[], bool],
    clock: Callable[[], float],
) -> int:
    deadline, ending = clock() + timeout, False
    while True:
        try:
            process.communicate(text, timeout=_POLL_INTERVAL)
        except subprocess.TimeoutExpired:
            text = None  # communicate remembers it
        else:
            return process.returncode
        if not ending and stopping():
            deadline, ending = min(deadline, clock() + _GRACE), True
        if clock() >= deadline:
            kill()
            why = "had not ended when the watch ended" if ending else f"did not end within {duration_in_words(timeout)}"
            raise _failed(f"{why}, and was killed")


def _signal_name(number: int) -> str:
    """The name of the signal; most real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _failed(how: str) -> HookFailed:
    return HookFailed(f"The command {how}.", "The tokens are stored all the same; run it by hand to see its error.")
