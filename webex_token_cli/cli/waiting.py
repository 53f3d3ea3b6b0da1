"""The line on a terminal that says what a sign-in waits for, and for how long still."""

import sys
import threading
from collections.abc import Callable, Mapping

import click

from webex_token_cli.cli.terminal import can_erase, width_of_live_line
from webex_token_cli.times import clock_face, duration_in_words

# Moves to the start of the line and empties it (ECMA-48, EL).
_ERASE = "\r\x1b[K"


class WaitingLine:
    """Counts down a wait, and makes room for other lines.

    ``what`` is what the wait is for: "Waiting for the browser". On a terminal that cannot erase a line, the wait is
    announced once and not counted down. Elsewhere nothing is shown. The browser is opened in a thread of its own,
    which may have a line to show, so the methods may be called in any thread.
    """

    def __init__(self, what: str, say: Callable[[str], None], environment: Mapping[str, str]) -> None:
        self._what = what
        self._say = say
        self._erases = can_erase(environment)
        self._announces = not self._erases and sys.stderr is not None and sys.stderr.isatty()
        self._shown = ""
        self._lock = threading.Lock()

    def tick(self, left: float | None) -> None:
        """Show that ``left`` seconds are left; None ends the wait."""
        with self._lock:
            if self._erases:
                self._draw("" if left is None else f"{self._what} … {clock_face(left)} left")
            elif self._announces and left is not None:
                self._announces = False
                self._say(f"{self._what} for up to {duration_in_words(left)}.")

    def say(self, text: str) -> None:
        """Show a line in place of the countdown, which the next tick draws below it."""
        with self._lock:
            self._draw("")
            self._say(text)

    def _draw(self, text: str) -> None:
        text = text[: width_of_live_line()]
        if text != self._shown:
            self._shown = text
            # Without color=True, click would leave the erase sequence out under NO_COLOR, and the line be garbled.
            click.echo(f"{_ERASE}{text}", nl=False, err=True, color=True)
