"""Windows' table of TCP sockets (GetExtendedTcpTable), which names the process of each, and so its user."""

import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from webex_token_cli.system.connections import CannotAsk, SocketName
from webex_token_cli.system.windows_users import user_of

# The values of ``state`` that this program asks about (MIB_TCP_STATE in tcpmib.h).
LISTENING, ESTABLISHED = 2, 5

_COUNT = struct.Struct("<I")  # the number of rows, in front of them
# Of a port, the upper half of the 32 bits is not set, and the lower half is in network byte order.
_ROW_IPV4 = struct.Struct("<I 4s2s2x 4s2s2x I")  # MIB_TCPROW_OWNER_PID: state, local, remote, process
_ROW_IPV6 = struct.Struct("<16s4x2s2x 16s4x2s2x II")  # MIB_TCP6ROW_OWNER_PID: local, remote, state, process

# TCP_TABLE_OWNER_PID_LISTENER and TCP_TABLE_OWNER_PID_CONNECTIONS (iprtrmib.h). The table of all sockets also has those
# of closed connections, of which there may be thousands.
_KINDS = (3, 4)
_AF_INET, _AF_INET6 = 2, 23
_ERROR_INSUFFICIENT_BUFFER = 122
_NO_SOCKETS = frozenset({50, 232})  # ERROR_NOT_SUPPORTED, where IPv6 is disabled, and ERROR_NO_DATA
# The table may grow between the question for its size and its reading, but hardly by this many bytes.
_ROOM_TO_GROW = 16 * 1024
_MOST_READINGS = 10


class Row(NamedTuple):
    """A socket: the addresses and ports of its ends, in network byte order, and the number of its process."""

    state: int
    local: bytes
    local_port: bytes
    remote: bytes
    remote_port: bytes
    process: int


def parse_table(table: bytes, family: int) -> Iterator[Row]:
    """The rows of a table of ``family``, AF_INET or AF_INET6. Raises ValueError if it is shorter than it says."""
    layout = _ROW_IPV4 if family == socket.AF_INET else _ROW_IPV6
    try:
        (count,) = _COUNT.unpack_from(table)
    except struct.error as error:
        raise ValueError("not a table of TCP sockets") from error
    end = _COUNT.size + count * layout.size
    if len(table) < end:
        raise ValueError("the table of TCP sockets is incomplete")
    rows = layout.iter_unpack(table[_COUNT.size : end])
    if family == socket.AF_INET:
        return map(Row._make, rows)
    return (Row._make((row[4], *row[:4], row[5])) for row in rows)


def tcp_rows(family: int) -> list[Row]:
    """The TCP sockets of ``family`` that listen or are connected.

    Raises CannotAsk on other systems, OSError and ValueError.
    """
    if sys.platform != "win32":
        raise CannotAsk
    import ctypes
    from ctypes import wintypes

    helper = ctypes.WinDLL("iphlpapi")
    number = _AF_INET if family == socket.AF_INET else _AF_INET6

    def read(kind: int) -> list[Row]:
        size = wintypes.DWORD(_ROOM_TO_GROW)
        for _ in range(_MOST_READINGS):
            table = ctypes.create_string_buffer(size.value)
            error = helper.GetExtendedTcpTable(table, ctypes.byref(size), False, number, kind, 0)
            if error in _NO_SOCKETS:
                return []
            if error == 0:
                return list(parse_table(table.raw, family))
            if error != _ERROR_INSUFFICIENT_BUFFER:
                raise ctypes.WinError(error)
            size.value += _ROOM_TO_GROW
        raise ctypes.WinError(_ERROR_INSUFFICIENT_BUFFER)

    return [row for kind in _KINDS for row in read(kind)]


def connection_owner(
    near: Any,
    far: Any,
    rows: Callable[[int], Iterable[Row]] = tcp_rows,
    user_of: Callable[[int], str] = user_of,
    this_process: int | None = None,
) -> str | None:
    """The user who owns the end ``near`` of the TCP connection between ``near`` and ``far``; ``far`` is our end.

    Both are names as ``getsockname`` and ``getpeername`` give them. The answer is a security identifier: NOBODY's, if
    the process is one that may not be asked, and so another user's. None if there is no such connection now. Raises
    CannotAsk, ValueError if a name is none, and OSError if the table cannot be read.
    """
    one, other = SocketName.of(near), SocketName.of(far)
    if one.address.version != other.address.version:
        return None
    process = _process_of(one, other, rows, this_process or os.getpid())
    return None if process is None else user_of(process)


def _process_of(
    near: SocketName, far: SocketName, rows: Callable[[int], Iterable[Row]], this_process: int
) -> int | None:
    is_told, found = False, None
    for family, mapped in _tables(near):
        ends = (_packed(near, mapped), _port(near), _packed(far, mapped), _port(far))
        for row in rows(family):
            # A system that emulates Windows may list sockets without processes. Our own socket shows whether it does.
            is_told |= row.process == this_process and row.local_port == ends[3]
            if row[1:5] == ends and row.state == ESTABLISHED:
                found = row.process
        if found is not None:
            break
    if not is_told:
        raise CannotAsk
    return found


def _tables(name: SocketName) -> list[tuple[int, bool]]:
    """The families whose tables may list a connection of ``name``, and whether IPv4 addresses are mapped there."""
    if name.address.version == 6:
        return [(socket.AF_INET6, False)]
    return [(socket.AF_INET, False), (socket.AF_INET6, True)]  # a client may reach IPv4 through an IPv6 socket


def _packed(name: SocketName, mapped: bool) -> bytes:
    return ipaddress.IPv6Address(f"::ffff:{name.address}").packed if mapped else name.address.packed


def _port(name: SocketName) -> bytes:
    return name.port.to_bytes(2)


def listening_processes(port: int, rows: Callable[[int], Iterable[Row]] = tcp_rows) -> list[int]:
    """The processes that listen on ``port``. Raises CannotAsk, OSError and ValueError."""
    found = [
        row.process
        for family in (socket.AF_INET, socket.AF_INET6)
        for row in rows(family)
        if row.state == LISTENING and row.local_port == port.to_bytes(2)
    ]
    return list(dict.fromkeys(found))
