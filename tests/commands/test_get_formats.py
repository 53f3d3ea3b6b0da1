"""``get --format``: the token as a header, as a variable and as JSON."""

import json
import os
import subprocess

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import WEBEX_TOKEN, Finished, Program
from tests.support.requirements import require
from tests.support.stored import DAY, age, record_file
from webex_token_cli.sandbox import Answer, Sandbox

# Tokens that RFC 6750 allows, and that a shell or a reader of variables might take for something else.
TOKENS = ["~", "~root", "~+", "a~b", "-n", "+x", "a+b/c==", "=".rjust(40, "a"), "..", "a" * 2000, "1"]


@pytest.fixture
def program(signed_in: Program) -> Program:
    return signed_in


def with_token(program: Program, token: str) -> Program:
    """The program, with ``token`` as the stored access token."""
    file = record_file(program)
    file.write_text(json.dumps({**json.loads(file.read_text()), "access_token": token}))
    return program


def test_the_token_alone_is_the_default(program: Program, sandbox: Sandbox) -> None:
    token = sandbox.grants[0].access_token
    assert run_in_process(program, "get", "--format", "token") == Finished(0, f"{token}\n", "")
    assert run_in_process(program, "get") == Finished(0, f"{token}\n", "")


def test_the_header_is_a_whole_line(program: Program, sandbox: Sandbox) -> None:
    token = sandbox.grants[0].access_token
    assert run_in_process(program, "get", "--format", "header") == Finished(0, f"Authorization: Bearer {token}\n", "")


@pytest.mark.posix
def test_curl_reads_the_header(program: Program, sandbox: Sandbox) -> None:
    require("curl")
    done = subprocess.run(
        f"'{WEBEX_TOKEN}' get --format header | curl -sf -H @- {sandbox.api_url}/people/me",
        shell=True,
        env=program.environment,
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["displayName"] == "Ada Lovelace"


@pytest.mark.parametrize("token", TOKENS)
def test_a_program_that_knows_no_quotes_reads_the_variable(program: Program, token: str) -> None:
    done = run_in_process(with_token(program, token), "get", "--format", "env")
    name, _, value = done.out.removesuffix("\n").partition("=")
    assert (name, value) == ("WEBEX_ACCESS_TOKEN", f"'{token}'" if token.startswith("~") else token)


@pytest.mark.posix
@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
@pytest.mark.parametrize("line", ['eval "$GIVEN"', 'printf "%s\\n" "$GIVEN" >file; . ./file'])
def test_a_shell_reads_the_variable(program: Program, shell: str, line: str, tmp_path: os.PathLike[str]) -> None:
    require(shell)
    for token in TOKENS:
        given = run_in_process(with_token(program, token), "get", "--format", "env").out.removesuffix("\n")
        done = subprocess.run(
            [shell, "-c", f'{line}; printf %s "$WEBEX_ACCESS_TOKEN"'],
            env={**os.environ, "GIVEN": given},
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert done.stdout == token


def test_the_json_has_the_token_and_when_it_expires(program: Program, sandbox: Sandbox) -> None:
    done = run_in_process(program, "get", "--format", "json")
    stored = json.loads(record_file(program).read_text())
    assert done.out.startswith('{\n  "version": 1,')
    assert json.loads(done.out) == {
        "version": 1,
        "profile": "default",
        "access_token": sandbox.grants[0].access_token,
        "access_token_expires_at": stored["access_expires_at"],
        "refresh_token_expires_at": stored["refresh_expires_at"],
        "refreshed_at": stored["refreshed_at"],
    }


@pytest.mark.parametrize("form", ["token", "header", "env", "json"])
def test_every_format_refreshes_first_and_prints_nothing_if_that_fails(
    program: Program, sandbox: Sandbox, form: str
) -> None:
    sandbox.advance(2 * DAY)
    done = run_in_process(program, "get", "--format", form, "--min-valid", "14d")
    assert sandbox.grants[0].access_token in done.out
    age(program, 15 * DAY)
    sandbox.order(Answer("/v1/access_token", 503))
    done = run_in_process(program, "get", "--format", form)
    assert (done.status, done.out) == (4, "")
