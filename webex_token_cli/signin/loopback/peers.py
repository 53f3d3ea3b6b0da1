"""Whose program is at the other end of a connection on this machine.

A loopback port is open to every user of the machine. Whoever opens the redirect URI bare is sent to the
sign-in page with its ``state``, and could sign in there with an account of their own, which would then be
stored as ours. So where the system tells whose a connection is, only our own are answered.
"""

import ipaddress
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")

# States of a connection in the kernel's table. Once one is closed or reset, the table no longer tells whose it was.
_ESTABLISHED, _LISTENING = "01", "0A"

# Ownership that nobody can have.
NOBODY = -1


def may_answer(peer: Any, own: Any) -> bool:
    """Whether the connection between the two socket names, ``peer``'s and ``own``, is no other user's.

    Linux tells; where the system does not, the ``state`` has to do. Root's are answered, who could read our
    memory as well. Raises nothing: when the table should tell and cannot be read, the answer is no.
    """
    me = os.getuid() if hasattr(os, "getuid") else None
    return is_ours(owner_of(peer, own), me)


def is_ours(owner: int | None, me: int | None) -> bool:
    """Whether a connection that belongs to ``owner`` may be one of user ``me``'s; None is not known."""
    return owner is None or me is None or owner in (me, 0)


def owner_of(peer: Any, own: Any, lines: Callable[[], Iterable[str]] | None = None) -> int | None:
    """The user id of the connected socket whose name is ``peer``, NOBODY when it is connected no more.

    None when this system does not tell: no table, or one that does not even have our listening socket.
    """
    try:
        wanted = {(_as_listed(peer, mapped), _as_listed(own, mapped)) for mapped in (False, True)}
        listening = f":{own[1]:04X}"
        knows_us = False
        for line in (lines or _listed)():
            columns = line.split()
            if len(columns) <= 7:
                continue
            if (columns[1], columns[2]) in wanted and columns[3] == _ESTABLISHED:
                return int(columns[7])
            knows_us |= columns[3] == _LISTENING and columns[1].endswith(listening)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, IndexError):
        # A client that has reset the connection has no name any more; and no descriptor may be left.
        return NOBODY
    return NOBODY if knows_us else None


def _listed() -> Iterator[str]:
    for table in _TABLES:
        # A machine without IPv6 has the first alone.
        if table == _TABLES[0] or Path(table).exists():
            with Path(table).open(encoding="ascii") as lines:
                yield from lines


def _as_listed(name: Any, mapped: bool) -> str:
    """A socket's name as the kernel lists it: words of the address in the machine's order, and the port, in hex.

    ``mapped`` is for a client that reaches IPv4 through an IPv6 socket.
    """
    address = ipaddress.ip_address(name[0].partition("%")[0])
    packed = address.packed
    if mapped and address.version == 4:
        packed = ipaddress.IPv6Address(f"::ffff:{address}").packed
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    ordered = (word[::-1] if sys.byteorder == "little" else word for word in words)
    return f"{b''.join(ordered).hex().upper()}:{name[1]:04X}"
