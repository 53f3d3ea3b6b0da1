"""``import`` of another person's tokens over a profile: asked about on a terminal, and refused elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Program
from tests.support.signing_in import sign_in
from tests.support.stored import record_file, stored_files
from tests.support.terminal import at_a_terminal, end_of
from webex_token_cli.sandbox import Rules, Sandbox, person_from

ADA, GRACE = "Ada Lovelace <ada@example.com>", "Grace Hopper <grace@example.com>"
REFUSED = f"These are the tokens of {GRACE}, but profile default is the sign-in of {ADA}."


@pytest.fixture
def sandbox(rules: Rules) -> Iterator[Sandbox]:
    with Sandbox(rules, people=[person_from(ADA), person_from(GRACE)]) as running:
        yield running


@pytest.fixture
def adas(program: Program, sandbox: Sandbox) -> Program:
    """The program, with Ada signed in to the default profile. After that, Grace signs in."""
    sign_in(program)
    sandbox.people.reverse()
    return program


def graces(program: Program, sandbox: Sandbox, kind: str) -> tuple[Program, list[str], str]:
    """The program, the arguments and the standard input of an import of Grace's tokens."""
    issued = sandbox.token_response()
    if kind == "response":
        return program, [], json.dumps(issued)
    if kind == "variables":
        return program.having(WEBEX_REFRESH_TOKEN=issued["refresh_token"]), ["--from-env"], ""
    sign_in(program, "grace")
    return program, [], run_in_process(program, "export", "-p", "grace").out


@pytest.mark.parametrize("kind", ["export", "response", "variables"])
def test_another_person_is_refused_and_nothing_is_changed(adas: Program, sandbox: Sandbox, kind: str) -> None:
    program, arguments, given = graces(adas, sandbox, kind)
    before = stored_files(program)
    done = run_in_process(program, "import", *arguments, stdin=given)
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        f"Error: {REFUSED} Nothing was changed.\nChoose another profile with --profile, or give --replace-person.\n"
    )
    assert stored_files(program) == before


@pytest.mark.parametrize("kind", ["export", "response", "variables"])
def test_another_person_replaces_the_known_one_if_the_option_says_so(
    adas: Program, sandbox: Sandbox, kind: str
) -> None:
    program, arguments, given = graces(adas, sandbox, kind)
    done = run_in_process(program, "import", "--replace-person", *arguments, stdin=given)
    assert (done.status, done.err) == (0, "")
    assert f"of {GRACE} (profile default)." in done.out


def test_the_same_person_replaces_the_sign_in_without_a_question(adas: Program, sandbox: Sandbox) -> None:
    sandbox.people.reverse()
    given = json.dumps(sandbox.token_response())
    assert run_in_process(adas, "import", stdin=given).status == 0


@pytest.mark.parametrize("rules", [{"rotate": True}], indirect=True)
def test_tokens_whose_refresh_token_webex_replaced_become_a_profile_of_their_own(
    adas: Program, sandbox: Sandbox
) -> None:
    before, name = record_file(adas).read_text(), "default-imported"
    program, arguments, _ = graces(adas, sandbox, "variables")
    done = run_in_process(program, "import", *arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        f"Error: {REFUSED} It was not changed. Webex has replaced the refresh token that was given, so the new tokens "
        f"are stored as profile {name}.\nUse them with --profile {name}, or move them with `webex-token export "
        f"--profile {name} | webex-token import --replace-person`, then run `webex-token logout --profile {name}`.\n"
    )
    assert record_file(adas).read_text() == before
    assert run_in_process(adas, "refresh", "-p", name).status == 0
    exported = run_in_process(adas, "export", "-p", name).out
    assert run_in_process(adas, "import", "--replace-person", stdin=exported).status == 0
    assert run_in_process(adas, "logout", "-p", name).status == 0
    assert run_in_process(adas, "refresh").status == 0
    assert GRACE.split()[0] in record_file(adas).read_text()


@pytest.mark.posix
def test_ctrl_c_at_the_question_ends_an_import_from_variables_and_costs_nothing(
    adas: Program, sandbox: Sandbox
) -> None:
    program, arguments, _ = graces(adas, sandbox, "variables")
    before = stored_files(adas)
    with at_a_terminal(program, "import", *arguments) as terminal:
        terminal.expect_exact(f"Replace the sign-in of {ADA}? [y/N]: ")
        terminal.sendcontrol("c")
        assert end_of(terminal)[0] == 130
    assert stored_files(adas) == before
    with at_a_terminal(program, "import", *arguments) as terminal:
        terminal.expect_exact(f"Replace the sign-in of {ADA}? [y/N]: ")
        terminal.sendline("y")
        assert end_of(terminal)[0] == 0
    assert GRACE.split()[0] in record_file(adas).read_text()


@pytest.mark.posix
@pytest.mark.parametrize(("typed", "status"), [("y", 0), ("n", 2)])
def test_a_terminal_is_asked(adas: Program, sandbox: Sandbox, tmp_path: Path, typed: str, status: int) -> None:
    _, _, given = graces(adas, sandbox, "response")
    (tmp_path / "tokens.json").write_text(given)
    before = stored_files(adas)
    with at_a_terminal(adas, "import", str(tmp_path / "tokens.json")) as terminal:
        terminal.expect_exact(REFUSED)
        terminal.expect_exact(f"Replace the sign-in of {ADA}? [y/N]: ")
        terminal.sendline(typed)
        assert end_of(terminal)[0] == status
    assert (stored_files(adas) == before) is (status != 0)
    assert (GRACE.split()[0] in record_file(adas).read_text()) is (status == 0)
