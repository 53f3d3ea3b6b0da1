"""TCP ports of this machine."""

import contextlib
import socket


def free_port() -> int:
    """A port that is free now on both loopback addresses; after many tries, on that of IPv4 alone. Raises OSError."""
    for _ in range(50):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
            with contextlib.suppress(OSError):
                if not socket.has_ipv6:
                    return port
                with socket.create_server(("::1", port), family=socket.AF_INET6):
                    return port
    return port
