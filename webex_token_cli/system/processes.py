"""A command that takes this process's place; on Windows, where none can, one that runs beside it.

Whoever started this program is to see what they would have seen had they started the command itself: its
signals, its terminal, its exit status.
"""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from webex_token_cli.errors import CommandNotFound, CommandNotRunnable, WebexTokenError
from webex_token_cli.text import printable

# What Python sets LC_CTYPE to for itself and its children when it starts in the C locale (PEP 538).
_COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})

# What a script without a #! line is run with (POSIX, "Command Search and Execution").
_SHELL = "/bin/sh"


def run_in_our_place(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run ``command`` with ``environment`` instead of this program; its exit status where it had to be waited for.

    Raises CommandNotFound and CommandNotRunnable.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nowhere to print is no reason not to run the command
            if stream is not None:
                stream.flush()
    return run_beside(command, environment) if os.name == "nt" else replace_process(command, environment)


def replace_process(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Become ``command``, found as a shell finds it. Raises CommandNotFound and CommandNotRunnable."""
    failure: WebexTokenError = _not_found(command[0])
    with _signals_as_they_were():
        for path in _places(command[0], environment):
            try:
                os.execve(path, list(command), environment)  # noqa: S606 - it was asked for
            except (FileNotFoundError, NotADirectoryError):
                if os.path.lexists(path):  # so what is missing is its interpreter, or the library that starts it
                    failure = CommandNotFound(
                        f"The interpreter that {path} names was not found.", "Correct its first line."
                    )
            except OSError as error:
                if error.errno == errno.ENOEXEC:
                    os.execve(_SHELL, [_SHELL, path, *command[1:]], environment)  # noqa: S606 - likewise
                failure = _not_runnable(path, error)
                if error.errno != errno.EACCES:
                    break
    raise failure


def _places(name: str, environment: Mapping[str, str]) -> list[str]:
    """Where the command of that name may be, in the order in which a shell looks."""
    if not name:
        return []
    return [name] if "/" in name else [str(Path(folder, name)) for folder in os.get_exec_path(environment)]


@contextlib.contextmanager
def _signals_as_they_were() -> Iterator[None]:
    """Undo what Python did to signals when it started; a command would inherit what it ignores.

    SIGINT is at its default too, so that one between here and the command ends the program as it would end that. What
    whoever started this program ignores stays ignored, SIGINT and SIGHUP among it.
    """
    ours = [getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        ours.append(signal.SIGINT)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ours}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_beside(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run ``command`` and wait for its end; its exit status. Raises CommandNotFound and CommandNotRunnable.

    The console sends Ctrl-C and Ctrl-Break to both; what to do about them is the command's to decide, and this
    program waits for it. Windows has no other signals to pass on.
    """
    import shutil
    import subprocess

    path = shutil.which(command[0], path=environment.get("PATH"))
    if path is None:
        raise _not_found(command[0])
    heard = [getattr(signal, name) for name in ("SIGINT", "SIGBREAK") if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: None) for number in heard}
    try:
        return as_exit_status(subprocess.Popen([path, *command[1:]], env=environment).wait())
    except OSError as error:
        raise _not_runnable(path, error) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def as_exit_status(code: int) -> int:
    """``code`` as ``sys.exit`` takes it: Windows counts to 0xFFFFFFFF, Python there to 0x7FFFFFFF and on from below."""
    return code - 2**32 if code >= 2**31 else code


def uncoerced(environment: Mapping[str, str], at_start: Path = Path("/proc/self/environ")) -> dict[str, str]:
    """``environment`` with the LC_CTYPE that this process was started with, where Python has set its own.

    Only Linux remembers what that was; elsewhere the variable stays.
    """
    given = dict(environment)
    if given.get("LC_CTYPE") not in _COERCED:
        return given
    with contextlib.suppress(OSError):
        started = at_start.read_bytes().split(b"\0")
        del given["LC_CTYPE"]
        for each in started:
            name, _, value = each.partition(b"=")
            if name == b"LC_CTYPE":
                given["LC_CTYPE"] = os.fsdecode(value)
    return given


def _not_found(name: str) -> CommandNotFound:
    return CommandNotFound(f"The command {printable(name, 200)!r} was not found.", "Check how it is written, and PATH.")


def _not_runnable(path: str, error: OSError) -> CommandNotRunnable:
    return CommandNotRunnable(
        f"{printable(path, 200)} could not be run ({error.strerror or type(error).__name__}).",
        "Make it a program that you may execute (chmod +x), or put the program that runs it before it.",
    )
