"""``doctor``: its whole report, and which profiles it checks."""

import json
import platform
import re

from tests.support.doctor_report import END_OF_PROBLEM, HEALTHY, report, settled
from tests.support.in_process import run_in_process
from tests.support.program import Program
from tests.support.signing_in import sign_in
from tests.support.stored import DAY, age, config_file, record_file
from webex_token_cli import __version__
from webex_token_cli.sandbox import Sandbox


def test_a_healthy_machine(signed_in: Program, sandbox: Sandbox) -> None:
    done = settled(signed_in.run("doctor"), signed_in, sandbox)
    assert done == (0, report("ok", "\nNo problems found.\n"), "")


def test_a_healthy_machine_with_two_profiles_as_json(signed_in: Program, sandbox: Sandbox) -> None:
    sign_in(signed_in, "work")
    done = signed_in.run("doctor", "--json")
    now = json.loads(done.out)["now"]
    status, out, err = settled(done, signed_in, sandbox)
    texts = {check: line.split(maxsplit=3)[3] for check, line in HEALTHY.items()}
    found = [
        ("config", "<home>/config.ini", texts["config"].replace("1 profile", "2 profiles")),
        ("store", "file", texts["store"]),
        ("port", "<redirect>", texts["port"]),
        ("browser", "", texts["browser"]),
        ("network", "<webex>", texts["network"]),
        ("clock", "<webex>", texts["clock"]),
        ("profile", "default", texts["profile"]),
        ("profile", "work", texts["profile"].replace("default", "work")),
    ]
    assert (status, err) == (0, "")
    assert json.loads(out) == {
        "version": 1,
        "now": now,
        "program": {
            "version": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
        "exit_status": 0,
        "findings": [
            {"check": check, "subject": subject, "level": "ok", "message": message, "fix": None, "exit_status": 0}
            for check, subject, message in found
        ],
    }


def test_a_problem_as_json(signed_in: Program, sandbox: Sandbox) -> None:
    record_file(signed_in).unlink()
    done = run_in_process(signed_in, "doctor", "--json")
    assert (done.status, json.loads(done.out)["exit_status"]) == (3, 3)
    assert json.loads(done.out)["findings"][-1] == {
        "check": "profile",
        "subject": "default",
        "level": "problem",
        "message": "Nobody is signed in as profile default.",
        "fix": "Sign in with `webex-token login`.",
        "exit_status": 3,
    }


def test_before_anybody_has_signed_in(program: Program, sandbox: Sandbox) -> None:
    config = "✓ ok config   <home>/config.ini names no profile yet; `webex-token login` adds one."
    sign_in = "\n> Sign in with `webex-token login`."
    profile = f"– skipped profile  Nobody is signed in yet.{sign_in}"
    found = report("skipped", "\nNo problems found.\n", config=config, profile=profile)
    assert settled(program.run("doctor"), program, sandbox) == (0, found, "")
    # Whoever names a profile expects it to be there.
    profile = f"✗ problem profile  Nobody is signed in as profile default.{sign_in}"
    found = report("problem", END_OF_PROBLEM, config=config, profile=profile)
    assert settled(program.run("doctor", "-p", "default"), program, sandbox) == (3, found, "")


def test_only_the_named_profiles_are_checked(signed_in: Program) -> None:
    sign_in(signed_in, "work")
    config_file(signed_in).write_text(f"{config_file(signed_in).read_text()}[broken]\nwhat is this\n")

    def checked(*arguments: str, **variables: str) -> list[str]:
        done = run_in_process(signed_in.having(**variables), "doctor", "--json", *arguments)
        return [each["subject"] for each in json.loads(done.out)["findings"] if each["check"] == "profile"]

    assert checked() == ["default", "work", "broken"]
    assert checked("-p", "work", "-p", "new", "-p", "work") == ["work", "new"]
    assert checked(WEBEX_TOKEN_PROFILE="work") == ["work"]
    assert run_in_process(signed_in, "doctor", "-p", "work").status == 0


def test_the_marks_are_in_ascii_if_standard_output_is(signed_in: Program) -> None:
    done = signed_in.having(PYTHONIOENCODING="ascii").run("doctor")
    assert done.status == 0
    assert {line.split("  ")[0] for line in done.out.splitlines()[:-2]} == {"+ ok"}


def test_verbose_names_each_check_and_debug_each_request(signed_in: Program, sandbox: Sandbox) -> None:
    uri = sandbox.redirect_uri
    assert run_in_process(signed_in, "-v", "doctor").err == (
        f"Trying the file store …\nChecking the port of {uri} …\nLooking for a browser …\n"
    )
    assert re.search(
        r"^debug: GET /.well-known/openid-configuration 200 ",
        run_in_process(signed_in, "doctor", "--debug").err,
        re.MULTILINE,
    )


def test_a_damaged_entry_is_a_problem_of_the_store(signed_in: Program) -> None:
    record_file(signed_in).write_text('{"version": 1, "access_token": 7')
    done = run_in_process(signed_in, "doctor")
    assert done.status == 5
    assert "✗ problem  profile  The entry 'default' in plain file" in done.out
    assert "Nothing was changed; sign in with `webex-token login` to replace it." in done.out


def test_a_refresh_token_that_runs_out_is_a_warning(signed_in: Program) -> None:
    age(signed_in, 80 * DAY)
    done = run_in_process(signed_in, "doctor")
    assert done.status == 0
    assert "! warning  profile  Profile default: the access token expired " in done.out
