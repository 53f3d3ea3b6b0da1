"""A TCP connection of this machine, and who owns an end of it: what Linux and Windows have in common."""

import ipaddress
from dataclasses import dataclass
from typing import Any

# A user as the system identifies one: a number on Linux, the text of a security identifier (SID) on Windows.
UserID = int | str


class CannotAsk(Exception):
    """This system does not tell who owns a connection."""


@dataclass(frozen=True, slots=True)
class SocketName:
    """One end of a connection. ``interface`` is the number of the network interface of a link-local address, or 0."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int
    interface: int

    @classmethod
    def of(cls, name: Any) -> "SocketName":
        """From what ``getsockname`` and ``getpeername`` give. Raises ValueError if that is not a name."""
        try:
            address = ipaddress.ip_address(name[0].partition("%")[0])
            interface = name[3] if len(name) > 3 else 0
            # The kernel keeps a connection to a mapped address as one of IPv4.
            return cls(getattr(address, "ipv4_mapped", None) or address, int(name[1]), int(interface))
        except (TypeError, IndexError, AttributeError) as error:
            raise ValueError("not the name of a TCP socket") from error
