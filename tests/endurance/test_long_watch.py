"""A failure that repeats: a watch reports it less and less often, and then reports its end."""

import json
import re
import signal

import pytest

from tests.support import refusals
from tests.support.program import Program, Running, wait_until
from tests.support.rounds import settled
from tests.support.stored import DAY, age
from webex_token_cli.sandbox import Answer, Rules, Sandbox

pytestmark = pytest.mark.long

OVER = "renewed: expires TIME (in 14 days), next refresh in WAIT; it had been failing for "


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0)


def events(watch: Running) -> list[dict[str, object]]:
    return [json.loads(line) for line in watch.out.splitlines()]


def kinds(watch: Running, profile: str) -> list[object]:
    return [line["event"] for line in events(watch) if line["profile"] == profile]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ((503, ""), "Webex cannot answer now (HTTP 503, tracking ID ROUTER_1)."),
        ((200, "<html>"), "The answer (HTTP 200) did not come from Webex, tracking ID ROUTER_1."),
        ((423, ""), "Webex cannot answer now (HTTP 423, tracking ID ROUTER_1)."),
        (
            (400, '{"error": "tokenlimit_reached"}'),
            "Webex issues no more access tokens to this person, because too many are valid (HTTP 400, "
            "“tokenlimit_reached”, tracking ID ROUTER_1).",
        ),
        ((403, '{"message": "No."}'), "Webex refused the request (HTTP 403, “No.”, tracking ID ROUTER_1)."),
    ],
    ids=["busy", "locked", "too many tokens", "not from Webex", "refused"],
)
def test_a_repeated_failure_is_reported_less_and_less_often_and_its_end_once(
    signed_in: Program, sandbox: Sandbox, fault: tuple[int, str], error: str
) -> None:
    """The answers differ in their tracking IDs only, which does not make them different failures."""
    age(signed_in, 2 * DAY)
    status, body = fault
    sandbox.order(Answer("/v1/access_token", status, {}, body, times=5))
    with signed_in.started("watch", "--interval", "1") as watch:
        watch.wait_for("it had been failing for ")
        watch.process.send_signal(signal.SIGTERM)
        done = watch.finish()
    lines = [settled(line).removeprefix("TIME  default  ") for line in done.out.splitlines()]
    failed = f"{'failed' if status == 403 else 'retrying'}: {error} Next try WHEN"
    # The first of the five failures is reported, the second and the fourth.
    assert [re.sub(r"(?<=try )now|in WAIT|\d seconds?", "WHEN", line) for line in lines[:-1]] == [
        f"{failed}.", *[f"{failed}, failing for WHEN."] * 2,
    ]  # fmt: skip
    assert lines[-1].startswith(OVER)
    assert sandbox.outcomes() == ["signed in", *["fault"] * 5, "renewed"]


@pytest.mark.parametrize("refusal", ["invalid_client", "invalid_request", "invalid_refresh_token"])
def test_a_refusal_is_reported_once_and_the_profile_returns_with_a_sign_in(
    signed_in: Program, sandbox: Sandbox, refusal: str
) -> None:
    assert signed_in.run("login", "-p", "other").status == 0
    sandbox.order(refusals.refusal(refusal))
    age(signed_in, 2 * DAY)
    with signed_in.started("watch", "--interval", "1", "--log-format", "json") as watch:
        wait_until(lambda: kinds(watch, "default") == ["needs sign-in"])
        for checks in (2, 3, 4):  # the watch neither asks Webex about the profile nor reports it again
            watch.process.send_signal(signal.SIGHUP)
            wait_until(lambda checks=checks: len(kinds(watch, "other")) >= checks)
        assert kinds(watch, "default") == ["needs sign-in"]
        assert sandbox.outcomes() == ["signed in", "signed in", "fault"]
        assert signed_in.run("login").status == 0
        wait_until(lambda: kinds(watch, "default")[1:] == ["signed in again"])
        age(signed_in, 2 * DAY)
        watch.process.send_signal(signal.SIGHUP)
        wait_until(lambda: kinds(watch, "default")[2:] == ["renewed"])
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0
