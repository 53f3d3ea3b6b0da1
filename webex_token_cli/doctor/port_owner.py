"""Which program listens on a port.

Only Linux tells. Of another user's program it tells the user alone.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from webex_token_cli.text import printable

_PROC = Path("/proc")
_LISTENING = "0A"


def port_owner(port: int, proc: Path = _PROC) -> str | None:
    """The program that listens on ``port``, in a few words; None if the system does not tell."""
    if sys.platform != "linux":
        return None
    listening = list(_listening(port, proc))
    sockets = {f"socket:[{inode}]" for inode, _ in listening}
    for process in proc.iterdir():
        # Other users' processes do not show their open files, and any process may end during this.
        with contextlib.suppress(OSError):
            if process.name.isdigit() and any(str(each.readlink()) in sockets for each in (process / "fd").iterdir()):
                return f"{printable((process / 'comm').read_text(errors='replace'), 40)} (process {process.name})"
    others = [user for _, user in listening if user != os.getuid()]
    return f"a program of {_user_name(others[0])}" if others else None


def _listening(port: int, proc: Path) -> Iterator[tuple[str, int]]:
    """The inode and the user of each socket that listens on ``port``."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # a machine without IPv6 has no tcp6
            for line in (proc / "net" / table).read_text(encoding="ascii").splitlines():
                columns = line.split()
                if len(columns) > 9 and columns[1].endswith(f":{port:04X}") and columns[3] == _LISTENING:
                    yield columns[9], int(columns[7])


def _user_name(user: int) -> str:
    import pwd

    try:
        return f"user {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"user {user}"
