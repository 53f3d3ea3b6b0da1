"""Which user's program is at the other end of a connection on this machine.

Every user of a machine can reach its loopback ports. Another user who opens the bare redirect URI would be redirected
to the sign-in page with our ``state``, could sign in there with their own account, and their tokens would be stored as
ours. So the listener answers only this user's connections, where the system tells whose they are.

A browser at the other end of an SSH tunnel is answered, because the SSH server forwards its requests from a process of
the user who logged in. A reverse proxy usually runs as a user of its own and has to be declared (``--behind-proxy``).
"""

import ipaddress
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from webex_token_cli.system.proc_net import ESTABLISHED, LISTENING, TcpSocket, tcp_sockets

# A user id that no user has: the system tells owners, but not of this connection.
NOBODY = -1


def is_allowed_peer(peer: Any, own: Any) -> bool:
    """Whether no other user holds the connection between the socket names ``peer`` and ``own``.

    On Linux the kernel tells. On other systems every peer is allowed, and only the ``state`` protects the sign-in.
    Root is allowed, because root can read our memory anyway. Raises nothing: when the table exists but cannot be
    read, the answer is False.
    """
    user = os.getuid() if hasattr(os, "getuid") else None
    return is_allowed_owner(owner_of(peer, own), user)


def is_allowed_owner(owner: int | None, user: int | None) -> bool:
    """Whether a connection of user id ``owner`` may be answered for ``user``; None means that it is unknown."""
    return owner is None or user is None or owner in (user, 0)


def owner_of(peer: Any, own: Any, sockets: Callable[[], Iterable[TcpSocket]] = tcp_sockets) -> int | None:
    """The user id that owns the connected socket ``peer``; NOBODY when it is no longer connected.

    None when this system does not tell: there is no table, or it does not list even our listening socket.
    """
    try:
        wanted = {(_as_listed(peer, mapped), _as_listed(own, mapped)) for mapped in (False, True)}
        our_port = f":{own[1]:04X}"
        lists_our_listener = False
        for each in sockets():
            if (each.local, each.remote) in wanted and each.state == ESTABLISHED:
                return each.uid
            lists_our_listener |= each.state == LISTENING and each.local.endswith(our_port)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, IndexError):
        # A connection that the client has reset has no name any more, or no file descriptor is left.
        return NOBODY
    return NOBODY if lists_our_listener else None


def _as_listed(name: Any, mapped: bool) -> str:
    """A socket's name as the kernel lists it: the address in 32-bit words of the machine's byte order, and the port.

    ``mapped`` gives the form of a client that reaches an IPv4 address through an IPv6 socket.
    """
    address = ipaddress.ip_address(name[0].partition("%")[0])
    packed = address.packed
    if mapped and address.version == 4:
        packed = ipaddress.IPv6Address(f"::ffff:{address}").packed
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    ordered = (word[::-1] if sys.byteorder == "little" else word for word in words)
    return f"{b''.join(ordered).hex().upper()}:{name[1]:04X}"
