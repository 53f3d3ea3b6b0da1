"""Ports for servers of a test's own."""

import socket


def free_port() -> int:
    """A port that is free on both loopbacks just now."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
            try:
                with socket.create_server(("::1", port), family=socket.AF_INET6):
                    return port
            except OSError:
                continue
