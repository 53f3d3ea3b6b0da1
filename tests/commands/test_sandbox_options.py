"""``sandbox``: faults, presets, the address, and one line of JSON for tests in any language."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.program import WEBEX_TOKEN, Program, Running
from tests.support.sandbox_client import control, fetch
from webex_token_cli.commands import sandbox as module
from webex_token_cli.sandbox import KINDS, PRESETS


@contextmanager
def ready(program: Program, *arguments: str) -> Iterator[tuple[Running, dict[str, Any]]]:
    """The command while it runs, and the line of JSON that it has printed."""
    with program.started("sandbox", "--json", *arguments) as running:
        running.wait_for("\n")
        yield running, json.loads(running.out)


def tokens(line: dict[str, Any]) -> dict[str, Any]:
    """The token response of a sign-in without a browser."""
    found: dict[str, Any] = json.loads(fetch(f"{line['control_url']}/tokens", {})[2])
    return found


def refreshed(line: dict[str, Any], refresh_token: str) -> tuple[int, dict[str, Any]]:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    client = {name: line[name] for name in ("client_id", "client_secret")}
    status, _, body = fetch(f"{line['api_url']}/access_token", {**form, **client})
    return status, json.loads(body)


def test_one_line_of_json_says_all_and_nothing_is_logged(program: Program) -> None:
    with ready(program, "--person", "Grace Hopper <grace@example.com>", "--redirect-uri", "http://localhost:1/x") as (
        running,
        line,
    ):
        url = line["url"]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        (person,) = line.pop("people")
        assert (person["displayName"], person["emails"]) == ("Grace Hopper", ["grace@example.com"])
        client_id, client_secret = line["client_id"], line["client_secret"]
        assert line == {
            "version": 1,
            "url": url,
            "api_url": f"{url}/v1",
            "verification_uri": f"{url}/verify",
            "control_url": f"{url}/sandbox/v1",
            "client_id": client_id,
            "client_secret": client_secret,
            "redirect_uri": "http://localhost:1/x",
            "environment": {
                "WEBEX_TOKEN_API_URL": f"{url}/v1",
                "WEBEX_CLIENT_ID": client_id,
                "WEBEX_CLIENT_SECRET": client_secret,
                "WEBEX_REDIRECT_URI": "http://localhost:1/x",
            },
            "preset": "integration",
            "service_app": None,
        }
        assert refreshed(line, tokens(line)["refresh_token"])[0] == 200
        assert (running.out.count("\n"), running.err) == (1, "")


def test_json_with_verbose_logs_on_standard_error(program: Program) -> None:
    with ready(program, "--verbose") as (running, line):
        refreshed(line, "unknown")
        running.wait_for("POST /v1/access_token 400  invalid_grant")
        assert running.out.count("\n") == 1


def test_errors_have_the_shape_of_the_rfc_if_that_is_asked_for(program: Program) -> None:
    with ready(program, "--rfc-errors") as (_, line):
        status, body = refreshed(line, "unknown")
        assert (status, body["error"], sorted(body)) == (400, "invalid_grant", ["error", "error_description"])


def test_faults_are_ordered_in_their_order(program: Program) -> None:
    with ready(program, "--fault", "refresh=503*2", "--fault", "refresh=429:9@1") as (_, line):
        token = tokens(line)["refresh_token"]
        assert [refreshed(line, token)[0] for _ in range(4)] == [503, 503, 429, 200]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("refresh=bogus", "'bogus' is not a kind of fault."),
        ("nowhere=503", "'nowhere' is not a place."),
        ("refresh", "'refresh' is not like WHERE=KIND[*TIMES][@AFTER], as in refresh=503*2."),
        ("refresh=503@later", "'later' is not a duration such as 30s, 10m, 2h or 13d."),
    ],
)
def test_a_wrong_fault_is_a_usage_error_that_lists_the_kinds(program: Program, fault: str, message: str) -> None:
    done = program.run("sandbox", "--fault", fault)
    assert (done.status, done.out) == (2, "")
    assert f"Invalid value for '--fault': {message}" in done.err
    assert done.err.count(f"The kinds are {', '.join(KINDS)}.") == 1


def test_the_presets_are_those_of_the_sandbox() -> None:
    assert tuple(PRESETS) == module.PRESETS


@pytest.mark.parametrize(
    ("options", "lifetimes", "after_a_refresh"),
    [
        ([], (1209599, 7775999), "same"),
        (["--preset", "integration"], (1209599, 7775999), "same"),
        (["--preset", "contact-center"], (43199, 5086614), "another"),
        (["--preset", "device"], (64799, 7697037), "another"),
        (["--preset", "government"], (1209599, 5183999), "same"),
        (["--preset", "contact-center", "--access-ttl", "1h", "--renew-after", "1d"], (3599, 5086614), "same"),
        (["--preset", "device", "--refresh-ttl", "90d"], (64799, 7775999), "another"),
    ],
)
def test_a_preset_behaves_as_that_kind_and_options_come_before_it(
    program: Program, options: list[str], lifetimes: tuple[int, int], after_a_refresh: str
) -> None:
    with ready(program, *options) as (_, line):
        first = tokens(line)
        assert (first["expires_in"], first["refresh_token_expires_in"]) == lifetimes
        status, second = refreshed(line, first["refresh_token"])
        same = second["access_token"] == first["access_token"]
        assert (status, same) == (200, after_a_refresh == "same")


def test_a_contact_center_does_not_extend_the_refresh_token(program: Program) -> None:
    with ready(program, "--preset", "contact-center") as (_, line):
        token = tokens(line)["refresh_token"]
        assert control(line["control_url"], "POST", "/advance", {"duration": "1d"})[0] == 200
        assert refreshed(line, token)[1]["refresh_token_expires_in"] == pytest.approx(5086614 - 86400, abs=5)


def test_the_printed_lines_of_a_service_app_sign_it_in(program: Program) -> None:
    with program.started("sandbox", "--preset", "service-app") as running:
        running.wait_for("--app $WEBEX_SERVICE_APP_ID")
        running.wait_for("export WEBEX_SERVICE_APP_CLIENT_SECRET")
        lines = [shlex.split(line)[1].split("=", 1) for line in running.out.splitlines()]
        pasted = program.having(**dict(lines), PATH=os.pathsep.join([str(WEBEX_TOKEN.parent), os.environ["PATH"]]))
        commands = running.err.split("with:\n")[1].replace("\\\n", " ").splitlines()
        assert len(commands) == 2
        for command in commands:
            done = subprocess.run(
                ["sh", "-euc", command], env=pasted.environment, capture_output=True, encoding="utf-8", check=False
            )
            assert done.returncode == 0, done.stderr
        assert pasted.run("get", "-p", "app").status == 0


def test_a_service_app_of_the_preset_outlasts_a_reset(program: Program) -> None:
    with ready(program, "--preset", "service-app") as (_, line):
        app = line["service_app"]
        fetch(f"{line['control_url']}/reset", {})
        found = fetch(f"{line['api_url']}/applications/{app['id']}/token", {}, Authorization="Bearer x")
        assert found[0] == 401
        form = {"grant_type": "refresh_token", "refresh_token": "x"}
        client = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
        status, _, body = fetch(f"{line['api_url']}/access_token", {**form, **client})
        assert (status, "refresh token" in body) == (400, True)  # 401 would be for an unknown client


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("localhost", "'localhost' is not an IP address, such as 127.0.0.1 or 0.0.0.0."),
        ("198.51.100.1", "The sandbox cannot listen on 198.51.100.1 ("),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_told(program: Program, address: str, message: str) -> None:
    done = program.run("sandbox", "--listen", address)
    assert (done.status, done.out) == (2, "")
    assert message in done.err


@pytest.mark.parametrize(
    ("listen", "host", "sent", "answered"),
    [
        ("127.0.0.1", "127.0.0.1", "sandbox.test:8080", "OWN"),
        ("0.0.0.0", "127.0.0.1", "sandbox.test:8080", "http://sandbox.test:8080"),
        ("0.0.0.0", "127.0.0.1", "[::1]:8080", "http://[::1]:8080"),
        ("0.0.0.0", "127.0.0.1", 'x"><script>', "OWN"),
        ("0.0.0.0", "127.0.0.1", "one.test/path", "OWN"),
        ("0.0.0.0", "127.0.0.1", "user@one.test", "OWN"),
        ("::", "127.0.0.1", "sandbox.test", "http://sandbox.test"),
        ("::1", "[::1]", "sandbox.test", "OWN"),
    ],
)
def test_its_urls_follow_the_host_only_where_others_reach_it(
    program: Program, listen: str, host: str, sent: str, answered: str
) -> None:
    with ready(program, "--listen", listen) as (_, line):
        own = line["url"]
        assert own == f"http://{host}:{own.rpartition(':')[2]}"
        form = {"client_id": line["client_id"], "scope": "spark:all"}
        device = json.loads(fetch(f"{line['api_url']}/device/authorize", form, Host=sent)[2])
        assert device["verification_uri"] == f"{answered.replace('OWN', own)}/verify"
        metadata = json.loads(fetch(f"{line['api_url']}/.well-known/openid-configuration", Host=sent)[2])
        assert metadata["token_endpoint"] == f"{answered.replace('OWN', own)}/v1/access_token"
