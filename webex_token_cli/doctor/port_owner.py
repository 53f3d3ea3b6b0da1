"""Which program has a port, where the system tells: on Linux, and of others' programs only whose they are."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from webex_token_cli.text import printable

_PROC = Path("/proc")
_LISTENING = "0A"


def holder_of(port: int, proc: Path = _PROC) -> str | None:
    """The program that listens on ``port``, in a few words; None where that cannot be told."""
    if sys.platform != "linux":
        return None
    listening = list(_listening(port, proc))
    sockets = {f"socket:[{inode}]" for inode, _ in listening}
    for process in proc.iterdir():
        # Others' processes do not show what they have open, and one may end while it is looked at.
        with contextlib.suppress(OSError):
            if process.name.isdigit() and any(str(each.readlink()) in sockets for each in (process / "fd").iterdir()):
                return f"{printable((process / 'comm').read_text(errors='replace'), 40)} (process {process.name})"
    others = [user for _, user in listening if user != os.getuid()]
    return f"a program of {_user_name(others[0])}" if others else None


def _listening(port: int, proc: Path) -> Iterator[tuple[str, int]]:
    """The inode and the user of each socket that listens on ``port``."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # a machine without IPv6 has the first alone
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
