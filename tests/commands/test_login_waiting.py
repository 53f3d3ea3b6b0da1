"""``login`` at a terminal says what it waits for and for how long, and asks for no secret that it could not use."""

import re
import socket

import pytest

from tests.support.program import Program
from tests.support.terminal import at_a_terminal, end_of, read
from webex_token_cli.sandbox.accepting_browser import answer

pytestmark = pytest.mark.posix


def test_the_wait_for_the_browser_is_counted_down_and_wiped(program: Program) -> None:
    with at_a_terminal(program, "login", "--no-browser") as child:
        url = read(child, r"  (http\S+/authorize\?\S+)\r\n")
        first = read(child, r"Waiting for the browser … (4:5\d|5:00) left")
        assert read(child, r"Waiting for the browser … (4:5\d) left") < first
        answer(url)
        child.expect_exact("\r\x1b[KSigned in as Ada Lovelace <ada@example.com> (profile default).")
        assert end_of(child)[0] == 0


def test_a_line_about_the_browser_takes_the_place_of_the_countdown(program: Program) -> None:
    without = program.having(BROWSER="/nonexistent/browser %s")
    with at_a_terminal(without, "login", "--flow", "browser") as child:
        child.expect_exact("No browser opened by itself; open the address above by hand.\r\n")
        assert not re.search(r"left\S", str(child.before))
        child.expect_exact("Waiting for the browser … ")


def test_the_wait_for_a_paste_is_counted_down(program: Program) -> None:
    with at_a_terminal(program, "login", "--flow", "paste", "--timeout", "2s", columns=30) as child:
        child.expect_exact("Waiting for the address … 0:0")
        status, rest = end_of(child)
    assert (status, rest.rpartition("\r\x1b[K")[2].partition("\r\n")[0]) == (
        6,
        "Error: Nothing usable was pasted within 2 seconds.",
    )


def test_a_terminal_that_cannot_erase_is_told_once(program: Program) -> None:
    with at_a_terminal(program.having(TERM="dumb"), "login", "--no-browser", "--timeout", "2s") as child:
        status, shown = end_of(child)
    assert (status, shown.count("Waiting for the browser for up to 2 seconds.")) == (6, 1)
    assert "\x1b" not in shown


def test_a_redirect_uri_that_cannot_be_used_is_refused_before_any_question(program: Program) -> None:
    unconfigured = program.having(WEBEX_CLIENT_ID=None, WEBEX_CLIENT_SECRET=None)
    with at_a_terminal(unconfigured, "login", "--redirect-uri", "localhost:8000/oauth") as child:
        status, shown = end_of(child)
    assert (status, shown) == (
        2,
        "Error: The redirect URI 'localhost:8000/oauth' is not a URI with a scheme and a host.\r\n"
        "Register http://localhost:8000/oauth with the integration and use that.\r\n",
    )


def test_a_taken_port_is_reported_before_anything_is_typed(program: Program, redirect_uri: str) -> None:
    new = program.having(WEBEX_CLIENT_ID=None, WEBEX_CLIENT_SECRET=None)
    port = int(redirect_uri.split(":")[2].split("/")[0])
    with socket.create_server(("127.0.0.1", port)), at_a_terminal(new, "login") as child:
        status, shown = end_of(child)
    assert status == 2
    assert shown.startswith(f"Error: Port {port}, where {redirect_uri} leads, is taken by another program.\r\n")
