"""What a mistyped or a bare command is answered with."""

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Program
from webex_token_cli.main import CALLED_ELSEWHERE, COMMANDS

ALL_AND_ONE = "--all means every stored profile, so --profile cannot be given with it."


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        (("logn",), "Did you mean 'login'?"),
        (("log",), "Did you mean 'login' or 'logout'?"),
        (("LOGIN",), "Did you mean 'login'?"),
        (("service", "instal"), "Did you mean 'install' or 'uninstall'?"),
    ],
    ids=["one", "two", "upper case", "of service"],
)
def test_a_mistyped_command_is_answered_with_the_ones_like_it(
    program: Program, typed: tuple[str, ...], suggestion: str
) -> None:
    done = program.run(*typed)
    assert (done.status, done.out) == (2, "")
    assert done.err.endswith(f"\nError: No such command {typed[-1]!r}. {suggestion}\n")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("show", "--al"), "No such option '--al'. Did you mean '--all'?"),
        (("show", "-P", "work"), "No such option '-P'. Did you mean '-p'?"),
        (("show", "--frobnicate"), "No such option '--frobnicate'."),
        (
            ("--profile", "work", "show"),
            "No such option '--profile'. It is an option of commands, and stands behind one: "
            "`webex-token COMMAND --profile`.",
        ),
        (
            ("login", "--flow", "devise"),
            "Invalid value for '--flow': 'devise' is not one of 'auto', 'browser', 'paste', 'device', 'service-app'. "
            "Did you mean 'device'?",
        ),
        (
            ("show", "work"),
            "Got unexpected extra argument (work). A profile is named with an option: "
            "`webex-token show --profile work`.",
        ),
        (("signin",), "No such command 'signin'. Did you mean 'login'?"),
        (("help",), "No such command 'help'. Did you mean '--help'?"),
        (("show", "--all", "-p", "work"), ALL_AND_ONE),
        (("refresh", "-p", "work", "--all"), ALL_AND_ONE),
        (("logout", "--all", "-p", "work"), ALL_AND_ONE),
    ],
    ids=[
        *("option", "short", "unlike", "of commands", "choice", "profile", "of other programs", "help"),
        *("show all and one", "refresh all and one", "logout all and one"),
    ],
)
def test_a_mistyped_option_choice_or_profile_is_answered_with_what_was_meant(
    program: Program, typed: tuple[str, ...], told: str
) -> None:
    done = run_in_process(program, *typed)
    assert (done.status, done.out, done.err.splitlines()[-1]) == (2, "", f"Error: {told}")


def test_what_other_programs_call_a_command_leads_to_one_that_exists() -> None:
    assert {meant.split()[0].removeprefix("--") for meant in CALLED_ELSEWHERE.values()} <= {
        *COMMANDS,
        "help",
        "version",
    }
    assert not set(CALLED_ELSEWHERE) & set(COMMANDS)


def test_a_word_that_is_like_no_command_is_answered_without_a_guess(program: Program) -> None:
    done = program.run("frobnicate")
    assert (done.status, done.out) == (2, "")
    assert done.err.endswith("\nError: No such command 'frobnicate'.\n")


def test_bare_service_shows_its_help_as_the_bare_program_does(program: Program) -> None:
    bare, helped = program.run("service"), program.run("service", "--help")
    assert (bare.status, bare.err) == (0, "")
    assert bare.out == helped.out
    assert set(COMMANDS) <= set(program.run().out.split())
