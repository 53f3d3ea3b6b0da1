"""The program, run in the test's own process.

A run takes a few milliseconds, and the installed command a fifth of a second. A table of cases that differ only in
their input and their answer runs here. Whatever concerns the process itself (signals, closed streams, a terminal)
needs ``Program.run``.
"""

import contextlib
import io
import os
from unittest.mock import patch

from tests.support.program import WEBEX_TOKEN, Finished, Program
from webex_token_cli.main import run


def run_in_process(program: Program, *arguments: str, stdin: str = "") -> Finished:
    """Run a command to its end with the environment of ``program``, and with ``stdin`` as its standard input."""
    out, err = _stream(), _stream()
    with (
        patch.dict(os.environ, program.environment, clear=True),
        patch("sys.argv", [str(WEBEX_TOKEN), *arguments]),
        patch("sys.stdin", _stream(stdin)),
        # The first use of this module in a process reads BROWSER and finds the browsers on the PATH.
        patch.multiple("webbrowser", _tryorder=None, _browsers={}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = run(arguments)
    return Finished(status, _text(out), _text(err))


def _stream(text: str = "") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
