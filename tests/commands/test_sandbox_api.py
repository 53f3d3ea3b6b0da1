"""The sandbox answers requests for the person and for the grants of an integration."""

import json
from datetime import datetime

import pytest

from tests.support.sandbox_client import ask, authorize, bearer_of, exchange, press, refresh
from webex_token_cli.sandbox import Answer, Rules, Sandbox

ADMIN = "spark:all identity:tokens_read identity:tokens_write"


def test_people_me_is_401_without_a_token_and_403_without_the_scope(sandbox: Sandbox) -> None:
    assert ask(sandbox, "/people/me")[0] == 401
    page = authorize(sandbox, scope="spark:rooms_read")[2]
    _, tokens = exchange(sandbox, press(sandbox, page, "accept")["code"][0])
    assert ask(sandbox, "/people/me", Authorization=f"Bearer {tokens['access_token']}")[0] == 403


def test_token_expiry_tells_when_the_calling_access_token_ends(sandbox: Sandbox) -> None:
    bearer = bearer_of(sandbox, "spark:rooms_read")
    status, _, body = ask(sandbox, "/authorizations/tokenExpiry", Authorization=bearer)
    assert (status, json.loads(body)) == (200, {"exp": int(sandbox.grants[0].access_expires_at * 1000)})
    sandbox.advance(14 * 86400)
    assert ask(sandbox, "/authorizations/tokenExpiry", Authorization=bearer)[0] == 401


@pytest.mark.parametrize(
    "rules", [Rules.preset("contact-center"), Rules.preset("device"), Rules.preset("government"), Rules()]
)
def test_a_refresh_extends_the_refresh_token_or_not_as_the_rules_say(sandbox: Sandbox, rules: Rules) -> None:
    _, tokens = exchange(sandbox, press(sandbox, authorize(sandbox)[2], "accept")["code"][0])
    assert tokens["expires_in"] == pytest.approx(rules.access_ttl, abs=5)
    assert tokens["refresh_token_expires_in"] == pytest.approx(rules.refresh_ttl, abs=5)
    sandbox.advance(rules.access_ttl)
    _, after = refresh(sandbox, tokens["refresh_token"])
    passed = 0 if rules.extends_refresh_token else rules.access_ttl
    assert after["refresh_token_expires_in"] == pytest.approx(rules.refresh_ttl - passed, abs=5)
    assert after["access_token"] != tokens["access_token"]


def test_an_admin_lists_and_revokes_the_grants_of_an_integration(sandbox: Sandbox) -> None:
    person, admin = bearer_of(sandbox, "spark:all"), bearer_of(sandbox, ADMIN)
    moment = int(sandbox.grants[0].made_at)
    status, _, body = ask(sandbox, "/authorizations", Authorization=admin)
    items = json.loads(body)["items"]
    assert [0 <= datetime.fromisoformat(item.pop("created")).timestamp() - moment < 30 for item in items] == [True] * 2
    assert (status, items) == (
        200,
        [
            {
                "id": grant.id,
                "clientId": sandbox.client_id,
                "personId": sandbox.person["id"],
                "type": "refresh",
            }
            for grant in sandbox.grants
        ],
    )
    status, headers, body = ask(
        sandbox, f"/authorizations?clientId={sandbox.client_id}", method="DELETE", Authorization=admin
    )
    assert (status, body, "Content-Length" in headers, "trackingid" in headers) == (204, "", False, True)
    assert sandbox.outcomes("/v1/authorizations") == ["", "revoked"]
    for bearer in (person, admin):
        assert ask(sandbox, "/people/me", Authorization=bearer)[0] == 401
    assert [refresh(sandbox, grant.refresh_token)[0] for grant in sandbox.grants] == [400, 400]
    _, _, body = ask(sandbox, "/authorizations", Authorization=bearer_of(sandbox, ADMIN))
    assert [item["id"] for item in json.loads(body)["items"]] == [sandbox.grants[-1].id]


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
    path = f"/authorizations?clientId={sandbox.client_id}"
    got, _, body = ask(sandbox, path, method=method, Authorization=bearer)
    assert (got, "trackingId" in json.loads(body)) == (status, True)
    assert sandbox.outcomes("/v1/authorizations") == [error]
    assert not any(grant.revoked for grant in sandbox.grants)


@pytest.mark.parametrize("query", ["?clientId=unknown", "?clientId=", ""])
def test_revoking_for_an_unknown_client_id_is_404_and_revokes_nothing(sandbox: Sandbox, query: str) -> None:
    admin = bearer_of(sandbox, ADMIN)
    assert ask(sandbox, f"/authorizations{query}", method="DELETE", Authorization=admin)[0] == 404
    assert ask(sandbox, "/people/me", Authorization=admin)[0] == 200


@pytest.mark.parametrize(("expires_in", "outcome"), [("10m", "renewed"), ("13d12h", "unchanged"), ("20d", "unchanged")])
def test_a_token_that_is_given_a_shorter_life_counts_as_an_old_one(
    sandbox: Sandbox, expires_in: str, outcome: str
) -> None:
    """Webex renews a token once a day, and one that is near its end was made days ago."""
    refresh(sandbox, sandbox.token_response(expires_in=expires_in)["refresh_token"])
    assert sandbox.outcomes() == [outcome]


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("spark:rooms_read", 200),
        ("spark:kms", 403),
        ("spark:applications_token", 403),
        ("spark-admin:people_read", 403),
        ("meeting:schedules_read", 403),
        ("identity:tokens_read", 403),
    ],
)
def test_spark_all_includes_what_people_do_in_the_app_alone(sandbox: Sandbox, scope: str, status: int) -> None:
    sandbox.order(Answer("/v1/rooms", 200, scope=scope))
    assert ask(sandbox, "/rooms", Authorization=bearer_of(sandbox, "spark:all"))[0] == status


def test_an_answer_of_ones_own_is_for_valid_access_tokens_with_the_scope_that_it_names(sandbox: Sandbox) -> None:
    kind = {"content-type": "application/json"}
    sandbox.order(Answer("/v1/rooms", 200, kind, '{"items": []}', times=9, scope="spark:rooms_read"))
    bearers = [bearer_of(sandbox, scope) for scope in ("spark:rooms_read", "spark:all", "spark:people_read")]
    assert [ask(sandbox, "/rooms", Authorization=bearer)[0] for bearer in bearers] == [200, 200, 403]
    _, headers, body = ask(sandbox, "/rooms", Authorization=bearers[0])
    kinds = [value for name, value in headers.items() if name.lower() == "content-type"]
    assert (kinds, json.loads(body)) == (["application/json"], {"items": []})
    sandbox.advance("14d")
    assert ask(sandbox, "/rooms", Authorization=bearers[0])[0] == 401
