"""What a mistyped or a bare command is answered with."""

import pytest

from tests.support.program import Program
from webex_token_cli.main import COMMANDS


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


def test_a_word_that_is_like_no_command_is_answered_without_a_guess(program: Program) -> None:
    done = program.run("frobnicate")
    assert (done.status, done.out) == (2, "")
    assert done.err.endswith("\nError: No such command 'frobnicate'.\n")


def test_bare_service_shows_its_help_as_the_bare_program_does(program: Program) -> None:
    bare, helped = program.run("service"), program.run("service", "--help")
    assert (bare.status, bare.err) == (0, "")
    assert bare.out == helped.out
    assert set(COMMANDS) <= set(program.run().out.split())
