"""What each refusal and failure of Webex means to a person: the whole error, and the exit status of the program."""

import json
from typing import NamedTuple

import pytest

from webex_token_cli.config.sites import GOVERNMENT, WEBEX, Site
from webex_token_cli.errors import (
    ClientRefused,
    ConfigurationError,
    GrantRefused,
    SignInNotCompleted,
    TemporaryFailure,
    TooManyRequests,
    WebexTokenError,
)
from webex_token_cli.token_response import Pending
from webex_token_cli.webex.responses import Answer, device_answer, failure, service_app_refused, unexpected_answer

# Friday, 15 January 2027, 08:00:00 GMT.
NOW = 1_800_000_000

SIGN_IN = "Sign in again with `webex-token login`."
SECRET = "Compare them with the integration at developer.webex.com/my-apps, then sign in again with the correct ones."
SCOPES = "Tick them at developer.webex.com/my-apps, or ask for fewer with --scope."
REDIRECT = "Register exactly this URI at developer.webex.com/my-apps, or give a registered one with --redirect-uri."
LIMIT = "Revoke some at https://idbroker.webex.com/idb/profile#/tokens, or wait until some have expired."
LATER = "Try again later."
NETWORK = (
    "This network may ask for a sign-in of its own, or a proxy may be in the way; open a web page, then try again."
)

NO_GRANT = "Webex no longer accepts the grant"
NO_CLIENT = "Webex does not accept the client id and client secret"
NO_SCOPES = "Webex does not grant these scopes to this integration: spark:all"
NO_REDIRECT = "Webex does not know the redirect URI for this integration"
NO_MORE = "Webex issues no more access tokens to this person, because too many are valid"
BUSY = "Webex cannot answer now"


class Case(NamedTuple):
    """An answer of Webex, and the error that it becomes. The message gets the status and the answer's words."""

    status: int
    body: str
    kind: type[WebexTokenError]
    exit_status: int
    message: str
    hint: str
    headers: dict[str, str]
    retry_after: float | None


def webex(words: str) -> str:
    """An error in Webex's own shape."""
    return json.dumps({"message": words, "errors": [{"description": words}], "trackingId": "ROUTER_1"})


def rfc(error: str, description: str = "") -> str:
    """An error in the shape of RFC 6749 section 5.2."""
    return json.dumps({"error": error, **({"error_description": description} if description else {})})


def grant(status: int, body: str, words: str) -> Case:
    return Case(status, body, GrantRefused, 3, f"{NO_GRANT} (HTTP {status}, {words}).", SIGN_IN, {}, None)


def client(status: int, body: str, words: str) -> Case:
    return Case(status, body, ClientRefused, 3, f"{NO_CLIENT} (HTTP {status}, {words}).", SECRET, {}, None)


def setting(status: int, body: str, message: str, words: str, hint: str) -> Case:
    return Case(status, body, ConfigurationError, 2, f"{message} (HTTP {status}, {words}).", hint, {}, None)


def limit(status: int, body: str, words: str, headers: dict[str, str] | None = None, wait: float | None = None) -> Case:
    message = f"{NO_MORE} (HTTP {status}, {words})."
    return Case(status, body, TemporaryFailure, 4, message, LIMIT, headers or {}, wait)


def busy(
    status: int, retry_after: str | None = None, wait: float | None = None, body: str = "", words: str = ""
) -> Case:
    kind = TooManyRequests if status == 429 else TemporaryFailure
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Case(status, body, kind, 4, f"{BUSY} (HTTP {status}{words}).", LATER, headers, wait)


def other(status: int, body: str) -> Case:
    message = f"The answer (HTTP {status}) did not come from Webex."
    return Case(status, body, TemporaryFailure, 4, message, NETWORK, {}, None)


TRACKED = ", tracking ID ROUTER_1"
EXPIRED = "The refresh token provided is expired, revoked, malformed, or invalid."
HTML = "<html>Welcome</html>"

# The rows are in the order of the table "Errors" in .github/docs/webex.md.
REFRESH = [
    grant(400, rfc("invalid_grant"), "“invalid_grant”"),
    grant(401, rfc("invalid_grant", "It was revoked."), "“It was revoked.”"),
    grant(400, webex(EXPIRED), f"“{EXPIRED}”{TRACKED}"),
    grant(401, webex(EXPIRED), f"“{EXPIRED}”{TRACKED}"),
    grant(400, webex("error = 'invalid_grant'"), f"“error = 'invalid_grant'”{TRACKED}"),
    client(401, rfc("invalid_client"), "“invalid_client”"),
    client(400, rfc("invalid_client", "No."), "“No.”"),
    client(400, webex("Client Id is invalid"), f"“Client Id is invalid”{TRACKED}"),
    client(401, webex("The client secret is wrong"), f"“The client secret is wrong”{TRACKED}"),
    setting(400, rfc("invalid_scope"), NO_SCOPES, "“invalid_scope”", SCOPES),
    setting(400, webex("The scope is invalid"), NO_SCOPES, f"“The scope is invalid”{TRACKED}", SCOPES),
    setting(400, webex("redirect_uri mismatch"), NO_REDIRECT, f"“redirect_uri mismatch”{TRACKED}", REDIRECT),
    setting(400, rfc("invalid_request", "Redirect URI mismatch"), NO_REDIRECT, "“Redirect URI mismatch”", REDIRECT),
    grant(400, rfc("invalid_request", "Invalid refresh_token"), "“Invalid refresh_token”"),
    grant(401, rfc("invalid_request", "The refresh token is unknown"), "“The refresh token is unknown”"),
    grant(400, rfc("invalid_request", "invalid_refresh_token"), "“invalid_refresh_token”"),
    grant(400, rfc("invalid_refresh_token"), "“invalid_refresh_token”"),
    grant(401, rfc("invalid_refresh_token", "No."), "“No.”"),
    grant(400, webex("invalid_refresh_token"), f"“invalid_refresh_token”{TRACKED}"),
    limit(400, rfc("tokenlimit_reached"), "“tokenlimit_reached”"),
    limit(400, rfc("invalid_request", "tokenlimit_reached"), "“tokenlimit_reached”"),
    limit(400, webex("tokenlimit_reached: 750 for this client_id"),
          f"“tokenlimit_reached: 750 for this client_id”{TRACKED}"),
    limit(400, rfc("tokenlimit_reached", "Too many."), "“Too many.”", {"Retry-After": "60"}, 60.0),
    busy(423),
    busy(423, "90", 90.0),
    busy(423, "Fri, 15 Jan 2027 08:10:00 GMT", 600.0, webex("Locked"), f", “Locked”{TRACKED}"),
    busy(423, "30", 30.0, HTML),
    *(busy(status) for status in (408, 425, 429, 500, 502, 503, 504)),
    *(busy(status, "120", 120.0) for status in (408, 425, 429, 500, 502, 503, 504)),
    busy(429, "Fri, 15 Jan 2027 08:01:00 GMT", 60.0),
    busy(503, "soon"),
    busy(503, body=rfc("invalid_grant"), words=", “invalid_grant”"),
    other(400, HTML),
    other(401, ""),
    other(302, ""),
]  # fmt: skip


@pytest.mark.parametrize("case", REFRESH, ids=lambda case: f"{case.status} {case.body[:60]} {case.headers}")
def test_an_answer_to_a_refresh(case: Case) -> None:
    answer = Answer(case.status, case.headers, case.body.encode())
    error = failure(answer, NOW, refreshing=True, scopes=["spark:all"])
    assert (type(error), error.exit_status, error.message, error.hint, getattr(error, "retry_after", None)) == (
        case.kind,
        case.exit_status,
        case.message,
        case.hint,
        case.retry_after,
    )


def test_an_answer_without_an_access_token_is_another_servers() -> None:
    error = unexpected_answer(Answer(200, {}, HTML.encode()))
    assert (error.exit_status, error.message, error.hint, error.retry_after) == (
        4,
        "The answer (HTTP 200) did not come from Webex.",
        NETWORK,
        None,
    )


NEW_CODE = "Run `webex-token login --flow device` again for a new code, or use --flow paste."


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (428, {}, webex("precondition required"), Pending()),
        (400, {}, rfc("authorization_pending"), Pending()),
        (400, {}, webex("authorization_pending"), Pending()),
        (400, {}, rfc("slow_down"), Pending(too_fast=True)),
        (429, {"Retry-After": "7"}, "", Pending(too_fast=True, retry_after=7.0)),
        (400, {}, rfc("access_denied"), (
            SignInNotCompleted, 6, "The sign-in was denied in the browser.",
            "To sign in, run `webex-token login` again and accept.",
        )),
        (400, {}, rfc("expired_token"), (
            SignInNotCompleted, 6, "The code was not entered in time (HTTP 400).", NEW_CODE,
        )),
        (400, {}, rfc("invalid_grant"), (
            SignInNotCompleted, 6, "The code was not entered in time (HTTP 400).", NEW_CODE,
        )),
        (423, {"Retry-After": "9"}, "", (TemporaryFailure, 4, f"{BUSY} (HTTP 423).", LATER)),
        (400, {}, rfc("tokenlimit_reached"), (
            TemporaryFailure, 4, f"{NO_MORE} (HTTP 400, “tokenlimit_reached”).", LIMIT,
        )),
    ],
)  # fmt: skip
def test_an_answer_to_a_device_that_polls(
    status: int, headers: dict[str, str], body: str, expected: Pending | tuple[object, ...]
) -> None:
    found = device_answer(Answer(status, headers, body.encode()), NOW)
    if isinstance(found, Pending):
        assert found == expected
    else:
        assert (type(found), found.exit_status, found.message, found.hint) == expected


def test_a_service_apps_hint_names_the_portal_of_that_webex() -> None:
    unknown = Answer(404, {}, webex("No such application.").encode())
    for site, portal in ((WEBEX, "developer.webex.com"), (GOVERNMENT, "developer-usgov.webex.com")):
        hint = service_app_refused(unknown, NOW, site=site).hint
        assert hint == f"Compare --app with the application id of the Service App at {portal}/my-apps."


@pytest.mark.parametrize(
    ("site", "portal", "tokens_page"),
    [
        (WEBEX, "developer.webex.com/my-apps", "https://idbroker.webex.com/idb/profile#/tokens"),
        (GOVERNMENT, "developer-usgov.webex.com/my-apps", "https://idbroker-f.webex.com/idb/profile#/tokens"),
    ],
)
@pytest.mark.parametrize("code", ["invalid_client", "invalid_scope", "tokenlimit_reached", "redirect_uri"])
def test_a_hint_names_the_pages_of_that_webex(site: Site, portal: str, tokens_page: str, code: str) -> None:
    hint = failure(Answer(400, {}, webex(code).encode()), NOW, site=site).hint
    assert (tokens_page if code == "tokenlimit_reached" else f" {portal}") in hint
