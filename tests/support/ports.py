"""Ports for the servers that a test starts."""

import collections
import random
import socket

# Linux, macOS and Windows give outgoing connections a port above this range, so that none of them takes a port first.
_LOWEST, _HIGHEST = 10_000, 32_767

# A test uses a port soon after it asks for one. Keeping more reservations would only use up file descriptors.
_RESERVATIONS = 50

_reserved: collections.deque[socket.socket] = collections.deque(maxlen=_RESERVATIONS)


def free_port() -> int:
    """A TCP port that is free on both loopbacks, and that no other test process on this machine is given meanwhile.

    The reservation is a UDP socket on the same number: it excludes every other process that asks here, and leaves
    the TCP port to the server under test. Raises RuntimeError if this machine has no such port.
    """
    for _ in range(1000):
        port = random.randint(_LOWEST, _HIGHEST)
        reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            reservation.bind(("127.0.0.1", port))
            with (
                socket.create_server(("127.0.0.1", port)),
                socket.create_server(("::1", port), family=socket.AF_INET6),
            ):
                pass
        except OSError:
            reservation.close()
            continue
        if len(_reserved) == _RESERVATIONS:
            _reserved.popleft().close()
        _reserved.append(reservation)
        return port
    raise RuntimeError("No port is free on 127.0.0.1 and ::1. Check that this machine has both loopback addresses.")
