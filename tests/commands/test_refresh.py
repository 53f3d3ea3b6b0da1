"""refresh: what it reports, and what it leaves stored when Webex refuses."""

import json
import re

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Program
from tests.support.signing_in import sign_in
from tests.support.stored import DAY, TIME, record_file
from webex_token_cli.sandbox import Answer, Sandbox


def test_refresh_says_renewed(signed_in: Program, sandbox: Sandbox) -> None:
    sandbox.advance(DAY + 1)
    before = signed_in.run("get").out
    done = signed_in.run("refresh")
    assert (done.status, done.err) == (0, "")
    assert re.fullmatch(rf"default: renewed; the new access token expires {TIME} \(in 14 days\)\.\n", done.out)
    assert signed_in.run("get").out != before


def test_refresh_says_unchanged_within_a_day(signed_in: Program) -> None:
    before = signed_in.run("get").out
    done = signed_in.run("refresh")
    assert (done.status, done.err) == (0, "")
    assert re.fullmatch(
        r"default: unchanged; Webex renews at most once in 24 hours and answered with the same access token, "
        rf"which expires {TIME} \(in 14 days\)\.\n",
        done.out,
    )
    assert signed_in.run("get").out == before


def test_refresh_says_not_due(signed_in: Program, sandbox: Sandbox) -> None:
    done = signed_in.run("refresh", "--if-older-than", "1h")
    assert done.status == 0
    assert done.out.startswith("default: not due; it was last refreshed ")
    assert sandbox.outcomes() == ["signed in"]
    assert (
        json.loads(signed_in.run("refresh", "--if-older-than", "1h", "--json").out)["profiles"]["default"]["result"]
        == "not due"
    )


def test_a_refresh_token_that_webex_left_out_stays(signed_in: Program, sandbox: Sandbox) -> None:
    before = json.loads(record_file(signed_in).read_text())
    sandbox.order(Answer("/v1/access_token", 200, {}, '{"access_token": "brand-new", "expires_in": "1209599"}'))
    assert signed_in.run("refresh").status == 0
    after = json.loads(record_file(signed_in).read_text())
    assert after["access_token"] == "brand-new"
    assert (after["refresh_token"], after["client_secret"]) == (before["refresh_token"], before["client_secret"])


REFUSED = [
    pytest.param(Answer("", 503, {}, "<html>"), 4, "Webex cannot answer now (HTTP 503", id="503"),
    pytest.param(Answer("", 429, {"Retry-After": "30"}, "{}"), 4, "Webex cannot answer now (HTTP 429", id="429"),
    pytest.param(Answer("", 408, {}, ""), 4, "Webex cannot answer now (HTTP 408", id="408"),
    pytest.param(
        Answer("", 200, {}, "<html>Please sign in to this Wi-Fi</html>"),
        4,
        "did not come from Webex",
        id="captive portal",
    ),
    pytest.param(
        Answer("", 302, {"Location": "http://127.0.0.1:1/"}, ""), 4, "did not come from Webex", id="captive redirect"
    ),
    pytest.param(Answer("", 200, {}, '{"access_tok'), 4, "did not come from Webex", id="truncated"),
    pytest.param(Answer("", 200, {}, '{"expires_in": 5}'), 4, "did not come from Webex", id="no token"),
    pytest.param(Answer("", 400, {}, "<html>proxy</html>"), 4, "did not come from Webex", id="proxy's 400"),
    pytest.param(
        Answer("", 400, {}, '{"error": "invalid_grant"}'), 3, "no longer accepts the grant", id="invalid_grant"
    ),
    pytest.param(
        Answer("", 400, {}, '{"message": "The refresh token is expired", "trackingId": "T-1"}'),
        3,
        "Profile default: Webex no longer accepts the grant (HTTP 400, “The refresh token is expired”, "
        "tracking ID T-1).",
        id="webex's own words",
    ),
    pytest.param(
        Answer("", 401, {}, '{"error": "invalid_client"}'), 3, "client id and client secret", id="invalid_client"
    ),
    pytest.param(
        Answer("", 403, {}, '{"message": "no"}'),
        1,
        "Webex refused the request (HTTP 403, “no”, tracking ID ROUTER_",
        id="403",
    ),
]


@pytest.mark.parametrize(("fault", "status", "message"), REFUSED)
def test_a_refresh_that_fails_keeps_what_is_stored(
    signed_in: Program, sandbox: Sandbox, fault: Answer, status: int, message: str
) -> None:
    before = record_file(signed_in).read_text()
    fault.path = "/v1/access_token"
    fault.times = 1
    sandbox.order(fault)
    done = signed_in.run("refresh")
    assert (done.status, done.out) == (status, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 2
    assert record_file(signed_in).read_text() == before
    assert signed_in.run("refresh").status == 0


def test_refresh_all_goes_on_past_a_failure(signed_in: Program, sandbox: Sandbox) -> None:
    sign_in(signed_in, "other")
    sandbox.order(Answer("/v1/access_token", 400, {}, '{"error": "invalid_grant"}'))
    done = signed_in.run("refresh", "--all")
    assert done.status == 3
    assert done.err.startswith("Error: Profile default: Webex no longer accepts the grant")
    assert done.out.startswith("other: unchanged")


def test_refresh_all_tells_programs_of_each_profile(signed_in: Program, sandbox: Sandbox) -> None:
    sign_in(signed_in, "other")
    sandbox.order(Answer("/v1/access_token", 400, {}, '{"error": "invalid_grant"}'))
    done = run_in_process(signed_in, "refresh", "--all", "--json")
    profiles = json.loads(done.out)["profiles"]
    assert (done.status, {name: each["result"] for name, each in profiles.items()}) == (
        3,
        {"default": "failed", "other": "unchanged"},
    )
    assert done.err == f"Error: {profiles['default']['error']}\n{profiles['default']['hint']}\n"
