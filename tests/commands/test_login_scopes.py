"""``login --add-scope`` and ``--remove-scope``, and what ``show`` tells of scopes that Webex did not grant."""

import json

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Program
from tests.support.records import issued_response
from tests.support.signing_in import sign_in
from tests.support.stored import config_file, record_file, stored_files
from webex_token_cli.sandbox import Answer, Sandbox


def scopes_after(program: Program, *arguments: str) -> list[str]:
    """The scopes that Webex has granted and the profile remembers after a sign-in with ``arguments``."""
    done = run_in_process(program, "login", "--json", *arguments)
    assert done.status == 0, done
    granted: list[str] = json.loads(done.out)["scopes"]
    assert f"scopes = {' '.join(granted)}\n" in config_file(program).read_text()
    return granted


def test_scopes_are_added_to_and_removed_from_those_of_the_profile(program: Program) -> None:
    sign_in(program, scopes="spark:all spark:kms")
    assert scopes_after(program, "--add-scope", "spark:people_read") == ["spark:all", "spark:kms", "spark:people_read"]
    assert scopes_after(program, "--remove-scope", "spark:all", "--remove-scope", "spark:kms") == ["spark:people_read"]
    both = ("--add-scope", "spark:all spark:rooms_read", "--remove-scope", "spark:people_read")
    assert scopes_after(program, *both) == ["spark:all", "spark:rooms_read"]
    assert scopes_after(program, "--add-scope", "spark:all") == ["spark:all", "spark:rooms_read"]


def test_a_new_profile_has_the_scopes_of_the_variable_or_the_default_one(program: Program) -> None:
    assert scopes_after(program, "-p", "new", "--add-scope", "spark:kms") == ["spark:all", "spark:kms"]
    given = program.having(WEBEX_SCOPES="spark:rooms_read")
    done = run_in_process(given, "login", "--json", "-p", "newer", "--add-scope", "spark:kms")
    assert json.loads(done.out)["scopes"] == ["spark:rooms_read", "spark:kms"]


def test_what_the_profile_remembers_is_changed_whatever_the_variable_says(program: Program) -> None:
    sign_in(program, scopes="spark:all")
    assert scopes_after(program.having(WEBEX_SCOPES="spark:rooms_read"), "--add-scope", "spark:kms") == [
        "spark:all",
        "spark:kms",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--remove-scope", "spark:kms"],
            "Error: There is no scope 'spark:kms' to remove.\n"
            "The profile default has these scopes: spark:all spark:people_read.\n",
        ),
        (
            ["--remove-scope", "spark:all spark:people_read"],
            "Error: No scope would be left.\n"
            "The profile default has these scopes: spark:all spark:people_read. Leave one of them, or add another.\n",
        ),
        (
            ["--scope", "spark:all", "--add-scope", "spark:kms"],
            "Error: --scope names all scopes, so --add-scope and --remove-scope cannot be given with it.\n",
        ),
    ],
)
def test_scopes_that_cannot_be_changed_so_are_a_usage_error(
    program: Program, sandbox: Sandbox, arguments: list[str], message: str
) -> None:
    sign_in(program, scopes="spark:all spark:people_read")
    before, requests = stored_files(program), len(sandbox.requests)
    done = run_in_process(program, "login", *arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.endswith(message)
    assert (stored_files(program), len(sandbox.requests)) == (before, requests)


def test_show_tells_what_was_asked_for_where_webex_granted_something_else(program: Program) -> None:
    sign_in(program, scopes="spark:all spark:kms")
    assert "Asked for" not in run_in_process(program, "show").out
    assert requested(program) == ["spark:all", "spark:kms"]
    granted(program, ["spark:all"])
    assert row(program, "Asked for") == "spark:all spark:kms (Webex did not grant spark:kms)"
    assert row(program, "Scopes") == "spark:all"
    granted(program, ["spark:kms", "spark:all", "spark:people_read"])
    assert row(program, "Asked for") == "spark:all spark:kms"
    granted(program, ["spark:kms", "spark:all"])
    assert "Asked for" not in run_in_process(program, "show").out


def test_login_tells_which_scopes_webex_did_not_grant(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Answer("/v1/access_token", 200, {}, issued_response(sandbox, "spark:all")))
    done = run_in_process(program, "login", "--scope", "spark:all spark:kms spark:rooms_read")
    assert (done.status, done.out.splitlines()[:2]) == (
        0,
        [
            "Signed in as Ada Lovelace <ada@example.com> (profile default).",
            "Webex did not grant these scopes: spark:kms spark:rooms_read.",
        ],
    )


def requested(program: Program) -> list[str] | None:
    scopes: list[str] | None = json.loads(run_in_process(program, "show", "--json").out)["profiles"]["default"][
        "requested_scopes"
    ]
    return scopes


def granted(program: Program, scopes: list[str]) -> None:
    """Let the record say that Webex granted these."""
    file = record_file(program)
    file.write_text(json.dumps({**json.loads(file.read_text()), "scopes": scopes}))


def row(program: Program, name: str) -> str:
    lines = run_in_process(program, "show").out.splitlines()
    return next(line.removeprefix(name).strip() for line in lines if line.startswith(name))
