"""What a service tells systemd while it runs: sd_notify(3) over the socket that the environment names.

    notifier = Notifier.from_environment(environment)
    notifier.ready("5 profiles are fresh")       # started up: `systemctl start` returns
    notifier.alive()                             # at least every notifier.ping_every seconds, where that is not None
    notifier.status("next look in 59 minutes")   # what `systemctl status` shows from now on
    notifier.stopping()                          # a stop was heard, and what is in flight is being saved

Not started by systemd, or on another system, each of these does nothing. None of them ever raises or waits for
longer than a second: a service must not fail of telling that it is well. Each is safe to call from any thread.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from webex_token_cli.text import printable

# What systemd sets for the program it started. They speak of that program alone: a child must not be handed them.
NOTIFY_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

# How long to wait for a manager whose queue is full. It reads within milliseconds, or is in trouble of its own.
_SEND_BOUND = 1.0


@dataclass(frozen=True, slots=True)
class Notifier:
    """Tells systemd how the service is doing.

    ``address`` is the socket's, None where there is nobody to tell. ``watchdog_interval`` is how many seconds
    of silence systemd takes for a hang, and ends the service for; None where it does not watch.
    """

    address: bytes | None = None
    watchdog_interval: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], pid: int | None = None) -> "Notifier":
        """The notifier that systemd's variables describe, for the process ``pid``, by default this one."""
        pid = os.getpid() if pid is None else pid
        return cls(_address(environment.get("NOTIFY_SOCKET", "")), _watchdog_interval(environment, pid))

    @property
    def ping_every(self) -> float | None:
        """Seconds between two calls of ``alive``: half the watchdog's, as sd_watchdog_enabled(3) recommends."""
        return None if self.watchdog_interval is None else self.watchdog_interval / 2

    def ready(self, status: str = "") -> bool:
        """Tell that the start-up is over, and how things stand; whether it was taken."""
        return self._send("READY=1", *_status(status))

    def status(self, text: str) -> bool:
        """Tell in one line how things stand; never give it a secret. Whether it was taken."""
        return self._send(*_status(text))

    def alive(self) -> bool:
        """Tell the watchdog that nothing hangs; whether it was taken."""
        return self._send("WATCHDOG=1")

    def stopping(self, status: str = "") -> bool:
        """Tell that the end has begun; whether it was taken."""
        return self._send("STOPPING=1", *_status(status))

    def _send(self, *assignments: str) -> bool:
        if self.address is None or not assignments:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(_SEND_BOUND)
                # Only a connected socket can be waited on for the other end's queue to have room.
                channel.connect(self.address)
                channel.send("\n".join(assignments).encode(errors="replace"))
        except OSError:
            return False
        return True


def _status(text: str) -> list[str]:
    """The assignment that says ``text``, on one line and short: systemd drops a message of over 4096 bytes."""
    return [f"STATUS={printable(text)}"] if text else []


def _address(named: str) -> bytes | None:
    """The socket address for what NOTIFY_SOCKET says: a path, or ``@`` and an abstract name (unix(7))."""
    if not hasattr(socket, "AF_UNIX") or not named.startswith(("/", "@")):
        return None
    address = os.fsencode(named)
    return b"\0" + address[1:] if named.startswith("@") else address


def _watchdog_interval(environment: Mapping[str, str], pid: int) -> float | None:
    """The watchdog's time-out in seconds, where it watches the process ``pid``."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None  # meant for the one that started us
    try:
        seconds = int(environment.get("WATCHDOG_USEC", "")) / 1e6
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None
