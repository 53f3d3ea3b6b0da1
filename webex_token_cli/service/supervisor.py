"""The supervisor, which the Task Scheduler starts: it runs ``watch`` without a window, and restarts it as systemd does.

A task of the Task Scheduler can set no variables, opens a console window for a program that uses one, has no place for
its output, and may take every exit status for a success. So this program does the four.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from webex_token_cli.system.jobs import ends_with_this_process

# Seconds between two starts of `watch`, as RestartSec= in the systemd unit.
_PAUSE = 60.0

# The exit statuses after which `watch` is not started again: it ended by itself, a setting is wrong, or every profile
# needs a sign-in. A restart repairs none of them.
_FINAL = frozenset({0, 2, 3})

# CREATE_NO_WINDOW: a console without a window, which the commands of the hooks get as well.
if sys.platform == "win32":
    _HIDDEN_CONSOLE = subprocess.CREATE_NO_WINDOW
else:
    _HIDDEN_CONSOLE = 0

# The Task Scheduler replaces %NAME% and $(NAME) in arguments, and XML has no control characters and no half of a pair
# of surrogates, of which Windows' variables may have one.
_NOT_AS_IT_IS = re.compile(r"[%$^\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ESCAPED = re.compile(r"\^([0-9a-f]+);")


def escaped(word: str) -> str:
    """``word`` in characters that the Task Scheduler passes on as they are; ``unescaped`` is the way back."""
    return _NOT_AS_IT_IS.sub(lambda found: f"^{ord(found[0]):x};", word)


def unescaped(word: str) -> str:
    """The word of which ``word`` is the escaped form."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), word)


def supervise(run: Callable[[], int], sleep: Callable[[float], None] = time.sleep) -> int:
    """Call ``run`` again and again, until it returns an exit status after which a restart is useless. Returns it."""
    while (status := run()) not in _FINAL:
        sleep(_PAUSE)
    return status


def run_logged(command: Sequence[str], environment: Mapping[str, str], log_file: Path) -> int:
    """Run ``command`` without a window until it ends, append its output to ``log_file``, and return its exit status.

    The command and its children end when this process does: the Task Scheduler's `End` knows this process only.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        try:
            process = subprocess.Popen(
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                creationflags=_HIDDEN_CONSOLE,
            )
        except OSError as error:
            log.write(f"{command[0]} cannot be started: {error.strerror or type(error).__name__}\n".encode())
            return 1
        with process, ends_with_this_process(process):
            return process.wait()
