"""``import`` of a token response: the profile that it becomes, and the client id and secret that renew it."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.in_process import run_in_process
from tests.support.ports import free_port
from tests.support.program import Finished, Program
from tests.support.records import issued_response
from tests.support.stored import DAY, TIME, config_file, record_file, stored_files
from tests.support.terminal import at_a_terminal, end_of
from webex_token_cli.sandbox import Answer, Rules, Sandbox

EXPIRY = "/v1/authorizations/tokenExpiry"


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1)


@pytest.fixture
def sandbox(rules: Rules, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Its clock is five days behind until ``issued_five_days_ago`` has issued tokens, if a test asks for that."""
    behind = 5 * DAY if "issued_five_days_ago" in request.fixturenames else 0
    with Sandbox(rules, clock=lambda: time.time() - behind) as running:
        yield running


@pytest.fixture
def issued_five_days_ago(sandbox: Sandbox) -> Callable[..., str]:
    """Gives the text of a token response that the sandbox gave five days ago."""

    def issue(**changes: object) -> str:
        offered = issued_response(sandbox, **changes)
        sandbox.advance(5 * DAY)
        return offered

    return issue


def test_a_token_response_becomes_a_profile(program: Program, sandbox: Sandbox) -> None:
    offered = issued_response(sandbox, "spark:all", "spark:kms")
    done = program.run("import", "-p", "app", stdin=offered)
    assert (done.status, done.err) == (0, "")
    assert re.sub(TIME, "TIME", done.out).splitlines() == [
        "Imported the tokens of Ada Lovelace <ada@example.com> (profile app).",
        "The access token expires TIME (in 14 days).",
        f"Stored in plain file {record_file(program, 'app')}.",
        "To keep it valid, run `webex-token watch --profile app`.",
    ]
    issued, stored = json.loads(offered), json.loads(record_file(program, "app").read_text())
    now = stored["refreshed_at"]
    assert stored == {
        "version": 1,
        "access_token": issued["access_token"],
        "access_expires_at": now + issued["expires_in"],
        "refresh_token": issued["refresh_token"],
        "refresh_expires_at": now + issued["refresh_token_expires_in"],
        "changed_at": now,
        "refreshed_at": now,
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "scopes": ["spark:all", "spark:kms"],
        "person": {
            "id": sandbox.person["id"],
            "display_name": "Ada Lovelace",
            "emails": ["ada@example.com"],
            "org_id": sandbox.person["orgId"],
            "type": "person",
        },
    }
    assert config_file(program).read_text().splitlines() == [
        "[app]",
        f"client_id = {sandbox.client_id}",
        f"redirect_uri = {sandbox.redirect_uri}",
        "scopes = spark:all spark:kms",
        f"api_url = {sandbox.api_url}",
        "store = file",
    ]
    assert [entry.path for entry in sandbox.journal] == [EXPIRY, "/v1/people/me"]


def test_webex_tells_the_age_of_imported_tokens(
    program: Program, sandbox: Sandbox, issued_five_days_ago: Callable[..., str]
) -> None:
    """Neither is a refresh token redeemed for it, nor is its end a guess."""
    done = program.run("import", stdin=issued_five_days_ago())
    stored, (grant,) = json.loads(record_file(program).read_text()), sandbox.grants
    assert (done.status, done.err) == (0, "")
    assert re.sub(TIME, "TIME", done.out).splitlines()[1:3] == [
        "The access token expires TIME (in 9 days).",
        f"Stored in plain file {record_file(program)}.",
    ]
    assert stored["access_expires_at"] == int(grant.access_expires_at)
    assert stored["refresh_expires_at"] == pytest.approx(grant.refresh_expires_at, abs=2)
    assert (stored["changed_at"], stored["refreshed_at"]) == (pytest.approx(grant.made_at, abs=2),) * 2
    assert sandbox.outcomes("/v1/access_token") == []


def test_a_clock_behind_webexs_does_not_make_imported_tokens_live_longer(program: Program, sandbox: Sandbox) -> None:
    sandbox.advance(3600)
    issued = json.loads(issued_response(sandbox))
    assert program.run("import", stdin=json.dumps(issued)).status == 0
    stored = json.loads(record_file(program).read_text())
    assert stored["refreshed_at"] <= time.time()
    assert stored["access_expires_at"] == stored["refreshed_at"] + issued["expires_in"]


def test_without_a_lifetime_webex_still_tells_the_end_of_the_access_token(
    program: Program, sandbox: Sandbox, issued_five_days_ago: Callable[..., str]
) -> None:
    done = program.run("import", stdin=issued_five_days_ago(expires_in=None))
    stored, (grant,) = json.loads(record_file(program).read_text()), sandbox.grants
    assert stored["access_expires_at"] == int(grant.access_expires_at)
    assert done.out.splitlines()[2] == (
        "The refresh token's lifetime counts from now, because its age is unknown; `webex-token refresh` corrects it."
    )


@pytest.mark.parametrize("status", [403, 404, 503, 200])
def test_lifetimes_count_from_now_if_webex_does_not_tell(
    program: Program, sandbox: Sandbox, issued_five_days_ago: Callable[..., str], status: int
) -> None:
    sandbox.order(Answer(EXPIRY, status, {}, '{"message": "No."}'))
    done = run_in_process(program, "import", stdin=issued_five_days_ago())
    assert (done.status, done.err) == (0, "")
    assert re.sub(TIME, "TIME", done.out).splitlines()[1:3] == [
        "The access token expires TIME (in 14 days).",
        "Both lifetimes count from now, because the tokens' age is unknown; `webex-token refresh` corrects them.",
    ]


def test_a_refresh_corrects_the_lifetimes(program: Program, sandbox: Sandbox) -> None:
    offered = issued_response(sandbox)
    sandbox.order(Answer(EXPIRY, 403, {}, '{"message": "No."}'))
    sandbox.rules = replace(sandbox.rules, renew_after=DAY)
    sandbox.advance(DAY // 2)
    assert program.run("import", stdin=offered).status == 0
    counted = json.loads(record_file(program).read_text())
    assert program.run("refresh").status == 0
    corrected = json.loads(record_file(program).read_text())
    assert corrected["access_token"] == counted["access_token"]
    assert abs(counted["access_expires_at"] - corrected["access_expires_at"] - DAY // 2) < 30


def test_a_token_response_for_programs(program: Program, sandbox: Sandbox) -> None:
    done = program.run(
        "import", "--json", "--scope", "spark:all spark:kms", stdin=issued_response(sandbox, token_type=None)
    )
    printed, stored = json.loads(done.out), json.loads(record_file(program).read_text())
    assert (done.status, done.err) == (0, "")
    assert printed == {
        "version": 1,
        "profile": "default",
        "person": "Ada Lovelace <ada@example.com>",
        "scopes": ["spark:all"],
        "scopes_not_granted": ["spark:kms"],
        "access_token_expires_at": stored["access_expires_at"],
        "refresh_token_expires_at": stored["refresh_expires_at"],
        "stored_in": f"plain file {record_file(program)}",
        "lifetimes_counted_from_now": False,
    }


def test_tokens_whose_scopes_do_not_tell_the_person_are_imported(program: Program, sandbox: Sandbox) -> None:
    done = program.run("import", stdin=issued_response(sandbox, "spark:rooms_read"))
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("Imported the tokens of a person whose name is not known (profile default).\n")


def test_an_access_token_that_webex_does_not_accept_is_stored_with_a_warning(
    program: Program, sandbox: Sandbox
) -> None:
    offered = issued_response(sandbox)
    sandbox.advance(20 * DAY)
    done = program.run("import", "-p", "app", stdin=offered)
    assert done.status == 0
    assert re.fullmatch(
        r"Warning: Webex does not accept the access token \(HTTP 401, tracking ID ROUTER_\S+\)\. "
        r"`webex-token refresh --profile app` may correct that\.\n",
        done.err,
    )
    assert program.run("refresh", "-p", "app").status == 0
    assert program.run("show", "-p", "app", "--check").status == 0


@pytest.mark.parametrize("down", ["503", "portal", "gone"])
def test_tokens_are_imported_while_webex_cannot_be_reached(program: Program, sandbox: Sandbox, down: str) -> None:
    if down == "gone":
        program = program.having(WEBEX_TOKEN_API_URL=f"http://127.0.0.1:{free_port()}/v1")
    else:
        sandbox.order(Answer("/v1/people/me", *{"503": (503, {}, ""), "portal": (200, {}, "<html>")}[down]))
    done = run_in_process(program, "import", stdin=issued_response(sandbox))
    assert done.status == 0
    assert re.fullmatch(r"Warning: The person who signed in could not be looked up\. .*\n", done.err)
    assert run_in_process(program, "get", "--no-refresh").status == 0


def test_imported_tokens_replace_earlier_ones(signed_in: Program, sandbox: Sandbox) -> None:
    assert signed_in.run("import", stdin=issued_response(sandbox)).status == 0
    assert signed_in.run("get").out.strip() == sandbox.grants[1].access_token


# The client id and the client secret.


def unconfigured(program: Program) -> Program:
    """The program without the variables for a client id and a client secret."""
    return program.having(WEBEX_CLIENT_ID=None, WEBEX_CLIENT_SECRET=None)


def secret_of(program: Program) -> str:
    """The client secret that is stored."""
    return str(json.loads(record_file(program).read_text())["client_secret"])


def test_with_tokens_on_standard_input_there_is_no_prompt(program: Program, sandbox: Sandbox) -> None:
    hint = "or give the tokens as FILE on a terminal, so that you can be prompted."
    offered = issued_response(sandbox)
    bare = unconfigured(program)
    assert run_in_process(bare, "import", stdin=offered) == Finished(
        2,
        "",
        "Error: No client id is configured for profile default.\n"
        f"Give the client id of the tokens with --client-id or WEBEX_CLIENT_ID, {hint}\n",
    )
    assert run_in_process(bare, "import", "--client-id", "C1", stdin=offered) == Finished(
        2,
        "",
        "Error: No client secret is configured.\n"
        f"Give it with --client-secret-file FILE or WEBEX_CLIENT_SECRET, {hint}\n",
    )
    assert (stored_files(program), sandbox.journal) == ({}, [])


def test_standard_input_cannot_hold_tokens_and_secret(program: Program, sandbox: Sandbox) -> None:
    done = run_in_process(program, "import", "--client-secret-file", "-", stdin=issued_response(sandbox))
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("Error: Standard input cannot hold both the tokens and the client secret.\n")
    assert stored_files(program) == {}


def test_the_secret_comes_from_a_file_the_environment_and_the_store_in_that_order(
    program: Program, sandbox: Sandbox, tmp_path: Path
) -> None:
    tokens, secret = tmp_path / "tokens.json", tmp_path / "secret"
    tokens.write_text(issued_response(sandbox))
    secret.write_text("from-a-file\n")
    bare = unconfigured(program)
    known = bare.having(WEBEX_CLIENT_ID="C1")
    file = ("--client-secret-file", str(secret))
    steps: list[tuple[Callable[[], Finished], str]] = [
        (lambda: run_in_process(program, "import", "--client-id", "C1", *file, str(tokens)), "from-a-file"),
        (lambda: run_in_process(known, "import", str(tokens)), "from-a-file"),
        (lambda: run_in_process(bare, "import", str(tokens)), "from-a-file"),
        (lambda: run_in_process(known.having(WEBEX_CLIENT_SECRET="of-environment"), "import", str(tokens)),
         "of-environment"),
        (lambda: known.run("import", "--client-secret-file", "-", str(tokens), stdin="from-stdin\n"), "from-stdin"),
    ]  # fmt: skip
    for step, expected in steps:
        assert step().status == 0
        assert secret_of(program) == expected
    before = stored_files(program)
    # The stored secret belongs to another client id.
    assert run_in_process(bare, "import", "--client-id", "C2", str(tokens)).status == 2
    assert stored_files(program) == before


@pytest.mark.posix
def test_a_person_at_a_terminal_is_prompted_for_client_id_and_secret(
    program: Program, sandbox: Sandbox, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.json"
    tokens.write_text(issued_response(sandbox))
    with at_a_terminal(unconfigured(program), "import", str(tokens)) as child:
        child.expect_exact("Renewing these tokens needs the client id and the client secret of their integration")
        child.expect_exact("Client ID:")
        child.sendline(sandbox.client_id)
        child.expect_exact("Client Secret (hidden):")
        child.sendline(sandbox.client_secret)
        status, shown = end_of(child)
    assert status == 0
    assert "Imported the tokens of Ada Lovelace" in shown
    assert sandbox.client_secret not in shown
    assert unconfigured(program).run("refresh").status == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--client-id", "two words"], "'two words' is not a client id."),
        (["--redirect-uri", "nowhere"], "The redirect URI 'nowhere' is not a URI with a scheme and a host."),
        (["--scope", "spark:all a\udcff"], "'a' cannot be a scope."),
        (["--api-url", "http://example.com/v1"], "'http://example.com/v1' cannot be the API base URL."),
        (["--client-secret-file", os.devnull], "The client secret is empty or not one line of text."),
    ],
)
def test_a_wrong_option_is_reported_before_anything_is_stored(
    program: Program, sandbox: Sandbox, options: list[str], message: str
) -> None:
    done = run_in_process(program, "import", *options, stdin=issued_response(sandbox))
    assert (done.status, done.out, done.err.splitlines()[0]) == (2, "", f"Error: {message}")
    assert (stored_files(program), sandbox.journal) == ({}, [])
