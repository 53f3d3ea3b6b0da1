"""show: what a person and a program learn about the stored profiles."""

import json
import re
import subprocess

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import WEBEX_TOKEN, Program
from tests.support.signing_in import sign_in
from tests.support.stored import DAY, TIME, age, record_file
from tests.support.terminal import at_a_terminal, end_of
from webex_token_cli.sandbox import Answer, Rules, Sandbox


def test_show_tells_where_things_stand(signed_in: Program, sandbox: Sandbox) -> None:
    done = signed_in.run("show")
    assert (done.status, done.err) == (0, "")
    assert re.sub(rf"{TIME} \([^)]*\)", "TIME", done.out).splitlines() == [
        "Profile        default",
        "Person         Ada Lovelace <ada@example.com>",
        f"Integration    …{sandbox.client_id[-4:]}",
        "Scopes         spark:all",
        "Access token   ████████████████████  expires TIME",
        "Refresh token  ████████████████████  expires TIME",
        "Renewed        TIME",
        "Refreshed      TIME",
        "Next refresh   TIME",
        f"Stored in      plain file {record_file(signed_in)}",
    ]


def test_show_for_programs(signed_in: Program, sandbox: Sandbox) -> None:
    told = json.loads(signed_in.run("show", "--json").out)
    profile = told["profiles"]["default"]
    stored = json.loads(record_file(signed_in).read_text())
    now = profile.pop("now")
    assert 0 <= now - stored["refreshed_at"] < 30
    assert told == {
        "version": 1,
        "profiles": {
            "default": {
                "state": "fresh",
                "person": {
                    "id": sandbox.person["id"],
                    "display_name": "Ada Lovelace",
                    "emails": ["ada@example.com"],
                    "org_id": sandbox.person["orgId"],
                    "type": "person",
                },
                "client_id": f"…{sandbox.client_id[-4:]}",
                "scopes": ["spark:all"],
                "requested_scopes": ["spark:all"],
                "access_token_expires_at": stored["access_expires_at"],
                "refresh_token_expires_at": stored["refresh_expires_at"],
                "sign_in_by": None,
                "changed_at": stored["changed_at"],
                "refreshed_at": stored["refreshed_at"],
                "next_refresh_at": stored["refreshed_at"] + DAY,
                "stored_in": f"plain file {record_file(signed_in)}",
                "needs_sign_in": False,
                "refresh_token_low": False,
            }
        },
    }


def test_show_needs_no_network(signed_in: Program, sandbox: Sandbox) -> None:
    asked = len(sandbox.journal)
    assert signed_in.run("show").status == 0
    assert len(sandbox.journal) == asked


REFUSED = {
    (
        "show",
        "--check",
    ): "Run `webex-token refresh`; if that is refused as well, sign in again with `webex-token login`.",
    ("show", "--check", "-p", "work"): (
        "Run `webex-token refresh --profile work`; if that is refused as well, sign in again with `webex-token login "
        "--profile work`."
    ),
    ("refresh",): "Sign in with `webex-token login`.",
    ("refresh", "-p", "work"): "Sign in with `webex-token login --profile work`.",
}


def test_show_check_asks_webex(signed_in: Program, sandbox: Sandbox) -> None:
    assert signed_in.run("show", "--check").err == "Webex accepts the access token of profile default.\n"
    sandbox.revoke()
    done = signed_in.run("show", "--check")
    assert done.status == 3
    assert "Error: Webex does not accept the access token (HTTP 401, tracking ID ROUTER_" in done.err


def test_show_check_of_all_profiles_names_those_that_fail(signed_in: Program, sandbox: Sandbox) -> None:
    for name in ("second", "gone"):
        sign_in(signed_in, name)
    age(signed_in, 91 * DAY, "gone")
    sandbox.order(Answer("/v1/people/me", 503, {}, '{"trackingId": "T-1"}'))
    done = run_in_process(signed_in, "show", "--all", "--check")
    assert (done.status, done.err) == (
        4,
        "Error: Profile default: Webex cannot answer now (HTTP 503, tracking ID T-1).\n"
        "Try again later.\n"
        "Webex accepts the access token of profile second.\n"
        "Profile gone needs a new sign-in. Sign in with `webex-token login --profile gone`.\n",
    )


def test_a_hint_about_a_refused_token_names_the_profile(signed_in: Program, sandbox: Sandbox) -> None:
    sign_in(signed_in, "work")
    sandbox.revoke()
    assert [run_in_process(signed_in, *command).err.splitlines()[1] for command in REFUSED] == list(REFUSED.values())


def test_show_all_for_programs_tells_of_each_profile(signed_in: Program) -> None:
    sign_in(signed_in, "second")
    record_file(signed_in, "second").write_text("{}")
    done = run_in_process(signed_in, "show", "--all", "--json")
    profiles = json.loads(done.out)["profiles"]
    assert (done.status, profiles["default"]["state"], profiles["second"]["exit_status"]) == (5, "fresh", 5)


def test_show_says_that_tokens_without_a_refresh_token_end(signed_in: Program) -> None:
    stored = json.loads(record_file(signed_in).read_text())
    record_file(signed_in).write_text(json.dumps({**stored, "refresh_token": None, "refresh_expires_at": None}))
    assert (
        "Refresh token  none; these tokens can only be replaced by a new sign-in\n"
        in run_in_process(signed_in, "show").out
    )


def test_show_check_compares_the_expiry_with_webexs(signed_in: Program, sandbox: Sandbox) -> None:
    accepts = "Webex accepts the access token of profile default.\n"
    age(signed_in, 600)
    assert re.sub(TIME, "TIME", signed_in.run("show", "--check").err) == (
        f"{accepts}Warning: by Webex's clock the access token of profile default expires TIME (in 14 days), but TIME "
        "is stored. Correct the clock if it is wrong now, then run `webex-token refresh`.\n"
    )
    for status in (403, 404):
        sandbox.order(Answer("/v1/authorizations/tokenExpiry", status, {}, '{"message": "No."}'))
        assert signed_in.run("show", "--check").err == accepts
    age(signed_in, -600 + 240)
    assert signed_in.run("show", "--check").err == accepts


def test_show_check_tells_an_expiry_that_was_not_known(signed_in: Program) -> None:
    stored = json.loads(record_file(signed_in).read_text())
    record_file(signed_in).write_text(json.dumps({**stored, "access_expiry_known": False}))
    assert "expires TIME (in 14 days), which was not known here. " in re.sub(
        TIME, "TIME", signed_in.run("show", "--check").err
    )


@pytest.mark.parametrize(("rules", "told"), [(Rules.preset("contact-center"), True), (Rules.preset("device"), False)])
def test_show_says_that_webex_does_not_extend_the_refresh_token_once_that_was_seen(
    signed_in: Program, sandbox: Sandbox, told: bool
) -> None:
    def sheet() -> list[str]:
        return re.sub(rf"{TIME} \([^)]*\)|{TIME}", "TIME", signed_in.run("show").out).splitlines()[4:7]

    by = "               Webex does not extend it: sign in again by TIME."
    assert by not in sheet()
    half = int(sandbox.rules.refresh_ttl // 2)
    age(signed_in, half)
    sandbox.advance(half)
    assert signed_in.run("refresh").status == 0
    profile = json.loads(signed_in.run("show", "--json").out)["profiles"]["default"]
    assert profile["sign_in_by"] == (profile["refresh_token_expires_at"] if told else None)
    bar = "██████████░░░░░░░░░░" if told else "████████████████████"
    assert sheet() == [
        "Access token   ████████████████████  expires TIME",
        f"Refresh token  {bar}  expires TIME",
        by if told else "Renewed        TIME",
    ]
    if told:
        age(signed_in, half - 10 * DAY)
        assert re.search(
            r"expires TIME, and Webex does not extend it\. Sign in",
            re.sub(rf"{TIME} \([^)]*\)", "TIME", signed_in.run("get", "--no-refresh").err + signed_in.run("show").err),
        )


def test_show_all_is_a_row_each_and_the_worst_exit_status(signed_in: Program) -> None:
    aged = {"due": 2, "expired": 20, "running-out": 13, "gone": 91}
    for name, days in aged.items():
        sign_in(signed_in, name)
        age(signed_in, days * DAY, name)
    stored = json.loads(record_file(signed_in, "running-out").read_text())
    record_file(signed_in, "running-out").write_text(
        json.dumps({**stored, "refresh_expires_at": stored["access_expires_at"] + 5 * DAY})
    )
    done = signed_in.run("show", "--all")
    assert done.status == 3
    ada = "Ada Lovelace"
    assert [re.split("  +", line) for line in done.out.splitlines()] == [
        ["PROFILE", "STATE", "PERSON", "ACCESS EXPIRES", "REFRESH EXPIRES", "NEXT REFRESH"],
        ["default", "fresh", ada, "in 14 days", "in 90 days", "in 24 hours"],
        ["due", "due", ada, "in 12 days", "in 88 days", "due"],
        ["expired", "expired", ada, "6 days ago", "in 70 days", "due"],
        ["running-out", "running out", ada, "in 24 hours", "in 6 days", "due"],
        ["gone", "needs sign-in", ada, "77 days ago", "24 hours ago"],
    ]
    assert (
        done.err.splitlines()[-1]
        == "Profile gone needs a new sign-in. Sign in with `webex-token login --profile gone`."
    )
    assert "profile gone ends" not in done.err


@pytest.mark.posix
@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
@pytest.mark.parametrize("arguments", [("show",), ("show", "--all")])
def test_show_is_coloured_on_a_terminal_alone(
    signed_in: Program, arguments: tuple[str, ...], variables: dict[str, str], coloured: bool
) -> None:
    age(signed_in, 80 * DAY)
    assert "\x1b" not in signed_in.run(*arguments).out
    with at_a_terminal(signed_in.having(**variables), *arguments) as child:
        _, shown = end_of(child)
    assert ("\x1b[3" in shown) == coloured
    assert "Ada Lovelace" in shown


@pytest.mark.posix
@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize("arguments", [("show",), ("show", "--all")])
def test_show_breaks_no_word_on_a_narrow_terminal(signed_in: Program, arguments: tuple[str, ...], columns: int) -> None:
    with at_a_terminal(signed_in.having(TERM="dumb"), *arguments, columns=columns) as child:
        _, shown = end_of(child)
    too_long = [line for line in shown.splitlines() if len(line) > columns and "/" not in line]
    assert too_long == []
    assert {"Ada", "Lovelace", "days"} <= {word.strip("()") for word in shown.split()}


def test_a_refresh_token_near_its_end_is_a_warning(signed_in: Program) -> None:
    age(signed_in, 80 * DAY)
    done = signed_in.run("show")
    assert done.status == 0
    assert "expired" in done.out
    assert re.fullmatch(
        rf"Warning: the refresh token of profile default expires {TIME} \(in 10 days\)\. Sign in .*\n", done.err
    )


@pytest.mark.posix
def test_nowhere_to_print_is_no_traceback(signed_in: Program) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} show >&-"],
        env=signed_in.environment,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
