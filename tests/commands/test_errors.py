"""What the commands that read a stored profile say when the store, the configuration or the profile is unusable."""

import json
import re
from pathlib import Path

import pytest

from tests.support.program import Finished, Program
from tests.support.stored import record_file


@pytest.mark.parametrize("command", ["show", "get", "refresh", "logout"])
def test_nobody_is_signed_in(program: Program, command: str) -> None:
    done = program.run(command, "-p", "work")
    assert (done.status, done.out) == (3, "")
    assert done.err.startswith("Error: Nobody is signed in as profile work")
    advice = "Nothing was changed." if command == "logout" else "Sign in with `webex-token login --profile work`."
    assert done.err.endswith(f"\n{advice}\n")


def test_a_damaged_entry_is_named_kept_and_replaced_by_a_sign_in(signed_in: Program) -> None:
    record_file(signed_in).write_text('{"version": 1, "access_token": 7')
    for command in ("show", "get", "refresh"):
        done = signed_in.run(command)
        assert (done.status, done.out) == (5, "")
        assert done.err.startswith(f"Error: The entry 'default' in plain file {record_file(signed_in)} is damaged: ")
    assert record_file(signed_in).read_text() == '{"version": 1, "access_token": 7'
    assert signed_in.run("login").status == 0
    assert signed_in.run("get").status == 0


def test_an_entry_of_a_newer_version_is_refused_and_not_replaced(signed_in: Program) -> None:
    newer = json.dumps({"version": 2, "something": "else"})
    record_file(signed_in).write_text(newer)
    for command in ("show", "get", "refresh", "login"):
        done = signed_in.run(command)
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
    for command in ("login", "show", "get", "refresh", "logout"):
        done = without.run(command)
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


def test_a_home_of_nobody_is_wrong_configuration(program: Program) -> None:
    done = program.having(WEBEX_TOKEN_HOME="~nobody-of-that-name/x").run("show")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Error: WEBEX_TOKEN_HOME names the home folder of a user who does not exist")


def test_ctrl_c_while_the_program_is_imported_shows_no_traceback(program: Program, tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import signal; signal.raise_signal(signal.SIGINT)")
    assert program.having(PYTHONPATH=str(tmp_path)).run("--version") == Finished(130, "", "Interrupted.\n")
