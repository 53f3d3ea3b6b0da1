"""A mistyped profile: who is not signed in, and which profiles are stored, whatever stores the machine has."""

import pytest

from tests.support.program import Finished, Program
from tests.support.signing_in import sign_in

SAID = (
    "Error: Nobody is signed in as profile wrok.\n"
    "Sign in with `webex-token login --profile wrok`, or name one of the stored profiles: default, work.\n"
)


@pytest.fixture
def without_keyring(signed_in: Program) -> Program:
    """Two profiles in the file store, on a machine that has no keyring."""
    sign_in(signed_in, "work")
    return signed_in.having(WEBEX_TOKEN_STORE=None)


@pytest.mark.parametrize("command", ["get", "show", "refresh", "export", "exec", "refresh --if-older-than 1d"])
@pytest.mark.parametrize("store", [None, "file"], ids=["no keyring", "a store that works"])
def test_a_mistyped_profile_is_named_beside_the_stored_ones(
    without_keyring: Program, command: str, store: str | None
) -> None:
    name, *options = command.split()
    arguments = ("--", "true") if name == "exec" else ()
    program = without_keyring.having(WEBEX_TOKEN_STORE=store)
    assert program.run(name, "-p", "wrok", *options, *arguments) == Finished(3, "", SAID)


@pytest.mark.posix
def test_a_store_that_somebody_asked_for_is_what_is_missing(without_keyring: Program) -> None:
    done = without_keyring.having(WEBEX_TOKEN_STORE="keyring").run("get", "-p", "wrok")
    assert (done.status, done.out) == (5, "")
    assert done.err.startswith("Error: This machine has no keyring to store tokens in: ")


def test_a_watch_of_a_mistyped_profile_ends_and_says_so(without_keyring: Program) -> None:
    done = without_keyring.run("watch", "--once", "-p", "wrok")
    assert done.status == 3
    assert "  wrok  needs sign-in: Nobody is signed in as profile wrok. " in done.out


@pytest.mark.posix
def test_doctor_says_so_beside_the_missing_keyring(without_keyring: Program) -> None:
    done = without_keyring.run("doctor", "-p", "wrok")
    assert done.status == 5
    assert "Nobody is signed in as profile wrok." in done.out
    assert "or name one of the stored profiles: default, work." in done.out
