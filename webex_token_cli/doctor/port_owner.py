"""Which program listens on a port.

Of another user's program, Linux tells the user alone, and Windows the number of its process. On macOS, lsof tells of
this user's programs only.
"""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from webex_token_cli.system.proc_net import LISTENING, PROC, TcpSocket, tcp_sockets
from webex_token_cli.system.tcp_table import listening_processes
from webex_token_cli.system.windows_users import program_of
from webex_token_cli.text import printable

# Seconds. lsof usually needs a fraction of one; it hangs while a network file system does not answer.
_TIMEOUT = 5.0


def lsof(port: int) -> str:
    """What lsof(8) reports about the programs that listen on ``port``; nothing if it cannot be asked."""
    command = ["/usr/sbin/lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def port_owner(
    port: int, proc: Path = PROC, platform: str = sys.platform, ask_lsof: Callable[[int], str] = lsof
) -> str | None:
    """The program that listens on ``port``, in a few words; None when the system does not tell."""
    if sys.platform == "win32":
        return owner_on_windows(port)
    if platform == "darwin":
        found = re.search(r"^p(\d+)\nc(.+)$", ask_lsof(port), re.MULTILINE)
        return f"{printable(found[2], 40)} (process {found[1]})" if found else None
    if platform != "linux":
        return None
    listening = _listening(port, proc)
    links = {f"socket:[{each.inode}]" for each in listening}
    for process in proc.iterdir():
        # Other users' processes do not show their open files, and any process may end during this.
        with contextlib.suppress(OSError):
            if process.name.isdigit() and any(str(each.readlink()) in links for each in (process / "fd").iterdir()):
                return f"{printable((process / 'comm').read_text(errors='replace'), 40)} (process {process.name})"
    other_users = [each.uid for each in listening if each.uid != os.getuid()]
    return f"a program of {_user_name(other_users[0])}" if other_users else None


def owner_on_windows(
    port: int,
    processes: Callable[[int], list[int]] = listening_processes,
    program: Callable[[int], str | None] = program_of,
) -> str | None:
    """The program that listens on ``port``, in a few words; None if Windows does not tell."""
    with contextlib.suppress(OSError, ValueError):
        for process in filter(None, processes(port)):  # Wine lists sockets without processes
            name = program(process)
            return f"process {process}" if name is None else f"{printable(name, 40)} (process {process})"
    return None


def _listening(port: int, proc: Path) -> list[TcpSocket]:
    listening: list[TcpSocket] = []
    with contextlib.suppress(OSError):  # a container may hide the table
        for each in tcp_sockets(proc):
            if each.state == LISTENING and each.local.endswith(f":{port:04X}"):
                listening.append(each)
    return listening


def _user_name(user: int) -> str:
    assert sys.platform != "win32"  # noqa: S101 - which has its own function above
    import pwd

    try:
        return f"user {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"user {user}"
