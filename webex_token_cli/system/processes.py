"""A command that replaces this process; on Windows, which cannot do that, one that runs as a child of it.

The program that started this one should see what it would have seen from the command itself: the same signals,
terminal and exit status.
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
from webex_token_cli.system.signals import restored_handlers
from webex_token_cli.text import printable

# What Python sets LC_CTYPE to for itself and its children when it starts in the C locale (PEP 538).
_COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})

# What a script without a #! line is run with (POSIX, "Command Search and Execution").
_SHELL = "/bin/sh"


def run_in_our_place(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run ``command`` with ``environment`` in place of this program. Returns its exit status on Windows.

    Elsewhere the call does not return. Raises CommandNotFound and CommandNotRunnable.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # the command runs even if a stream cannot be flushed
            if stream is not None:
                stream.flush()
    return run_beside(command, environment) if os.name == "nt" else replace_process(command, environment)


def replace_process(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Become ``command``, found as a shell finds it. Raises CommandNotFound and CommandNotRunnable."""
    failure: WebexTokenError = _not_found(command[0])
    with _default_signals():
        for path in _candidates(command[0], environment):
            try:
                os.execve(path, list(command), environment)  # noqa: S606 - the person asked for this command
            except (FileNotFoundError, NotADirectoryError):
                if os.path.lexists(path):  # then its interpreter or its loader is missing
                    failure = CommandNotFound(
                        f"The interpreter that {path} names was not found.", "Correct its first line."
                    )
            except OSError as error:
                if error.errno == errno.ENOEXEC:
                    os.execve(_SHELL, [_SHELL, path, *command[1:]], environment)  # noqa: S606 - a script without #!
                failure = _not_runnable(path, error)
                if error.errno != errno.EACCES:
                    break
    raise failure


def _candidates(name: str, environment: Mapping[str, str]) -> list[str]:
    """The paths at which the command may be, in the order in which a shell tries them."""
    if not name:
        return []
    return [name] if "/" in name else [str(Path(folder, name)) for folder in os.get_exec_path(environment)]


def commands_starting_with(prefix: str, environment: Mapping[str, str]) -> list[str]:
    """The names of the executable files in PATH that start with ``prefix``, sorted. Unreadable folders have none."""
    found = set()
    for folder in os.get_exec_path(environment):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            found |= {
                entry.name
                for entry in entries
                if entry.name.startswith(prefix) and entry.is_file() and os.access(entry, os.X_OK)
            }
    return sorted(found)


@contextlib.contextmanager
def _default_signals() -> Iterator[None]:
    """Undo what Python did to signals when it started, because a command inherits every ignored signal.

    SIGINT gets its default action as well, so that one that arrives before the command starts ends this program as
    it would end the command. A signal that this program was started to ignore stays ignored.
    """
    changed = [getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        changed.append(signal.SIGINT)
    with restored_handlers(changed, signal.SIG_DFL):
        yield


def run_beside(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run ``command`` and return its exit status when it ends. Raises CommandNotFound and CommandNotRunnable.

    The console sends Ctrl-C and Ctrl-Break to both processes. The command decides what to do about them, so this
    program ignores them and waits. Windows has no other signals to pass on.
    """
    import shutil
    import subprocess

    path = shutil.which(command[0], path=environment.get("PATH"))
    if path is None:
        raise _not_found(command[0])
    ignored = [getattr(signal, name) for name in ("SIGINT", "SIGBREAK") if hasattr(signal, name)]
    with restored_handlers(ignored, lambda *_: None):
        try:
            return as_exit_status(subprocess.Popen([path, *command[1:]], env=environment).wait())
        except OSError as error:
            raise _not_runnable(path, error) from None


def as_exit_status(code: int) -> int:
    """Convert ``code`` for ``sys.exit``: a Windows exit code is unsigned 32-bit, and Python takes a signed one."""
    return code - 2**32 if code >= 2**31 else code


def uncoerced(environment: Mapping[str, str], at_start: Path = Path("/proc/self/environ")) -> dict[str, str]:
    """Return ``environment`` with the LC_CTYPE that this process was started with, if Python has replaced it.

    Only Linux remembers the original value; on other systems the variable stays as it is.
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
    return CommandNotFound(
        f"The command {printable(name, 200)!r} was not found.", "Check its spelling, and that its folder is in PATH."
    )


def _not_runnable(path: str, error: OSError) -> CommandNotRunnable:
    return CommandNotRunnable(
        f"{printable(path, 200)} could not be run ({error.strerror or type(error).__name__}).",
        "Make it executable (chmod +x), or name the program that runs it first.",
    )
