"""The control of a sandbox over HTTP: what each path does."""

import json
import time

import pytest

from tests.support.sandbox_client import ask, asked, bearer_of, fetch, refresh
from webex_token_cli.sandbox import Rules, Sandbox


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    """A refresh renews each time."""
    return Rules(redirect_uris=(redirect_uri,), renew_after=0)


def test_a_fault_is_ordered_listed_counted_and_forgotten(sandbox: Sandbox) -> None:
    token = sandbox.token_response()["refresh_token"]
    assert asked(sandbox, "POST", "/faults", {"fault": "refresh=503:30*2@1"}) == (
        200,
        {"fault": "refresh=503:30*2@1", "times": 2, "came": 0},
    )
    assert [refresh(sandbox, token)[0] for _ in range(2)] == [200, 503]
    assert asked(sandbox, "GET", "/faults") == (
        200,
        {"faults": [{"fault": "refresh=503:30*2@1", "times": 2, "came": 1}]},
    )
    assert asked(sandbox, "DELETE", "/faults") == (200, {})
    assert asked(sandbox, "GET", "/faults") == (200, {"faults": []})
    assert refresh(sandbox, token)[0] == 200


def test_an_answer_is_ordered_by_its_fields(sandbox: Sandbox) -> None:
    answer = {"path": "/v1/people/me", "status": 418, "headers": {"X-Tea": "yes"}, "body": "short and stout"}
    more = {"times": 2, "delay": "0s", "after_requests": 1}
    assert asked(sandbox, "POST", "/faults", {"answer": {**answer, **more}}) == (
        200,
        {"fault": "/v1/people/me=418*2", "times": 2, "came": 0},
    )
    assert ask(sandbox, "/people/me")[0] == 401
    for _ in range(2):
        status, headers, body = ask(sandbox, "/people/me")
        assert (status, headers["X-Tea"], body) == (418, "yes", "short and stout")
    assert ask(sandbox, "/people/me")[0] == 401


def test_the_clock_is_advanced(sandbox: Sandbox) -> None:
    status, answer = asked(sandbox, "POST", "/advance", {"duration": "13d"})
    assert (status, answer["now"]) == (200, pytest.approx(time.time() + 13 * 86400, abs=60))
    assert asked(sandbox, "POST", "/advance", {"duration": 60})[1]["now"] == pytest.approx(answer["now"] + 60, abs=30)


def test_the_clock_ends_before_the_calendar(sandbox: Sandbox) -> None:
    thousand_years = {"duration": f"{1000 * 365}d"}
    statuses = [asked(sandbox, "POST", "/advance", thousand_years)[0] for _ in range(9)]
    assert statuses == [200] * 7 + [400] * 2
    assert asked(sandbox, "POST", "/advance", thousand_years)[1]["message"].endswith(
        "The sandbox's clock ends with the year 9998."
    )
    bearer = bearer_of(sandbox, "spark:all identity:tokens_read identity:tokens_write")
    assert ask(sandbox, "/authorizations", Authorization=bearer)[0] == 200


def test_tokens_are_issued_without_a_sign_in(sandbox: Sandbox) -> None:
    status, usual = asked(sandbox, "POST", "/tokens")
    assert (status, usual["expires_in"], usual["scope"]) == (200, 1209599, "spark:all")
    _, short = asked(sandbox, "POST", "/tokens", {"expires_in": "10m", "scopes": ["spark:all", "spark:kms"]})
    assert (short["expires_in"], short["scope"]) == (599, "spark:all spark:kms")
    assert ask(sandbox, "/people/me", Authorization=f"Bearer {short['access_token']}")[0] == 200
    assert refresh(sandbox, usual["refresh_token"])[0] == 200


def test_grants_are_listed_without_their_tokens_and_revoked(sandbox: Sandbox) -> None:
    first, second = (asked(sandbox, "POST", "/tokens")[1] for _ in range(2))
    refresh(sandbox, second["refresh_token"])
    status, listed = asked(sandbox, "GET", "/grants")
    grants = listed["grants"]
    now = pytest.approx(time.time(), abs=60)
    assert (status, grants[1]) == (
        200,
        {
            "id": sandbox.grants[1].id,
            "client_id": sandbox.client_id,
            "person_id": sandbox.person["id"],
            "scopes": ["spark:all"],
            "made_at": now,
            "access_token": "access token 3",
            "access_token_expires_at": pytest.approx(time.time() + 14 * 86400, abs=60),
            "refresh_token": "refresh token 2",
            "refresh_token_expires_at": pytest.approx(time.time() + 90 * 86400, abs=60),
            "revoked": False,
        },
    )
    assert asked(sandbox, "DELETE", f"/grants/{grants[0]['id']}") == (200, {})
    assert [refresh(sandbox, tokens["refresh_token"])[0] for tokens in (first, second)] == [400, 200]
    assert asked(sandbox, "DELETE", "/grants") == (200, {})
    assert [each["revoked"] for each in asked(sandbox, "GET", "/grants")[1]["grants"]] == [True, True]
    assert refresh(sandbox, second["refresh_token"])[0] == 400


def test_a_service_app_is_registered_authorized_and_revoked(sandbox: Sandbox) -> None:
    status, app = asked(sandbox, "POST", "/service-apps", {"scopes": ["spark:all"]})
    (registered,) = sandbox.service_apps.registered
    assert (status, app) == (
        200,
        {
            "id": registered.application_id,
            "clientId": registered.client_id,
            "clientSecret": registered.client_secret,
            "orgId": sandbox.person["orgId"],
            "authorized": False,
        },
    )
    for authorized in (True, False):
        changed = asked(sandbox, "POST", "/service-apps", {"id": app["id"], "authorized": authorized})
        assert changed == (200, {**app, "authorized": authorized})
        assert registered.authorized is authorized
    assert asked(sandbox, "POST", "/service-apps", {"id": app["id"]}) == (200, app)


def test_the_journal_names_each_secret_where_it_was(sandbox: Sandbox) -> None:
    tokens = sandbox.token_response()
    client = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **client}
    ask(sandbox, "/access_token", form, **{"User-Agent": "t"})
    ask(sandbox, f"/people/me?of={tokens['refresh_token']}", Authorization=f"Bearer {tokens['access_token']}")
    _, answer = asked(sandbox, "GET", "/journal")
    first, second = answer["entries"]
    assert first["body"] == (
        "grant_type=refresh_token&refresh_token=<refresh token 1>"
        f"&client_id={sandbox.client_id}&client_secret=<client secret 1>"
    )
    assert first["headers"]["User-Agent"] == "t"
    answered = json.loads(first["answer"].pop("body"))
    assert {name: answered[name] for name in ("access_token", "refresh_token", "expires_in")} == {
        "access_token": "<access token 2>",
        "refresh_token": "<refresh token 1>",
        "expires_in": 1209599,
    }
    assert first["answer"] == {"status": 200, "headers": {"Cache-Control": "no-store"}}
    assert [first[key] for key in ("method", "path", "query", "outcome")] == [
        "POST",
        "/v1/access_token",
        "",
        "renewed",
    ]
    assert first["moment"] == pytest.approx(time.time(), abs=60)
    assert (second["query"], second["headers"]["Authorization"]) == ("of=<refresh token 1>", "Bearer <access token 1>")
    assert second["answer"]["status"] == 200


def test_a_reset_is_a_new_start(sandbox: Sandbox) -> None:
    token = asked(sandbox, "POST", "/tokens")[1]["refresh_token"]
    refresh(sandbox, token)
    asked(sandbox, "POST", "/service-apps")
    asked(sandbox, "POST", "/faults", {"fault": "refresh=503"})
    asked(sandbox, "POST", "/advance", {"duration": "1d"})
    client = sandbox.client_id, sandbox.client_secret
    assert asked(sandbox, "POST", "/reset") == (200, {})
    for path, key in (("/grants", "grants"), ("/faults", "faults"), ("/journal", "entries")):
        assert asked(sandbox, "GET", path) == (200, {key: []})
    assert sandbox.service_apps.registered == []
    assert sandbox.now() == pytest.approx(time.time(), abs=60)
    assert (sandbox.client_id, sandbox.client_secret) == client
    assert refresh(sandbox, token)[0] == 400


def test_its_health_is_told_to_anybody(sandbox: Sandbox) -> None:
    for host in ("localhost", "sandbox.example"):
        status, headers, body = fetch(f"{sandbox.url}/sandbox/healthz", Host=host, Origin="http://evil.example")
        assert (status, json.loads(body), headers["Cache-Control"]) == (200, {"status": "ok", "version": 1}, "no-store")
    status, headers, body = fetch(f"{sandbox.url}/sandbox/healthz", method="HEAD")
    assert (status, headers["Content-Length"], body) == (200, "30", "")
