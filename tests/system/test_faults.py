"""Everything that can fail between this machine and Webex: what is stored, reported, waited for and returned."""

import contextlib
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.support import wires
from tests.support.ports import free_port
from tests.support.program import Finished, Program
from tests.support.rounds import (
    DAY,
    Failure,
    expected,
    one_round,
    round_of,
    seen,
    stored_in,
)
from webex_token_cli.application import Application
from webex_token_cli.cli.terminal import Terminal
from webex_token_cli.main import group
from webex_token_cli.sandbox import Answer, Sandbox
from webex_token_cli.tokens import TokenRecord
from webex_token_cli.webex.client import WebexClient
from webex_token_cli.webex.http import new_session

pytestmark = pytest.mark.long

LATER = "Try again later."
NETWORK = "Check the network, then try again."
BETWEEN = (
    "This network may ask for a sign-in of its own, or a proxy may be in the way; open a web page, then try again."
)
TLS = (
    "This network may ask for a sign-in of its own. If a proxy inspects TLS, name its certificate in "
    "REQUESTS_CA_BUNDLE. Then try again."
)
SIGN_IN = "Sign in with `webex-token login`."
SUPPORT = "If the message has a tracking ID, give it to Webex support."
ID = "tracking ID ROUTER_1"

HTML = "<!DOCTYPE html><html><body>Welcome to Hotel Wi-Fi. Accept our terms.</body></html>"
UNSTORED = '{"access_token": "the-new-access-token", "expires_in": 1209599, "refresh_to'
REVOKED = '{"error": "invalid_grant", "error_description": "The refresh token was revoked."}'
WRONG_SECRET = '{"message": "The client secret is wrong.", "errors": [], "trackingId": "ROUTER_AB-1"}'
FORBIDDEN = '{"message": "The request is not allowed.", "errors": [], "trackingId": "ROUTER_AB-1"}'


def retrying(error: str, hint: str = LATER, wait: tuple[float, float] = (2, 5), tracked: bool = False) -> Failure:
    return Failure("retrying", error, hint, 4, wait, tracked)


def busy(status: int, wait: tuple[float, float] = (2, 5)) -> Failure:
    return retrying(f"Webex cannot answer now (HTTP {status}, {ID}).", wait=wait, tracked=True)


def unexpected_answer(status: int) -> Failure:
    return retrying(f"The answer (HTTP {status}) did not come from Webex, {ID}.", BETWEEN, tracked=True)


def needs_sign_in(error: str) -> Failure:
    return Failure("needs sign-in", f"Profile default: {error}", SIGN_IN, 3, None)


def in_seconds(seconds: float) -> Callable[[], dict[str, str]]:
    """A Retry-After that is an HTTP date."""
    return lambda: {"Retry-After": formatdate(time.time() + seconds, usegmt=True)}


Headers = dict[str, str] | Callable[[], dict[str, str]]

ANSWERS: dict[str, tuple[int, Headers, str, Failure]] = {
    "captive portal's page": (200, {}, HTML, unexpected_answer(200)),
    "captive portal's redirect": (302, {"Location": "http://wifi.example/"}, HTML, unexpected_answer(302)),
    "truncated JSON": (200, {}, UNSTORED, unexpected_answer(200)),
    "no token": (200, {}, '{"expires_in": 1209599, "refresh_token": "r"}', unexpected_answer(200)),
    "nothing": (200, {}, "", unexpected_answer(200)),
    "400 invalid_grant": (
        400, {}, REVOKED,
        needs_sign_in(f"Webex no longer accepts the grant (HTTP 400, “The refresh token was revoked.”, {ID})."),
    ),
    "401 invalid_client": (
        401, {}, WRONG_SECRET,
        needs_sign_in(
            f"Webex does not accept the client id and client secret (HTTP 401, “The client secret is wrong.”, {ID})."
        ),
    ),
    "400 invalid_request": (
        400, {}, '{"error": "invalid_request", "error_description": "Invalid refresh_token"}',
        needs_sign_in(f"Webex no longer accepts the grant (HTTP 400, “Invalid refresh_token”, {ID})."),
    ),
    "401 invalid_refresh_token": (
        401, {}, '{"error": "invalid_refresh_token"}',
        needs_sign_in(f"Webex no longer accepts the grant (HTTP 401, “invalid_refresh_token”, {ID})."),
    ),
    "400 tokenlimit_reached": (
        400, {}, '{"error": "tokenlimit_reached"}',
        retrying(
            "Webex issues no more access tokens to this person, because too many are valid (HTTP 400, "
            f"“tokenlimit_reached”, {ID}).",
            "Revoke some at https://idbroker.webex.com/idb/profile#/tokens, or wait until some have expired.",
            tracked=True,
        ),
    ),
    "403": (
        403, {}, FORBIDDEN,
        Failure(
            "failed", f"Webex refused the request (HTTP 403, “The request is not allowed.”, {ID}).", SUPPORT, 1
        ),
    ),
    "403 that is not from Webex": (403, {}, HTML, unexpected_answer(403)),
    "408": (408, {}, "", busy(408)),
    "423": (423, {}, "", busy(423)),
    "423, seconds": (423, {"Retry-After": "600"}, "", busy(423, (600, 600))),
    "423, a date": (423, in_seconds(900), "", busy(423, (880, 901))),
    "429": (429, {}, "", busy(429)),
    "429, seconds": (429, {"Retry-After": "600"}, "", busy(429, (600, 600))),
    "429, a date": (429, in_seconds(900), "", busy(429, (880, 901))),
    "429, a date that is over": (429, in_seconds(-900), "", busy(429)),
    "429, a week": (429, {"Retry-After": str(7 * DAY)}, "", busy(429, (DAY, DAY))),
    "429, no time at all": (429, {"Retry-After": "soon"}, "", busy(429)),
    "500": (500, {}, HTML, busy(500)),
    "502": (502, {}, HTML, busy(502)),
    "503": (503, {}, "", busy(503)),
    "503, seconds": (503, {"Retry-After": "120"}, "", busy(503, (120, 120))),
    "503, a date": (503, in_seconds(7200), "", busy(503, (7180, 7201))),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_without_a_token(
    program: Program, sandbox: Sandbox, record: TokenRecord, homes: tuple[Path, Path], name: str
) -> None:
    status, headers, body, failure = ANSWERS[name]
    sandbox.order(Answer("/v1/access_token", status, headers() if callable(headers) else headers, body, times=2))
    assert round_of(program, *homes) == expected(failure, record)
    assert [stored_in(home) for home in homes] == [record, record]
    assert sandbox.outcomes() == ["fault"] * 2  # one request for each log format, and no early retry


def test_an_empty_refresh_token_leaves_the_old_one_in_force(
    program: Program, sandbox: Sandbox, record: TokenRecord, homes: tuple[Path, Path]
) -> None:
    body = '{"access_token": "the-new-access-token", "expires_in": 1209599, "refresh_token": ""}'
    sandbox.order(Answer("/v1/access_token", 200, {}, body, times=2))
    found = round_of(program, *homes)
    stored = stored_in(homes[1])
    assert stored is not None
    message = "renewed: expires TIME (in 14 days), next refresh in WAIT"
    assert (found.status, found.line, found.warned) == (0, f"TIME  default  {message}\n", "")
    assert {key: value for key, value in found.document.items() if value is not None} == {
        "version": 1,
        "time": "TIME",
        "profile": "default",
        "event": "renewed",
        "message": message,
        "access_token_expires_at": stored.access_expires_at,
        "refresh_token_expires_at": record.refresh_expires_at,
        "refreshed_at": stored.refreshed_at,
        "next_at": pytest.approx(DAY, abs=2),
    }
    assert stored == replace(
        record,
        access_token="the-new-access-token",
        access_expires_at=stored.refreshed_at + 1209599,
        changed_at=stored.refreshed_at,
        refreshed_at=stored.refreshed_at,
    )
    assert time.time() - stored.refreshed_at < 60


def unreachable() -> "AbstractContextManager[str]":
    return contextlib.nullcontext(f"http://127.0.0.1:{free_port()}/v1")


@pytest.mark.parametrize(
    ("way", "failure"),
    [
        (
            lambda: contextlib.nullcontext("https://something.invalid/v1"),
            retrying("something.invalid could not be reached.", NETWORK),
        ),
        (unreachable, retrying("HOST could not be reached.", NETWORK)),
        (lambda: wires.serving(wires.reset_in_the_response), retrying("HOST could not be reached.", NETWORK)),
        (wires.untrusted, retrying("No trusted TLS connection to HOST could be made.", TLS)),
    ],
    ids=["DNS failure", "connection refused", "reset in the response", "TLS failure"],
)
def test_a_connection_without_an_answer(
    program: Program,
    record: TokenRecord,
    homes: tuple[Path, Path],
    way: Callable[[], "AbstractContextManager[str]"],
    failure: Failure,
) -> None:
    with way() as url:
        found = round_of(program.having(WEBEX_TOKEN_API_URL=url), *homes)
    assert found == expected(failure, record)
    assert [stored_in(home) for home in homes] == [record, record]


class TerminalWithClient(Terminal):
    """A terminal whose application asks the Webex at ``url`` with ``client``."""

    def __init__(self, environment: Mapping[str, str], url: str, client: WebexClient) -> None:
        super().__init__(environment)
        self.clients = {url: client}

    def application(
        self, say: Callable[[str], None] | None = None, cancelled: Callable[[], bool] = lambda: False
    ) -> Application:
        application = super().application(say, cancelled)
        application._clients.update(self.clients)
        return application


def test_an_answer_that_times_out(
    program: Program, record: TokenRecord, homes: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Run in this process, with a shorter timeout than the program's 30 seconds."""
    done = []
    with wires.serving(wires.say_nothing) as url:
        client = WebexClient(url, new_session(url), timeout=(1.0, 0.3))
        for home, form in zip(homes, ("text", "json"), strict=True):
            settings = program.having(WEBEX_TOKEN_HOME=str(home), WEBEX_TOKEN_API_URL=url)
            terminal = TerminalWithClient(settings.variables, url, client)
            status = group.main(one_round(form), standalone_mode=False, obj=terminal)
            done.append(Finished(status, *capsys.readouterr()))
    assert seen(*done) == expected(retrying("HOST did not answer in time."), record)
    assert [stored_in(home) for home in homes] == [record, record]
