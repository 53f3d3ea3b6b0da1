"""access_token(): the token for Python programs, by the rules of ``get``, with nothing printed."""

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import webex_token_cli
from tests.support.program import Finished, Program
from tests.support.signing_in import sign_in
from tests.support.stored import DAY, age, record_file
from webex_token_cli import errors
from webex_token_cli.sandbox import Answer, Sandbox

TOKEN = "from webex_token_cli import access_token; "


def python(program: Program, script: str) -> Finished:
    """What a Python program prints and ends with, with warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=program.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def raised(program: Program, call: str = "access_token()") -> dict[str, object]:
    """The error that a call raises, and what it says."""
    script = f"""
import json
from webex_token_cli import access_token
from webex_token_cli.errors import WebexTokenError
try:
    {call}
except WebexTokenError as error:
    kinds = [kind.__name__ for kind in type(error).__mro__]
    print(json.dumps([kinds[: kinds.index("WebexTokenError") + 1], error.message, error.hint, str(error)]))
"""
    done = python(program, script)
    assert (done.status, done.err) == (0, "")
    kinds, message, hint, text = json.loads(done.out)
    assert text == message
    return {"kinds": kinds, "message": message, "hint": hint}


def test_it_is_what_get_prints(signed_in: Program, sandbox: Sandbox) -> None:
    sign_in(signed_in, "work")
    first, second = (grant.access_token for grant in sandbox.grants)
    assert python(signed_in, f"{TOKEN}print(access_token())") == Finished(0, f"{first}\n", "")
    assert python(signed_in, f"{TOKEN}print(access_token('work', 60))") == Finished(0, f"{second}\n", "")
    # The profile is what the call says; the variable is for the command.
    named = signed_in.having(WEBEX_TOKEN_PROFILE="work")
    assert python(named, f"{TOKEN}print(access_token())") == Finished(0, f"{first}\n", "")


def test_a_token_that_lives_too_short_is_refreshed(signed_in: Program, sandbox: Sandbox) -> None:
    first = signed_in.run("get").out
    sandbox.advance(2 * DAY)
    assert python(signed_in, f"{TOKEN}print(access_token(min_valid={13 * DAY}))").out == first
    second = python(signed_in, f"{TOKEN}print(access_token(min_valid={14 * DAY}))")
    assert second == Finished(0, f"{sandbox.grants[0].access_token}\n", "")
    assert second.out != first
    assert signed_in.run("get").out == second.out
    assert python(signed_in, f"{TOKEN}print(access_token(min_valid=0))").out == second.out
    assert sandbox.outcomes() == ["signed in", "renewed"]


@pytest.mark.parametrize("store", ["file", "keyring"])
def test_threads_share_one_refresh(
    program: Program, sandbox: Sandbox, request: pytest.FixtureRequest, store: str
) -> None:
    session = request.getfixturevalue("keyring_session") if store == "keyring" else {}
    program = program.having(**session, WEBEX_TOKEN_STORE=store)
    assert program.run("login", "-p", "threads").status == 0
    sandbox.advance(2 * DAY)
    script = f"""
from concurrent.futures import ThreadPoolExecutor
from webex_token_cli import access_token
with ThreadPoolExecutor(8) as pool:
    tokens = list(pool.map(lambda _: access_token("threads", {14 * DAY - 1}), range(8)))
print(len(set(tokens)), tokens[0])
"""
    done = python(program, script)
    assert done == Finished(0, f"1 {sandbox.grants[0].access_token}\n", "")
    assert sandbox.outcomes() == ["signed in", "renewed"]


LOGGED = "import logging; logging.basicConfig(format='%(levelname)s %(name)s %(message)s'); "


def test_what_get_warns_of_is_logged_and_not_printed(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 80 * DAY)
    call = f"{TOKEN}print(access_token(min_valid={20 * DAY}))"
    unlogged = python(signed_in, call)
    assert (unlogged.status, unlogged.err) == (0, "")
    sandbox.order(Answer("/v1/access_token", 503))
    logged = python(signed_in, LOGGED + call)
    assert (logged.status, logged.out) == (0, unlogged.out)
    assert re.fullmatch(
        r"WARNING webex_token_cli the access token was not refreshed\. Webex cannot answer now \(HTTP 503.*\)\.\n"
        r"WARNING webex_token_cli the access token expires in 14 days\.\n",
        logged.err,
    )


def test_each_error_is_raised(signed_in: Program, sandbox: Sandbox) -> None:
    for call in ("access_token('.hidden')", "access_token('')", "access_token(min_valid=-1)"):
        assert raised(signed_in, call)["kinds"] == ["ConfigurationError", "WebexTokenError"]
    assert raised(signed_in, "access_token(min_valid=float('nan'))") == {
        "kinds": ["ConfigurationError", "WebexTokenError"],
        "message": "nan is not a number of seconds.",
        "hint": "Give a min_valid of 0 or more.",
    }
    wrong = signed_in.having(WEBEX_TOKEN_API_URL="http://example.com")
    assert raised(wrong)["kinds"] == ["ConfigurationError", "WebexTokenError"]
    assert raised(signed_in, "access_token('nobody')") == {
        "kinds": ["SignInNeeded", "WebexTokenError"],
        "message": "Nobody is signed in as profile nobody.",
        "hint": "Sign in with `webex-token login --profile nobody`, or name one of the stored profiles: default.",
    }
    age(signed_in, 15 * DAY)
    for fault, kinds in (
        (Answer("/v1/access_token", 503), ["TemporaryFailure"]),
        (Answer("/v1/access_token", 400, {}, '{"error": "invalid_grant"}'), ["GrantRefused", "SignInNeeded"]),
        (Answer("/v1/access_token", 401, {}, '{"error": "invalid_client"}'), ["ClientRefused", "SignInNeeded"]),
        (Answer("/v1/access_token", 403, {}, '{"message": "no"}'), ["RequestRefused"]),
    ):
        sandbox.order(fault)
        assert raised(signed_in)["kinds"] == [*kinds, "WebexTokenError"]
    record_file(signed_in).write_text("{}")
    assert raised(signed_in)["kinds"] == ["DamagedEntry", "StoreUnavailable", "WebexTokenError"]
    no_keyring = signed_in.having(WEBEX_TOKEN_STORE="keyring")
    assert raised(no_keyring)["kinds"] == ["StoreUnavailable", "WebexTokenError"]


def test_a_program_without_standard_streams_gets_it_too(signed_in: Program, tmp_path: Path) -> None:
    script = (
        "import sys; sys.stdin.close(); sys.stdin = sys.stdout = sys.stderr = None; "
        f"{TOKEN}open({str(tmp_path / 'got')!r}, 'w').write(access_token(min_valid={15 * DAY}))"
    )
    assert python(signed_in, script).status == 0
    assert (tmp_path / "got").read_text() == signed_in.run("get").out.strip()
    closed = f"import sys; sys.stdin.close(); {TOKEN}print(access_token())"
    assert python(signed_in, closed) == signed_in.run("get")


def test_its_words_name_every_error_it_raises() -> None:
    told = inspect.getdoc(webex_token_cli.access_token)
    assert told is not None
    sign_in_only = {"SignInNotCompleted", "CommandNotFound", "CommandNotRunnable"}
    family = {name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}
    assert set(re.findall(r"``(\w+)``", told)) & family == family - sign_in_only


def test_importing_the_package_imports_only_its_version() -> None:
    script = "import sys; before = set(sys.modules); import webex_token_cli; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "['webex_token_cli', 'webex_token_cli._version']\n"
