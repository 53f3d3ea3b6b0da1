"""``logout``: what it removes, what it leaves, and ``--revoke``."""

import base64
import json
import re
from urllib.parse import parse_qs

import pytest
import requests

from tests.support.in_process import run_in_process
from tests.support.ports import free_port
from tests.support.program import Finished, Program
from tests.support.signing_in import sign_in
from tests.support.stored import DAY, TIME, age, config_file, record_file, stored_files
from webex_token_cli.sandbox import Answer, Sandbox

ADMIN = "spark:all identity:tokens_read identity:tokens_write"
HOW_TO_REMOVE = (
    "To end them, remove the integration at https://idbroker.webex.com/idb/profile#/tokens, or ask an admin."
)


def me(sandbox: Sandbox, token: str) -> requests.Response:
    """Webex's answer to a program that uses the access token."""
    return requests.get(f"{sandbox.api_url}/people/me", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def test_logout_removes_tokens_and_settings(signed_in: Program) -> None:
    assert signed_in.run("logout") == Finished(0, "default: removed.\n", "")
    assert stored_files(signed_in) == {"config.ini": b""}
    assert run_in_process(signed_in, "show").status == 3


def test_a_logout_without_anything_to_remove_does_not_tell_how_to_sign_in(signed_in: Program) -> None:
    for program in (signed_in, signed_in.having(WEBEX_TOKEN_STORE=None)):  # the second one has no keyring either
        assert program.run("logout", "-p", "wrok") == Finished(
            3,
            "",
            "Error: Nobody is signed in as profile wrok, so there is nothing to remove.\n"
            "If you meant another profile, name it: default.\n",
        )
    assert run_in_process(signed_in, "logout").status == 0
    nothing = "Nothing was changed.\n"
    assert run_in_process(signed_in, "logout") == Finished(
        3, "", f"Error: Nobody is signed in as profile default, so there is nothing to remove.\n{nothing}"
    )
    assert run_in_process(signed_in, "logout", "--all") == Finished(
        3, "", f"Error: No profile is stored, so there is nothing to remove.\n{nothing}"
    )


def test_logout_leaves_other_profiles_and_comments_alone(signed_in: Program) -> None:
    sign_in(signed_in, "other")
    config = config_file(signed_in)
    config.write_text(f"# mine\n{config.read_text()}")
    assert signed_in.run("logout").status == 0
    assert config.read_text().startswith("# mine\n[other]\n")
    assert run_in_process(signed_in, "get", "-p", "other").status == 0
    assert signed_in.having(WEBEX_TOKEN_PROFILE="work").run("logout", "--all").status == 0
    assert config.read_text() == "# mine\n"


@pytest.mark.posix
def test_an_entry_that_others_may_read_can_still_be_removed(signed_in: Program) -> None:
    record_file(signed_in).chmod(0o644)
    assert run_in_process(signed_in, "get").status == 5
    assert (signed_in.run("logout").status, record_file(signed_in).exists()) == (0, False)


def test_logout_of_all_goes_on_after_one_that_fails(signed_in: Program) -> None:
    for name in ("broken", "last"):
        sign_in(signed_in, name)
    record_file(signed_in, "broken").unlink()
    record_file(signed_in, "broken").mkdir()
    done = signed_in.run("logout", "--all")
    assert done.status == 5
    assert [record_file(signed_in, name).exists() for name in ("default", "broken", "last")] == [False, True, False]


# With --revoke.


def test_an_admin_revokes_the_grant_and_removes_the_profile(program: Program, sandbox: Sandbox) -> None:
    sign_in(program, scopes=ADMIN)
    token = sandbox.grants[0].access_token
    assert program.run("logout", "--revoke") == Finished(0, "default: revoked and removed.\n", "")
    assert sandbox.grants[0].revoked
    assert stored_files(program) == {"config.ini": b""}
    request = sandbox.requests[-1]
    assert (request.method, request.path, request.query) == (
        "DELETE",
        "/v1/authorizations",
        f"clientId={sandbox.client_id}",
    )
    assert (request.headers["Authorization"], request.body) == (f"Bearer {token}", "")


def test_anybody_revokes_the_access_token_and_is_told_what_stays_valid(signed_in: Program, sandbox: Sandbox) -> None:
    token = sandbox.grants[0].access_token
    done = signed_in.run("logout", "--revoke")
    assert (done.status, done.out) == (0, "default: access token revoked, profile removed.\n")
    assert re.sub(TIME, "TIME", done.err) == (
        "Warning: the access token of profile default is revoked, but Webex revokes refresh tokens for admins only.\n"
        "The refresh token stays valid until it expires TIME (in 90 days), and access tokens of earlier renewals until "
        f"they expire. {HOW_TO_REMOVE}\n"
    )
    assert stored_files(signed_in) == {"config.ini": b""}
    asked = sandbox.requests[-1]
    secret = f"{sandbox.client_id}:{sandbox.client_secret}"
    assert (asked.method, asked.path) == ("POST", "/idb/oauth2/v1/revoke")
    assert parse_qs(asked.body) == {"token": [token], "token_type_hint": ["access_token"]}
    assert asked.headers["Authorization"] == f"Basic {base64.b64encode(secret.encode()).decode()}"
    assert me(sandbox, token).status_code == 401
    assert sandbox.outcomes("/v1/authorizations") == []


def test_an_expired_access_token_is_not_sent_and_not_renewed_for_it(signed_in: Program, sandbox: Sandbox) -> None:
    age(signed_in, 20 * DAY)
    requests = len(sandbox.journal)
    done = signed_in.run("logout", "--revoke")
    assert (done.status, done.out) == (0, "default: removed.\n")
    assert done.err.startswith("Warning: the access token of profile default has expired, but Webex revokes refresh")
    assert len(sandbox.journal) == requests
    sign_in(signed_in)
    age(signed_in, 100 * DAY)
    assert signed_in.run("logout", "--revoke").err == ""  # nothing stays valid


REFUSALS = [
    pytest.param((401, "{}"), "Webex refused the request (HTTP 401", id="401"),
    pytest.param((403, '{"message": "no"}'), "Webex refused the request (HTTP 403, “no”", id="403"),
    pytest.param((404, "{}"), "Webex refused the request (HTTP 404", id="404"),
    pytest.param((400, '{"error": "unsupported_token_type"}'), "Webex refused the request (HTTP 400, “unsup", id="400"),
]


@pytest.mark.parametrize(("answer", "why"), REFUSALS)
def test_a_refused_revocation_is_reported_and_the_profile_is_removed(
    signed_in: Program, sandbox: Sandbox, answer: tuple[int, str], why: str
) -> None:
    sandbox.order(Answer("/idb/oauth2/v1/revoke", answer[0], {}, answer[1]))
    done = run_in_process(signed_in, "logout", "--revoke")
    assert (done.status, done.out) == (1, "default: removed.\n")
    first, second = done.err.splitlines()
    assert first.startswith(f"Error: Webex did not revoke the tokens of profile default. {why}")
    assert re.sub(TIME, "TIME", second) == (
        "The refresh token stays valid until it expires TIME (in 90 days), and access tokens until they expire. "
        f"{HOW_TO_REMOVE}"
    )
    assert stored_files(signed_in) == {"config.ini": b""}
    assert me(sandbox, sandbox.grants[0].access_token).status_code == 200


ADMIN_REFUSALS = [
    pytest.param((401, "{}"), "Webex does not accept the access token (HTTP 401", id="401"),
    pytest.param((401, ""), "Webex does not accept the access token (HTTP 401", id="401 without a body"),
    pytest.param((403, '{"message": "no admin"}'), "Webex refused the request (HTTP 403, “no admin”", id="403"),
    pytest.param((404, '{"message": "none"}'), "Webex refused the request (HTTP 404, “none”", id="404"),
    pytest.param((400, '{"message": "bad clientId"}'), "Webex refused the request (HTTP 400, “bad clientId”", id="400"),
    pytest.param((405, "{}"), "Webex refused the request (HTTP 405", id="405"),
]


@pytest.mark.parametrize(("answer", "why"), ADMIN_REFUSALS)
def test_an_admin_who_is_refused_revokes_the_access_token(
    program: Program, sandbox: Sandbox, answer: tuple[int, str], why: str
) -> None:
    sign_in(program, scopes=ADMIN)
    sandbox.order(Answer("/v1/authorizations", answer[0], {}, answer[1]))
    done = run_in_process(program, "logout", "--revoke")
    assert (done.status, done.out) == (0, "default: access token revoked, profile removed.\n")
    assert f"for admins only. Revoking more was refused: {why}" in done.err
    assert sandbox.outcomes("/idb/oauth2/v1/revoke") == ["revoked"]


ISSUERS = [
    pytest.param("https://idbroker.example.com/idb", id="another host"),
    pytest.param("https://idbroker.webex.com.example.com/idb", id="a host that looks like Webex's"),
    pytest.param("http://idbroker.webex.com/idb", id="unencrypted"),
    pytest.param("https://user@idbroker.webex.com/idb", id="with a user"),
    pytest.param("https://idbroker.webex.com:x/idb", id="no port"),
    pytest.param("https://idbroker.example.com\\@127.0.0.1/idb", id="ambiguous"),
]


@pytest.mark.parametrize("issuer", ISSUERS)
def test_no_secret_is_sent_to_an_identity_service_that_is_not_webex(
    signed_in: Program, sandbox: Sandbox, issuer: str
) -> None:
    discovery = "/v1/.well-known/openid-configuration"
    sandbox.order(Answer(discovery, 200, {}, json.dumps({"issuer": issuer})))
    done = run_in_process(signed_in, "logout", "--revoke")
    assert (done.status, done.out) == (1, "default: removed.\n")
    assert "names an identity service that is not Webex's" in done.err
    assert sandbox.requests[-1].path == discovery


def test_without_an_issuer_nobody_is_asked_for_an_api_that_is_not_webex(signed_in: Program, sandbox: Sandbox) -> None:
    sandbox.order(Answer("/v1/.well-known/openid-configuration", 200, {}, "{}"))
    done = run_in_process(signed_in, "logout", "--revoke")
    assert (done.status, done.out) == (1, "default: removed.\n")
    assert "The discovery document of 127.0.0.1 names no identity service to ask." in done.err


UNREACHABLE = [
    pytest.param((503, {}, ""), "Webex cannot answer now (HTTP 503", id="503"),
    pytest.param((429, {"Retry-After": "9"}, "{}"), "Webex cannot answer now (HTTP 429", id="429"),
    pytest.param((200, {}, "<html>Sign in here"), "The answer (HTTP 200) did not come from Webex", id="portal"),
    pytest.param((403, {}, "<html>proxy"), "The answer (HTTP 403) did not come from Webex", id="proxy"),
    pytest.param((302, {"Location": "http://127.0.0.1:1/"}, ""), "The answer (HTTP 302) did not come", id="redirect"),
    pytest.param(None, "127.0.0.1:", id="unreachable"),
]  # fmt: skip


REVOKING = ["/v1/authorizations", "/idb/oauth2/v1/revoke", "/v1/.well-known/openid-configuration"]


@pytest.mark.parametrize("path", REVOKING)
@pytest.mark.parametrize(("answer", "why"), UNREACHABLE)
def test_if_webex_cannot_be_reached_nothing_is_removed(
    program: Program, sandbox: Sandbox, answer: tuple[int, dict[str, str], str] | None, why: str, path: str
) -> None:
    sign_in(program, scopes=ADMIN if path == "/v1/authorizations" else "spark:all")
    signed_in, before = program, stored_files(program)
    if answer is None:
        signed_in = signed_in.having(WEBEX_TOKEN_API_URL=f"http://127.0.0.1:{free_port()}/v1")
    else:
        sandbox.order(Answer(path, *answer))
    done = run_in_process(signed_in, "logout", "--revoke")
    assert (done.status, done.out) == (4, "")
    first, second = done.err.splitlines()[-2:]
    assert first.startswith(
        f"Error: The tokens of profile default were not revoked, and the profile is still stored: {why}"
    )
    assert second == "Try again later, or run `webex-token logout` without --revoke."
    assert stored_files(signed_in) == before
    assert run_in_process(signed_in, "logout").status == 0


@pytest.mark.parametrize(("status", "body"), [(200, "{}"), (200, ""), (202, ""), (204, "")])
def test_any_success_status_means_revoked(program: Program, sandbox: Sandbox, status: int, body: str) -> None:
    sign_in(program, scopes=ADMIN)
    sandbox.order(Answer("/v1/authorizations", status, {}, body))
    assert run_in_process(program, "logout", "--revoke") == Finished(0, "default: revoked and removed.\n", "")
    sign_in(program)
    sandbox.order(Answer("/idb/oauth2/v1/revoke", status, {}, body))
    assert run_in_process(program, "logout", "--revoke").out == "default: access token revoked, profile removed.\n"


def test_an_expired_access_token_is_renewed_to_revoke_its_grant(program: Program, sandbox: Sandbox) -> None:
    sign_in(program, scopes=ADMIN)
    sandbox.advance(20 * DAY)
    age(program, 20 * DAY)
    assert program.run("logout", "--revoke") == Finished(0, "default: revoked and removed.\n", "")
    assert sandbox.outcomes()[-1] == "renewed"
    assert sandbox.grants[0].revoked


def test_a_grant_that_ended_before_is_reported_and_the_profile_is_removed(program: Program, sandbox: Sandbox) -> None:
    sign_in(program, scopes=ADMIN)
    age(program, 20 * DAY)
    sandbox.revoke()
    done = program.run("logout", "--revoke")
    assert (done.status, done.out) == (0, "default: removed.\n")
    assert done.err.startswith("Warning: nothing was left to revoke. ")
    assert "Webex no longer accepts the grant" in done.err


def test_all_profiles_are_logged_out_separately_and_the_worst_status_is_returned(
    program: Program, sandbox: Sandbox
) -> None:
    for name in ("first", "unreachable", "refused", "broken"):
        sign_in(program, name, ADMIN)
    record_file(program, "broken").write_text("{")
    for status, body in ((204, ""), (503, ""), (403, "{}")):
        sandbox.order(Answer("/v1/authorizations", status, {}, body))
    sandbox.order(Answer("/idb/oauth2/v1/revoke", 403, {}, "{}"))
    done = program.run("logout", "--all", "--revoke")
    assert (done.status, done.out) == (5, "first: revoked and removed.\nrefused: removed.\n")
    messages = (
        "The tokens of profile unreachable were not revoked",
        "Webex did not revoke the tokens of profile refused",
        "The entry 'broken' in",
    )
    for line, message in zip(done.err.splitlines()[::2], messages, strict=True):
        assert line.startswith(f"Error: {message}")
    assert [record_file(program, name).exists() for name in ("first", "unreachable", "refused", "broken")] == [
        *(False, True, False, True)
    ]


def test_one_revocation_ends_all_sign_ins_of_an_integration(program: Program, sandbox: Sandbox) -> None:
    for name in ("first", "second", "third"):
        sign_in(program, name, ADMIN)
    age(program, 20 * DAY, "third")
    assert program.run("logout", "--all", "--revoke") == Finished(
        0, "".join(f"{name}: revoked and removed.\n" for name in ("first", "second", "third")), ""
    )
    assert sandbox.outcomes("/v1/authorizations") == ["revoked", "invalid_token"]


def test_revoking_without_a_sign_in_is_exit_3(program: Program, sandbox: Sandbox) -> None:
    done = program.run("logout", "--revoke", "-p", "work")
    assert (done.status, done.out, sandbox.journal) == (3, "", [])
    assert done.err.startswith("Error: Nobody is signed in as profile work, so there is nothing to remove.\n")
    config_file(program).parent.mkdir(parents=True, exist_ok=True)
    config_file(program).write_text("[work]\nscopes = spark:all\n")
    assert program.run("logout", "--revoke", "-p", "work") == Finished(0, "work: removed.\n", "")


def test_a_logout_without_revoke_sends_no_request(program: Program, sandbox: Sandbox) -> None:
    sign_in(program, scopes=ADMIN)
    requests = len(sandbox.journal)
    assert program.run("logout").status == 0
    assert len(sandbox.journal) == requests
