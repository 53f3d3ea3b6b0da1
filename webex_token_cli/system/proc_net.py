"""Linux's table of TCP sockets, /proc/net/tcp and /proc/net/tcp6 (proc(5)).

Other systems have no such file; reading it there raises FileNotFoundError. For the owner of a single connection,
sock_diag.py asks the kernel for no more than that.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

# The values of ``state`` that this program asks about (include/net/tcp_states.h). Once a connection is closed or
# reset, the table no longer says which user it belonged to.
ESTABLISHED, LISTENING = "01", "0A"


@dataclass(frozen=True, slots=True)
class TcpSocket:
    """One line of the table.

    ``local`` and ``remote`` are ``ADDRESS:PORT`` in hexadecimal, as the kernel writes them; ``uid`` is the user who
    owns the socket, ``inode`` the number in the link ``/proc/PID/fd/N`` of the process that holds it.
    """

    local: str
    remote: str
    state: str
    uid: int
    inode: str


def tcp_sockets(proc: Path = PROC) -> Iterator[TcpSocket]:
    """All TCP sockets of this machine. Raises OSError when the table cannot be read."""
    if sys.platform == "win32":  # where the path would be one of the current drive
        raise FileNotFoundError(str(proc))
    yield from _read(proc / "net" / "tcp")
    # The kernel has no tcp6 when IPv6 is disabled.
    if (proc / "net" / "tcp6").exists():
        yield from _read(proc / "net" / "tcp6")


def parse_table(lines: Iterable[str]) -> Iterator[TcpSocket]:
    """The sockets in the ``lines`` of a table; its heading and malformed lines are skipped."""
    for line in lines:
        columns = line.split()
        if len(columns) > 9 and columns[7].isdigit():
            yield TcpSocket(columns[1], columns[2], columns[3], int(columns[7]), columns[9])


def _read(table: Path) -> Iterator[TcpSocket]:
    with table.open(encoding="ascii") as lines:
        yield from parse_table(lines)
