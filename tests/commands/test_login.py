"""``login`` with a browser: what a sign-in asks Webex for, what it prints, and what it stores."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Program
from tests.support.stored import record_file
from webex_token_cli.sandbox import Answer, Sandbox
from webex_token_cli.sandbox.accepting_browser import answer


def test_a_sign_in_stores_the_tokens_and_the_settings(program: Program, sandbox: Sandbox) -> None:
    done = program.run("login")
    home = Path(program.variables["WEBEX_TOKEN_HOME"])
    lines = done.out.splitlines()
    assert done.status == 0
    assert lines[0] == "Signed in as Ada Lovelace <ada@example.com> (profile default)."
    assert lines[1].startswith("The access token expires ")
    assert lines[2:] == [
        f"Stored in plain file {home}/credentials/webex-token+default.json.",
        "To keep it valid, run `webex-token watch`.",
    ]
    assert (home / "config.ini").read_text() == (
        "[default]\n"
        f"client_id = {sandbox.client_id}\n"
        f"redirect_uri = {sandbox.redirect_uri}\n"
        "scopes = spark:all\n"
        f"api_url = {sandbox.api_url}\n"
        "store = file\n"
    )
    assert json.loads(record_file(program).read_text())["access_token"] == sandbox.grants[0].access_token
    modes = {str(p.relative_to(home)): oct(p.stat().st_mode & 0o777) for p in (home, *home.rglob("*"))}
    assert {name: mode for name, mode in modes.items() if not name.endswith(".lock")} == {
        ".": "0o700",
        "config.ini": "0o600",
        "credentials": "0o700",
        "credentials/webex-token+default.json": "0o600",
    }


def test_the_authorization_request_has_scopes_state_and_challenge(program: Program, sandbox: Sandbox) -> None:
    with program.started("login", "--no-browser", "--scope", "spark:all spark:kms") as login:
        first = parse_qs(urlsplit(login.url()).query)
    with program.started("login", "--no-browser", "--scope", "spark:all", "--scope", "spark:kms") as login:
        second = parse_qs(urlsplit(login.url()).query)
    random = {"state", "code_challenge"}
    assert {name: value for name, value in first.items() if name not in random} == {
        "response_type": ["code"],
        "client_id": [sandbox.client_id],
        "redirect_uri": list(sandbox.rules.redirect_uris),
        "scope": ["spark:all spark:kms"],
        "code_challenge_method": ["S256"],
    }
    assert {k: v for k, v in second.items() if k not in random} == {k: v for k, v in first.items() if k not in random}
    for name in random:
        assert first[name] != second[name]
        assert len(first[name][0]) == 43  # 256 bits in base64url


def test_a_narrow_scope_cannot_tell_who_it_is(program: Program) -> None:
    done = program.run("login", "--scope", "spark:rooms_read", "--json")
    answered = json.loads(done.out)
    assert (answered["person"], answered["scopes"], answered["scopes_not_granted"]) == (None, ["spark:rooms_read"], [])


@pytest.mark.parametrize(
    ("fault", "warning"),
    [
        (Answer("/v1/people/me", 403, {"Content-Type": "application/json"}, "{}"), ""),
        (
            Answer("/v1/people/me", 502, {}, "bad"),
            "The person who signed in could not be looked up. Webex cannot answer now (HTTP 502",
        ),
    ],
)
def test_tokens_are_stored_when_the_person_cannot_be_looked_up(
    program: Program, sandbox: Sandbox, fault: Answer, warning: str
) -> None:
    sandbox.order(fault)
    done = program.run("login")
    assert done.status == 0
    assert warning in done.err
    assert done.out.splitlines()[:2] == [
        "Signed in as a person whose name these scopes do not tell (profile default).",
        "To see who a profile belongs to, add the scope spark:people_read with --add-scope.",
    ]
    assert run_in_process(program, "get").status == 0


def test_tokens_are_stored_when_webex_refuses_to_look_up_the_person(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Answer("/v1/people/me", 400, {"Content-Type": "application/json"}, '{"message": "odd"}'))
    done = program.run("login")
    assert done.status == 0
    assert "Warning: The person who signed in could not be looked up. " in done.err


def test_signing_in_with_another_store_moves_the_record(program: Program, keyring_session: dict[str, str]) -> None:
    moving = program.having(**keyring_session, WEBEX_TOKEN_STORE=None)
    assert moving.run("login", "-p", "mover", "--store", "keyring").status == 0
    assert moving.run("login", "-p", "mover", "--store", "file").status == 0
    assert "plain file" in moving.run("show", "-p", "mover").out
    assert moving.having(WEBEX_TOKEN_STORE="keyring").run("show", "-p", "mover").status == 3


def test_unexpected_requests_do_not_end_the_wait(program: Program, redirect_uri: str, sandbox: Sandbox) -> None:
    with program.started("login", "--no-browser") as login:
        url = login.url()
        for query in ("code=1&state=wrong", "code=1", "error=access_denied&state=wrong", "state="):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{redirect_uri}?{query}")
            assert refused.value.code == 400
            refused.value.close()
        assert "You are signed in" in answer(url)
        assert login.finish().status == 0


def test_the_bare_redirect_uri_leads_to_the_sign_in_page(program: Program, redirect_uri: str) -> None:
    with program.started("login", "--no-browser") as login:
        login.url()
        assert "You are signed in" in answer(redirect_uri)
        assert login.finish().status == 0


def test_the_page_comes_only_after_the_tokens_are_stored(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(Answer("/v1/people/me", 500, {}, "", delay=0.3))
    with program.started("login", "--no-browser") as login:
        page = answer(login.url())
        record = json.loads(record_file(program).read_text())
        assert "You are signed in" in page
        assert record["access_token"] == sandbox.grants[0].access_token
        assert login.finish().status == 0
