"""The sandbox grants tokens to devices as Webex's documentation says (RFC 8628)."""

import hashlib
import json
import re
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.sandbox_client import ask, basic, fetch, refresh
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.sandbox.accepting_browser import answer

MALFORMED = "The request could not be understood by the server due to malformed syntax."

EITHER_SHAPE = pytest.mark.parametrize("rules", [{}, {"rfc_errors": True}], indirect=True, ids=["webex", "rfc6749"])


def device(sandbox: Sandbox, **change: str) -> dict[str, Any]:
    """The answer to a device authorization request. From then on, only advance() moves the sandbox's clock."""
    sandbox.freeze()
    status, _, body = ask_for_device(sandbox, **change)
    assert status == 200
    response: dict[str, Any] = json.loads(body)
    return response


def ask_for_device(sandbox: Sandbox, **change: str) -> tuple[int, dict[str, str], str]:
    return ask(sandbox, "/device/authorize", {"client_id": sandbox.client_id, "scope": "spark:all spark:kms", **change})


def poll(sandbox: Sandbox, response: dict[str, Any], **change: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": response["device_code"],
        "client_id": sandbox.client_id,
        **change,
    }
    header = basic(sandbox.client_id, sandbox.client_secret)
    status, headers, body = ask(sandbox, "/device/token", form, Authorization=header)
    return status, headers, json.loads(body)


def decide_for_device(sandbox: Sandbox, page: str, decision: str) -> tuple[int, str]:
    """Press a button of the consent page: the status and the text of the page that follows."""
    ticket = re.search(r'name="ticket" value="([^"]+)"', page)
    assert ticket
    status, _, after = fetch(f"{sandbox.verification_uri}/decision", {"ticket": ticket[1], "decision": decision})
    return status, after


def refused(sandbox: Sandbox, headers: dict[str, str], error: str, words: str) -> dict[str, Any]:
    """The body of a refusal, in the shape that the sandbox's rules choose."""
    if sandbox.rules.rfc_errors:
        return {"error": error, "error_description": words}
    return refused_as_webex_does(headers, words)


def refused_as_webex_does(headers: dict[str, str], words: str, message: str = "") -> dict[str, Any]:
    """The body of a refusal in Webex's own shape. Without a ``message``, that is the description as well."""
    return {"message": message or words, "errors": [{"description": words}], "trackingId": headers["trackingid"]}


def test_a_device_receives_its_codes_the_address_and_the_interval(sandbox: Sandbox) -> None:
    response = device(sandbox)
    assert response == {
        "device_code": response["device_code"],
        "expires_in": 300,
        "user_code": response["user_code"],
        "verification_uri": f"http://127.0.0.1:{sandbox.port}/verify",
        "verification_uri_complete": response["verification_uri_complete"],
        "interval": 2,
    }
    assert re.fullmatch(r"[0-9]{6}", response["user_code"])
    assert str(uuid.UUID(response["device_code"])) == response["device_code"]
    assert sandbox.issued == {sandbox.client_secret, response["device_code"]}


def test_the_link_carries_a_hash_that_does_not_tell_the_code(sandbox: Sandbox) -> None:
    response = device(sandbox)
    address, _, code_hash = response["verification_uri_complete"].partition("?userCode=")
    assert address == f"http://127.0.0.1:{sandbox.port}/verify"
    assert re.fullmatch(r"[0-9a-f]{64}", code_hash)
    assert code_hash != hashlib.sha256(response["user_code"].encode()).hexdigest()
    status, _, page = fetch(response["verification_uri_complete"])
    assert (status, re.findall("<dd>(.*)</dd>", page)) == (200, ["spark:all spark:kms", response["user_code"]])


@EITHER_SHAPE
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"client_id": "unknown"}, "invalid_client", "Client Id is invalid"),
        ({"client_id": ""}, "invalid_client", "Client Id is invalid"),
        ({"scope": "spark:all not:ours"}, "invalid_scope", "The scope is not one of the integration: not:ours"),
        ({"scope": ""}, "invalid_scope", "The scope is not one of the integration: none"),
    ],
)
def test_a_wrong_device_request_is_always_refused_in_webexs_own_shape(
    sandbox: Sandbox, rules: Rules, change: dict[str, str], error: str, words: str
) -> None:
    got, headers, body = ask_for_device(sandbox, **change)
    assert (got, json.loads(body)) == (400, refused_as_webex_does(headers, words, MALFORMED))
    assert (sandbox.outcomes("/v1/device/authorize"), set(sandbox.issued)) == ([error], {sandbox.client_secret})


@pytest.mark.parametrize("rules", [{"helper_redirects": False}], indirect=True)
def test_a_device_request_needs_the_redirect_uris_of_the_helper_service(sandbox: Sandbox, rules: Rules) -> None:
    status, headers, body = ask_for_device(sandbox)
    words = "The redirect_uri of the device helper service is not registered with the integration"
    assert (status, json.loads(body)) == (400, refused_as_webex_does(headers, words, MALFORMED))


def test_every_device_that_waits_shows_a_code_of_its_own(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([729703, 729703, 42])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(drawn))
    assert [device(sandbox)["user_code"] for _ in range(2)] == ["729703", "000042"]


@EITHER_SHAPE
def test_a_poll_before_the_decision_is_answered_with_authorization_pending(sandbox: Sandbox, rules: Rules) -> None:
    response = device(sandbox)
    for _ in range(2):
        status, headers, body = poll(sandbox, response)
        assert status == (400 if rules.rfc_errors else 428)
        assert body == refused(sandbox, headers, "authorization_pending", "The resource owner has not answered yet")
        sandbox.advance(2)
    assert sandbox.outcomes("/v1/device/token") == ["pending", "pending"]


@EITHER_SHAPE
def test_each_poll_that_comes_too_early_lengthens_the_interval_by_five_seconds(sandbox: Sandbox, rules: Rules) -> None:
    response = device(sandbox)
    poll(sandbox, response)
    for pause, interval in ((1.75, 7), (6.75, 12)):
        sandbox.advance(pause)
        status, headers, body = poll(sandbox, response)
        assert body == refused(sandbox, headers, "slow_down", "The device polls more often than it may")
        if rules.rfc_errors:
            assert (status, headers.get("Retry-After")) == (400, None)
        else:
            assert (status, headers["Retry-After"]) == (429, str(interval))
    for pause in (11.875, 12):
        sandbox.advance(pause)
        poll(sandbox, response)
    assert sandbox.outcomes("/v1/device/token") == ["pending", "slow_down", "slow_down", "pending", "pending"]


def test_slowing_one_device_down_does_not_slow_another(sandbox: Sandbox) -> None:
    first, second = device(sandbox), device(sandbox)
    for response in (first, first, second, first):
        poll(sandbox, response)
    sandbox.advance(2)
    poll(sandbox, second)
    assert sandbox.outcomes("/v1/device/token") == ["pending", "slow_down", "pending", "slow_down", "pending"]


@pytest.mark.parametrize("asked", [{}, {"self_contained_token": "false"}])
def test_a_device_gets_an_opaque_token_unless_it_asks_for_a_self_contained_one(
    sandbox: Sandbox, asked: dict[str, str]
) -> None:
    response = device(sandbox)
    answer(response["verification_uri_complete"])
    assert re.fullmatch(r"[\w-]{64}_PF84_[0-9a-f-]{36}", poll(sandbox, response, **asked)[2]["access_token"])


@pytest.mark.parametrize(
    ("rules", "asked"), [({}, {"self_contained_token": "true"}), ({"devices_get_jwts": True}, {})], indirect=["rules"]
)
def test_an_accepted_device_gets_a_jwt_and_can_refresh_it(
    sandbox: Sandbox, rules: Rules, asked: dict[str, str]
) -> None:
    response = device(sandbox)
    assert poll(sandbox, response)[0] == 428
    assert "<h1>You can go back to your device</h1>" in answer(response["verification_uri_complete"])
    status, headers, tokens = poll(sandbox, response, **asked)
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert tokens == {
        "access_token": tokens["access_token"],
        "expires_in": 1209599,
        "refresh_token": tokens["refresh_token"],
        "refresh_token_expires_in": 7775999,
        "token_type": "Bearer",
        "scope": "spark:all spark:kms",
    }
    assert re.fullmatch(r"[\w-]{64}_PF84_[0-9a-f-]{36}", tokens["refresh_token"])
    sandbox.advance(86400)
    _, renewed = refresh(sandbox, tokens["refresh_token"])
    assert renewed == {**tokens, "access_token": renewed["access_token"]} != tokens
    for token in (tokens["access_token"], renewed["access_token"]):
        assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", token)
        assert 1900 < len(token) < 2100
    status, _, body = ask(sandbox, "/people/me", Authorization=f"Bearer {renewed['access_token']}")
    assert (status, json.loads(body)["displayName"]) == (200, "Ada Lovelace")
    assert sandbox.issued == {
        sandbox.client_secret,
        response["device_code"],
        tokens["access_token"],
        tokens["refresh_token"],
        renewed["access_token"],
    }
    assert [(entry.path, entry.status, entry.outcome) for entry in sandbox.journal] == [
        ("/v1/device/authorize", 200, "device asked"),
        ("/v1/device/token", 428, "pending"),
        ("/verify", 200, "asked"),
        ("/verify/decision", 200, "accepted"),
        ("/v1/device/token", 200, "signed in"),
        ("/v1/access_token", 200, "renewed"),
        ("/v1/people/me", 200, ""),
    ]


@EITHER_SHAPE
@pytest.mark.parametrize(
    ("ending", "error", "words"),
    [
        ("denied", "access_denied", "The resource owner denied the request"),
        ("expired", "expired_token", "The device code has expired"),
        ("accepted and expired", "expired_token", "The device code has expired"),
        ("used", "invalid_grant", "The device code has been used before"),
        ("unknown", "invalid_grant", "The device code is not known"),
    ],
)
def test_the_end_of_a_device_request_is_told_by_an_rfc_error_code(
    sandbox: Sandbox, rules: Rules, ending: str, error: str, words: str
) -> None:
    response = device(sandbox)
    if ending == "denied":
        assert "<h1>You denied the request</h1>" in answer(response["verification_uri_complete"], "deny")
        assert sandbox.outcomes("/verify/decision") == ["denied"]
    if ending in {"accepted and expired", "used"}:
        answer(response["verification_uri_complete"])
    if ending in {"expired", "accepted and expired"}:
        sandbox.advance(300)
    if ending == "used":
        assert poll(sandbox, response)[0] == 200
    if ending == "unknown":
        response["device_code"] = "unknown"
    for _ in range(2):
        status, _, body = poll(sandbox, response)
        assert (status, body) == (400, {"error": error, "error_description": words})
    assert sandbox.outcomes("/v1/device/token")[-2:] == [error, error]


@EITHER_SHAPE
@pytest.mark.parametrize(
    ("change", "status", "error", "words"),
    [
        ({"grant_type": "device_code"}, 400, "unsupported_grant_type", "The grant_type is not known here"),
        ({"grant_type": ""}, 400, "unsupported_grant_type", "The grant_type is not known here"),
        ({"client_id": ""}, 400, "invalid_request", "The client_id is not the one that HTTP Basic names"),
        ({"client_id": "other"}, 400, "invalid_request", "The client_id is not the one that HTTP Basic names"),
    ],
)
def test_a_wrong_poll_is_refused_in_the_chosen_error_shape(
    sandbox: Sandbox, rules: Rules, change: dict[str, str], status: int, error: str, words: str
) -> None:
    response = device(sandbox)
    answer(response["verification_uri_complete"])
    got, headers, body = poll(sandbox, response, **change)
    assert (got, body) == (status, refused(sandbox, headers, error, words))
    assert poll(sandbox, response)[0] == 200


@EITHER_SHAPE
def test_a_poll_must_authenticate_with_http_basic(sandbox: Sandbox, rules: Rules) -> None:
    response = device(sandbox)
    answer(response["verification_uri_complete"])
    client_id, client_secret = sandbox.client_id, sandbox.client_secret
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": response["device_code"],
        "client_id": client_id,
        "client_secret": client_secret,
    }
    mismatch = "The client id and client secret do not match an integration"
    for sent, words in (
        ({}, "The client id and client secret must be sent by HTTP Basic here"),
        ({"Authorization": basic(client_id, "wrong")}, mismatch),
        ({"Authorization": basic("wrong", client_secret)}, mismatch),
        ({"Authorization": "Basic !"}, mismatch),
    ):
        status, headers, body = ask(sandbox, "/device/token", form, **sent)
        assert (status, json.loads(body)) == (401, refused(sandbox, headers, "invalid_client", words))
    assert ask(sandbox, "/device/token", form, Authorization=basic(client_id, client_secret))[0] == 200


@pytest.mark.parametrize("rules", [{"auto_approve": True}], indirect=True)
def test_with_auto_approve_a_device_is_accepted_at_its_second_poll(sandbox: Sandbox, rules: Rules) -> None:
    response = device(sandbox)
    poll(sandbox, response)
    poll(sandbox, response)
    sandbox.advance(7)
    poll(sandbox, response)
    assert sandbox.outcomes("/v1/device/token") == ["pending", "slow_down", "signed in"]


def test_a_person_can_type_the_code_with_blanks_and_dashes(sandbox: Sandbox) -> None:
    response = device(sandbox)
    status, _, page = fetch(response["verification_uri"])
    assert (status, 'name="userCode"' in page, "ticket" in page) == (200, True, False)
    typed = f"{response['user_code'][:3]}-{response['user_code'][3:]} "
    status, _, page = fetch(f"{response['verification_uri']}?{urlencode({'userCode': typed})}")
    assert (status, re.findall("<dd>(.*)</dd>", page)) == (200, ["spark:all spark:kms", response["user_code"]])
    assert decide_for_device(sandbox, page, "accept")[0] == 200
    assert sandbox.outcomes("/verify") == ["code asked", "asked"]


@pytest.mark.parametrize("lost", ["mistyped", "expired", "answered"])
def test_an_unknown_expired_or_answered_code_is_asked_for_again(sandbox: Sandbox, lost: str) -> None:
    response = device(sandbox)
    page = fetch(response["verification_uri_complete"])[2]
    if lost == "mistyped":
        response["verification_uri_complete"] += "B"
    if lost == "expired":
        sandbox.advance(300)
    if lost == "answered":
        decide_for_device(sandbox, page, "deny")
    status, _, again = fetch(response["verification_uri_complete"])
    assert (status, 'name="userCode"' in again) == (400, True)
    assert "<p>No device waits with that code; it may have expired.</p>" in again
    with pytest.raises(OSError, match="400"):
        answer(response["verification_uri_complete"])
    if lost == "mistyped":
        assert decide_for_device(sandbox, page, "accept")[0] == 200
    else:
        status, again = decide_for_device(sandbox, page, "accept")
        assert (status, 'name="userCode"' in again) == (400, True)
        assert "<p>That page has been answered before, or its code has expired.</p>" in again
        assert poll(sandbox, response)[2]["error"] == {"expired": "expired_token", "answered": "access_denied"}[lost]


def test_accepting_one_device_does_not_accept_another(sandbox: Sandbox) -> None:
    first, second = device(sandbox), device(sandbox)
    answer(second["verification_uri_complete"])
    assert (poll(sandbox, first)[0], poll(sandbox, second)[0]) == (428, 200)
