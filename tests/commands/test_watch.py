"""``watch`` as a process: what it prints, what it renews, and how it ends."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests.support.program import PROMPT, Program, Running, wait_until
from tests.support.stored import DAY, TIME, age, record_file
from webex_token_cli.sandbox import Answer, Rules, Sandbox
from webex_token_cli.store.local.locks import locked

# The body of an answer that is delayed until after the signal.
SLOW_ANSWER = (
    '{"access_token": "the-last-one", "expires_in": 1209599, "refresh_token": "r", "refresh_token_expires_in": 9999999}'
)

LINE = re.compile(TIME + r"  (?P<profile>\S+)  (?P<said>.*)")


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1)


def events(out: str) -> list[tuple[str, str]]:
    """Profile and kind of each line. Profiles are checked side by side, so the lines of one round have to be sorted."""
    found = []
    for line in out.splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        found.append((match["profile"], match["said"].split(":")[0]))
    return found


def request_check(watch: Running, profile: str) -> None:
    """Ask for a check with SIGHUP, and wait until the profile was checked."""
    line = f"{profile}  fresh: "
    seen = watch.out.count(line)
    watch.process.send_signal(signal.SIGHUP)
    watch.wait_for(line, times=seen + 1)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_at_once(signed_in: Program, number: signal.Signals, status: int) -> None:
    with signed_in.started("watch") as watch:
        watch.wait_for("fresh: ")
        asked = time.monotonic()
        watch.process.send_signal(number)
        done = watch.finish()
    assert done.status == status
    assert time.monotonic() - asked < PROMPT
    assert done.err == (
        "Checking every 60 minutes, and renewing a token 24 hours after its last refresh. Ctrl-C ends it.\n"
    )
    assert events(done.out) == [("default", "fresh")]


def test_a_refresh_in_flight_is_finished_and_saved(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 2 * DAY)
    sandbox.order(Answer("/v1/access_token", 200, {}, SLOW_ANSWER, delay=1.0))
    asked = len(sandbox.journal)
    with signed_in.started("watch") as watch:
        wait_until(lambda: sandbox.in_flight > 0 or len(sandbox.journal) > asked)
        watch.process.send_signal(signal.SIGTERM)
        done = watch.finish()
    assert (done.status, events(done.out)) == (0, [("default", "renewed")])
    assert signed_in.run("get").out == "the-last-one\n"


@pytest.mark.long
@pytest.mark.posix
def test_an_answer_that_could_not_be_stored_is_stored_at_the_end(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 2 * DAY)
    sandbox.order(Answer("/v1/access_token", 200, {}, SLOW_ANSWER, delay=1.0))
    folder = record_file(signed_in).parent
    with signed_in.started("watch") as watch:
        wait_until(lambda: sandbox.in_flight > 0)
        folder.chmod(0o755)  # the file store refuses a folder that others can read
        watch.wait_for("its answer could not be stored")
        folder.chmod(0o700)
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0
    assert signed_in.run("get", "--no-refresh").out == "the-last-one\n"


@pytest.mark.parametrize("command", ["refresh", "get"])
def test_a_refresh_in_flight_of_another_command_is_saved_too(
    signed_in: Program, sandbox: Sandbox, command: str
) -> None:
    age(signed_in, 15 * DAY)
    sandbox.order(Answer("/v1/access_token", 200, {}, SLOW_ANSWER, delay=1.0))
    with signed_in.started(command) as running:
        wait_until(lambda: sandbox.in_flight > 0)
        running.process.send_signal(signal.SIGINT)
        assert running.finish().status == 130
    assert signed_in.run("get", "--no-refresh").out == "the-last-one\n"


def test_once_is_one_round_and_returns_the_worst_status(signed_in: Program, sandbox: Sandbox) -> None:
    assert signed_in.run("login", "-p", "other").status == 0
    assert (signed_in.run("watch", "--once").status, sandbox.outcomes()) == (0, ["signed in", "signed in"])
    age(signed_in, 2 * DAY)
    age(signed_in, 2 * DAY, "other")
    sandbox.advance(2)
    sandbox.order(Answer("/v1/access_token", 503))
    done = signed_in.run("watch", "--once")
    kinds = ["renewed", "retrying"]
    assert (done.status, sorted(kind for _, kind in events(done.out))) == (4, kinds)
    assert signed_in.run("refresh", "--all").status == 0
    age(signed_in, 2 * DAY)
    sandbox.order(Answer("/v1/access_token", 400, {}, '{"error": "invalid_grant"}'))
    done = signed_in.run("watch", "--once")
    assert (done.status, sorted(events(done.out))) == (3, [("default", "needs sign-in"), ("other", "fresh")])
    record_file(signed_in, "other").chmod(0o644)
    assert signed_in.run("watch", "--once").status == 5


def test_only_the_named_profiles_are_watched(signed_in: Program) -> None:
    for name in ("a", "b"):
        assert signed_in.run("login", "-p", name).status == 0
    done = signed_in.run("watch", "--once", "-p", "b", "-p", "a")
    assert sorted(events(done.out)) == [("a", "fresh"), ("b", "fresh")]


def test_a_revoked_profile_is_reported_once_and_returns_with_a_sign_in(signed_in: Program, sandbox: Sandbox) -> None:
    assert signed_in.run("login", "-p", "other").status == 0
    sandbox.grants[0].revoked = True
    age(signed_in, 2 * DAY)
    with signed_in.started("watch", "--interval", "1") as watch:
        watch.wait_for("default  needs sign-in: ")
        request_check(watch, "other")
        assert watch.out.count("needs sign-in") == 1
        assert signed_in.run("login").status == 0
        watch.wait_for("default  signed in again: ")
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0


def test_it_ends_with_3_if_no_profile_can_be_kept_fresh(signed_in: Program, sandbox: Sandbox) -> None:
    sandbox.revoke()
    age(signed_in, 2 * DAY)
    done = signed_in.run("watch")
    assert (done.status, events(done.out)) == (3, [("default", "needs sign-in")])
    assert done.err.endswith(
        "Error: No profile is left that can be refreshed.\nSign in with `webex-token login`, then start again.\n"
    )


def test_it_does_not_start_without_a_stored_profile(program: Program) -> None:
    done = program.run("watch")
    assert (done.status, done.out, done.err) == (
        3,
        "",
        "Error: No profile is stored.\nSign in with `webex-token login`.\n",
    )


def test_a_temporary_failure_is_tried_again_before_the_next_round(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 2 * DAY)
    time.sleep(1.1)
    sandbox.order(Answer("/v1/access_token", 503, {"Retry-After": "1"}))
    with signed_in.started("watch", "--interval", "1h") as watch:
        watch.wait_for("retrying: Webex cannot answer now (HTTP 503")
        watch.wait_for("renewed: ", timeout=20)
    assert events(watch.out) == [("default", "retrying"), ("default", "renewed")]


def test_a_sign_in_elsewhere_joins_and_a_logout_leaves(signed_in: Program) -> None:
    with signed_in.started("watch", "--interval", "1") as watch:
        watch.wait_for("default  fresh: ")
        assert signed_in.run("login", "-p", "late").status == 0
        watch.wait_for("late  fresh: ")
        request_check(watch, "late")
        assert signed_in.run("logout", "-p", "late").status == 0
        request_check(watch, "default")
        seen = watch.out.count("late")
        request_check(watch, "default")
        assert watch.out.count("late") == seen


@pytest.mark.parametrize(
    ("variables", "arguments", "said"),
    [
        ({}, [], "Checking every 60 minutes, and renewing a token 24 hours after its last refresh."),
        (
            {"EVENT_LOOP_SLEEP_SECONDS": "7200", "EVENT_LOOP_DAYS": "0.5"},
            [],
            "every 2 hours, and renewing a token 12 hours",
        ),
        (
            {
                "EVENT_LOOP_SLEEP_SECONDS": "7200",
                "WEBEX_TOKEN_INTERVAL": "5m",
                "EVENT_LOOP_DAYS": "1",
                "WEBEX_TOKEN_MAX_AGE": "3d",
            },
            [],
            "every 5 minutes, and renewing a token 3 days",
        ),
        (
            {"WEBEX_TOKEN_INTERVAL": "5m", "WEBEX_TOKEN_MAX_AGE": "3d"},
            ["--interval", "90", "--max-age", "2h"],
            "every 90 seconds, and renewing a token 2 hours",
        ),
    ],
)
def test_option_comes_before_variable_before_default(
    signed_in: Program, variables: dict[str, str], arguments: list[str], said: str
) -> None:
    with signed_in.having(**variables).started("watch", *arguments) as watch:
        watch.wait_for(said)


def test_two_watchers_redeem_the_refresh_token_once(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 2 * DAY)
    time.sleep(1.1)
    with signed_in.started("watch", "--once") as one, signed_in.started("watch", "--once") as other:
        done = one.finish(), other.finish()
    assert [run.status for run in done] == [0, 0]
    assert sandbox.outcomes() == ["signed in", "renewed"]
    assert Path(record_file(signed_in)).exists()


def test_sighup_checks_at_once_and_loses_no_refresh_in_flight(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 2 * DAY)
    sandbox.order(Answer("/v1/access_token", 200, {}, SLOW_ANSWER, delay=1.0))
    with signed_in.started("watch") as watch:
        wait_until(lambda: sandbox.in_flight > 0)
        watch.process.send_signal(signal.SIGHUP)
        watch.wait_for("default  renewed: ")
        request_check(watch, "default")
        request_check(watch, "default")
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0
    assert signed_in.run("get").out == "the-last-one\n"


def test_sighup_ends_another_command_only_after_the_save(signed_in: Program, sandbox: Sandbox) -> None:
    sandbox.order(Answer("/v1/access_token", 200, {}, SLOW_ANSWER, delay=1.0))
    with signed_in.started("refresh") as running:
        wait_until(lambda: sandbox.in_flight > 0)
        running.process.send_signal(signal.SIGHUP)
        assert running.finish().status == -signal.SIGHUP
    assert signed_in.run("get", "--no-refresh").out == "the-last-one\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 4)])
def test_a_round_that_was_cut_short_does_not_report_that_all_is_fresh(
    signed_in: Program, sandbox: Sandbox, number: signal.Signals, status: int
) -> None:
    assert signed_in.run("login", "-p", "other").status == 0
    age(signed_in, 2 * DAY)
    sandbox.order(Answer("/v1/access_token", 200, {}, SLOW_ANSWER, delay=1.0))
    with signed_in.started("watch", "--once") as watch:
        wait_until(lambda: sandbox.in_flight > 0)
        watch.process.send_signal(number)
        done = watch.finish()
    assert (done.status, sorted(events(done.out))) == (status, [("default", "renewed"), ("other", "fresh")])


def test_a_stop_is_obeyed_while_another_process_holds_the_lock(signed_in: Program) -> None:
    age(signed_in, 2 * DAY)
    with (
        locked(record_file(signed_in).with_name("webex-token+default.json.lock"), lambda _: None),
        signed_in.started("watch") as watch,
    ):
        watch.wait_for("Waiting for another webex-token")
        asked = time.monotonic()
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0
        assert time.monotonic() - asked < PROMPT


def test_a_config_file_that_becomes_unreadable_does_not_end_it(signed_in: Program) -> None:
    config = Path(signed_in.variables["WEBEX_TOKEN_HOME"], "config.ini")
    whole = config.read_text()
    with signed_in.started("watch", "--interval", "1") as watch:
        watch.wait_for("default  fresh: ")
        config.write_bytes(b"\xff" + whole.encode())
        watch.wait_for("config.ini  failed: ")
        config.write_text(whole)
        watch.wait_for("config.ini  fresh: it can be read again; it had been failing for ")
        request_check(watch, "default")
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0


def test_a_stop_during_a_refresh_that_is_refused_reports_only_the_refusal(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 2 * DAY)
    sandbox.order(Answer("/v1/access_token", 400, {}, '{"error": "invalid_grant"}', delay=1.0))
    with signed_in.started("watch", "--on-attention", "cat >&2") as watch:
        wait_until(lambda: sandbox.in_flight > 0)
        watch.process.send_signal(signal.SIGTERM)
        done = watch.finish()
    assert (done.status, events(done.out)) == (0, [("default", "needs sign-in")])
    assert "Error" not in done.err
