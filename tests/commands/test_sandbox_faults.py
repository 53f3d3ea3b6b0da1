"""Each kind of fault, as a client meets it on a real socket."""

import contextlib
import errno
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.program import wait_until
from tests.support.sandbox_client import ask, authorize, basic, exchange, press, refresh
from webex_token_cli.sandbox import KINDS, Answer, Rules, Sandbox

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"

Reply = tuple[int, str, str | None, Any]


@pytest.fixture
def rules(redirect_uri: str, request: pytest.FixtureRequest) -> Rules:
    """A refresh renews each time, so that what it does can be seen."""
    return Rules(redirect_uris=(redirect_uri,), **{"renew_after": 0, **getattr(request, "param", {})})


def of_refresh(sandbox: Sandbox) -> tuple[str, str, dict[str, str], dict[str, str]]:
    return token_request(sandbox, grant_type="refresh_token", refresh_token=sandbox.token_response()["refresh_token"])


def of_code(sandbox: Sandbox) -> tuple[str, str, dict[str, str], dict[str, str]]:
    code = press(sandbox, authorize(sandbox)[2], "accept")["code"][0]
    grant = {"redirect_uri": sandbox.redirect_uri, "code_verifier": "v" * 43}
    return token_request(sandbox, grant_type="authorization_code", code=code, **grant)


def of_device(sandbox: Sandbox) -> tuple[str, str, dict[str, str], dict[str, str]]:
    begun = json.loads(ask(sandbox, "/device/authorize", {"client_id": sandbox.client_id, "scope": "spark:all"})[2])
    form = {"grant_type": DEVICE_CODE, "device_code": begun["device_code"], "client_id": sandbox.client_id}
    return "POST", "/v1/device/token", {"Authorization": basic(sandbox.client_id, sandbox.client_secret)}, form


def of_people(sandbox: Sandbox) -> tuple[str, str, dict[str, str], dict[str, str]]:
    return "GET", "/v1/people/me", {"Authorization": f"Bearer {sandbox.token_response()['access_token']}"}, {}


def token_request(sandbox: Sandbox, **form: str) -> tuple[str, str, dict[str, str], dict[str, str]]:
    return (
        "POST",
        "/v1/access_token",
        {},
        {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret, **form},
    )


PLACES: dict[str, Callable[[Sandbox], tuple[str, str, dict[str, str], dict[str, str]]]] = {
    "refresh": of_refresh,
    "code": of_code,
    "device": of_device,
    "people": of_people,
}


@contextlib.contextmanager
def sent(sandbox: Sandbox, place: str) -> Iterator[http.client.HTTPConnection]:
    """A connection on which the request of that place was sent."""
    method, path, headers, form = PLACES[place](sandbox)
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=30)
    body = urlencode(form) if form else None
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    with contextlib.closing(connection):
        connection.request(method, path, body, {**kind, **headers})
        yield connection


def answered(sandbox: Sandbox, place: str) -> Reply:
    """The status, the content type, Retry-After and the body of the answer, without what chance makes of it."""
    with sent(sandbox, place) as connection:
        reply = connection.getresponse()
        text = reply.read().decode()
    text = re.sub(r"ROUTER_[0-9A-F]+-[0-9A-F]+", "ROUTER", text)
    kind = reply.headers["Content-Type"].partition(";")[0]
    return reply.status, kind, reply.headers["Retry-After"], json.loads(text) if kind.endswith("json") else text


def webex(status: int, words: str, retry_after: str | None = None) -> Reply:
    """An error in Webex's own shape."""
    body = {"message": words, "errors": [{"description": words}], "trackingId": "ROUTER"}
    return status, "application/json", retry_after, body


def rfc(status: int, error: str, words: str) -> Reply:
    """An error in the shape of RFC 6749."""
    return status, "application/json", None, {"error": error, "error_description": words}


CLIENT_REFUSED = webex(401, "The client id and client secret do not match an integration")
TOO_MANY = rfc(400, "tokenlimit_reached", "The person has too many access tokens of this integration")
PORTAL = "<!doctype html><title>Guest Wi-Fi</title><h1>Welcome</h1><p>Sign in to use the Internet.</p>"
PROXY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

ANSWERS: dict[str, Reply] = {
    "refresh=expired": webex(400, "The refresh token has expired"),
    "refresh=revoked": webex(400, "The refresh token was revoked"),
    "code=expired": webex(400, "The authorization code has expired"),
    "code=revoked": webex(400, "The authorization code was revoked"),
    "device=expired": rfc(400, "expired_token", "The device code has expired"),
    "device=revoked": rfc(400, "invalid_grant", "The device code was revoked"),
    "people=expired": webex(401, "The access token has expired"),
    "people=revoked": webex(401, "The access token was revoked"),
    "refresh=client-refused": CLIENT_REFUSED,
    "code=client-refused": CLIENT_REFUSED,
    "device=client-refused": CLIENT_REFUSED,
    "refresh=tokenlimit": TOO_MANY,
    "code=tokenlimit": TOO_MANY,
    "device=tokenlimit": TOO_MANY,
    "refresh=408": webex(408, "The request took too long"),
    "refresh=425": webex(425, "The request came too early"),
    "refresh=500": webex(500, "An internal error occurred"),
    "refresh=502": webex(502, "The gateway got no valid answer"),
    "refresh=504:5": webex(504, "The gateway got no answer in time", "5"),
    "refresh=423": webex(423, "The resource is locked"),
    "refresh=429": webex(429, "Too many requests"),
    "refresh=503": webex(503, "The service is unavailable"),
    "people=423:30": webex(423, "The resource is locked", "30"),
    "code=429:1m": webex(429, "Too many requests", "60"),
    "device=503:0.2": webex(503, "The service is unavailable", "1"),
    "refresh=captive": (200, "text/html", None, PORTAL),
    "people=captive": (200, "text/html", None, PORTAL),
    "refresh=html-error": (502, "text/html", None, PROXY),
    "/v1/access_token=html-error": (502, "text/html", None, PROXY),
}


@pytest.mark.parametrize("words", ANSWERS)
def test_a_fault_is_answered_once_and_the_next_request_as_usual(sandbox: Sandbox, words: str) -> None:
    fault = sandbox.fault(words)
    place = "refresh" if words.startswith("/") else words.partition("=")[0]
    assert answered(sandbox, place) == ANSWERS[words]
    usual = 428 if place == "device" else 200  # nobody has typed the code yet
    assert answered(sandbox, place)[0] == usual
    outcome = sandbox.outcomes(PLACES[place](sandbox)[1])[0]
    assert (outcome, fault.came) == (f"fault: {fault.kind}", 1)


def test_every_kind_has_a_test_here() -> None:
    code = Path(__file__).read_text(encoding="utf-8")
    assert [kind for kind in KINDS if not re.search(rf"={kind}[\":*@]", code)] == []


@pytest.mark.parametrize(
    ("rfc_errors", "expected"),
    [
        (False, webex(400, "The refresh token was revoked")),
        (True, rfc(400, "invalid_grant", "The refresh token was revoked")),
    ],
)
def test_a_refusal_has_the_shape_that_the_rules_say(redirect_uri: str, rfc_errors: bool, expected: Reply) -> None:
    with Sandbox(Rules(redirect_uris=(redirect_uri,), rfc_errors=rfc_errors)) as sandbox:
        sandbox.fault("refresh=revoked")
        assert answered(sandbox, "refresh") == expected


def test_times_and_beginning_count_the_requests_of_the_place(sandbox: Sandbox) -> None:
    sandbox.fault("refresh=503*2@1")
    answered(sandbox, "people")
    answered(sandbox, "code")
    assert [answered(sandbox, "refresh")[0] for _ in range(4)] == [200, 503, 503, 200]


def test_a_fault_begins_when_its_time_has_come(sandbox: Sandbox) -> None:
    sandbox.freeze()
    sandbox.fault("refresh=503@10m")
    sandbox.advance("9m59s")
    assert answered(sandbox, "refresh")[0] == 200
    sandbox.advance(1)
    assert [answered(sandbox, "refresh")[0] for _ in range(2)] == [503, 200]


@pytest.mark.parametrize("place", ["refresh", "code", "people"])
def test_a_reset_is_a_reset_and_nothing_was_done(sandbox: Sandbox, place: str) -> None:
    sandbox.fault(f"{place}=reset")
    with sent(sandbox, place) as connection:
        before = [(grant.access_token, grant.refresh_token) for grant in sandbox.grants]
        with pytest.raises(ConnectionResetError) as reset:
            connection.getresponse()
    assert reset.value.errno == errno.ECONNRESET  # a connection that was only closed has no number
    assert [(grant.access_token, grant.refresh_token) for grant in sandbox.grants] == before
    assert sandbox.journal[-1].status == 0


def test_a_truncated_answer_is_a_short_read_after_the_deed(sandbox: Sandbox) -> None:
    sandbox.fault("refresh=truncated")
    with sent(sandbox, "refresh") as connection:
        reply = connection.getresponse()
        announced = int(reply.headers["Content-Length"])
        with pytest.raises(http.client.IncompleteRead) as short:
            reply.read()
    assert (reply.status, len(short.value.partial)) == (200, announced // 2)
    token = re.findall(rb'"access_token": "([^"]+)"', short.value.partial)[0].decode()
    assert sandbox.grants[0].access_token == token


@pytest.mark.parametrize("rules", [{"rotate": True}, {"rotate": False}], indirect=True)
def test_a_lost_answer_leaves_the_new_refresh_token_in_force_and_the_old_one_revokes_the_grant(
    sandbox: Sandbox,
) -> None:
    old = sandbox.token_response()["refresh_token"]
    sandbox.fault("refresh=answer-lost")
    with pytest.raises(ConnectionResetError) as reset:
        refresh(sandbox, old)
    assert reset.value.errno == errno.ECONNRESET
    (grant,) = sandbox.grants
    new = grant.refresh_token
    assert new != old
    assert refresh(sandbox, new)[0] == 200
    assert not grant.revoked
    status, answer = refresh(sandbox, old)
    assert (status, answer["message"], grant.revoked) == (
        400,
        "The refresh token has been used before; the grant is revoked",
        True,
    )
    assert refresh(sandbox, grant.refresh_token)[0] == 400


def test_a_code_whose_answer_was_lost_is_used(sandbox: Sandbox) -> None:
    code = press(sandbox, authorize(sandbox)[2], "accept")["code"][0]
    sandbox.fault("code=answer-lost")
    with pytest.raises(ConnectionResetError):
        exchange(sandbox, code)
    assert exchange(sandbox, code)[1]["message"] == "The authorization code has been used before"


def test_a_slow_answer_waits_and_is_counted_meanwhile(sandbox: Sandbox) -> None:
    sandbox.fault("people=slow:1")
    found: list[Reply] = []
    asked = time.monotonic()
    client = threading.Thread(target=lambda: found.append(answered(sandbox, "people")))
    client.start()
    wait_until(lambda: sandbox.in_flight == 1)
    assert answered(sandbox, "people")[0] == 200  # others are not delayed
    assert found == []
    client.join()
    assert (found[0][0], sandbox.in_flight) == (200, 0)
    assert time.monotonic() - asked >= 1


def test_lifetimes_are_strings_of_the_same_digits(sandbox: Sandbox) -> None:
    sandbox.fault("refresh=string-lifetimes")
    status, _, _, body = answered(sandbox, "refresh")
    assert (status, body["expires_in"], body["refresh_token_expires_in"]) == (200, "1209599", "7775999")
    assert body["access_token"] == sandbox.grants[0].access_token


@pytest.mark.parametrize("rules", [{"rotate": True}], indirect=True)
def test_without_a_refresh_token_the_old_one_stays_in_force(sandbox: Sandbox) -> None:
    old = sandbox.token_response()["refresh_token"]
    sandbox.fault("refresh=no-refresh-token")
    status, answer = refresh(sandbox, old)
    assert (status, sorted(answer)) == (200, ["access_token", "expires_in", "scope", "token_type"])
    assert refresh(sandbox, old)[0] == 200


def test_the_same_token_is_answered_although_it_is_due(sandbox: Sandbox) -> None:
    first = sandbox.token_response()
    sandbox.fault("refresh=same-token")
    answers = [refresh(sandbox, first["refresh_token"])[1]["access_token"] for _ in range(2)]
    assert [token == first["access_token"] for token in answers] == [True, False]


def test_an_answer_of_ones_own_is_sent_as_it_is(sandbox: Sandbox) -> None:
    headers = {"Content-Type": "application/problem+json", "Date": "Thu, 01 Jan 1970 00:00:00 GMT", "X-Own": "a: b"}
    sandbox.order(Answer("/v1/people/me", 418, headers, "ü"))
    with sent(sandbox, "people") as connection:
        reply = connection.getresponse()
        assert (reply.status, reply.read().decode()) == (418, "ü")
    shown = [(name, value) for name, value in reply.getheaders() if name not in {"Server", "trackingid"}]
    assert sorted(shown) == [("Content-Length", "2"), *sorted(headers.items())]


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_content_leaves_the_connection_in_order(sandbox: Sandbox, status: int) -> None:
    sandbox.order(Answer("/v1/people/me", status))
    with sent(sandbox, "people") as connection:
        reply = connection.getresponse()
        # RFC 9110 section 8.6 forbids the length.
        assert (reply.read(), "Content-Length" in reply.headers, connection.sock is None) == (b"", False, False)
        connection.request("GET", "/sandbox/healthz")
        assert connection.getresponse().status == 200
