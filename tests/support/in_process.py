"""Runs the program inside the process of the test, which takes a tenth of the time that a process of its own takes.

This is for tests that look at what a command prints, stores, sends and returns. A test about signals, descriptors,
start-up or a keyring of the machine needs ``Program.run``.
"""

import contextlib
import io
import logging
import os
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterator, Mapping
from typing import IO
from unittest import mock

import keyring.core
import pytest

from tests.support.program import WEBEX_TOKEN, Finished, Program
from webex_token_cli.main import main


def run_in_process(program: Program, *arguments: str, stdin: str = "") -> Finished:
    """Run a command to its end, with the environment of ``program``.

    The standard streams are replaced at their descriptors too, so that the output of child processes is included.
    A command that `exec` would start is not started, because it would take the place of the test.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        with _environment(program.environment), _standard_streams(given, out, err), _no_log_handlers():
            status = _exit_status(arguments)
        out.seek(0)
        err.seek(0)
        return Finished(status, _text(out), _text(err))


def _text(file: IO[bytes]) -> str:
    """What was written, with the ends of lines as ``Program.run`` gives them."""
    return file.read().decode().replace("\r\n", "\n")


class ProgramInProcess(Program):
    """A program whose commands run inside the process of the test."""

    def run(self, *arguments: str, stdin: str | None = None, timeout: float = 60) -> Finished:
        """Run a command to its end, however long it takes."""
        return run_in_process(self, *arguments, stdin=stdin or "")


def _exit_status(arguments: tuple[str, ...]) -> int:
    with pytest.raises(SystemExit) as end, mock.patch.object(sys, "argv", [str(WEBEX_TOKEN), *arguments]):
        main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    with (
        mock.patch.dict(os.environ, variables, clear=True),
        # These are looked up once in a process: the browsers, the keyring and the folder for temporary files.
        mock.patch.object(webbrowser, "_tryorder", None),
        mock.patch.object(keyring.core, "_keyring_backend", None),
        mock.patch.object(tempfile, "tempdir", None),
        mock.patch.object(os, "execve", side_effect=NotImplementedError),
    ):
        _read_time_zone()
        yield
    _read_time_zone()


def _read_time_zone() -> None:
    """Let TZ take effect in this process. Python on Windows reads it at its start alone."""
    if sys.platform != "win32":
        time.tzset()


@contextlib.contextmanager
def _standard_streams(*files: IO[bytes]) -> Iterator[None]:
    """Read and write ``files`` as standard input, output and error, both at the descriptors and in ``sys``."""
    streams, descriptors = (sys.stdin, sys.stdout, sys.stderr), [os.dup(number) for number in range(3)]
    for number, file in enumerate(files):
        os.dup2(file.fileno(), number)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "r", closefd=False), encoding="utf-8")
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(number, "w", closefd=False), encoding="utf-8", write_through=True)
        for number in (1, 2)
    )
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)


@contextlib.contextmanager
def _no_log_handlers() -> Iterator[None]:
    """Take pytest's handlers away: without them, a warning that is logged reaches standard error, as for a person."""
    with mock.patch.object(logging.getLogger(), "handlers", []):
        yield
