"""Output that its writer never waits for, so that a full disk, a stopped terminal or an idle reader stops no renewal.

A thread of its own writes the lines in order. It bypasses the buffers of Python's streams: the exit of the program
flushes those, and would wait for a write that never ends.
"""

import io
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

import click

# Enough for the events of a thousand profiles in one round, and few enough to need no more than a megabyte or so.
MOST_WAITING = 2000

# Seconds after which the end of a wait is looked for again.
_POLL_INTERVAL = 0.1


@dataclass(slots=True, eq=False)
class Destination:
    """A stream, None if it is closed, and the number of lines that it did not take.

    ``tell_loss`` makes a line of that number and the reason; it is written once the stream takes lines again.
    ``on_failure`` is called with the reason, in the writer's thread, when a first line cannot be written.
    """

    stream: TextIO | None
    tell_loss: Callable[[int, str], str]
    on_failure: Callable[[str], None] = lambda _: None
    lost: int = 0
    why: str = ""
    _had_no_place: int = 0
    _in_a_line: bool = False

    def leave_out(self, text: str) -> None:
        """Count ``text``, for which there is no place to wait in. Text that is no whole line is not missed."""
        self._had_no_place += text.endswith("\n")

    def write(self, text: str) -> None:
        """Write ``text``, after a line about what was lost before. If that fails, count it as lost."""
        try:
            self._tell_loss()
            self._write(text)
        except (OSError, ValueError) as error:  # a stream that was closed is a ValueError
            why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            if not self.lost:
                self.on_failure(why)
            self.lost += text.endswith("\n")
            self.why = why

    def catch_up(self) -> None:
        """Write the line about those that had no place, now that every line that waited is written."""
        if self._had_no_place:
            self.lost, self._had_no_place = self.lost + self._had_no_place, 0
            self.why = self.why or "nobody read it"
            self.write("")

    def _tell_loss(self) -> None:
        if self.lost:
            # Half a line may be there already.
            self._write("\n" * self._in_a_line + self.tell_loss(self.lost, self.why))
            self.lost, self.why = 0, ""

    def _write(self, text: str) -> None:
        if self.stream is None or not text:
            return
        descriptor = _descriptor(self.stream)
        if descriptor is None or os.name == "nt":  # the console there has a way of its own to take letters and colours
            click.echo(text, nl=False, file=self.stream)
            return
        left = text.encode(self.stream.encoding, self.stream.errors or "replace")
        while left:
            try:
                written = os.write(descriptor, left)
            except BlockingIOError:  # somebody who shares the stream has made it non-blocking
                select.select([], [descriptor], [])
                continue
            self._in_a_line = not left[:written].endswith(b"\n")
            left = left[written:]


def _descriptor(stream: TextIO) -> int | None:
    """The descriptor of the file behind ``stream``; None if there is no file, as behind a stream in memory."""
    try:
        return stream.fileno()
    except io.UnsupportedOperation:
        return None


class PatientWriter:
    """Takes text for destinations from any thread without waiting, and writes it in a thread of its own, in order.

    Up to ``most_waiting`` texts wait. Those that come when as many wait already are left out and counted.
    """

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[Destination, str]] = deque()
        self._behind: list[Destination] = []
        self._changed = threading.Condition()
        self._writing = False
        threading.Thread(target=self._run, name="output", daemon=True).start()

    def put(self, destination: Destination, text: str) -> None:
        """Write ``text`` to ``destination`` when what came before is written."""
        with self._changed:
            if len(self._waiting) < self._most_waiting:
                self._waiting.append((destination, text))
            else:
                destination.leave_out(text)
                if destination not in self._behind:
                    self._behind.append(destination)
            self._changed.notify_all()

    def put_if_idle(self, destination: Destination, text: str) -> bool:
        """Write ``text`` if nothing else waits or is being written; return whether it will be written."""
        with self._changed:
            if self._waiting or self._writing:
                return False
            self._waiting.append((destination, text))
            self._changed.notify_all()
            return True

    def close(self, seconds: float, stopping: Callable[[], bool] = lambda: False) -> bool:
        """Wait up to ``seconds``, or until ``stopping``, for everything to be written. Return whether it is."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._waiting or self._writing:
                left = deadline - time.monotonic()
                if left <= 0 or stopping():
                    return False
                self._changed.wait(min(left, _POLL_INTERVAL))
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                destination, text = self._waiting.popleft()
                self._writing = True
            destination.write(text)
            with self._changed:
                behind = [] if self._waiting else self._behind
                self._behind = [] if behind else self._behind
            for each in behind:
                each.catch_up()
