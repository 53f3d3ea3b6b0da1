"""The sandbox grants authorization codes, tokens and refreshes as Webex's documentation says."""

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.sandbox_client import CHALLENGE, VERIFIER, ask, authorize, basic, code, exchange, press, refresh
from webex_token_cli.sandbox import Rules, Sandbox


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


@pytest.mark.parametrize(
    ("redirect_uri", "before"),
    [
        ("http://localhost:1/oauth", "http://localhost:1/oauth?"),
        ("http://localhost:1/?a=b", "http://localhost:1/?a=b&"),
    ],
)
def test_the_query_of_a_redirect_uri_stays_and_no_state_is_made_up(sandbox: Sandbox, before: str) -> None:
    sandbox.rules = replace(sandbox.rules, auto_approve=True)
    accepted = authorize(sandbox, state="")[1]["Location"]
    refused = authorize(sandbox, scope="no:such", state="")[1]["Location"]
    assert re.fullmatch(rf"{re.escape(before)}code=[\w-]+", accepted)
    assert refused.startswith(f"{before}error=invalid_scope&error_description=")
    assert "state" not in refused


def test_the_consent_page_shows_the_scopes_and_the_redirect_uri(sandbox: Sandbox, redirect_uri: str) -> None:
    page = authorize(sandbox)[2]
    assert re.findall("<dd>(.*)</dd>", page) == ["spark:all", redirect_uri]
    assert '<form method="post" action="/v1/authorize/decision">' in page


def test_a_denied_request_is_redirected_with_an_error(sandbox: Sandbox) -> None:
    answer = press(sandbox, authorize(sandbox)[2], "deny")
    assert (answer["error"], answer["state"], "code" in answer) == (["access_denied"], ["s"], False)


def test_a_page_that_was_answered_before_is_not_answered_again(sandbox: Sandbox) -> None:
    form = {"ticket": re.findall(r'name="ticket" value="([^"]+)"', authorize(sandbox)[2])[0], "decision": "accept"}
    assert ask(sandbox, "/authorize/decision", form)[0] == 302
    status, _, body = ask(sandbox, "/authorize/decision", form)
    assert (status, json.loads(body)["message"]) == (400, "This page has been answered before")


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
        ({"code_challenge_method": "S512"}, "invalid_request"),
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
        ({"code_verifier": CHALLENGE}, 400, "code_verifier does not match"),
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


@pytest.mark.parametrize(
    ("challenge", "method", "verifier", "status"),
    [
        ("", "", "", 200),
        ("", "", VERIFIER, 400),
        (VERIFIER, "plain", VERIFIER, 200),
        (VERIFIER, "", VERIFIER, 200),
        (VERIFIER, "plain", CHALLENGE, 400),
        (VERIFIER[1:], "plain", VERIFIER[1:], 400),
        (VERIFIER[1:] + "!", "plain", VERIFIER[1:] + "!", 400),
        ("v" * 128, "plain", "v" * 128, 200),
        ("v" * 129, "plain", "v" * 129, 400),
    ],
)
def test_pkce_may_be_left_out_or_plain_but_a_verifier_must_belong_to_its_challenge(
    sandbox: Sandbox, challenge: str, method: str, verifier: str, status: int
) -> None:
    page = authorize(sandbox, code_challenge=challenge, code_challenge_method=method)[2]
    once = press(sandbox, page, "accept")["code"][0]
    assert exchange(sandbox, once, code_verifier=verifier)[0] == status


def test_a_code_works_once_and_using_it_again_revokes_its_tokens(sandbox: Sandbox) -> None:
    once = code(sandbox)
    _, tokens = exchange(sandbox, once)
    assert exchange(sandbox, once)[0] == 400
    assert ask(sandbox, "/people/me", Authorization=f"Bearer {tokens['access_token']}")[0] == 401


def test_a_code_expires_after_ten_minutes(sandbox: Sandbox) -> None:
    late = code(sandbox)
    sandbox.advance(601)
    assert exchange(sandbox, late)[0] == 400


def test_the_token_endpoint_accepts_http_basic(sandbox: Sandbox) -> None:
    right = basic(sandbox.client_id, sandbox.client_secret)
    form = {
        "grant_type": "authorization_code",
        "code": code(sandbox),
        "redirect_uri": sandbox.redirect_uri,
        "code_verifier": VERIFIER,
    }
    assert ask(sandbox, "/access_token", form, Authorization=right)[0] == 200
    form |= {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}  # which do not help
    for wrong in ("eDp5", "x"):  # the second is no Base64
        assert ask(sandbox, "/access_token", form, Authorization=f"Basic {wrong}")[0] == 401


def test_a_refresh_within_a_day_returns_the_same_access_token(sandbox: Sandbox) -> None:
    _, first = exchange(sandbox, code(sandbox))
    sandbox.advance(86000)
    _, second = refresh(sandbox, first["refresh_token"])
    assert second["access_token"] == first["access_token"]
    assert (second["expires_in"], second["refresh_token_expires_in"]) == (1209599 - 86000, 7775999)
    sandbox.advance(401)
    _, third = refresh(sandbox, first["refresh_token"])
    assert third["access_token"] != first["access_token"]
    assert (third["expires_in"], third["refresh_token"]) == (1209599, first["refresh_token"])


def test_an_access_token_stays_valid_for_its_own_time_beside_the_one_that_a_refresh_gave(sandbox: Sandbox) -> None:
    sandbox.freeze()
    moment = int(sandbox.now())
    _, first = exchange(sandbox, code(sandbox))
    sandbox.advance(86400)
    _, second = refresh(sandbox, first["refresh_token"])
    assert [expiry(sandbox, tokens) for tokens in (first, second)] == [moment + 14 * 86400, moment + 15 * 86400]
    sandbox.advance(13 * 86400)
    assert [expiry(sandbox, tokens) for tokens in (first, second)] == [None, moment + 15 * 86400]


def expiry(sandbox: Sandbox, tokens: dict[str, Any]) -> int | None:
    """When the access token expires, in UTC epoch seconds; None if it is not valid any more."""
    status, _, body = ask(sandbox, "/authorizations/tokenExpiry", Authorization=f"Bearer {tokens['access_token']}")
    return int(json.loads(body)["exp"] // 1000) if status == 200 else None


@pytest.mark.parametrize("rules", [{"rotate": True}], indirect=True)
def test_with_rotation_using_an_old_refresh_token_revokes_the_grant(sandbox: Sandbox, rules: Rules) -> None:
    _, first = exchange(sandbox, code(sandbox))
    _, second = refresh(sandbox, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(sandbox, first["refresh_token"])[0] == 400
    assert refresh(sandbox, second["refresh_token"])[0] == 400


def test_a_refresh_token_expires_after_ninety_days_without_a_refresh(sandbox: Sandbox) -> None:
    _, tokens = exchange(sandbox, code(sandbox))
    sandbox.advance(90 * 86400)
    assert refresh(sandbox, tokens["refresh_token"])[0] == 400
