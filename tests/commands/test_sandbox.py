"""``sandbox``: the command, and what concerns every request to it."""

import json
import shlex
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.program import Program, Running
from tests.support.sandbox_client import ask, fetch
from webex_token_cli.sandbox import Sandbox


def printed_lines(running: Running) -> dict[str, str]:
    """The variables that the command prints, as a shell reads them."""
    running.wait_for("export WEBEX_REDIRECT_URI")
    words = [shlex.split(line) for line in running.out.splitlines()]
    assert {word for word, _ in words} == {"export"}
    return dict(setting.split("=", 1) for _, setting in words)


def test_the_option_device_ttl_sets_the_lifetime_of_a_devices_code(program: Program) -> None:
    with program.started("sandbox", "--auto-approve", "--device-ttl", "1m") as running:
        lines = printed_lines(running)
        form = {"client_id": lines["WEBEX_CLIENT_ID"], "scope": "spark:all"}
        _, _, body = fetch(f"{lines['WEBEX_TOKEN_API_URL']}/device/authorize", form)
        assert json.loads(body)["expires_in"] == 60
        running.wait_for("POST /v1/device/authorize 200  device asked")


def test_the_option_scope_adds_to_the_usual_scopes(program: Program) -> None:
    added = "--scope", "meeting:schedules_read meeting:schedules_write", "--scope", "audit:events_read"
    with program.started("sandbox", *added) as running:
        lines = printed_lines(running)
        asked = ["spark:all", "meeting:schedules_write audit:events_read", "meeting:preferences_read"]
        forms = [{"client_id": lines["WEBEX_CLIENT_ID"], "scope": scope} for scope in asked]
        url = f"{lines['WEBEX_TOKEN_API_URL']}/device/authorize"
        assert [fetch(url, form)[0] for form in forms] == [200, 200, 400]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_lines_that_the_command_prints_leave_the_own_sign_ins_alone(
    signed_in: Program, redirect_uri: str, end: signal.Signals
) -> None:
    own = Path(signed_in.variables["WEBEX_TOKEN_HOME"])
    before = {path: path.read_bytes() for path in own.rglob("*") if path.is_file()}
    with signed_in.started("sandbox", "--auto-approve", "--redirect-uri", redirect_uri) as running:
        lines = printed_lines(running)
        home = Path(lines["WEBEX_TOKEN_HOME"])
        assert (lines["WEBEX_TOKEN_STORE"], home.is_dir(), home.stat().st_mode & 0o777) == ("file", True, 0o700)
        pasted = signed_in.having(**lines, BROWSER="true %s")
        with pasted.started("login") as login:
            urllib.request.urlopen(login.url()).close()
            assert login.finish().status == 0
        running.wait_for("POST /v1/access_token 200  signed in")
        assert (home / "credentials" / "webex-token+default.json").exists()
        running.process.send_signal(end)
        assert running.finish().status == {signal.SIGINT: 130, signal.SIGTERM: -signal.SIGTERM}[end]
    assert not home.exists()
    assert {path: path.read_bytes() for path in own.rglob("*") if path.is_file()} == before


def test_the_lines_that_the_command_prints_are_all_that_a_sign_in_needs(program: Program) -> None:
    with program.started("sandbox") as running:
        assert list(printed_lines(running)) == [
            *("NO_PROXY", "no_proxy"),
            "WEBEX_TOKEN_HOME",
            "WEBEX_TOKEN_STORE",
            "WEBEX_TOKEN_API_URL",
            "WEBEX_CLIENT_ID",
            "WEBEX_CLIENT_SECRET",
            "WEBEX_REDIRECT_URI",
        ]


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
