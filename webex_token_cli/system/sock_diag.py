"""The owner of one TCP connection, asked of Linux's kernel through a netlink socket (sock_diag(7)).

The kernel looks the connection up by its addresses, which takes microseconds. /proc/net/tcp lists every socket of the
machine, so that reading it takes longer the more connections there are.
"""

import errno
import secrets
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Any

from webex_token_cli.system.connections import CannotAsk, SocketName

# linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_NO_COOKIE = 0xFFFFFFFF
_EVERY_STATE = 0xFFFFFFFF
# include/net/tcp_states.h. Once a connection is closed, the kernel no longer knows which user it belonged to.
_ESTABLISHED = 1

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port
_FAMILY = struct.Struct("=BBBBI")  # inet_diag_req_v2: family, protocol, extensions, padding, states
_PORTS = struct.Struct(">HH")  # inet_diag_sockid: the ports, in network byte order; 16 bytes for each address follow
_INTERFACE = struct.Struct("=III")  # the rest of inet_diag_sockid: interface, cookie
_STATE = struct.Struct("=BBBB")  # inet_diag_msg: family, state, timer, retransmissions; inet_diag_sockid follows
_OWNER = struct.Struct("=IIIII")  # the rest of inet_diag_msg: expiry, read queue, write queue, user id, inode
_ERROR = struct.Struct("=i")  # nlmsgerr: a negative errno
_SOCKET_ID_SIZE = _PORTS.size + 2 * 16 + _INTERFACE.size

# Seconds. The kernel answers during the call that asks, so a wait means that there is no answer.
_TIMEOUT = 1.0


def connection_owner(near: Any, far: Any) -> int | None:
    """The user id that owns the end ``near`` of the TCP connection between ``near`` and ``far``.

    Both are names as ``getsockname`` and ``getpeername`` give them. None if there is no such connection now. Raises
    CannotAsk, ValueError if a name is none, and OSError if no file descriptor is left.
    """
    one, other = SocketName.of(near), SocketName.of(far)
    if one.address.version != other.address.version:
        return None
    with _netlink_socket() as netlink:
        found = _ask(netlink, one, other)
        # For a kernel without this service every socket is missing. Our own end, or the socket that listens there,
        # is known to exist.
        if found is None and _ask(netlink, other, one) is None:
            raise CannotAsk
    return found.uid if found is not None and found.is_connected else None


@dataclass(frozen=True, slots=True)
class _Found:
    uid: int
    is_connected: bool


def _netlink_socket() -> socket.socket:
    if sys.platform != "linux":
        raise CannotAsk
    try:
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
    except OSError as error:
        if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
            raise
        raise CannotAsk from error


def _ask(netlink: socket.socket, near: SocketName, far: SocketName) -> _Found | None:
    """What the kernel has at ``near``: the connection to ``far``, or else the socket that listens there, or None."""
    number = secrets.randbits(32)
    try:
        netlink.settimeout(_TIMEOUT)
        netlink.sendto(_question(near, far, number), (0, 0))
        answer, sender = netlink.recvfrom(4096)
    except OSError as error:
        raise CannotAsk from error
    if sender[0] != 0:  # the port of the kernel
        raise CannotAsk
    return _read_answer(answer, near, far, number)


def _question(near: SocketName, far: SocketName, number: int) -> bytes:
    family = socket.AF_INET if near.address.version == 4 else socket.AF_INET6
    body = (
        _FAMILY.pack(family, socket.IPPROTO_TCP, 0, 0, _EVERY_STATE)
        + _PORTS.pack(near.port, far.port)
        + _packed(near)
        + _packed(far)
        + _INTERFACE.pack(near.interface, _NO_COOKIE, _NO_COOKIE)
    )
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, number, 0) + body


def _packed(name: SocketName) -> bytes:
    """The address in the field of 16 bytes that serves both families."""
    return name.address.packed.ljust(16, b"\0")


def _read_answer(answer: bytes, near: SocketName, far: SocketName, number: int) -> _Found | None:
    try:
        _, kind, _, answered, _ = _HEADER.unpack_from(answer)
        if answered == number and kind == _NLMSG_ERROR and _ERROR.unpack_from(answer, _HEADER.size) == (-errno.ENOENT,):
            return None
        if answered != number or kind != _SOCK_DIAG_BY_FAMILY:
            raise CannotAsk
        _, state, _, _ = _STATE.unpack_from(answer, _HEADER.size)
        ports = _PORTS.unpack_from(answer, _HEADER.size + _STATE.size)
        uid = _OWNER.unpack_from(answer, _HEADER.size + _STATE.size + _SOCKET_ID_SIZE)[3]
    except struct.error as error:
        raise CannotAsk from error
    # A socket that listens at ``near`` has no other end.
    return _Found(uid, state == _ESTABLISHED and ports == (near.port, far.port))
