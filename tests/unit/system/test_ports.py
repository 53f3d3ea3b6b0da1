"""Free ports of a machine without IPv6."""

import socket
from typing import Any

import pytest

from webex_token_cli.system.ports import free_port


@pytest.mark.parametrize(
    ("has_ipv6", "error"),
    [(True, OSError("Address family not supported by protocol")), (False, AttributeError("AF_INET6"))],
    ids=["the kernel has none", "Python has none"],
)
def test_a_port_is_free_on_ipv4_where_there_is_no_ipv6(
    monkeypatch: pytest.MonkeyPatch, has_ipv6: bool, error: Exception
) -> None:
    create_server = socket.create_server

    def create(address: tuple[str, int], **settings: Any) -> socket.socket:
        if ":" in address[0]:
            raise error
        return create_server(address, **settings)

    monkeypatch.setattr(socket, "create_server", create)
    monkeypatch.setattr(socket, "has_ipv6", has_ipv6)
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", free_port()))
