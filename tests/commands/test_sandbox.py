"""``sandbox``: the command, and what concerns every request to it."""

import json
import time
import urllib.error
import urllib.request

import pytest

from tests.support.program import Program
from tests.support.sandbox_client import ask, fetch
from webex_token_cli.sandbox.server import Sandbox


def test_the_option_device_ttl_sets_the_lifetime_of_a_devices_code(program: Program) -> None:
    with program.started("sandbox", "--auto-approve", "--device-ttl", "1m") as running:
        running.wait_for("export WEBEX_REDIRECT_URI")
        lines = dict(line.removeprefix("export ").split("=", 1) for line in running.out.splitlines())
        form = {"client_id": lines["WEBEX_CLIENT_ID"], "scope": "spark:all"}
        _, _, body = fetch(f"{lines['WEBEX_TOKEN_API_URL']}/device/authorize", form)
        assert json.loads(body)["expires_in"] == 60
        running.wait_for("POST /v1/device/authorize 200  device asked")


def test_login_works_with_the_lines_that_the_command_prints(program: Program, redirect_uri: str) -> None:
    with program.started("sandbox", "--auto-approve", "--redirect-uri", redirect_uri, "--renew-after", "1s") as running:
        running.wait_for("export WEBEX_REDIRECT_URI")
        lines = dict(line.removeprefix("export ").split("=", 1) for line in running.out.splitlines())
        assert list(lines) == ["WEBEX_TOKEN_API_URL", "WEBEX_CLIENT_ID", "WEBEX_CLIENT_SECRET", "WEBEX_REDIRECT_URI"]
        pointed = program.having(**{name: value.strip("'") for name, value in lines.items()}, BROWSER="true %s")
        with pointed.started("login") as login:
            urllib.request.urlopen(login.url()).close()
            assert login.finish().status == 0
        running.wait_for("POST /v1/access_token 200  signed in")


def test_a_taken_port_is_an_error_that_names_the_port(program: Program, sandbox: Sandbox) -> None:
    done = program.run("sandbox", "--port", str(sandbox.port))
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"Error: The sandbox cannot listen on port {sandbox.port} (Address already in use).")


def test_a_number_that_is_not_a_port_is_a_usage_error(program: Program) -> None:
    done = program.run("sandbox", "--port", "65536")
    assert (done.status, done.out) == (2, "")
    assert "65536 is not a port number. Give a number from 0 to 65535." in done.err


@pytest.mark.parametrize("rules", [{"latency": 0.2}], indirect=True)
def test_the_rule_latency_delays_every_answer(sandbox: Sandbox) -> None:
    asked = time.monotonic()
    assert ask(sandbox, "/people/me")[0] == 401
    assert time.monotonic() - asked >= 0.2


def test_an_unknown_path_is_404_with_a_tracking_id(sandbox: Sandbox) -> None:
    status, headers, body = ask(sandbox, "/nothing")
    assert (status, json.loads(body)["trackingId"]) == (404, headers["trackingid"])
