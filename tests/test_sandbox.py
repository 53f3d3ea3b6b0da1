"""The stand-in behaves as Webex's documentation says: asked with nothing of the client's own code."""

import base64
import hashlib
import json
import re
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.support.program import Program
from webex_token_cli.sandbox.grants import Rules
from webex_token_cli.sandbox.server import Sandbox

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def rules(redirect_uri: str, request: pytest.FixtureRequest) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), **getattr(request, "param", {}))


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def ask(
    sandbox: Sandbox, path: str, form: dict[str, str] | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body, redirects not followed."""
    opener = urllib.request.build_opener(_Stay)
    data = None if form is None else urlencode(form).encode()
    request = urllib.request.Request(sandbox.api_url + path, data, headers)
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
    """What the redirect says after the button was pressed."""
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
def test_what_cannot_be_trusted_is_not_redirected(sandbox: Sandbox, change: dict[str, str], status: int) -> None:
    got, headers, page = authorize(sandbox, **change)
    assert (got, "Location" in headers) == (status, False)
    assert "Tracking ID: ROUTER_" in page


def test_the_redirect_uri_is_compared_to_the_letter(sandbox: Sandbox, redirect_uri: str) -> None:
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
def test_other_mistakes_go_back_to_the_redirect_uri(sandbox: Sandbox, change: dict[str, str], error: str) -> None:
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
def test_a_wrong_exchange_is_refused_in_either_shape(
    sandbox: Sandbox, rules: Rules, change: dict[str, str], status: int, words: str
) -> None:
    got, body = exchange(sandbox, **{"code": code(sandbox), **change})
    assert got == status
    said = body["error_description"] if rules.rfc_errors else body["message"]
    assert words in said
    assert ("trackingId" in body, "error" in body) == (not rules.rfc_errors, rules.rfc_errors)


def test_a_code_is_good_once_and_showing_it_again_revokes(sandbox: Sandbox) -> None:
    once = code(sandbox)
    _, tokens = exchange(sandbox, once)
    assert exchange(sandbox, once)[0] == 400
    assert ask(sandbox, "/people/me", Authorization=f"Bearer {tokens['access_token']}")[0] == 401


def test_a_code_expires(sandbox: Sandbox) -> None:
    late = code(sandbox)
    sandbox.webex.advance(601)
    assert exchange(sandbox, late)[0] == 400


def test_http_basic_is_client_authentication_too(sandbox: Sandbox) -> None:
    basic = base64.b64encode(f"{sandbox.webex.client_id}:{sandbox.webex.client_secret}".encode()).decode()
    form = {
        "grant_type": "authorization_code",
        "code": code(sandbox),
        "redirect_uri": sandbox.webex.rules.redirect_uris[0],
        "code_verifier": VERIFIER,
    }
    assert ask(sandbox, "/access_token", form, Authorization=f"Basic {basic}")[0] == 200
    assert ask(sandbox, "/access_token", form, Authorization="Basic eDp5")[0] == 401


def test_within_a_day_the_same_access_token_comes_again(sandbox: Sandbox) -> None:
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
def test_rotation_revokes_the_grant_when_an_old_one_comes(sandbox: Sandbox, rules: Rules) -> None:
    _, first = exchange(sandbox, code(sandbox))
    _, second = refresh(sandbox, first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(sandbox, first["refresh_token"])[0] == 400
    assert refresh(sandbox, second["refresh_token"])[0] == 400


def test_a_refresh_token_ends_after_ninety_days_unused(sandbox: Sandbox) -> None:
    _, tokens = exchange(sandbox, code(sandbox))
    sandbox.webex.advance(90 * 86400)
    assert refresh(sandbox, tokens["refresh_token"])[0] == 400


def test_people_me_is_401_without_a_token_and_403_without_the_scope(sandbox: Sandbox) -> None:
    assert ask(sandbox, "/people/me")[0] == 401
    page = authorize(sandbox, scope="spark:rooms_read")[2]
    _, tokens = exchange(sandbox, press(sandbox, page, "accept")["code"][0])
    assert ask(sandbox, "/people/me", Authorization=f"Bearer {tokens['access_token']}")[0] == 403


def test_what_is_not_there_is_404_with_a_tracking_id(sandbox: Sandbox) -> None:
    status, headers, body = ask(sandbox, "/nothing")
    assert (status, json.loads(body)["trackingId"]) == (404, headers["trackingid"])


def test_the_command_points_a_terminal_at_it(program: Program, redirect_uri: str) -> None:
    with program.started("sandbox", "--auto-approve", "--redirect-uri", redirect_uri, "--renew-after", "1s") as running:
        running.wait_for("export WEBEX_REDIRECT_URI")
        lines = dict(line.removeprefix("export ").split("=", 1) for line in running.out.splitlines())
        assert list(lines) == ["WEBEX_TOKEN_API_URL", "WEBEX_CLIENT_ID", "WEBEX_CLIENT_SECRET", "WEBEX_REDIRECT_URI"]
        pointed = program.having(**{name: value.strip("'") for name, value in lines.items()}, BROWSER="true %s")
        with pointed.started("login") as login:
            urllib.request.urlopen(login.url()).close()
            assert login.finish().status == 0
        running.wait_for("POST /v1/access_token 200  signed in")


def test_the_command_says_that_its_port_is_taken(program: Program, sandbox: Sandbox) -> None:
    done = program.run("sandbox", "--port", str(sandbox.port))
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"Error: The sandbox cannot listen on port {sandbox.port} (Address already in use).")
