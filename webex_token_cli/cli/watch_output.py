"""Where a watch writes its log, its warnings and its countdown: never in the thread that keeps tokens fresh."""

import math
import os
import sys
from collections.abc import Callable

from webex_token_cli.cli.patient_output import Destination, PatientWriter
from webex_token_cli.cli.watch_log import JsonLog, LiveLine, Log, TextLog, lost_lines
from webex_token_cli.errors import WebexTokenError

# Seconds that the end of a watch waits for its last lines to be written. A service manager waits longer.
_LAST_LINES = 1.0


class WatchOutput:
    """The two output streams of a watch.

    Nothing here waits or raises when a stream takes no line: because the disk is full, because its reader stopped
    reading or ended, or because somebody stopped the terminal. The watch goes on renewing, and the lines that were
    lost are counted in the log once it can be written again. ``clock`` gives UTC epoch seconds.
    """

    def __init__(self, as_json: bool, everything: bool, with_live_line: bool, once: bool, clock: Callable[[], float]):
        self._out = Destination(sys.stdout, lambda number, why: f"{lost_lines(clock(), number, why, as_json)}\n")
        self._err = Destination(sys.stderr, lambda number, why: f"{lost_lines(clock(), number, why, False)}\n")
        if not once:
            self._out.on_failure = self._warn
        self._err_writer = PatientWriter()
        # One file, such as a terminal, needs one order; two must not wait for each other.
        self._out_writer = self._err_writer if _same_file() else PatientWriter()
        self.live = LiveLine(self._write_err, self._write_err_if_idle) if with_live_line else None
        self.log: Log = JsonLog(self.show) if as_json else TextLog(self.show, self.say, everything)

    def show(self, text: str) -> None:
        """Print a line on standard output."""
        self._wipe()
        self._out_writer.put(self._out, f"{text}\n")

    def say(self, text: str) -> None:
        """Print a line on standard error."""
        self._wipe()
        self._write_err(f"{text}\n")

    def end(self) -> None:
        """Wipe the countdown, and give the last lines a second to be written."""
        self._wipe()
        for writer in (self._out_writer, self._err_writer):
            writer.close(_LAST_LINES)

    def end_of_one_round(self, stopping: Callable[[], bool]) -> None:
        """Wait until everything is written or ``stopping``. Raises WebexTokenError if a line of the log was lost."""
        self._out_writer.close(math.inf, stopping)
        if self._out.lost:
            raise WebexTokenError(
                f"The output could not be written ({self._out.why}).",
                "The tokens are stored all the same; send the output to a file or a pipe that can take it.",
            )

    def _wipe(self) -> None:
        if self.live is not None:
            self.live.wipe()

    def _write_err(self, text: str) -> None:
        self._err_writer.put(self._err, text)

    def _write_err_if_idle(self, text: str) -> bool:
        return self._err_writer.put_if_idle(self._err, text)

    def _warn(self, why: str) -> None:
        self._write_err(f"Warning: The log of the watch cannot be written ({why}). The renewals go on.\n")


def _same_file() -> bool:
    """Whether standard output and standard error are the same file."""
    try:
        return sys.stdout is not None and sys.stderr is not None and os.path.sameopenfile(1, 2)
    except OSError:
        return False
