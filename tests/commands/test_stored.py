"""show, get, refresh and logout, as a person runs them."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.program import WEBEX_TOKEN, Finished, Program
from tests.support.stored import DAY, TIME, age, record_file
from tests.support.terminal import at_a_terminal, end_of
from webex_token_cli.sandbox.faults import Fault
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox


def test_show_tells_where_things_stand(signed_in: Program, sandbox: Sandbox) -> None:
    done = signed_in.run("show")
    assert (done.status, done.err) == (0, "")
    assert re.sub(rf"{TIME} \([^)]*\)", "TIME", done.out).splitlines() == [
        "Profile        default",
        "Person         Ada Lovelace <ada@example.com>",
        f"Integration    …{sandbox.webex.client_id[-4:]}",
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
                    "id": sandbox.webex.person["id"],
                    "display_name": "Ada Lovelace",
                    "emails": ["ada@example.com"],
                    "org_id": sandbox.webex.person["orgId"],
                    "type": "person",
                },
                "client_id": f"…{sandbox.webex.client_id[-4:]}",
                "scopes": ["spark:all"],
                "access_token_expires_at": stored["access_expires_at"],
                "refresh_token_expires_at": stored["refresh_expires_at"],
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


def test_show_check_asks_webex(signed_in: Program, sandbox: Sandbox) -> None:
    assert signed_in.run("show", "--check").err == "Webex accepts the access token of profile default.\n"
    sandbox.webex.revoke_everything()
    done = signed_in.run("show", "--check")
    assert done.status == 3
    assert "Error: Webex does not accept the access token (HTTP 401, tracking ID ROUTER_" in done.err


def test_show_all_is_a_row_each_and_the_worst_exit_status(signed_in: Program) -> None:
    aged = {"due": 2, "expired": 20, "running-out": 13, "gone": 91}
    for name, days in aged.items():
        assert signed_in.run("login", "-p", name).status == 0
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
        ["default", "fresh", ada, "in 13 days", "in 89 days", "in 23 hours"],
        ["due", "due", ada, "in 11 days", "in 87 days", "due"],
        ["expired", "expired", ada, "6 days ago", "in 69 days", "due"],
        ["running-out", "running out", ada, "in 23 hours", "in 5 days", "due"],
        ["gone", "needs sign-in", ada, "77 days ago", "24 hours ago"],
    ]
    assert (
        done.err.splitlines()[-1]
        == "Profile gone needs a new sign-in. Sign in with `webex-token login --profile gone`."
    )
    assert "profile gone ends" not in done.err


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


def test_a_refresh_token_near_its_end_is_a_warning(signed_in: Program) -> None:
    age(signed_in, 80 * DAY)
    done = signed_in.run("show")
    assert done.status == 0
    assert "expired" in done.out
    assert re.fullmatch(
        rf"Warning: the refresh token of profile default expires {TIME} \(in 9 days\)\. Sign in .*\n", done.err
    )


@pytest.mark.parametrize("verb", ["show", "get", "refresh", "logout"])
def test_nobody_is_signed_in(program: Program, verb: str) -> None:
    done = program.run(verb, "-p", "work")
    assert (done.status, done.out) == (3, "")
    assert done.err.startswith("Error: Nobody is signed in as profile work")
    assert done.err.endswith("\nSign in with `webex-token login --profile work`.\n")


def test_get_prints_the_token_and_nothing_else(signed_in: Program, sandbox: Sandbox) -> None:
    assert signed_in.run("get") == Finished(0, f"{sandbox.webex.grants[0].access_token}\n", "")


def test_get_refreshes_first_when_too_little_is_left(signed_in: Program, sandbox: Sandbox) -> None:
    first = signed_in.run("get").out
    sandbox.webex.advance(2 * DAY)
    assert signed_in.run("get", "--min-valid", "13d").out == first
    assert signed_in.run("get", "--min-valid", "14d").out != first
    assert sandbox.said() == ["signed in", "renewed"]


def test_get_says_when_even_a_refresh_gave_too_little(signed_in: Program, sandbox: Sandbox) -> None:
    done = signed_in.run("get", "--min-valid", "20d")
    assert done.status == 0
    assert done.err == "Warning: the access token expires in 13 days.\n"
    assert sandbox.said() == ["signed in", "unchanged"]


def test_get_prints_a_living_token_when_webex_is_down(signed_in: Program, sandbox: Sandbox) -> None:
    sandbox.order(Fault("/v1/access_token", 503, times=9))
    done = signed_in.run("get", "--min-valid", "14d")
    assert (done.status, done.out) == (0, f"{sandbox.webex.grants[0].access_token}\n")
    assert done.err.startswith("Warning: the access token was not refreshed. Webex cannot answer now (HTTP 503")


def test_get_has_nothing_to_print_when_webex_is_down_and_the_token_dead(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 15 * DAY)
    sandbox.order(Fault("/v1/access_token", 503))
    done = signed_in.run("get")
    assert (done.status, done.out) == (4, "")
    done = signed_in.run("get", "--no-refresh")
    assert (done.status, done.out) == (4, "")
    assert done.err == (
        "Error: The access token of profile default expired 24 hours ago.\n"
        "Run `webex-token refresh`, or `webex-token get` without --no-refresh.\n"
    )


def test_refresh_says_renewed(signed_in: Program, sandbox: Sandbox) -> None:
    sandbox.webex.advance(DAY + 1)
    before = signed_in.run("get").out
    done = signed_in.run("refresh")
    assert (done.status, done.err) == (0, "")
    assert re.fullmatch(rf"default: renewed; the new access token expires {TIME} \(in 13 days\)\.\n", done.out)
    assert signed_in.run("get").out != before


def test_refresh_says_unchanged_within_a_day(signed_in: Program) -> None:
    before = signed_in.run("get").out
    done = signed_in.run("refresh")
    assert (done.status, done.err) == (0, "")
    assert re.fullmatch(
        r"default: unchanged; Webex renews at most once in 24 hours and answered with the same access token, "
        rf"which expires {TIME} \(in 13 days\)\.\n",
        done.out,
    )
    assert signed_in.run("get").out == before


def test_refresh_says_not_due(signed_in: Program, sandbox: Sandbox) -> None:
    done = signed_in.run("refresh", "--if-older-than", "1h")
    assert done.status == 0
    assert done.out.startswith("default: not due; it was last refreshed ")
    assert sandbox.said() == ["signed in"]
    assert (
        json.loads(signed_in.run("refresh", "--if-older-than", "1h", "--json").out)["profiles"]["default"]["result"]
        == "not due"
    )


def test_a_refresh_token_that_webex_left_out_stays(signed_in: Program, sandbox: Sandbox) -> None:
    before = json.loads(record_file(signed_in).read_text())
    sandbox.order(Fault("/v1/access_token", 200, {}, '{"access_token": "brand-new", "expires_in": "1209599"}'))
    assert signed_in.run("refresh").status == 0
    after = json.loads(record_file(signed_in).read_text())
    assert after["access_token"] == "brand-new"
    assert (after["refresh_token"], after["client_secret"]) == (before["refresh_token"], before["client_secret"])


REFUSED = [
    pytest.param(Fault("", 503, {}, "<html>"), 4, "Webex cannot answer now (HTTP 503", id="503"),
    pytest.param(Fault("", 429, {"Retry-After": "30"}, "{}"), 4, "Webex cannot answer now (HTTP 429", id="429"),
    pytest.param(Fault("", 408, {}, ""), 4, "Webex cannot answer now (HTTP 408", id="408"),
    pytest.param(
        Fault("", 200, {}, "<html>Please sign in to this Wi-Fi</html>"),
        4,
        "did not come from Webex",
        id="captive portal",
    ),
    pytest.param(
        Fault("", 302, {"Location": "http://127.0.0.1:1/"}, ""), 4, "did not come from Webex", id="captive redirect"
    ),
    pytest.param(Fault("", 200, {}, '{"access_tok'), 4, "did not come from Webex", id="truncated"),
    pytest.param(Fault("", 200, {}, '{"expires_in": 5}'), 4, "did not come from Webex", id="no token"),
    pytest.param(Fault("", 400, {}, "<html>proxy</html>"), 4, "did not come from Webex", id="proxy's 400"),
    pytest.param(
        Fault("", 400, {}, '{"error": "invalid_grant"}'), 3, "no longer accepts the grant", id="invalid_grant"
    ),
    pytest.param(
        Fault("", 400, {}, '{"message": "The refresh token is expired", "trackingId": "T-1"}'),
        3,
        "Profile default: Webex no longer accepts the grant (HTTP 400, “The refresh token is expired”, "
        "tracking ID T-1).",
        id="webex's own words",
    ),
    pytest.param(
        Fault("", 401, {}, '{"error": "invalid_client"}'), 3, "client id and client secret", id="invalid_client"
    ),
    pytest.param(
        Fault("", 403, {}, '{"message": "no"}'),
        1,
        "Webex refused the request (HTTP 403, “no”, tracking ID ROUTER_",
        id="403",
    ),
]


@pytest.mark.parametrize(("fault", "status", "message"), REFUSED)
def test_a_refresh_that_fails_keeps_what_is_stored(
    signed_in: Program, sandbox: Sandbox, fault: Fault, status: int, message: str
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
    assert signed_in.run("login", "-p", "other").status == 0
    sandbox.order(Fault("/v1/access_token", 400, {}, '{"error": "invalid_grant"}'))
    done = signed_in.run("refresh", "--all")
    assert done.status == 3
    assert done.err.startswith("Error: Profile default: Webex no longer accepts the grant")
    assert done.out.startswith("other: unchanged")


def test_logout_forgets_everything(signed_in: Program) -> None:
    home = Path(signed_in.variables["WEBEX_TOKEN_HOME"])
    done = signed_in.run("logout")
    assert done == Finished(0, "default: removed.\n", "")
    left = {str(p.relative_to(home)) for p in home.rglob("*") if p.is_file() and not p.name.endswith(".lock")}
    assert left == {"config.ini"}
    assert (home / "config.ini").read_text() == ""
    assert signed_in.run("show").status == 3
    assert signed_in.run("logout").status == 3


def test_logout_leaves_other_profiles_and_comments_alone(signed_in: Program) -> None:
    assert signed_in.run("login", "-p", "other").status == 0
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    config.write_text(f"# mine\n{config.read_text()}")
    assert signed_in.run("logout").status == 0
    assert config.read_text().startswith("# mine\n[other]\n")
    assert signed_in.run("get", "-p", "other").status == 0
    assert signed_in.run("logout", "--all").status == 0
    assert config.read_text() == "# mine\n"


def test_a_damaged_entry_is_named_kept_and_replaced_by_a_sign_in(signed_in: Program) -> None:
    record_file(signed_in).write_text('{"version": 1, "access_token": 7')
    for verb in ("show", "get", "refresh"):
        done = signed_in.run(verb)
        assert (done.status, done.out) == (5, "")
        assert done.err.startswith(f"Error: The entry 'default' in plain file {record_file(signed_in)} is damaged: ")
    assert record_file(signed_in).read_text() == '{"version": 1, "access_token": 7'
    assert signed_in.run("login").status == 0
    assert signed_in.run("get").status == 0


def test_an_entry_of_a_newer_version_is_refused_and_not_replaced(signed_in: Program) -> None:
    newer = json.dumps({"version": 2, "something": "else"})
    record_file(signed_in).write_text(newer)
    for verb in ("show", "get", "refresh", "login"):
        done = signed_in.run(verb)
        assert (done.status, done.out) == (5, "")
        assert "was written by a newer webex-token (version 2 of the record)" in done.err
    assert record_file(signed_in).read_text() == newer


def test_a_file_that_others_may_read_is_refused(signed_in: Program) -> None:
    record_file(signed_in).chmod(0o644)
    done = signed_in.run("get")
    assert (done.status, done.out) == (5, "")
    assert "others may use it (mode 0644)" in done.err


def test_a_broken_config_names_its_line(signed_in: Program) -> None:
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    config.write_text("[default]\nclient_id = x\nwhat is this\n")
    done = signed_in.run("show")
    assert (done.status, done.out) == (2, "")
    assert f"{config} cannot be read in line 3, in section [default]." in done.err


def test_no_keyring_is_said_with_what_to_do(program: Program) -> None:
    without = program.having(WEBEX_TOKEN_STORE=None)
    for verb in ("login", "show", "get", "refresh", "logout"):
        done = without.run(verb)
        assert (done.status, done.out) == (5, "")
        assert done.err.startswith("Error: This machine has no keyring to store tokens in: ")
        assert "apt install gnome-keyring dbus" in done.err
        assert "`--store file`" in done.err
        assert "authorize?" not in done.err
    assert without.run("login", "--store", "file").status == 0
    assert without.run("get").status == 0


def test_an_unexpected_failure_shows_no_traceback_unasked_and_no_values_when_asked(signed_in: Program) -> None:
    broken = signed_in.having(WEBEX_TOKEN_HOME="/dev/null/x")
    for flags in ((), ("--debug",)):
        done = broken.run(*flags, "show")
        assert done.status in {1, 2}
        assert ("Traceback" in done.err or "File " in done.err) == bool(flags)


@pytest.mark.parametrize("before", [True, False])
def test_debug_shows_requests_before_and_after_the_verb(signed_in: Program, before: bool) -> None:
    done = signed_in.run(*(["--debug", "refresh"] if before else ["refresh", "--debug"]))
    assert re.search(r"^debug: POST /access_token 200 trackingId=ROUTER_\S+ \d+\.\d\d s$", done.err, re.MULTILINE)


def test_every_profile_has_its_own_person_and_tokens(signed_in: Program, sandbox: Sandbox, rules: Rules) -> None:
    assert signed_in.run("login", "-p", "Work").status == 0
    assert signed_in.run("login", "-p", "work").status == 0
    got = [signed_in.run("get", "-p", name).out.strip() for name in ("default", "Work", "work")]
    assert got == [grant.access_token for grant in sandbox.webex.grants]
    assert signed_in.having(WEBEX_TOKEN_PROFILE="work").run("get").out.strip() == got[2]
    assert signed_in.having(WEBEX_TOKEN_PROFILE="work").run("get", "-p", "Work").out.strip() == got[1]


def test_an_entry_that_others_may_read_can_still_be_removed(signed_in: Program) -> None:
    record_file(signed_in).chmod(0o644)
    assert signed_in.run("get").status == 5
    assert (signed_in.run("logout").status, record_file(signed_in).exists()) == (0, False)


def test_logout_of_all_goes_on_after_one_that_fails(signed_in: Program) -> None:
    for name in ("broken", "last"):
        assert signed_in.run("login", "-p", name).status == 0
    record_file(signed_in, "broken").unlink()
    record_file(signed_in, "broken").mkdir()
    done = signed_in.run("logout", "--all")
    assert done.status == 5
    assert [record_file(signed_in, name).exists() for name in ("default", "broken", "last")] == [False, True, False]


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


def test_a_home_of_nobody_is_wrong_configuration(program: Program) -> None:
    done = program.having(WEBEX_TOKEN_HOME="~nobody-of-that-name/x").run("show")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Error: WEBEX_TOKEN_HOME names the home folder of a user who does not exist")
