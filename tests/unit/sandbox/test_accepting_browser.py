"""The browser that presses Accept, where the sandbox does not ask."""

import socket

import pytest

from tests.support.sandbox_client import authorization_url
from tests.support.wires import serving
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.sandbox.accepting_browser import answer

# What an application may show: its own form is none of the browser's business.
PAGE = '<form action="/delete"></form>'


@pytest.mark.parametrize("scope", ["spark:all", "no:such"])
def test_a_sign_in_that_needs_no_page_ends_at_the_application(scope: str) -> None:
    def show(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(PAGE)}\r\n\r\n{PAGE}".encode())

    with serving(show) as uri, Sandbox(Rules(auto_approve=True, redirect_uris=(uri,))) as sandbox:
        assert answer(authorization_url(sandbox, scope=scope)) == PAGE
