"""A record from the future: somebody signed in while this machine's clock was a year ahead."""

import json
import re

import pytest

from tests.support.program import Finished, Program
from tests.support.stored import DAY, TIME, age
from webex_token_cli.sandbox import Answer, Rules, Sandbox

WARNING = (
    "Warning: profile default was refreshed in the future by this machine's clock, so when its tokens expire is not "
    "known. Correct the clock if it is wrong now, then run `webex-token refresh`.\n"
)


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, auto_approve=True)


@pytest.fixture
def from_the_future(signed_in: Program) -> Program:
    age(signed_in, -365 * DAY)
    return signed_in


def token(sandbox: Sandbox) -> str:
    return sandbox.grants[0].access_token


@pytest.mark.parametrize(
    "command",
    [
        ("get",),
        pytest.param(("exec", "--", "sh", "-c", "echo $WEBEX_ACCESS_TOKEN"), marks=pytest.mark.posix),
    ],
    ids=["get", "exec"],
)
def test_the_token_is_refreshed_before_it_is_handed_out(
    from_the_future: Program, sandbox: Sandbox, command: tuple[str, ...]
) -> None:
    done = from_the_future.run(*command)
    assert done == Finished(0, f"{token(sandbox)}\n", "")
    assert sandbox.outcomes() == ["signed in", "renewed"]
    assert from_the_future.run(*command) == done
    assert sandbox.outcomes() == ["signed in", "renewed"]


def test_a_refresh_that_depends_on_the_age_takes_place(from_the_future: Program, sandbox: Sandbox) -> None:
    done = from_the_future.run("refresh", "--if-older-than", "1d")
    assert (done.status, done.out.partition(";")[0]) == (0, "default: renewed")
    assert sandbox.outcomes() == ["signed in", "renewed"]


def test_while_webex_is_down_the_token_is_handed_out_with_a_warning(from_the_future: Program, sandbox: Sandbox) -> None:
    before = token(sandbox)
    sandbox.order(Answer("/v1/access_token", 503, times=9))
    done = from_the_future.run("get")
    assert (done.status, done.out) == (0, f"{before}\n")
    assert done.err.startswith("Warning: the access token was not refreshed. Webex cannot answer now (HTTP 503")
    assert done.err.endswith(f"\n{WARNING}")


def test_show_says_that_the_times_say_nothing(from_the_future: Program) -> None:
    done = from_the_future.run("show")
    assert done.status == 0
    assert re.search(rf"^Refreshed +{TIME} \(in 36[45] days\)$", done.out, re.MULTILINE)
    assert re.search(r"^Next refresh +due now$", done.out, re.MULTILINE)
    assert done.err == WARNING
    shown = json.loads(from_the_future.run("show", "--json").out)["profiles"]["default"]
    assert (shown["state"], shown["next_refresh_at"]) == ("due", shown["now"])
    assert re.search(r"^default +due .* due$", from_the_future.run("show", "--all").out, re.MULTILINE)


def test_doctor_warns(from_the_future: Program) -> None:
    done = from_the_future.run("doctor", "--json")
    (finding,) = [each for each in json.loads(done.out)["findings"] if each["check"] == "profile"]
    assert finding["level"] == "warning"
    assert re.fullmatch(
        rf"Profile default was refreshed {TIME} \(in 36[45] days\) by this machine's clock, so when its tokens "
        r"expire is not known\.",
        finding["message"],
    )
    assert finding["fix"] == "Correct the clock if it is wrong now, then run `webex-token refresh`."


def test_watch_refreshes_it_at_once(from_the_future: Program, sandbox: Sandbox) -> None:
    assert from_the_future.run("watch", "--once").status == 0
    assert sandbox.outcomes() == ["signed in", "renewed"]


def test_a_clock_that_differs_by_minutes_is_no_such_case(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, -240)
    assert signed_in.run("get").err == ""
    assert signed_in.run("show").err == ""
    assert sandbox.outcomes() == ["signed in"]
