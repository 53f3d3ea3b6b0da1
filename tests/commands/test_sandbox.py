"""The sandbox behaves as Webex's documentation says. These tests use none of the program's own HTTP code."""

import base64
import hashlib
import json
import re
import time
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.support.program import Program
from webex_token_cli.sandbox.accepting_browser import answer
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def rules(redirect_uri: str, request: pytest.FixtureRequest) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), **getattr(request, "param", {}))


def basic(client_id: str, client_secret: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{client_id}:{client_secret}'.encode()).decode()}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def ask(
    sandbox: Sandbox, path: str, form: dict[str, str] | None = None, method: str | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    """Request a path below /v1: the status, headers and body. Redirects are not followed."""
    return fetch(sandbox.api_url + path, form, method, **headers)


def fetch(
    url: str, form: dict[str, str] | None = None, method: str | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    """Request ``url``: the status, headers and body. Redirects are not followed.

    Without ``method``, a request with a form is a POST and any other a GET.
    """
    opener = urllib.request.build_opener(_NoRedirects)
    data = None if form is None else urlencode(form).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with opener.open(request) as response:
            return response.status, dict(response.headers), response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read().decode()


def authorize(sandbox: Sandbox, **change: str) -> tuple[int, dict[str, str], str]:
    query = {
        "response_type": "code",
        "client_id": sandbox.webex.client_id,
        "redirect_uri": sandbox.webex.rules.redirect_uris[0],
        "scope": "spark:all",
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **change,
    }
    return ask(sandbox, f"/authorize?{urlencode({k: v for k, v in query.items() if v})}")


def press(sandbox: Sandbox, page: str, decision: str) -> dict[str, list[str]]:
    """Press a button of the consent page: the query of the redirect that follows."""
    ticket = re.search(r'name="ticket" value="([^"]+)"', page)
    assert ticket
    status, headers, _ = ask(sandbox, "/authorize/decision", {"ticket": ticket[1], "decision": decision})
    assert status == 302
    return parse_qs(urlsplit(headers["Location"]).query)


def code(sandbox: Sandbox) -> str:
    return press(sandbox, authorize(sandbox)[2], "accept")["code"][0]


def exchange(sandbox: Sandbox, code: str, **change: str) -> tuple[int, dict[str, Any]]:
    form = {
        "grant_type": "authorization_code",
        "client_id": sandbox.webex.client_id,
        "client_secret": sandbox.webex.client_secret,
        "code": code,
        "redirect_uri": sandbox.webex.rules.redirect_uris[0],
        "code_verifier": VERIFIER,
        **change,
    }
    status, _, body = ask(sandbox, "/access_token", form)
    return status, json.loads(body)


def refresh(sandbox: Sandbox, token: str, **change: str) -> tuple[int, dict[str, Any]]:
    return exchange(sandbox, "", grant_type="refresh_token", refresh_token=token, **change)


def test_a_sign_in_gives_tokens_shaped_like_webexs(sandbox: Sandbox) -> None:
    status, tokens = exchange(sandbox, code(sandbox))
    assert status == 200
    assert re.fullmatch(r"[\w-]{64}_PF84_[0-9a-f-]{36}", tokens["access_token"])
    assert {key: tokens[key] for key in ("expires_in", "refresh_token_expires_in", "token_type", "scope")} == {
        "expires_in": 1209599,
        "refresh_token_expires_in": 7775999,
        "token_type": "Bearer",
        "scope": "spark:all",
    }
    status, _, body = ask(sandbox, "/people/me", Authorization=f"Bearer {tokens['access_token']}")
    assert (status, json.loads(body)["displayName"]) == (200, "Ada Lovelace")


def test_the_consent_page_shows_the_scopes_and_the_redirect_uri(sandbox: Sandbox, redirect_uri: str) -> None:
    page = authorize(sandbox)[2]
    assert re.findall("<dd>(.*)</dd>", page) == ["spark:all", redirect_uri]
    assert '<form method="post" action="authorize/decision">' in page


def test_deny_sends_the_person_back_with_an_error(sandbox: Sandbox) -> None:
    answer = press(sandbox, authorize(sandbox)[2], "deny")
    assert (answer["error"], answer["state"], "code" in answer) == (["access_denied"], ["s"], False)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_id": "unknown"}, 401),
        ({"redirect_uri": "http://localhost:1/oauth"}, 400),
        ({"redirect_uri": ""}, 400),
    ],
)
def test_an_unknown_client_or_redirect_uri_gets_an_error_page_and_no_redirect(
    sandbox: Sandbox, change: dict[str, str], status: int
) -> None:
    got, headers, page = authorize(sandbox, **change)
    assert (got, "Location" in headers) == (status, False)
    assert "Tracking ID: ROUTER_" in page


def test_a_redirect_uri_that_differs_in_one_character_is_refused(sandbox: Sandbox, redirect_uri: str) -> None:
    for other in (f"{redirect_uri}/", redirect_uri.replace("localhost", "LOCALHOST"), f"{redirect_uri}?x=1"):
        assert authorize(sandbox, redirect_uri=other)[0] == 400


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"scope": "spark:all not:ours"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_other_errors_are_reported_to_the_redirect_uri(sandbox: Sandbox, change: dict[str, str], error: str) -> None:
    status, headers, _ = authorize(sandbox, **change)
    assert (status, parse_qs(urlsplit(headers["Location"]).query)["error"]) == (302, [error])


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"code": "unknown"}, 400, "authorization code is not known"),
        ({"redirect_uri": "http://localhost:1/"}, 400, "redirect_uri is not the one"),
        ({"code_verifier": "w" * 43}, 400, "code_verifier does not match"),
        ({"code_verifier": ""}, 400, "code_verifier does not match"),
        ({"client_secret": "wrong"}, 401, "client id and client secret"),
        ({"client_id": "wrong"}, 401, "client id and client secret"),
        ({"grant_type": "password"}, 400, "grant_type"),
    ],
)
@pytest.mark.parametrize("rules", [{}, {"rfc_errors": True}], indirect=True, ids=["webex", "rfc6749"])
def test_a_wrong_code_exchange_is_refused_in_the_chosen_error_shape(
    sandbox: Sandbox, rules: Rules, change: dict[str, str], status: int, words: str
) -> None:
    got, body = exchange(sandbox, **{"code": code(sandbox), **change})
    assert got == status
    said = body["error_description"] if rules.rfc_errors else body["message"]
    assert words in said
    assert ("trackingId" in body, "error" in body) == (not rules.rfc_errors, rules.rfc_errors)


def test_a_code_works_once_and_using_it_again_revokes_its_tokens(sandbox: Sandbox) -> None:
    once = code(sandbox)
    _, tokens = exchange(sandbox, once)
    assert exchange(sandbox, once)[0] == 400
    assert ask(sandbox, "/people/me", Authorization=f"Bearer {tokens['access_token']}")[0] == 401


def test_a_code_expires_after_ten_minutes(sandbox: Sandbox) -> None:
    late = code(sandbox)
    sandbox.webex.advance(601)
    assert exchange(sandbox, late)[0] == 400


def test_the_token_endpoint_accepts_http_basic(sandbox: Sandbox) -> None:
    right = basic(sandbox.webex.client_id, sandbox.webex.client_secret)
    form = {
        "grant_type": "authorization_code",
        "code": code(sandbox),
        "redirect_uri": sandbox.webex.rules.redirect_uris[0],
        "code_verifier": VERIFIER,
    }
    assert ask(sandbox, "/access_token", form, Authorization=right)[0] == 200
    assert ask(sandbox, "/access_token", form, Authorization="Basic eDp5")[0] == 401


def test_a_refresh_within_a_day_returns_the_same_access_token(sandbox: Sandbox) -> None:
    _, first = exchange(sandbox, code(sandbox))
    sandbox.webex.advance(86000)
    _, second = refresh(sandbox, first["refresh_token"])
    assert second["access_token"] == first["access_token"]
    assert (second["expires_in"], second["refresh_token_expires_in"]) == (1209599 - 86000, 7775999)
    sandbox.webex.advance(401)
    _, third = refresh(sandbox, first["refresh_token"])
    assert third["access_token"] != first["access_token"]
    assert (third["expires_in"], third["refresh_token"]) == (1209599, first["refresh_token"])


@pytest.mark.parametrize("rules", [{"rotate": True}], indirect=True)
def test_with_rotation_using_an_old_refresh_token_revokes_the_grant(sandbox: Sandbox, rules: Rules) -> None:
    _, first = exchange(sandbox, code(sandbox))
    _, second = refresh(sandbox, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(sandbox, first["refresh_token"])[0] == 400
    assert refresh(sandbox, second["refresh_token"])[0] == 400


def test_a_refresh_token_expires_after_ninety_days_without_a_refresh(sandbox: Sandbox) -> None:
    _, tokens = exchange(sandbox, code(sandbox))
    sandbox.webex.advance(90 * 86400)
    assert refresh(sandbox, tokens["refresh_token"])[0] == 400


def test_people_me_is_401_without_a_token_and_403_without_the_scope(sandbox: Sandbox) -> None:
    assert ask(sandbox, "/people/me")[0] == 401
    page = authorize(sandbox, scope="spark:rooms_read")[2]
    _, tokens = exchange(sandbox, press(sandbox, page, "accept")["code"][0])
    assert ask(sandbox, "/people/me", Authorization=f"Bearer {tokens['access_token']}")[0] == 403


def bearer_of(sandbox: Sandbox, scope: str) -> str:
    """The Authorization header for the access token of a new sign-in with ``scope``."""
    page = authorize(sandbox, scope=scope)[2]
    _, tokens = exchange(sandbox, press(sandbox, page, "accept")["code"][0])
    return f"Bearer {tokens['access_token']}"


ADMIN = "spark:all identity:tokens_read identity:tokens_write"


def test_an_admin_lists_and_revokes_the_grants_of_an_integration(sandbox: Sandbox) -> None:
    person, admin = bearer_of(sandbox, "spark:all"), bearer_of(sandbox, ADMIN)
    moment = int(sandbox.webex.grants[0].made_at)
    status, _, body = ask(sandbox, "/authorizations", Authorization=admin)
    items = json.loads(body)["items"]
    assert [0 <= datetime.fromisoformat(item.pop("created")).timestamp() - moment < 30 for item in items] == [True] * 2
    assert (status, items) == (
        200,
        [
            {
                "id": grant.id,
                "clientId": sandbox.webex.client_id,
                "personId": sandbox.webex.person["id"],
                "type": "refresh",
            }
            for grant in sandbox.webex.grants
        ],
    )
    status, headers, body = ask(
        sandbox, f"/authorizations?clientId={sandbox.webex.client_id}", method="DELETE", Authorization=admin
    )
    assert (status, body, "Content-Length" in headers, "trackingid" in headers) == (204, "", False, True)
    assert sandbox.said("/v1/authorizations") == ["", "revoked"]
    for bearer in (person, admin):
        assert ask(sandbox, "/people/me", Authorization=bearer)[0] == 401
    assert [refresh(sandbox, grant.refresh_token)[0] for grant in sandbox.webex.grants] == [400, 400]
    _, _, body = ask(sandbox, "/authorizations", Authorization=bearer_of(sandbox, ADMIN))
    assert [item["id"] for item in json.loads(body)["items"]] == [sandbox.webex.grants[-1].id]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("scope", "status", "error"),
    [
        ("", 401, "invalid_token"),
        ("spark:all", 403, "insufficient_scope"),
        ("spark:all identity:tokens_read", 403, "insufficient_scope"),
        ("spark:all identity:tokens_write", 403, "insufficient_scope"),
    ],
)
def test_authorizations_need_the_scopes_of_an_admin(
    sandbox: Sandbox, method: str, scope: str, status: int, error: str
) -> None:
    bearer = bearer_of(sandbox, scope) if scope else ""
    path = f"/authorizations?clientId={sandbox.webex.client_id}"
    got, _, body = ask(sandbox, path, method=method, Authorization=bearer)
    assert (got, "trackingId" in json.loads(body)) == (status, True)
    assert sandbox.said("/v1/authorizations") == [error]
    assert not any(grant.revoked for grant in sandbox.webex.grants)


@pytest.mark.parametrize("query", ["?clientId=unknown", "?clientId=", ""])
def test_revoking_for_an_unknown_client_id_is_404_and_revokes_nothing(sandbox: Sandbox, query: str) -> None:
    admin = bearer_of(sandbox, ADMIN)
    assert ask(sandbox, f"/authorizations{query}", method="DELETE", Authorization=admin)[0] == 404
    assert ask(sandbox, "/people/me", Authorization=admin)[0] == 200


def test_an_unknown_path_is_404_with_a_tracking_id(sandbox: Sandbox) -> None:
    status, headers, body = ask(sandbox, "/nothing")
    assert (status, json.loads(body)["trackingId"]) == (404, headers["trackingid"])


EITHER_SHAPE = pytest.mark.parametrize("rules", [{}, {"rfc_errors": True}], indirect=True, ids=["webex", "rfc6749"])


def device(sandbox: Sandbox, **change: str) -> dict[str, Any]:
    """The answer to a device authorization request. From then on, only advance() moves the sandbox's clock."""
    moment = sandbox.webex.clock()
    sandbox.webex.clock = lambda: moment
    status, _, body = ask_for_device(sandbox, **change)
    assert status == 200
    told: dict[str, Any] = json.loads(body)
    return told


def ask_for_device(sandbox: Sandbox, **change: str) -> tuple[int, dict[str, str], str]:
    return ask(
        sandbox, "/device/authorize", {"client_id": sandbox.webex.client_id, "scope": "spark:all spark:kms", **change}
    )


def poll(sandbox: Sandbox, told: dict[str, Any], **change: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": told["device_code"],
        "client_id": sandbox.webex.client_id,
        **change,
    }
    header = basic(sandbox.webex.client_id, sandbox.webex.client_secret)
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
    if sandbox.webex.rules.rfc_errors:
        return {"error": error, "error_description": words}
    return {"message": words, "errors": [{"description": words}], "trackingId": headers["trackingid"]}


def test_a_device_receives_its_codes_the_address_and_the_interval(sandbox: Sandbox) -> None:
    told = device(sandbox)
    assert told == {
        "device_code": told["device_code"],
        "expires_in": 300,
        "user_code": told["user_code"],
        "verification_uri": f"http://127.0.0.1:{sandbox.port}/verify",
        "verification_uri_complete": f"http://127.0.0.1:{sandbox.port}/verify?userCode={told['user_code']}",
        "interval": 2,
    }
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", told["user_code"])
    assert re.fullmatch(r"[0-9a-f]{64}", told["device_code"])
    assert sandbox.webex.issued == {told["device_code"]}


@EITHER_SHAPE
@pytest.mark.parametrize(
    ("change", "status", "error", "words"),
    [
        ({"client_id": "unknown"}, 401, "invalid_client", "Unknown client id"),
        ({"scope": "spark:all not:ours"}, 400, "invalid_scope", "The scope is not one of the integration: not:ours"),
        ({"scope": ""}, 400, "invalid_scope", "The scope is not one of the integration: none"),
    ],
)
def test_a_wrong_device_request_is_refused_in_the_chosen_error_shape(
    sandbox: Sandbox, rules: Rules, change: dict[str, str], status: int, error: str, words: str
) -> None:
    got, headers, body = ask_for_device(sandbox, **change)
    assert (got, json.loads(body)) == (status, refused(sandbox, headers, error, words))
    assert (sandbox.said("/v1/device/authorize"), sandbox.webex.issued) == ([error], set())


@pytest.mark.parametrize("rules", [{"helper_redirects": False}], indirect=True)
def test_a_device_request_needs_the_redirect_uris_of_the_helper_service(sandbox: Sandbox, rules: Rules) -> None:
    status, headers, body = ask_for_device(sandbox)
    words = "The redirect_uri of the device helper service is not registered with the integration"
    assert (status, json.loads(body)) == (400, refused(sandbox, headers, "invalid_request", words))


@EITHER_SHAPE
def test_a_poll_before_the_decision_is_answered_with_authorization_pending(sandbox: Sandbox, rules: Rules) -> None:
    told = device(sandbox)
    for _ in range(2):
        status, headers, body = poll(sandbox, told)
        assert status == (400 if rules.rfc_errors else 428)
        assert body == refused(sandbox, headers, "authorization_pending", "The resource owner has not answered yet")
        sandbox.webex.advance(2)
    assert sandbox.said("/v1/device/token") == ["pending", "pending"]


@EITHER_SHAPE
def test_each_poll_that_comes_too_early_lengthens_the_interval_by_five_seconds(sandbox: Sandbox, rules: Rules) -> None:
    told = device(sandbox)
    poll(sandbox, told)
    for pause, interval in ((1.75, 7), (6.75, 12)):
        sandbox.webex.advance(pause)
        status, headers, body = poll(sandbox, told)
        assert body == refused(sandbox, headers, "slow_down", "The device polls more often than it may")
        if rules.rfc_errors:
            assert (status, headers.get("Retry-After")) == (400, None)
        else:
            assert (status, headers["Retry-After"]) == (429, str(interval))
    for pause in (11.875, 12):
        sandbox.webex.advance(pause)
        poll(sandbox, told)
    assert sandbox.said("/v1/device/token") == ["pending", "slow_down", "slow_down", "pending", "pending"]


def test_slowing_one_device_down_does_not_slow_another(sandbox: Sandbox) -> None:
    first, second = device(sandbox), device(sandbox)
    for told in (first, first, second, first):
        poll(sandbox, told)
    sandbox.webex.advance(2)
    poll(sandbox, second)
    assert sandbox.said("/v1/device/token") == ["pending", "slow_down", "pending", "slow_down", "pending"]


def test_an_accepted_device_gets_a_jwt_and_can_refresh_it(sandbox: Sandbox) -> None:
    told = device(sandbox)
    assert poll(sandbox, told)[0] == 428
    assert "<h1>You can go back to your device</h1>" in answer(told["verification_uri_complete"])
    status, headers, tokens = poll(sandbox, told)
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
    sandbox.webex.advance(86400)
    _, renewed = refresh(sandbox, tokens["refresh_token"])
    assert renewed == {**tokens, "access_token": renewed["access_token"]} != tokens
    for token in (tokens["access_token"], renewed["access_token"]):
        assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", token)
        assert 1900 < len(token) < 2100
    status, _, body = ask(sandbox, "/people/me", Authorization=f"Bearer {renewed['access_token']}")
    assert (status, json.loads(body)["displayName"]) == (200, "Ada Lovelace")
    assert sandbox.webex.issued == {
        told["device_code"],
        tokens["access_token"],
        tokens["refresh_token"],
        renewed["access_token"],
    }
    assert [(entry.path, entry.status, entry.said) for entry in sandbox.journal] == [
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
    told = device(sandbox)
    if ending == "denied":
        assert "<h1>You denied the request</h1>" in answer(told["verification_uri_complete"], "deny")
        assert sandbox.said("/verify/decision") == ["denied"]
    if ending in {"accepted and expired", "used"}:
        answer(told["verification_uri_complete"])
    if ending in {"expired", "accepted and expired"}:
        sandbox.webex.advance(300)
    if ending == "used":
        assert poll(sandbox, told)[0] == 200
    if ending == "unknown":
        told["device_code"] = "unknown"
    for _ in range(2):
        status, _, body = poll(sandbox, told)
        assert (status, body) == (400, {"error": error, "error_description": words})
    assert sandbox.said("/v1/device/token")[-2:] == [error, error]


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
    told = device(sandbox)
    answer(told["verification_uri_complete"])
    got, headers, body = poll(sandbox, told, **change)
    assert (got, body) == (status, refused(sandbox, headers, error, words))
    assert poll(sandbox, told)[0] == 200


@EITHER_SHAPE
def test_a_poll_must_authenticate_with_http_basic(sandbox: Sandbox, rules: Rules) -> None:
    told = device(sandbox)
    answer(told["verification_uri_complete"])
    client_id, client_secret = sandbox.webex.client_id, sandbox.webex.client_secret
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": told["device_code"],
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
    told = device(sandbox)
    poll(sandbox, told)
    poll(sandbox, told)
    sandbox.webex.advance(7)
    poll(sandbox, told)
    assert sandbox.said("/v1/device/token") == ["pending", "slow_down", "signed in"]


def test_a_person_can_type_the_code_in_lower_case_and_with_blanks(sandbox: Sandbox) -> None:
    told = device(sandbox)
    status, _, page = fetch(told["verification_uri"])
    assert (status, 'name="userCode"' in page, "ticket" in page) == (200, True, False)
    typed = told["user_code"].lower().replace("-", " ") + " "
    status, _, page = fetch(f"{told['verification_uri']}?{urlencode({'userCode': typed})}")
    assert (status, re.findall("<dd>(.*)</dd>", page)) == (200, ["spark:all spark:kms", told["user_code"]])
    assert decide_for_device(sandbox, page, "accept")[0] == 200
    assert sandbox.said("/verify") == ["code asked", "asked"]


@pytest.mark.parametrize("lost", ["mistyped", "expired", "answered"])
def test_an_unknown_expired_or_answered_code_is_asked_for_again(sandbox: Sandbox, lost: str) -> None:
    told = device(sandbox)
    page = fetch(told["verification_uri_complete"])[2]
    if lost == "mistyped":
        told["verification_uri_complete"] += "B"
    if lost == "expired":
        sandbox.webex.advance(300)
    if lost == "answered":
        decide_for_device(sandbox, page, "deny")
    status, _, again = fetch(told["verification_uri_complete"])
    assert (status, 'name="userCode"' in again) == (400, True)
    assert "<p>No device waits with that code; it may have expired.</p>" in again
    with pytest.raises(OSError, match="400"):
        answer(told["verification_uri_complete"])
    if lost == "mistyped":
        assert decide_for_device(sandbox, page, "accept")[0] == 200
    else:
        status, again = decide_for_device(sandbox, page, "accept")
        assert (status, 'name="userCode"' in again) == (400, True)
        assert "<p>That page has been answered before, or its code has expired.</p>" in again
        assert poll(sandbox, told)[2]["error"] == {"expired": "expired_token", "answered": "access_denied"}[lost]


def test_accepting_one_device_does_not_accept_another(sandbox: Sandbox) -> None:
    first, second = device(sandbox), device(sandbox)
    answer(second["verification_uri_complete"])
    assert (poll(sandbox, first)[0], poll(sandbox, second)[0]) == (428, 200)


def test_the_option_device_ttl_sets_the_lifetime_of_a_devices_code(program: Program) -> None:
    with program.started("sandbox", "--auto-approve", "--device-ttl", "1m") as running:
        running.wait_for("export WEBEX_REDIRECT_URI")
        lines = dict(line.removeprefix("export ").split("=", 1) for line in running.out.splitlines())
        form = {"client_id": lines["WEBEX_CLIENT_ID"], "scope": "spark:all"}
        _, _, body = fetch(f"{lines['WEBEX_TOKEN_API_URL']}/device/authorize", form)
        assert json.loads(body)["expires_in"] == 60
        running.wait_for("POST /v1/device/authorize 200  device asked")


def test_login_works_with_the_lines_that_the_command_prints(program: Program, redirect_uri: str) -> None:
    with program.started("sandbox", "--auto-approve", "--redirect-uri", redirect_uri, "--renew-after", "1s") as running:
        running.wait_for("export WEBEX_REDIRECT_URI")
        lines = dict(line.removeprefix("export ").split("=", 1) for line in running.out.splitlines())
        assert list(lines) == ["WEBEX_TOKEN_API_URL", "WEBEX_CLIENT_ID", "WEBEX_CLIENT_SECRET", "WEBEX_REDIRECT_URI"]
        pointed = program.having(**{name: value.strip("'") for name, value in lines.items()}, BROWSER="true %s")
        with pointed.started("login") as login:
            urllib.request.urlopen(login.url()).close()
            assert login.finish().status == 0
        running.wait_for("POST /v1/access_token 200  signed in")


def test_a_taken_port_is_an_error_that_names_the_port(program: Program, sandbox: Sandbox) -> None:
    done = program.run("sandbox", "--port", str(sandbox.port))
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"Error: The sandbox cannot listen on port {sandbox.port} (Address already in use).")


def test_a_number_that_is_no_port_is_a_usage_error(program: Program) -> None:
    done = program.run("sandbox", "--port", "65536")
    assert (done.status, done.out) == (2, "")
    assert "65536 is not a port number. Give a number from 0 to 65535." in done.err


@pytest.mark.parametrize("rules", [{"latency": 0.2}], indirect=True)
def test_the_rule_latency_delays_every_answer(sandbox: Sandbox) -> None:
    asked = time.monotonic()
    assert ask(sandbox, "/people/me")[0] == 401
    assert time.monotonic() - asked >= 0.2
