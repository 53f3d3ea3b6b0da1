"""What the browser is opened with, and ``login --listen``: behind a reverse proxy, and at the end of a tunnel."""

import os
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.ports import free_port
from tests.support.program import Program
from tests.support.terminal import at_a_terminal, end_of, read
from webex_token_cli.sandbox import Sandbox
from webex_token_cli.sandbox.accepting_browser import answer

pytestmark = pytest.mark.posix  # it needs pseudo-terminals

# What a command's arguments are, every user of the machine can read.
RECORDING_BROWSER = """
import sys
from webex_token_cli.sandbox.accepting_browser import answer
with open(sys.argv[1], "a") as arguments:
    print(sys.argv[2], file=arguments)
answer(sys.argv[2])
"""


@pytest.fixture
def recording(program: Program, tmp_path: Path) -> Program:
    """The program with a browser that writes down its argument before it accepts."""
    browser = tmp_path / "browser.py"
    browser.write_text(RECORDING_BROWSER)
    return program.having(BROWSER=f"{sys.executable} {browser} {tmp_path / 'opened'} %s")


@pytest.mark.parametrize("listens", [False, True])
def test_the_browsers_arguments_hold_no_state(
    recording: Program, tmp_path: Path, redirect_uri: str, listens: bool
) -> None:
    port = free_port() if listens else urlsplit(redirect_uri).port
    arguments = ["--listen", f"127.0.0.1:{port}"] if listens else []
    if listens:
        forward(port, to_redirect_uri=redirect_uri)
    done = recording.run("login", *arguments, timeout=30)
    opened = (tmp_path / "opened").read_text().splitlines()
    printed = next(word for word in done.err.split() if "/authorize?" in word)
    state = parse_qs(urlsplit(printed).query)["state"][0]
    assert done.status == 0
    assert len(opened) == 1
    assert state not in opened[0]
    assert urlsplit(opened[0]).netloc == (f"127.0.0.1:{port}" if listens else f"localhost:{port}")


def forward(port: int | None, to_redirect_uri: str) -> None:
    """Hand on what arrives where the redirect URI leads to the listener at ``port``, as a tunnel does."""
    listening = socket.create_server(("127.0.0.1", urlsplit(to_redirect_uri).port or 0))

    def hand_on(near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", port or 0)) as far:
            far.sendall(near.recv(65536))
            while chunk := far.recv(65536):
                near.sendall(chunk)

    def accept() -> None:
        with listening:
            for _ in range(2):  # the redirect, and the page that it leads to
                hand_on(listening.accept()[0])

    threading.Thread(target=accept, daemon=True).start()


@pytest.mark.parametrize(
    ("variables", "arguments", "where"),
    [
        ({}, [], "in a browser on this machine:"),
        (
            {"SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 22"},
            [],
            "in a browser that reaches this machine at {uri}, for example through an SSH tunnel:",
        ),
        ({}, ["--listen", "127.0.0.1:{port}"], "in a browser:"),
    ],
)
def test_the_terminal_says_in_which_browser_the_address_works(
    program: Program, redirect_uri: str, variables: dict[str, str], arguments: list[str], where: str
) -> None:
    port = urlsplit(redirect_uri).port
    told = [each.format(port=port) for each in arguments]
    with program.having(**variables).started("login", "--no-browser", *told) as login:
        login.url()
        assert f"Sign in at this address, {where.format(uri=redirect_uri)}\n" in login.err


@pytest.mark.parametrize("environment", [{}, {"SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 22"}])
def test_a_listener_waits_on_a_terminal_where_no_browser_opens(
    program: Program, redirect_uri: str, environment: dict[str, str]
) -> None:
    listen = f"127.0.0.1:{urlsplit(redirect_uri).port}"
    headless = program.having(BROWSER="/nonexistent/browser %s", **environment)
    with at_a_terminal(headless, "login", "--listen", listen) as child:
        url = read(child, r"(http://\S+/authorize\?\S+)")
        child.expect_exact("No browser opened by itself; open the address above by hand.")
        assert "You are signed in" in answer(url)
        child.expect_exact("Signed in as Ada Lovelace")
        assert end_of(child)[0] == 0


def test_a_proxy_that_is_declared_without_a_listener_is_wrong_usage(program: Program) -> None:
    done = program.run("login", "--behind-proxy")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "Error: --behind-proxy says who connects to the address of --listen, which is not given.\n"
        "Give --listen HOST:PORT, the address to which the proxy forwards.\n"
    )


def status_for(uid: int, url: str) -> int:
    """The HTTP status that user ``uid`` is answered with."""
    code = (
        "import os, sys, urllib.error, urllib.request\n"
        "opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))\n"
        "'x'.encode('idna')\n"
        "os.setuid(int(sys.argv[1]))\n"
        "try:\n    print(opener.open(sys.argv[2], timeout=20).status)\n"
        "except urllib.error.HTTPError as error:\n    print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(uid), url], capture_output=True, encoding="utf-8", check=True, timeout=30
    )
    return int(done.stdout)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize(("declared", "status"), [([], 403), (["--behind-proxy"], 200)])
def test_another_user_finishes_a_sign_in_only_as_a_declared_proxy(
    program: Program, sandbox: Sandbox, redirect_uri: str, declared: list[str], status: int
) -> None:
    listen = f"127.0.0.1:{urlsplit(redirect_uri).port}"
    with program.started("login", "--no-browser", "--listen", listen, *declared) as login:
        urllib.request.urlopen(login.url()).close()
        authorization = sandbox.accept_pending_authorization()
        address = f"{redirect_uri}?code={authorization.code}&state={authorization.state}"
        assert status_for(65534, address) == status
        if not declared:
            assert login.process.poll() is None
            urllib.request.urlopen(address).close()
        assert login.finish().status == 0
