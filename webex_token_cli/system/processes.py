"""A command that replaces this process; on Windows, which cannot do that, one that runs as a child of it.

The program that started this one should see what it would have seen from the command itself: the same signals,
terminal and exit status.
"""

import contextlib
import errno
import ntpath
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from webex_token_cli.errors import CommandNotFound, CommandNotRunnable, WebexTokenError
from webex_token_cli.system.console_end import ConsoleEnd, delayed_end
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
    program ignores them and waits. If the console ends, this program stays until the command has ended, or Windows
    ends both. Windows has no other signals to pass on.
    """
    import shutil
    import subprocess

    path = shutil.which(command[0], path=environment.get("PATH"))
    if path is None:
        raise _not_found(command[0])
    line: str | list[str] = [path, *command[1:]]
    executable = None
    if os.name == "nt" and is_batch_file(path):
        line, executable = batch_command_line(path, command[1:]), _command_interpreter(environment)
    with (
        restored_handlers([signal.SIGINT], lambda *_: None),
        delayed_end(lambda end: end is ConsoleEnd.BREAK, until_exit=True),
    ):
        try:
            return as_exit_status(subprocess.Popen(line, executable=executable, env=environment).wait())
        except OSError as error:
            raise _not_runnable(path, error) from None


def is_batch_file(path: str) -> bool:
    """Whether Windows runs ``path`` with cmd.exe. It ignores blanks and dots at the end of a file's name."""
    return ntpath.splitext(path.rstrip(" ."))[1].lower() in {".bat", ".cmd"}


def batch_command_line(path: str, arguments: Sequence[str]) -> str:
    """The command line with which cmd.exe runs the batch file ``path`` with ``arguments``. Raises CommandNotRunnable.

    Without this, cmd.exe would read an argument as commands (CVE-2024-24576). Each argument is in quotes, between
    which cmd.exe takes everything as it is, except for two things. A quote is written twice, which leaves cmd.exe
    between quotes, and means one quote to a program that gets the arguments of the batch file. What is between
    percent signs would be replaced by a variable, and a line break would end the command: neither can be quoted in
    a way that every cmd.exe obeys, so an argument with one of them is refused.

    The options of cmd.exe have it run nothing from the registry (/d), leave exclamation marks alone (/v:off), and
    remove only the outer quotes (/s).
    """
    for each in (path, *arguments):
        found = next((name for character, name in _NOT_FOR_BATCH_FILES.items() if character in each), None)
        if found:
            raise CommandNotRunnable(
                f"{printable(path, 200)} is a batch file, and cmd.exe cannot be given {found} safely.",
                "Run the program that the batch file starts, or hand the text over in a variable or a file.",
            )
    return f'cmd.exe /e:on /v:off /d /s /c "{" ".join(map(_quoted_for_batch_file, (path, *arguments)))}"'


_NOT_FOR_BATCH_FILES = {"%": "a percent sign", "\r": "a line break", "\n": "a line break", "\0": "a null character"}


def _quoted_for_batch_file(text: str) -> str:
    """``text`` in quotes. The backslashes before a quote are doubled, as programs expect it of their command line."""
    return '"' + re.sub(r'(\\*)("|\Z)', lambda found: found[1] * 2 + found[2] * 2, text) + '"'


def _command_interpreter(environment: Mapping[str, str]) -> str:
    """The path of Windows' own cmd.exe. COMSPEC may name another program, which would read the line differently."""
    return ntpath.join(environment.get("SYSTEMROOT", r"C:\Windows"), "System32", "cmd.exe")


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
    name_program = "Name the program that runs it first."
    return CommandNotRunnable(
        f"{printable(path, 200)} could not be run ({error.strerror or type(error).__name__}).",
        name_program if os.name == "nt" else f"Make it executable (chmod +x), or {name_program.lower()}",
    )
