"""get: the access token on standard output, refreshed first where that is needed."""

import json

from tests.support.in_process import run_in_process
from tests.support.program import Finished, Program
from tests.support.stored import DAY, age, record_file
from webex_token_cli.sandbox import Answer, Rules, Sandbox


def test_get_prints_the_token_and_nothing_else(signed_in: Program, sandbox: Sandbox) -> None:
    assert signed_in.run("get") == Finished(0, f"{sandbox.grants[0].access_token}\n", "")


def test_get_refreshes_first_when_too_little_is_left(signed_in: Program, sandbox: Sandbox) -> None:
    first = signed_in.run("get").out
    sandbox.advance(2 * DAY)
    assert signed_in.run("get", "--min-valid", "13d").out == first
    assert signed_in.run("get", "--min-valid", "14d").out != first
    assert sandbox.outcomes() == ["signed in", "renewed"]


def test_get_says_when_even_a_refresh_gave_too_little(signed_in: Program, sandbox: Sandbox) -> None:
    done = signed_in.run("get", "--min-valid", "20d")
    assert done.status == 0
    assert done.err == "Warning: the access token expires in 14 days.\n"
    assert sandbox.outcomes() == ["signed in", "unchanged"]


def test_get_prints_a_living_token_when_webex_is_down(signed_in: Program, sandbox: Sandbox) -> None:
    sandbox.order(Answer("/v1/access_token", 503, times=9))
    done = signed_in.run("get", "--min-valid", "14d")
    assert (done.status, done.out) == (0, f"{sandbox.grants[0].access_token}\n")
    assert done.err.startswith("Warning: the access token was not refreshed. Webex cannot answer now (HTTP 503")


def test_get_has_nothing_to_print_when_webex_is_down_and_the_token_dead(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 15 * DAY)
    sandbox.order(Answer("/v1/access_token", 503))
    done = signed_in.run("get")
    assert (done.status, done.out) == (4, "")
    done = signed_in.run("get", "--no-refresh")
    assert (done.status, done.out) == (4, "")
    assert done.err == (
        "Error: The access token of profile default expired 24 hours ago.\n"
        "Run `webex-token refresh`, or `webex-token get` without --no-refresh.\n"
    )


def test_get_asks_for_a_sign_in_when_both_tokens_are_dead(signed_in: Program) -> None:
    age(signed_in, 91 * DAY)
    assert run_in_process(signed_in, "get", "--no-refresh") == Finished(
        3,
        "",
        "Error: The access token of profile default expired 77 days ago, and the refresh token has expired as well.\n"
        "Sign in with `webex-token login`.\n",
    )


def test_every_profile_has_its_own_person_and_tokens(signed_in: Program, sandbox: Sandbox, rules: Rules) -> None:
    assert signed_in.run("login", "-p", "Work").status == 0
    assert signed_in.run("login", "-p", "work").status == 0
    got = [signed_in.run("get", "-p", name).out.strip() for name in ("default", "Work", "work")]
    assert got == [grant.access_token for grant in sandbox.grants]
    assert signed_in.having(WEBEX_TOKEN_PROFILE="work").run("get").out.strip() == got[2]
    assert signed_in.having(WEBEX_TOKEN_PROFILE="work").run("get", "-p", "Work").out.strip() == got[1]


def test_a_token_of_unknown_lifetime_is_kept_said_to_be_so_and_renewed_after_an_hour(
    signed_in: Program, sandbox: Sandbox
) -> None:
    body = '{"access_token": "second", "expires_in": "never", "refresh_token": "next!", "refresh_token_expires_in": 9}'
    sandbox.order(Answer("/v1/access_token", 201, {}, body))
    assert signed_in.run("refresh").out == "default: renewed; the new access token expires at an unknown time.\n"
    assert "Access token   unknown (Webex did not say when it expires)" in signed_in.run("show").out.splitlines()
    assert json.loads(signed_in.run("show", "--json").out)["profiles"]["default"]["access_token_expires_at"] is None
    assert signed_in.run("get").out == "second\n"
    assert sandbox.outcomes() == ["signed in", "fault"]
    age(signed_in, 3600)
    sandbox.order(Answer("/v1/access_token", 503))
    late = signed_in.run("get")
    assert (late.status, late.out) == (0, "second\n")
    assert "Warning: Webex did not say when the access token expires, and it was last refreshed" in late.err
    sandbox.order(Answer("/v1/access_token", 200, {}, '{"access_token": "a-third", "expires_in": 60}'))
    assert signed_in.run("get", "--min-valid", "30").out == "a-third\n"


def test_a_living_token_without_a_refresh_token_is_printed_though_it_expires_soon(signed_in: Program) -> None:
    file = record_file(signed_in)
    record = json.loads(file.read_text())
    record["refresh_token"] = record["refresh_expires_at"] = None
    file.write_text(json.dumps(record))
    done = run_in_process(signed_in, "get", "--min-valid", "60w")
    assert (done.status, done.out) == (0, f"{record['access_token']}\n")
    assert done.err == "Warning: the access token expires in 14 days.\n"
