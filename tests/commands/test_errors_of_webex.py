"""What a person sees of each kind of refusal and failure of Webex: the message, what to do, and the exit status."""

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import Program
from tests.support.refusals import refusal
from tests.support.rounds import settled
from tests.support.stored import DAY, age, record_file
from webex_token_cli.sandbox import Sandbox

SIGN_IN = "Sign in with `webex-token login`."
ID = "tracking ID ROUTER_1"

# A fault of the sandbox, and the exit status, the message and the hint of a command that meets it.
KINDS = {
    "invalid_grant": (
        3,
        f"Profile default: Webex no longer accepts the grant (HTTP 400, “The refresh token was revoked.”, {ID}).",
        SIGN_IN,
    ),
    "invalid_request": (
        3,
        f"Profile default: Webex no longer accepts the grant (HTTP 400, “The refresh token is invalid.”, {ID}).",
        SIGN_IN,
    ),
    "invalid_refresh_token": (
        3,
        f"Profile default: Webex no longer accepts the grant (HTTP 400, “invalid_refresh_token”, {ID}).",
        SIGN_IN,
    ),
    "invalid_client": (
        3,
        "Profile default: Webex does not accept the client id and client secret (HTTP 401, “The client secret is "
        f"wrong.”, {ID}).",
        SIGN_IN,
    ),
    "invalid_scope": (
        2,
        f"Webex does not grant these scopes to this integration (HTTP 400, “The scope is not allowed.”, {ID}).",
        "Tick them at developer.webex.com/my-apps, or ask for fewer with --scope.",
    ),
    "tokenlimit_reached": (
        4,
        "Webex issues no more access tokens to this person, because too many are valid (HTTP 400, "
        f"“tokenlimit_reached”, {ID}).",
        "Revoke some at https://idbroker.webex.com/idb/profile#/tokens, or wait until some have expired.",
    ),
    "locked": (4, f"Webex cannot answer now (HTTP 423, “The resource is locked.”, {ID}).", "Try again later."),
    "too_many_requests": (4, f"Webex cannot answer now (HTTP 429, “Too many requests.”, {ID}).", "Try again later."),
    "service_unavailable": (
        4,
        f"Webex cannot answer now (HTTP 503, “The service is unavailable.”, {ID}).",
        "Try again later.",
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_refresh_that_webex_refuses(signed_in: Program, sandbox: Sandbox, name: str) -> None:
    stored = record_file(signed_in).read_bytes()
    sandbox.order(refusal(name))
    done = signed_in.run("refresh")
    status, message, hint = KINDS[name]
    assert (done.status, done.out, settled(done.err)) == (status, "", f"Error: {message}\n{hint}\n")
    assert record_file(signed_in).read_bytes() == stored
    assert signed_in.run("refresh").status == 0


@pytest.mark.parametrize("name", ["tokenlimit_reached", "locked"])
def test_a_token_that_is_still_valid_is_used_meanwhile(signed_in: Program, sandbox: Sandbox, name: str) -> None:
    age(signed_in, 14 * DAY - 60)
    sandbox.order(refusal(name))
    done = signed_in.run("get")
    assert (done.status, done.out.strip()) == (0, sandbox.grants[0].access_token)
    assert settled(done.err).startswith(f"Warning: the access token was not refreshed. {KINDS[name][1]}\n")


def test_a_sign_in_beyond_the_limit_of_tokens_can_be_tried_again(program: Program, sandbox: Sandbox) -> None:
    sandbox.order(refusal("tokenlimit_reached"))
    done = program.run("login")
    _, message, hint = KINDS["tokenlimit_reached"]
    assert done.status == 4
    assert settled(done.err).endswith(f"Error: {message}\n{hint}\n")
    assert program.run("login").status == 0


GOVERNMENT = "https://api-usgov.webex.com/v1"


def test_government_is_the_api_of_webex_for_government(program: Program) -> None:
    """The prompt's hint names the portal that belongs to it. Nothing here can connect to the API itself."""
    bare = program.having(WEBEX_CLIENT_ID="two words")
    for arguments, variables in (
        (("login", "--government"), {}),
        (("login",), {"WEBEX_TOKEN_API_URL": GOVERNMENT}),
        (("login", "--api-url", GOVERNMENT, "--government"), {}),
        (("login", "--government"), {"WEBEX_TOKEN_API_URL": "https://webexapis.com/v1"}),
    ):
        done = run_in_process(bare.having(**variables), *arguments)
        assert (done.status, done.err.splitlines()[1]) == (
            2,
            "Copy it from the integration at developer-usgov.webex.com/my-apps.",
        )
    done = run_in_process(bare.having(WEBEX_TOKEN_API_URL="https://webexapis.com/v1"), "login")
    assert done.err.splitlines()[1] == "Copy it from the integration at developer.webex.com/my-apps."


def test_government_and_another_api_url_are_wrong_usage(program: Program) -> None:
    done = program.run("login", "--government", "--api-url", "https://webexapis.com/v1")
    assert (done.status, done.out) == (2, "")
    assert done.err.endswith("Error: --government and --api-url name two API base URLs. Give one of them.\n")
