"""The file from which node_exporter's textfile collector reads the metrics."""

import contextlib
import math
import threading
from collections.abc import Callable
from pathlib import Path

from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.system.files import remove_unfinished_writes, write_whole

# Seconds that the end of a watch waits for the last text to be written. A service manager waits longer.
_LAST_TEXT = 2.0

# How often, in seconds, the end of one round looks whether it was asked to stop.
_STEP = 0.25

# node_exporter runs as another user, and there is no secret in the file.
_MODE = 0o644


class MetricsFile:
    """Writes ``text()`` to ``path`` whenever it is asked to, in a thread of its own.

    A disk that is full or hangs therefore stops no renewal. ``warn`` is called with the reason of the first failure
    in a row. Raises ConfigurationError if there can be no such file.
    """

    def __init__(self, path: Path, text: Callable[[], bytes], warn: Callable[[str], None]) -> None:
        _require_place(path)
        with contextlib.suppress(OSError):  # writing tells what is wrong
            remove_unfinished_writes(path)
        self._path = path
        self._text = text
        self._warn = warn
        self._failure: str | None = None
        self._asked = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="metrics-file", daemon=True)
        self._thread.start()

    def update(self) -> None:
        """Write the file soon."""
        self._asked.set()

    def close(self) -> None:
        """Write the file once more, unless that takes long."""
        self._end(_LAST_TEXT, lambda: False)

    def close_after_one_round(self, stopping: Callable[[], bool]) -> None:
        """Write the file, and wait for it until ``stopping``. Raises WebexTokenError if it could not be written."""
        self._end(math.inf, stopping)
        if self._failure is not None:
            raise WebexTokenError(
                f"The metrics could not be written to {self._path} ({self._failure}).",
                "The tokens are stored all the same; correct the permissions of the folder, or make room on its disk.",
            )

    def _end(self, seconds: float, stopping: Callable[[], bool]) -> None:
        self._ending = True
        self._asked.set()
        while self._thread.is_alive() and seconds > 0 and not stopping():
            self._thread.join(_STEP)
            seconds -= _STEP

    def _run(self) -> None:
        ending = False
        while not ending:
            self._asked.wait()
            self._asked.clear()
            ending = self._ending
            self._write()

    def _write(self) -> None:
        before, self._failure = self._failure, None
        try:
            write_whole(self._path, self._text().decode(), mode=_MODE)
        except OSError as error:
            self._failure = error.strerror or type(error).__name__
            if before is None and not self._ending:
                self._warn(self._failure)


def _require_place(path: Path) -> None:
    if path.is_dir():
        raise ConfigurationError(
            f"The metrics cannot be written to {path}, because it is a folder.",
            "Give --metrics-file the path of a file in it, such as webex-token.prom.",
        )
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"The metrics cannot be written to {path}, because there is no folder {path.parent}.",
            "Make the folder, or give --metrics-file a path in the folder that node_exporter reads.",
        )
