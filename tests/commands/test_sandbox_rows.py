"""The sandbox's token endpoints answer as the tables of ``.github/docs/webex.md`` say: whole answers, row by row."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.support.sandbox_client import VERIFIER, ask, basic, code
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.sandbox.accepting_browser import answer

EITHER_SHAPE = pytest.mark.parametrize("rules", [{}, {"rfc_errors": True}], indirect=True, ids=["webex", "rfc6749"])

Tokens = dict[str, Any]
DAY = 86_400
# Arranges what a case needs, and returns what it changes in the request.
Arrange = Callable[[Sandbox, Tokens], dict[str, str]]


@dataclass(frozen=True)
class Answer:
    """An answer without what is random in it: a token is replaced by its kind, and the tracking ID is only checked."""

    status: int
    body: dict[str, Any]
    cache_control: str | None = None
    retry_after: str | None = None


def granted(expires_in: int, refresh_token_expires_in: int, kind: str = "opaque") -> Answer:
    body = {
        "access_token": kind,
        "expires_in": expires_in,
        "refresh_token": "opaque",
        "refresh_token_expires_in": refresh_token_expires_in,
        "token_type": "Bearer",
        "scope": "spark:all",
    }
    return Answer(200, body, cache_control="no-store")


def refused(rules: Rules, status: int, error: str, words: str, retry_after: str | None = None) -> Answer:
    if rules.rfc_errors:
        return Answer(status, {"error": error, "error_description": words})
    return Answer(status, {"message": words, "errors": [{"description": words}]}, retry_after=retry_after)


def asked(sandbox: Sandbox, path: str, form: dict[str, str], **headers: str) -> tuple[Answer, Tokens]:
    """The answer of a token endpoint, and its body as it came."""
    status, got, text = ask(sandbox, path, form, **headers)
    body = json.loads(text)
    assert got["Content-Type"] == "application/json;charset=UTF-8"
    assert re.fullmatch(r"ROUTER_[0-9A-F]{16}-[0-9A-F]{4}", got["trackingid"])
    assert body.get("trackingId", got["trackingid"]) == got["trackingid"]
    assert ("trackingId" in body) == ("message" in body)
    plain = {
        name: kind_of(value) if name in {"access_token", "refresh_token"} else value for name, value in body.items()
    }
    plain.pop("trackingId", None)
    return Answer(status, plain, got.get("Cache-Control"), got.get("Retry-After")), body


def kind_of(token: str) -> str:
    if re.fullmatch(r"[\w-]{64}_PF84_[0-9a-f-]{36}", token):
        return "opaque"
    return "JWT" if re.fullmatch(r"eyJ[\w-]+\.[\w-]+\.[\w-]{342}", token) and 1900 < len(token) < 2100 else token


def client(sandbox: Sandbox) -> dict[str, str]:
    return {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}


def exchange(sandbox: Sandbox, **change: str) -> tuple[Answer, Tokens]:
    form = {
        **client(sandbox),
        "grant_type": "authorization_code",
        "code": code(sandbox),
        "redirect_uri": sandbox.redirect_uri,
        "code_verifier": VERIFIER,
    }
    return asked(sandbox, "/access_token", {**form, **change})


def refresh(sandbox: Sandbox, tokens: Tokens, **change: str) -> tuple[Answer, Tokens]:
    form = {**client(sandbox), "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return asked(sandbox, "/access_token", {**form, **change})


def device(sandbox: Sandbox) -> Tokens:
    """The codes of a device that has asked for tokens, and the address that leads to the person's decision."""
    form = {"client_id": sandbox.client_id, "scope": "spark:all"}
    status, _, body = ask(sandbox, "/device/authorize", form)
    assert status == 200
    codes: Tokens = json.loads(body)
    return codes


def poll(sandbox: Sandbox, codes: Tokens) -> Answer:
    form = {
        "client_id": sandbox.client_id,
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": codes["device_code"],
    }
    secret = basic(sandbox.client_id, sandbox.client_secret)
    return asked(sandbox, "/device/token", form, Authorization=secret)[0]


@pytest.fixture(autouse=True)
def still(sandbox: Sandbox) -> None:
    """Only advance() moves the sandbox's clock."""
    sandbox.freeze()


# -- a token response, and refreshing -------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "first", "twenty_seconds_later"),
    [
        ("integration", granted(1_209_599, 7_775_999), granted(1_209_579, 7_775_999)),
        ("contact-center", granted(43_199, 5_086_614), granted(43_199, 5_086_594)),
        ("device", granted(64_799, 7_697_037), granted(64_799, 7_697_037)),
        ("service-app", granted(1_209_599, 7_775_999), granted(1_209_579, 7_775_999)),
        ("government", granted(1_209_599, 5_183_999), granted(1_209_579, 5_183_999)),
    ],
)
def test_lifetimes(sandbox: Sandbox, preset: str, first: Answer, twenty_seconds_later: Answer) -> None:
    sandbox.rules = Rules.preset(preset, redirect_uris=sandbox.rules.redirect_uris)
    answered, tokens = exchange(sandbox)
    sandbox.advance(20)
    assert [answered, refresh(sandbox, tokens)[0]] == [first, twenty_seconds_later]


def test_a_device_gets_the_answer_of_webexs_documentation(sandbox: Sandbox) -> None:
    sandbox.rules = Rules.preset("device")
    codes = device(sandbox)
    answer(codes["verification_uri_complete"])
    assert poll(sandbox, codes) == granted(64_799, 7_697_037, "JWT")


def test_a_refresh_gives_the_same_tokens_for_a_day_and_then_a_new_access_token(sandbox: Sandbox) -> None:
    _, first = exchange(sandbox)
    for later, same, expires_in in ((DAY - 1, True, 1_123_200), (1, False, 1_209_599)):
        sandbox.advance(later)
        answered, tokens = refresh(sandbox, first)
        assert answered == granted(expires_in, 7_775_999)
        assert (tokens["access_token"] == first["access_token"]) == same
        assert tokens["refresh_token"] == first["refresh_token"]


@EITHER_SHAPE
def test_where_refresh_tokens_are_rotated_an_old_one_ends_the_grant(sandbox: Sandbox, rules: Rules) -> None:
    sandbox.rules = replace(rules, rotate=True)
    _, first = exchange(sandbox)
    answered, second = refresh(sandbox, first)
    again = refused(rules, 400, "invalid_grant", "The refresh token has been used before; the grant is revoked")
    assert [answered, refresh(sandbox, first)[0]] == [granted(1_209_599, 7_775_999), again]
    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(sandbox, second)[0] == refused(rules, 400, "invalid_grant", UNUSABLE)


def test_basic_and_the_body_authenticate_alike(sandbox: Sandbox) -> None:
    _, tokens = exchange(sandbox)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    by_header = {"Authorization": basic(sandbox.client_id, sandbox.client_secret)}
    assert asked(sandbox, "/access_token", form, **by_header) == refresh(sandbox, tokens)


# -- errors -----------------------------------------------------------------------------------------

UNUSABLE = "The refresh token is expired, revoked or not known"
NO_CLIENT = "The client id and client secret do not match an integration"


def expired(sandbox: Sandbox, _: Tokens) -> dict[str, str]:
    sandbox.advance(90 * DAY)
    return {}


def sent(**change: str) -> Arrange:
    return lambda _, __: change


def revoked(sandbox: Sandbox, _: Tokens) -> dict[str, str]:
    sandbox.revoke()
    return {}


def by_another_client(sandbox: Sandbox, _: Tokens) -> dict[str, str]:
    app = sandbox.service_apps.register()
    return {"client_id": app.client_id, "client_secret": app.client_secret}


@EITHER_SHAPE
@pytest.mark.parametrize(
    ("arrange", "status", "error", "words"),
    [
        (expired, 400, "invalid_grant", UNUSABLE),
        (revoked, 400, "invalid_grant", UNUSABLE),
        (by_another_client, 400, "invalid_grant", UNUSABLE),
        (sent(refresh_token="unknown"), 400, "invalid_grant", UNUSABLE),
        (sent(refresh_token=""), 400, "invalid_grant", UNUSABLE),
        (sent(client_secret="wrong"), 401, "invalid_client", NO_CLIENT),
        (sent(client_secret=""), 401, "invalid_client", NO_CLIENT),
        (sent(client_id="wrong"), 401, "invalid_client", NO_CLIENT),
        (sent(client_id="", client_secret=""), 401, "invalid_client", NO_CLIENT),
        (sent(grant_type="password"), 400, "unsupported_grant_type", "The grant_type is not known"),
        (sent(grant_type=""), 400, "unsupported_grant_type", "The grant_type is not known"),
    ],
)
def test_a_refused_refresh(
    sandbox: Sandbox, rules: Rules, arrange: Arrange, status: int, error: str, words: str
) -> None:
    _, tokens = exchange(sandbox)
    assert refresh(sandbox, tokens, **arrange(sandbox, tokens))[0] == refused(rules, status, error, words)


@EITHER_SHAPE
@pytest.mark.parametrize(
    ("change", "status", "error", "words"),
    [
        ({"code": "unknown"}, 400, "invalid_grant", "The authorization code is not known"),
        ({"code_verifier": "w" * 43}, 400, "invalid_grant", "The code_verifier does not match the code challenge"),
        (
            {"redirect_uri": "http://localhost:1/"},
            *(400, "invalid_request", "The redirect_uri is not the one of the authorization request"),
        ),
        ({"client_secret": "wrong"}, 401, "invalid_client", NO_CLIENT),
    ],
)
def test_a_refused_exchange(
    sandbox: Sandbox, rules: Rules, change: dict[str, str], status: int, error: str, words: str
) -> None:
    assert exchange(sandbox, **change)[0] == refused(rules, status, error, words)


@EITHER_SHAPE
def test_a_code_that_is_used_twice(sandbox: Sandbox, rules: Rules) -> None:
    once = code(sandbox)
    _, tokens = exchange(sandbox, code=once)
    words = "The authorization code has been used before"
    assert exchange(sandbox, code=once)[0] == refused(rules, 400, "invalid_grant", words)
    assert refresh(sandbox, tokens)[0] == refused(rules, 400, "invalid_grant", UNUSABLE)


@EITHER_SHAPE
def test_the_polls_of_a_device(sandbox: Sandbox, rules: Rules) -> None:
    pending = "authorization_pending", "The resource owner has not answered yet"
    too_fast = "slow_down", "The device polls more often than it may"
    codes, as_rfc = device(sandbox), rules.rfc_errors
    assert [poll(sandbox, codes), poll(sandbox, codes)] == [
        refused(rules, 400 if as_rfc else 428, *pending),
        refused(rules, 400 if as_rfc else 429, *too_fast, retry_after="7"),
    ]
    answer(codes["verification_uri_complete"])
    used = Answer(400, {"error": "invalid_grant", "error_description": "The device code has been used before"})
    assert [poll(sandbox, codes), poll(sandbox, codes)] == [granted(1_209_599, 7_775_999), used]


LOCKED, TOO_MANY, UNAVAILABLE = "The resource is locked", "Too many requests", "The service is unavailable"
TOO_MANY_TOKENS = "The person has too many access tokens of this integration"


@EITHER_SHAPE
@pytest.mark.parametrize(
    ("words", "status", "error", "told", "retry_after"),
    [
        ("refresh=expired", 400, "invalid_grant", "The refresh token has expired", None),
        ("refresh=revoked", 400, "invalid_grant", "The refresh token was revoked", None),
        ("refresh=client-refused", 401, "invalid_client", NO_CLIENT, None),
        ("refresh=tokenlimit", 400, "tokenlimit_reached", TOO_MANY_TOKENS, None),
        ("refresh=423", 423, "", LOCKED, None),
        ("refresh=423:30", 423, "", LOCKED, "30"),
        ("refresh=429:30", 429, "", TOO_MANY, "30"),
        ("refresh=503:30", 503, "", UNAVAILABLE, "30"),
    ],
)
def test_a_fault_comes_once_and_has_the_shape_that_webex_gives_it(
    sandbox: Sandbox, rules: Rules, words: str, status: int, error: str, told: str, retry_after: str | None
) -> None:
    _, tokens = exchange(sandbox)
    sandbox.fault(words)
    # The service itself answers 423, 429 and 503 in Webex's shape, and only RFC 6749's can tell tokenlimit_reached.
    shape = replace(rules, rfc_errors=(rules.rfc_errors and error != "") or error == "tokenlimit_reached")
    assert [refresh(sandbox, tokens)[0], refresh(sandbox, tokens)[0]] == [
        refused(shape, status, error, told, retry_after),
        granted(1_209_599, 7_775_999),
    ]
