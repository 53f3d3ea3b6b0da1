"""Only ``get`` and ``export`` show a secret.

The tests run every other command and search for each secret that the sandbox has issued in standard output,
standard error, the arguments of the browser and every file outside the credential store.
"""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.program import Finished, Program
from tests.support.redirects import redirected_to
from webex_token_cli.sandbox.faults import Fault
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1, rotate=True, device_interval=1)


@pytest.fixture
def program(program: Program, tmp_path: Path) -> Program:
    """The program with a browser that records its arguments before it accepts."""
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\ntr "\\0" "\\n" </proc/$$/cmdline >>{tmp_path}/browser-arguments\n'
        f'{program.variables["BROWSER"].removesuffix(" %s")} "$1"\n'
    )
    browser.chmod(0o700)
    return program.having(BROWSER=f"{browser} %s")


def all_runs(program: Program, sandbox: Sandbox) -> Iterator[Finished]:
    """Run every command but ``get`` and ``export``, with success and with each kind of failure."""
    yield program.run("--debug", "login")
    yield login_by_paste(program, sandbox)
    sandbox.webex.rules = replace(sandbox.webex.rules, auto_approve=True)
    yield program.run("--debug", "login", "--flow", "device")
    yield program.run("--debug", "login", "--flow", "device", "--json")
    sandbox.webex.rules = replace(sandbox.webex.rules, auto_approve=False)
    sandbox.order(Fault("/v1/device/token", 400, {}, json.dumps({"message": f"{_refresh_token(sandbox)}"})))
    yield program.run("--debug", "login", "--flow", "device")
    for arguments in (["show"], ["show", "--json"], ["show", "--all", "--check"], ["refresh"], ["refresh", "--json"]):
        yield program.run("--debug", *arguments)
        yield program.run("-v", *arguments)
    with program.started("--debug", "watch", "--interval", "1", "--max-age", "1") as watch:
        watch.wait_for("renewed: ", times=2)
        watch.process.send_signal(signal.SIGTERM)
        yield watch.finish()
    yield program.run("watch", "--once")
    yield from doctor_runs(program)
    secret_echoing = json.dumps({"error": "invalid_grant", "error_description": f"Bad {_refresh_token(sandbox)} given"})
    for fault in (
        Fault("/v1/access_token", 400, {}, secret_echoing),
        Fault(
            "/v1/access_token",
            401,
            {},
            json.dumps({"message": f"client secret {sandbox.webex.client_secret} is wrong"}),
        ),
        Fault("/v1/access_token", 403, {}, json.dumps({"message": f"{_refresh_token(sandbox)}"})),
        Fault("/v1/access_token", 500, {}, secret_echoing),
        Fault("/v1/access_token", 200, {}, f"<html>{_refresh_token(sandbox)}"),
    ):
        sandbox.order(fault)
        yield program.run("--debug", "refresh")
        fault.times = 1
        sandbox.order(fault)
        yield program.run("--debug", "login")
    yield program.having(WEBEX_CLIENT_SECRET="x" * 20).run("--debug", "login")
    yield program.run("--debug", "get", "--min-valid", "bogus")
    yield program.run("--debug", "exec", "--min-valid", "30d", "true")
    yield program.run("--debug", "exec", "--env", f"X={_refresh_token(sandbox)}", "true")
    yield from transfer_runs(program, sandbox)
    yield from logout_runs(program, sandbox)
    yield program.run("--debug", "logout")
    yield program.run("--debug", "refresh")


def doctor_runs(program: Program) -> Iterator[Finished]:
    """Run ``doctor`` on a machine that works, on one where every check fails, and without a keyring."""
    worse = program.having(WEBEX_TOKEN_API_URL="http://127.0.0.1:1/v1", BROWSER=None, WEBEX_TOKEN_MAX_AGE="x")
    for each in (program, worse, program.having(WEBEX_TOKEN_STORE="keyring")):
        yield each.run("--debug", "doctor")
        yield each.run("doctor", "-v", "--json")


def login_by_paste(program: Program, sandbox: Sandbox) -> Finished:
    """Sign in with the paste flow, which reads the code from standard input."""
    there, here = os.pipe()
    with program.started("--debug", "login", "--flow", "paste", stdin=there) as login:
        os.close(there)
        os.write(here, redirected_to(sandbox, login.url()).encode())
        os.close(here)
        return login.finish()


def transfer_runs(program: Program, sandbox: Sandbox) -> Iterator[Finished]:
    """Import a document of ``export`` that is whole, cut off or changed, and token responses of other tools."""
    exported = program.run("--debug", "export")
    yield replace(exported, out="")
    document, tokens = json.loads(exported.out), json.loads(program.run("export").out)["record"]
    changed = {**document, "record": {**document["record"], "access_expires_at": tokens["access_token"]}}
    wrong = {**document, "settings": {"api_url": tokens["refresh_token"], "redirect_uri": tokens["client_secret"]}}
    wtr = {"clientid": "x", "secret": tokens["client_secret"], "token": tokens["access_token"], "expiration": 2**31}
    response = {"access_token": tokens["access_token"], "expires_in": 9, "refresh_token": tokens["refresh_token"]}
    for given in (
        exported.out,
        exported.out[:-9],
        tokens["access_token"],
        json.dumps(tokens["access_token"]),
        json.dumps(changed),
        json.dumps(wrong),
        json.dumps(response),
        json.dumps({**response, "access_token": f"{tokens['access_token']} "}),
        json.dumps({**response, "expires_in": tokens["access_token"]}),
        json.dumps({**response, "refresh_token": None}),
        json.dumps({**wtr, "refresh_token": tokens["refresh_token"], "redirectport": tokens["refresh_token"]}),
        json.dumps({**wtr, "refresh_token": tokens["refresh_token"], "expiration": tokens["refresh_token"]}),
        json.dumps({**wtr, "refresh_token": tokens["refresh_token"], "clientid": ""}),
        json.dumps({**wtr, "refresh_token": f"{tokens['refresh_token']} "}),
    ):
        yield program.run("--debug", "import", stdin=given)
        yield program.run("import", "--json", stdin=given)
    for status, body in (
        (401, f"{_refresh_token(sandbox)}"),
        (400, json.dumps({"message": tokens["access_token"]})),
    ):
        sandbox.order(Fault("/v1/people/me", status, {}, body))
        yield program.run("--debug", "import", stdin=json.dumps(response))


def logout_runs(program: Program, sandbox: Sandbox) -> Iterator[Finished]:
    """Run ``logout --revoke`` with each answer that Webex may give."""
    scopes = ("--scope", "spark:all identity:tokens_read identity:tokens_write")
    yield program.run("--debug", "login", *scopes)
    token = sandbox.webex.grants[-1].access_token
    for status in (503, 403, 401):
        sandbox.order(Fault("/v1/authorizations", status, {}, json.dumps({"message": f"not with {token}"})))
        yield program.run("--debug", "logout", "--revoke")
        yield program.run("--debug", "login", *scopes)
        token = sandbox.webex.grants[-1].access_token
    yield program.run("--debug", "logout", "--all", "--revoke")
    yield program.run("--debug", "login")


def _refresh_token(sandbox: Sandbox) -> str:
    return sandbox.webex.grants[-1].refresh_token


def test_no_secret_in_anything_that_is_printed_or_left_behind(
    program: Program, sandbox: Sandbox, tmp_path: Path
) -> None:
    runs = list(all_runs(program, sandbox))
    secrets = {*sandbox.webex.issued, sandbox.webex.client_secret}
    assert len(secrets) > 10
    printed = "\n".join(run.out + run.err for run in runs)
    assert [secret for secret in secrets if secret in printed] == []
    seen = (tmp_path / "browser-arguments").read_text()
    assert "/authorize?" in seen
    assert [secret for secret in secrets if secret in seen] == []
    for file in tmp_path.rglob("*"):
        if file.is_file() and "credentials" not in file.parts:
            content = file.read_bytes()
            assert [file for secret in secrets if secret.encode() in content] == []
    statuses = {run.status for run in runs}
    assert statuses == {0, 1, 2, 3, 4, 5, 6}


def test_the_demo_prints_no_token(program: Program) -> None:
    done = program.run("--debug", "demo")
    assert done.status == 0
    # This test cannot ask the demo's sandbox for its tokens, but every opaque token contains this marker.
    assert "_PF84_" not in done.out + done.err


def test_the_sandbox_prints_no_token(program: Program, tmp_path: Path) -> None:
    with program.started("sandbox", "--auto-approve") as running:
        running.wait_for("export WEBEX_REDIRECT_URI")
        lines = dict(line.removeprefix("export ").split("=", 1) for line in running.out.splitlines())
        pointed = Program(program.home, {**program.variables, **lines})
        assert pointed.having(WEBEX_REDIRECT_URI="http://localhost:8000/oauth", BROWSER="curl -sL -o /dev/null %s").run(
            "login", "--timeout", "20"
        ).status in {0, 2}
        assert "_PF84_" not in running.out + running.err
