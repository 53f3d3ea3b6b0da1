"""A page in Chromium cannot control a sandbox: neither from another origin nor by a name that leads there."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.support.chromium import Chromium, Tab
from tests.support.program import wait_until
from webex_token_cli.sandbox import Rules, Sandbox


class Page(BaseHTTPRequestHandler):
    """An empty page of somebody else's."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><h1>Somebody else's page</h1>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Print nothing."""


@pytest.fixture
def other_port() -> Iterator[int]:
    """The port of somebody else's pages."""
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextlib.contextmanager
def opened(chromium: Chromium, address: str) -> Iterator[Tab]:
    """Chromium with the page at ``address``, for which every other name leads to this machine."""
    chromium.flags = ("--host-resolver-rules=MAP * 127.0.0.1",)
    chromium.prepare()
    with chromium.opened() as tab:
        tab.command("Page.navigate", url=address)
        wait_until(lambda: tab.address == address and tab.text, lambda: tab.address)
        yield tab


def fetched(tab: Tab, address: str, options: dict[str, str]) -> str:
    """What a script of the page gets: the status and the text, or the error."""
    tab.evaluate(
        f"window.found = null; fetch({json.dumps(address)}, {json.dumps(options)})"
        ".then(async reply => { window.found = `${reply.type} ${reply.status} ${await reply.text()}` })"
        ".catch(error => { window.found = `${error}` }); 0"
    )
    wait_until(lambda: tab.evaluate("window.found"), lambda: tab.address)
    return str(tab.evaluate("window.found"))


def state(sandbox: Sandbox) -> tuple[object, ...]:
    return sandbox.faults, [grant.revoked for grant in sandbox.grants], round(sandbox.now() - sandbox.grants[0].made_at)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example"])
def test_a_page_of_another_origin_changes_nothing_and_reads_nothing(
    chromium: Chromium, other_port: int, host: str
) -> None:
    with Sandbox(Rules()) as sandbox, opened(chromium, f"http://{host}:{other_port}/") as tab:
        sandbox.freeze()
        sandbox.token_response()
        before = state(sandbox)
        order = {"method": "POST", "body": '{"fault": "refresh=503"}'}
        refused = "TypeError: Failed to fetch"
        assert fetched(tab, f"{sandbox.control_url}/faults", order) == refused
        assert fetched(tab, f"{sandbox.control_url}/faults", {**order, "mode": "no-cors"}) == "opaque 0 "
        assert fetched(tab, f"{sandbox.control_url}/journal", {}) == refused
        assert fetched(tab, f"{sandbox.control_url}/grants", {"method": "DELETE"}) == refused
        # A form needs nobody's leave to be sent, and what it sends here is JSON.
        tab.evaluate(
            f"document.body.innerHTML = `<form method=post enctype=text/plain action={sandbox.control_url}/faults>"
            """<input name='{"fault": "refresh' value='503"}'></form>`; document.forms[0].submit()"""
        )
        wait_until(lambda: "message" in tab.text, lambda: tab.text)
        assert json.loads(tab.text) == {"message": "The sandbox is not controlled by pages in a browser"}
        assert state(sandbox) == before


def test_a_name_that_was_made_to_lead_here_is_of_no_use(chromium: Chromium) -> None:
    """DNS rebinding: to the browser, page and control have one origin, so that it names none."""
    with Sandbox(Rules()) as sandbox, opened(chromium, f"http://evil.example:{sandbox.port}/verify") as tab:
        refused = "basic 403 " + json.dumps(
            {"message": "The sandbox is controlled by the name localhost or a loopback address only"}
        )
        assert fetched(tab, "/sandbox/v1/journal", {}) == refused
        request = sandbox.requests[0]
        assert "Origin" not in request.headers
        assert fetched(tab, "/sandbox/v1/reset", {"method": "POST"}).startswith("basic 403 ")
        assert fetched(tab, "/sandbox/healthz", {}).startswith("basic 200 ")
