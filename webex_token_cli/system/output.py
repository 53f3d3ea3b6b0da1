"""Holding back what other code prints, so that it does not get into this program's own output."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO, Self

# The file descriptors of standard output and standard error, which programs that a library starts inherit.
_STREAMS = (1, 2)

# Characters of what was printed that are looked at: enough for the end of any explanation.
_LONGEST = 10_000


class HeldOutput:
    """What has been printed to standard output and standard error since it is held back."""

    def __init__(self, file: IO[bytes] | None, restore: contextlib.ExitStack) -> None:
        self._file = file
        self._restore = restore

    @classmethod
    def nothing(cls) -> Self:
        """The output of a call that was let through."""
        return cls(None, contextlib.ExitStack())

    def last_line(self) -> str:
        """The last line that is not blank; empty if nothing was printed."""
        lines = [line for line in self._printed().splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def release(self) -> None:
        """Let everything through from now on, and print to standard error what was held back."""
        if self._file is None:
            return
        printed = self._printed()
        self._restore.close()
        self._file.truncate(0)
        with contextlib.suppress(OSError):
            os.write(2, printed.encode())

    def _printed(self) -> str:
        if self._file is None:
            return ""
        _flush()
        self._file.seek(max(0, self._file.seek(0, os.SEEK_END) - _LONGEST))
        return self._file.read().decode(errors="replace")


@contextlib.contextmanager
def held_back_output() -> Iterator[HeldOutput]:
    """Hold back what this process and the programs that it starts print, until the context ends.

    It is for a call of a library that prints on its own. The streams belong to the whole process, so no other thread
    may print meanwhile. If there is no place for what is held back, nothing is.
    """
    _flush()
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(_file_in_memory())
        except OSError:
            yield HeldOutput.nothing()
            return
        restore = stack.enter_context(contextlib.ExitStack())
        # What the library has left in Python's buffers is held back as well.
        for number in _STREAMS:
            _redirect(number, file.fileno(), restore)
        restore.callback(_flush)
        yield HeldOutput(file, restore)


def _file_in_memory() -> IO[bytes]:
    """A file without a name. Raises OSError."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("webex-token-output"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


def _redirect(number: int, target: int, restore: contextlib.ExitStack) -> None:
    """Make the stream ``number`` lead to ``target``, until ``restore`` is closed. A closed stream stays closed."""
    try:
        original = os.dup(number)
    except OSError:
        return
    restore.callback(os.close, original)
    restore.callback(os.dup2, original, number)
    os.dup2(target, number)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
