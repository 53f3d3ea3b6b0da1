"""The main job with everything real: console script, GNOME Keyring, Chromium, sockets, processes."""

import json
import signal
import time

import pytest

from tests.support.chromium import Chromium
from tests.support.program import PROMPT, Program, wait_until
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.long


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1)


@pytest.fixture
def program(program: Program, keyring_session: dict[str, str], request: pytest.FixtureRequest) -> Program:
    profile = request.node.name[:60]
    return program.having(**keyring_session, WEBEX_TOKEN_STORE=None, WEBEX_TOKEN_PROFILE=profile)


def test_a_person_signs_in_with_chromium_and_watch_keeps_the_token_alive(
    program: Program, sandbox: Sandbox, chromium: Chromium, redirect_uri: str
) -> None:
    with program.having(BROWSER=chromium.command).started("login") as login:
        with chromium.page(login) as page:
            page.press("Accept")
            page.wait_for_heading("You are signed in")
            assert "Signed in as Ada Lovelace <ada@example.com>" in page.text
            assert page.address.startswith(f"{redirect_uri}?outcome=")
            history = page.history()
            assert [secret for secret in sandbox.issued if any(secret in url for url in history)] == []
        done = login.finish()
    assert done.status == 0, done
    assert done.out.startswith("Signed in as Ada Lovelace <ada@example.com>")

    shown = program.run("show")
    assert shown.status == 0
    assert "Ada Lovelace <ada@example.com>" in shown.out
    assert "the keyring (SecretService Keyring)" in shown.out

    got = program.run("get")
    assert got == type(got)(0, sandbox.grants[0].access_token + "\n", "")

    sandbox.rules = Rules(redirect_uris=(redirect_uri,))
    assert ": unchanged; Webex renews at most once in 24 hours" in program.run("refresh").out
    sandbox.rules = Rules(redirect_uris=(redirect_uri,), renew_after=1)

    with program.started("watch", "--interval", "2", "--max-age", "3") as watch:
        watch.wait_for("renewed: ", times=3)
        wait_until(lambda: sandbox.outcomes().count("renewed") >= 3)
        asked = time.monotonic()
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0
        assert time.monotonic() - asked < PROMPT
    assert sandbox.outcomes().count("renewed") == watch.out.count("renewed: ")

    issued = sandbox.grants[0]
    assert program.run("get", "--no-refresh").out == issued.access_token + "\n"
    assert (
        json.loads(program.run("show", "--json").out)["profiles"][program.variables["WEBEX_TOKEN_PROFILE"]][
            "needs_sign_in"
        ]
        is False
    )
