"""Reports of the running service to systemd: sd_notify(3) over the socket that the environment names.

    notifier = Notifier.from_environment(environment)
    notifier.ready("5 profiles are fresh")       # the start is over: `systemctl start` returns
    notifier.alive()                             # at least every notifier.ping_every seconds, unless that is None
    notifier.status("next check in 59 minutes")   # what `systemctl status` shows from now on
    notifier.stopping()                          # a stop was requested; refreshes in flight are being saved

Each call does nothing unless systemd started this process. None raises or waits for longer than a second, because a
failed report must not stop the service. Each is safe to call from any thread.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from webex_token_cli.text import printable

# systemd sets these for the program that it starts. They concern that program alone, so no child process may get them.
NOTIFY_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

# Seconds to wait while systemd's queue is full. It usually reads within milliseconds.
_SEND_TIMEOUT = 1.0


@dataclass(frozen=True, slots=True)
class Notifier:
    """Reports the state of the service to systemd.

    ``address`` is the socket's address, or None if there is no socket. systemd kills the service after
    ``watchdog_interval`` seconds without a ping; None means that there is no watchdog.

    Each method returns whether the report was sent.
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
        """Report that the start is over, with a line about the state."""
        return self._send("READY=1", *_status(status))

    def status(self, text: str) -> bool:
        """Report the state in one line, which must not hold a secret."""
        return self._send(*_status(text))

    def alive(self) -> bool:
        """Tell the watchdog that the service does not hang."""
        return self._send("WATCHDOG=1")

    def stopping(self, status: str = "") -> bool:
        """Report that the service has begun to stop."""
        return self._send("STOPPING=1", *_status(status))

    def _send(self, *assignments: str) -> bool:
        if self.address is None or not assignments:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(_SEND_TIMEOUT)
                # Only a connected socket lets us wait until the other end's queue has room.
                channel.connect(self.address)
                channel.send("\n".join(assignments).encode(errors="replace"))
        except OSError:
            return False
        return True


def _status(text: str) -> list[str]:
    """The STATUS= assignment for ``text``, on one line and shortened: systemd drops messages of over 4096 bytes."""
    return [f"STATUS={printable(text)}"] if text else []


def _address(name: str) -> bytes | None:
    """The socket address that NOTIFY_SOCKET names: a path, or ``@`` and an abstract name (unix(7))."""
    if not hasattr(socket, "AF_UNIX") or not name.startswith(("/", "@")):
        return None
    address = os.fsencode(name)
    return b"\0" + address[1:] if name.startswith("@") else address


def _watchdog_interval(environment: Mapping[str, str], pid: int) -> float | None:
    """The watchdog's timeout in seconds; None if it does not watch the process ``pid``."""
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None  # it watches the process that started this one
    try:
        seconds = int(environment.get("WATCHDOG_USEC", "")) / 1e6
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None
