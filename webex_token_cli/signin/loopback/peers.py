"""Which user's program is at the other end of a connection on this machine.

Every user of a machine can reach its loopback ports. Another user who opens the bare redirect URI would be redirected
to the sign-in page with our ``state``, could sign in there with their own account, and their tokens would be stored as
ours. So the listener answers only this user's connections, where the system tells whose they are.

A browser at the other end of an SSH tunnel is answered, because the SSH server forwards its requests from a process of
the user who logged in. A reverse proxy usually runs as a user of its own and has to be declared (``--behind-proxy``).
"""

import asyncio
import ipaddress
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from webex_token_cli.system import sock_diag, tcp_table, windows_users
from webex_token_cli.system.connections import CannotAsk, UserID
from webex_token_cli.system.proc_net import ESTABLISHED, LISTENING, TcpSocket, tcp_sockets

# A user id that no user has: the system tells owners, but not of this connection.
NOBODY = -1

# Root, and Windows itself, can read our memory anyway.
_SUPERUSERS = frozenset({0, windows_users.SYSTEM})

Sockets = Callable[[], Iterable[TcpSocket]]

# Windows has no table beside the one that was asked already, so no thread is started to read one.
_TABLE: Sockets | None = None if sys.platform == "win32" else tcp_sockets


def connection_owner(near: Any, far: Any) -> UserID | None:
    """The user who owns the end ``near`` of a connection whose other end ``far`` is ours; None if it is gone.

    Raises CannotAsk, OSError, and ValueError if a name is none.
    """
    if sys.platform == "win32":
        return tcp_table.connection_owner(near, far)
    return sock_diag.connection_owner(near, far)


class PeerCheck:
    """Tells whether another user holds the other end of a connection. One instance serves one listener.

    ``ask`` is asked first, and answers at once. Where it cannot, the table of all ``sockets`` is read, if there is one.
    """

    def __init__(
        self,
        ask: Callable[[Any, Any], UserID | None] = connection_owner,
        sockets: Sockets | None = _TABLE,
    ) -> None:
        self._ask = ask
        self._sockets = sockets
        self._reading: asyncio.Task[ConnectionTable] | None = None
        self._next_reading: asyncio.Task[ConnectionTable] | None = None

    async def is_allowed(self, peer: Any, own: Any) -> bool:
        """Whether no other user holds the connection between the socket names ``peer`` and ``own``.

        Linux and Windows tell. On other systems every peer is allowed, and only the ``state`` protects the sign-in.
        Root is allowed, and Windows itself. Raises nothing: when the system tells owners but not this one, the answer
        is False.
        """
        return is_allowed_owner(await self._owner_of(peer, own), _this_user())

    def is_known_stranger(self, peer: Any, own: Any) -> bool:
        """Whether another user is known to hold the connection, as far as that can be told at once. Raises nothing."""
        try:
            owner = self._ask(peer, own)
        except (CannotAsk, OSError, ValueError):
            return False
        return owner is not None and not is_allowed_owner(owner, _this_user())

    async def _owner_of(self, peer: Any, own: Any) -> UserID | None:
        try:
            owner = self._ask(peer, own)
        except CannotAsk:
            return None if self._sockets is None else (await self._table(self._sockets)).owner_of(peer, own)
        except (OSError, ValueError):
            # A connection that the client has reset has no name any more, or no file descriptor is left.
            return NOBODY
        return NOBODY if owner is None else owner

    async def _table(self, sockets: Sockets) -> "ConnectionTable":
        """A table that was read after this call began, as it has to be to list the caller's connection.

        A flood of requests makes the table long. So it is read outside the event loop, by one thread at a time, and
        all the calls that wait for the same reading share it.
        """
        if self._next_reading is None:
            self._next_reading = asyncio.create_task(self._read_after(self._reading, sockets))
        return await asyncio.shield(self._next_reading)

    async def _read_after(
        self, previous: "asyncio.Task[ConnectionTable] | None", sockets: Sockets
    ) -> "ConnectionTable":
        if previous is not None:
            await asyncio.wait([previous])
        self._reading, self._next_reading = self._next_reading, None
        return await asyncio.to_thread(ConnectionTable.read, sockets)


def _this_user() -> UserID:
    if sys.platform == "win32":
        return windows_users.this_user()
    return os.getuid()


def is_allowed_owner(owner: UserID | None, user: UserID) -> bool:
    """Whether a connection of ``owner`` may be answered for ``user``; None means that the owner is unknown."""
    return owner is None or owner == user or owner in _SUPERUSERS


@dataclass(frozen=True, slots=True)
class ConnectionTable:
    """One reading of the kernel's table: the owner of each established connection, and the ports with a listener.

    ``is_readable`` is False when the system has a table that could not be read.
    """

    owners: dict[tuple[str, str], int] = field(default_factory=dict)
    ports: frozenset[str] = frozenset()
    is_readable: bool = True

    @classmethod
    def read(cls, sockets: Sockets = tcp_sockets) -> "ConnectionTable":
        """Read the table; an empty one if this system has none."""
        owners, ports = {}, set()
        try:
            for each in sockets():
                if each.state == ESTABLISHED:
                    owners[each.local, each.remote] = each.uid
                elif each.state == LISTENING:
                    ports.add(each.local.rpartition(":")[2])
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError):
            return cls(is_readable=False)
        return cls(owners, frozenset(ports))

    def owner_of(self, peer: Any, own: Any) -> int | None:
        """The user id that owns the connected socket ``peer``; NOBODY when it is no longer connected.

        None when this system does not tell: there is no table, or it does not list even our listening socket.
        """
        if not self.is_readable:
            return NOBODY
        try:
            for mapped in (False, True):
                owner = self.owners.get((_as_listed(peer, mapped), _as_listed(own, mapped)))
                if owner is not None:
                    return owner
            return NOBODY if f"{own[1]:04X}" in self.ports else None
        except (ValueError, TypeError, IndexError):
            return NOBODY if self.ports else None


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
