"""Only ``get`` and ``export`` show a secret.

The tests run every other command, with success and with each kind of failure. They search for each secret that the
sandbox has issued in standard output, standard error, the arguments of the browser and every file outside the
credential store.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Finished, Program
from tests.support.redirects import redirected_to
from webex_token_cli.sandbox import Answer, Rules, Sandbox, person_from


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1, rotate=True, auto_approve=True, device_interval=1)


@pytest.fixture
def program(program: Program, tmp_path: Path) -> Program:
    """The program with a browser that records its arguments and then follows the redirects of the sign-in page."""
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\ntr "\\0" "\\n" </proc/$$/cmdline >>{tmp_path}/browser-arguments\ncurl -sL -o /dev/null "$1"\n'
    )
    browser.chmod(0o700)
    return program.having(BROWSER=f"{browser} %s")


def refresh_token(sandbox: Sandbox) -> str:
    """The refresh token of the latest sign-in."""
    return sandbox.grants[-1].refresh_token


def sign_ins(program: Program, sandbox: Sandbox) -> Iterator[Finished]:
    """Sign in with each flow, and with two mistakes of which Webex complains."""
    yield run_in_process(program, "--debug", "login")
    yield login_by_paste(program, sandbox)
    yield run_in_process(program, "--debug", "login", "--flow", "device")
    yield run_in_process(program, "--debug", "login", "--flow", "device", "--json")
    sandbox.order(Answer("/v1/device/token", 400, {}, json.dumps({"message": refresh_token(sandbox)})))
    yield run_in_process(program, "--debug", "login", "--flow", "device")
    yield run_in_process(program.having(WEBEX_CLIENT_SECRET="x" * 20), "--debug", "login")


def login_by_paste(program: Program, sandbox: Sandbox) -> Finished:
    """Sign in with the paste flow, which reads the address from standard input."""
    stdin, writer = os.pipe()
    with program.started("--debug", "login", "--flow", "paste", stdin=stdin) as login:
        os.close(stdin)
        os.write(writer, redirected_to(sandbox, login.url()).encode())
        os.close(writer)
        return login.finish()


def uses_of_a_token(program: Program, sandbox: Sandbox) -> Iterator[Finished]:
    """Run the commands that use a stored token, and some that refuse their arguments."""
    for arguments in (["show"], ["show", "--json"], ["show", "--all", "--check"], ["refresh"], ["refresh", "--json"]):
        yield run_in_process(program, "--debug", *arguments)
        yield run_in_process(program, "-v", *arguments)
    with program.started("--debug", "watch", "--interval", "1", "--max-age", "1") as watch:
        watch.wait_for("renewed: ", times=2)
        watch.process.send_signal(signal.SIGTERM)
        yield watch.finish()
    yield run_in_process(program, "watch", "--once")
    yield run_in_process(program, "--debug", "get", "--min-valid", "bogus")
    yield program.run("--debug", "exec", "--min-valid", "30d", "true")
    yield run_in_process(program, "--debug", "exec", "--env", f"X={refresh_token(sandbox)}", "true")


def doctor_runs(program: Program, sandbox: Sandbox) -> Iterator[Finished]:
    """Run ``doctor`` on a machine that works, on one where every check fails, and without a keyring."""
    worse = program.having(WEBEX_TOKEN_API_URL="http://127.0.0.1:1/v1", BROWSER=None, WEBEX_TOKEN_MAX_AGE="x")
    for each in (program, worse):
        yield run_in_process(each, "--debug", "doctor")
        yield run_in_process(each, "doctor", "-v", "--json")
    without_keyring = program.having(WEBEX_TOKEN_STORE="keyring")
    yield without_keyring.run("--debug", "doctor")
    yield without_keyring.run("doctor", "-v", "--json")


def answers_that_quote_secrets(program: Program, sandbox: Sandbox) -> Iterator[Finished]:
    """Refresh and sign in while Webex's answers quote the secrets of the request."""
    echo = json.dumps({"error": "invalid_grant", "error_description": f"Bad {refresh_token(sandbox)} given"})
    wrong_secret = json.dumps({"message": f"client secret {sandbox.client_secret} is wrong"})
    for status, body in (
        (400, echo),
        (401, wrong_secret),
        (403, json.dumps({"message": refresh_token(sandbox)})),
        (500, echo),
        (423, echo),
        (400, json.dumps({"error": "tokenlimit_reached", "error_description": refresh_token(sandbox)})),
        (400, json.dumps({"error": "invalid_refresh_token", "error_description": refresh_token(sandbox)})),
        (200, f"<html>{refresh_token(sandbox)}"),
    ):
        for command in ("refresh", "login"):
            sandbox.order(Answer("/v1/access_token", status, {}, body))
            yield run_in_process(program, "--debug", command)
    token = sandbox.grants[-1].access_token
    for status, body in ((200, token), (400, json.dumps({"message": token})), (401, json.dumps({"message": token}))):
        sandbox.order(Answer("/v1/authorizations/tokenExpiry", status, {}, body))
        yield run_in_process(program, "--debug", "show", "--check")
    yield run_in_process(program, "--debug", "logout")
    yield run_in_process(program, "--debug", "refresh")


def transfer_runs(program: Program, sandbox: Sandbox) -> Iterator[Finished]:
    """Import a document of ``export`` that is whole, cut off or changed, and token responses of other tools."""
    exported = run_in_process(program, "--debug", "export")
    yield replace(exported, out="")
    document = json.loads(exported.out)
    tokens = document["record"]
    changed = {**document, "record": {**tokens, "access_expires_at": tokens["access_token"]}}
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
        yield run_in_process(program, "--debug", "import", stdin=given)
        yield run_in_process(program, "import", "--json", stdin=given)
    for status, body in (
        (401, refresh_token(sandbox)),
        (400, json.dumps({"message": tokens["access_token"]})),
    ):
        sandbox.order(Answer("/v1/people/me", status, {}, body))
        sandbox.order(Answer("/v1/authorizations/tokenExpiry", status, {}, body))
        yield run_in_process(program, "--debug", "import", stdin=json.dumps(response))


def account_runs(program: Program, sandbox: Sandbox) -> Iterator[Finished]:
    """Sign in as another person, in vain and with consent, silently, and with the variables of a CI system."""
    sandbox.people.insert(0, person_from("Grace Hopper <grace@example.com>"))
    yield run_in_process(program, "--debug", "login", "--add-scope", "spark:kms", "--max-age", "1h")
    yield run_in_process(program, "--debug", "login", "--prompt", "none")
    yield run_in_process(program, "--debug", "login", "--prompt", "select_account")
    yield run_in_process(program, "--debug", "login", "--prompt", "select_account", "--replace-person")
    yield run_in_process(program, "--debug", "show")
    given = program.having(WEBEX_REFRESH_TOKEN=refresh_token(sandbox))
    for status in (400, 403, 500):
        body = json.dumps({"error": "invalid_grant", "error_description": f"Not {refresh_token(sandbox)}"})
        sandbox.order(Answer("/v1/access_token", status, {}, body))
        yield run_in_process(given, "--debug", "import", "--from-env")
    yield run_in_process(given, "--debug", "import", "--from-env", "--json")
    yield run_in_process(given.having(WEBEX_REFRESH_TOKEN=f"{refresh_token(sandbox)}é"), "import", "--from-env")
    yield run_in_process(given.having(WEBEX_CLIENT_ID=""), "import", "--from-env", "-v")


def logout_runs(program: Program, sandbox: Sandbox) -> Iterator[Finished]:
    """Run ``logout --revoke`` with each answer that Webex may give."""
    scopes = ("--scope", "spark:all identity:tokens_read identity:tokens_write")
    yield run_in_process(program, "--debug", "login", *scopes)
    for status in (503, 403, 401):
        message = f"not with {sandbox.grants[-1].access_token}"
        sandbox.order(Answer("/v1/authorizations", status, {}, json.dumps({"message": message})))
        yield run_in_process(program, "--debug", "logout", "--revoke")
        yield run_in_process(program, "--debug", "login", *scopes)
    yield run_in_process(program, "--debug", "logout", "--all", "--revoke")
    for status in (503, 400, 200):
        yield run_in_process(program, "--debug", "login")
        message = f"not {sandbox.grants[-1].access_token} with {sandbox.client_secret}"
        sandbox.order(Answer("/idb/oauth2/v1/revoke", status, {}, json.dumps({"message": message})))
        yield run_in_process(program, "--debug", "logout", "--revoke")
    yield run_in_process(program, "--debug", "login")


@pytest.mark.parametrize(
    ("runs", "statuses"),
    [
        (sign_ins, {0, 1, 3}),
        (uses_of_a_token, {0, 2}),
        (doctor_runs, {0, 4, 5}),
        (answers_that_quote_secrets, {0, 1, 3, 4, 6}),
        (transfer_runs, {0, 2}),
        (account_runs, {0, 2, 3, 4, 6}),
        (logout_runs, {0, 1, 4}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_no_secret_is_printed_or_left_outside_the_store(
    signed_in: Program,
    sandbox: Sandbox,
    tmp_path: Path,
    runs: Callable[[Program, Sandbox], Iterator[Finished]],
    statuses: set[int],
) -> None:
    finished = list(runs(signed_in, sandbox))
    secrets = sandbox.issued
    assert len(secrets) > 4
    printed = "\n".join(run.out + run.err for run in finished)
    assert [secret for secret in secrets if secret in printed] == []
    for file in tmp_path.rglob("*"):
        if file.is_file() and "credentials" not in file.parts:
            content = file.read_bytes()
            assert [file for secret in secrets if secret.encode() in content] == []
    assert {run.status for run in finished} == statuses


def test_no_secret_is_among_the_arguments_of_the_browser(program: Program, sandbox: Sandbox, tmp_path: Path) -> None:
    assert run_in_process(program, "--debug", "login").status == 0
    arguments = (tmp_path / "browser-arguments").read_text()
    assert "/oauth?start=" in arguments
    assert "state=" not in arguments
    assert [secret for secret in sandbox.issued if secret in arguments] == []


def test_the_demo_prints_no_token(program: Program) -> None:
    done = program.run("--debug", "demo")
    assert done.status == 0
    # This test cannot ask the demo's sandbox for its tokens, but every opaque token contains this marker.
    assert "_PF84_" not in done.out + done.err


def test_the_sandbox_prints_no_token(program: Program, redirect_uri: str) -> None:
    with program.started("sandbox", "--auto-approve", "--redirect-uri", redirect_uri) as running:
        running.wait_for("export WEBEX_REDIRECT_URI")
        variables = dict(line.removeprefix("export ").split("=", 1) for line in running.out.splitlines())
        assert run_in_process(program.having(**variables), "login", "--timeout", "20").status == 0
        assert "_PF84_" not in running.out + running.err
