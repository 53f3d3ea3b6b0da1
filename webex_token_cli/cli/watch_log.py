"""The output of a watch: one line for each event, as text or JSON, and a countdown on a terminal."""

import errno
import json
import sys
from collections.abc import Callable, Mapping
from typing import Protocol

from webex_token_cli.cli.terminal import width_of_live_line
from webex_token_cli.refresh.events import Event, Kind, Outlook
from webex_token_cli.refresh.schedule import ProfileState
from webex_token_cli.times import clock_face, distance_in_words, duration_in_words, local_time, when

# Shown in place of a profile when the event is about the list of profiles itself.
_CONFIG = "config.ini"

# Up to this many profiles fit on a line by name; more are counted.
_MOST_NAMED = 4


class Log(Protocol):
    """Reports what happens in a watch."""

    def started(self, moment: float, interval: float, max_age: float) -> None:
        """Report the start. ``interval`` and ``max_age`` are in seconds."""

    def event(self, event: Event) -> None:
        """Report what happened to a profile."""


class TextLog:
    """Prints one line for each event with ``show``. Warnings go to standard error, with ``say``.

    Events that are not news are left out, unless ``everything`` is set.
    """

    def __init__(self, show: "Say", say: "Say", everything: bool) -> None:
        self._show = show
        self._say = say
        self._everything = everything

    def started(self, moment: float, interval: float, max_age: float) -> None:  # noqa: ARG002 - Log's signature
        """Say what the watch does and how to end it."""
        self._say(f"{_purpose(interval, max_age)} Ctrl-C ends it.")

    def event(self, event: Event) -> None:
        """Print the time, the profile, what happened and what follows."""
        if event.is_news or self._everything:
            self._show(f"{local_time(event.moment)}  {event.profile or _CONFIG}  {_line(event)}")
        if event.attention is not None and event.kind is not Kind.NEEDS_SIGN_IN:
            self._say(f"Warning: profile {event.profile}: {event.attention[1]}")


class Say(Protocol):
    """Prints a line."""

    def __call__(self, text: str, /) -> None: ...


class JsonLog:
    """Prints each event as a JSON object on one line, with ``show``.

    Every object has all keys; keys are added, never removed.
    """

    def __init__(self, show: Say) -> None:
        self._show = show

    def started(self, moment: float, interval: float, max_age: float) -> None:
        """Report the start. ``interval`` and ``max_age`` are in seconds."""
        self._show(_json_line(moment, None, "started", _purpose(interval, max_age), {}))

    def event(self, event: Event) -> None:
        """Print everything that is known about the event."""
        error, record = event.error, event.record
        kind, words = event.attention or (None, None)
        line = _json_line(
            event.moment,
            event.profile,
            event.kind.value,
            _line(event),
            {
                "access_token_expires_at": None if record is None else record.access_expires_at,
                "refresh_token_expires_at": None if record is None else record.refresh_expires_at,
                "refreshed_at": None if record is None else record.refreshed_at,
                "next_at": None if event.next_at is None else int(event.next_at),
                "failing_since": None if event.failing_since is None else int(event.failing_since),
                "error": None if error is None else error.message,
                "hint": None if error is None else error.hint,
                "exit_status": None if error is None else error.exit_status,
                "tracking_id": None if error is None else error.tracking_id or None,
                "attention": None if kind is None else kind.value,
                "attention_message": words,
            },
        )
        self._show(line)


def _json_line(moment: float, profile: str | None, event: str, message: str, more: Mapping[str, object]) -> str:
    document = {"version": 1, "time": int(moment), "profile": profile, "event": event, "message": message}
    return json.dumps({**document, **{key: more.get(key) for key in _KEYS}})


def lost_lines(moment: float, number: int, why: str, as_json: bool) -> str:
    """The line of the log about ``number`` lines that could not be written, because of ``why``."""
    lines = "1 line" if number == 1 else f"{number} lines"
    message = f"{lines} of this log could not be written before now ({why}). The renewals went on."
    if as_json:
        return _json_line(moment, None, "lines lost", message, {})
    return f"{local_time(moment)}  {message}"


_KEYS = (
    "access_token_expires_at",
    "refresh_token_expires_at",
    "refreshed_at",
    "next_at",
    "failing_since",
    "error",
    "hint",
    "exit_status",
    "tracking_id",
    "attention",
    "attention_message",
)


# Moves to the start of the line and empties it (ECMA-48, EL).
_ERASE = "\r\x1b[K"


class LiveLine:
    """A line on the terminal that is updated in place, and wiped before anything else is printed.

    ``write`` writes text without a newline, and ``write_if_idle`` does if the terminal takes it now. A terminal that
    a person has stopped with Ctrl-S is left with the line that it shows.
    """

    def __init__(self, write: Callable[[str], object], write_if_idle: Callable[[str], bool]) -> None:
        self._write = write
        self._write_if_idle = write_if_idle
        self._shown = False

    def draw(self, outlook: Outlook, now: float) -> None:
        """Show the time to the next check and the state of the profiles."""
        left = max(0.0, outlook.next_round - now)
        text = f"Next check in {clock_face(left)} · {profiles_in_words(outlook.states, now)}"
        width = width_of_live_line()
        text = text if len(text) <= width else f"{text[: width - 1]}…"
        self._shown |= self._write_if_idle(f"{_ERASE}{text}")

    def wipe(self) -> None:
        """Empty the line."""
        if self._shown:
            self._shown = False
            self._write(_ERASE)


def status_in_words(outlook: Outlook, now: float) -> str:
    """Return the state of the watch in words, for ``systemctl status``."""
    return f"{profiles_in_words(outlook.states, now)}; next check {local_time(outlook.next_round)}"


def profiles_in_words(states: Mapping[str, ProfileState], now: float) -> str:
    """Return the state of each profile, or the number of profiles in each state if there are many."""
    if len(states) <= _MOST_NAMED:
        return ", ".join(f"{name} {_describe(state, now)}" for name, state in states.items()) or "no profile"
    waiting = sum(state.given_up for state in states.values())
    failing = sum(state.failures > 0 and not state.given_up for state in states.values())
    fine = len(states) - waiting - failing
    parts = [
        f"{fine} fresh",
        *([f"{failing} failing"] if failing else []),
        *([f"{waiting} waiting for a sign-in"] if waiting else []),
    ]
    return f"{len(states)} profiles: {', '.join(parts)}"


def _describe(state: ProfileState, now: float) -> str:
    if state.given_up:
        return Kind.NEEDS_SIGN_IN.value
    if state.retry_at is not None:
        return f"retrying {distance_in_words(state.retry_at, now)}"
    if state.record is None:
        return "…"
    left = state.record.access_left(now)
    if left is None:
        return "expiry unknown"
    return f"{duration_in_words(left)} left" if left > 0 else "expired"


def _purpose(interval: float, max_age: float) -> str:
    return (
        f"Checking every {duration_in_words(interval)}, and renewing a token {duration_in_words(max_age)} after its "
        "last refresh."
    )


def _line(event: Event) -> str:
    """Return what happened and what follows, in a sentence."""
    following = "" if event.next_at is None else distance_in_words(event.next_at, event.moment)
    if event.error is None:
        over = "" if event.failing_since is None else f"; it had been failing for {_since(event)}"
        if event.record is None:
            return f"{event.kind}: it can be read again{over}"
        expires = f"expires {when(event.record.access_expires_at, event.moment)}, next refresh {following}{over}"
        if event.kind is Kind.UNCHANGED:
            return f"unchanged: Webex renews at most once in 24 hours; {expires}"
        if event.kind is Kind.NEW_PAIR:
            return (
                f"new pair: Webex no longer accepted the refresh token and gave the Service App a new pair; {expires}"
            )
        return f"{event.kind}: {expires}"
    if event.kind in {Kind.NEEDS_SIGN_IN, Kind.HOOK_FAILED}:
        return f"{event.kind}: {event.error.message} {event.error.hint}"
    failing = event.failing_since is not None and event.failing_since < event.moment
    since = f", failing for {_since(event)}" if failing else ""
    return f"{event.kind}: {event.error.message} Next try {following}{since}."


def _since(event: Event) -> str:
    return duration_in_words(event.moment - (event.failing_since or event.moment))


def terminal_is_gone() -> bool:
    """Whether a standard stream leads to a terminal that was closed."""
    try:
        import termios
    except ImportError:  # Windows
        return False
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        try:
            descriptor = -1 if stream is None else stream.fileno()
            if descriptor >= 0:
                termios.tcgetattr(descriptor)
        except termios.error as error:
            # ENOTTY is for what never was one; one that has hung up says EIO.
            if error.args[0] == errno.EIO:
                return True
        except (OSError, ValueError):
            continue
    return False
