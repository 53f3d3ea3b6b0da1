"""An admin lists the grants of one person, and revokes one of them."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.support.sandbox_client import ask, authorize, exchange, press
from webex_token_cli.sandbox import Rules, Sandbox, person_from

ADMIN = "spark:all identity:tokens_read identity:tokens_write"
ADA, GRACE = person_from("Ada Lovelace <ada@example.com>"), person_from("Grace Hopper <grace@example.com>")


@pytest.fixture
def sandbox(rules: Rules) -> Iterator[Sandbox]:
    """Ada, who is the admin, and Grace have each consented once."""
    with Sandbox(rules, people=[ADA, GRACE]) as sandbox:
        sandbox.token_response(ADMIN.split())
        page = authorize(sandbox, login_hint="grace@example.com")[2]
        exchange(sandbox, press(sandbox, page, "accept")["code"][0])
        yield sandbox


def admin(sandbox: Sandbox) -> str:
    return f"Bearer {sandbox.grants[0].access_token}"


def people_of(sandbox: Sandbox, **query: str) -> list[str]:
    """The people of the grants that are listed."""
    status, _, body = ask(sandbox, f"/authorizations?{urlencode(query)}", Authorization=admin(sandbox))
    assert status == 200
    return [item["personId"] for item in json.loads(body)["items"]]


def test_the_grants_of_a_person_are_listed_by_id_or_address(sandbox: Sandbox) -> None:
    assert people_of(sandbox) == [ADA["id"], GRACE["id"]]
    assert people_of(sandbox, personId=GRACE["id"]) == [GRACE["id"]]
    assert people_of(sandbox, personEmail="GRACE@example.com") == [GRACE["id"]]
    assert people_of(sandbox, personEmail="nobody@example.com") == []


def test_an_admin_revokes_one_grant_by_its_id(sandbox: Sandbox) -> None:
    of_grace = sandbox.grants[1].id
    for status in (204, 404):
        path = f"/authorizations/{of_grace}"
        assert ask(sandbox, path, method="DELETE", Authorization=admin(sandbox))[0] == status
    assert people_of(sandbox) == [ADA["id"]]


def test_only_an_admin_revokes_a_grant_by_its_id(sandbox: Sandbox) -> None:
    path = f"/authorizations/{sandbox.grants[1].id}"
    assert ask(sandbox, path, method="DELETE", Authorization=bearer_of_person(sandbox))[0] == 403
    assert people_of(sandbox)[:2] == [ADA["id"], GRACE["id"]]


def bearer_of_person(sandbox: Sandbox) -> str:
    return f"Bearer {sandbox.token_response()['access_token']}"


@pytest.mark.parametrize(("org_id", "status"), [(ADA["orgId"], 204), ("another", 404)])
def test_grants_are_revoked_in_the_organization_only(sandbox: Sandbox, org_id: str, status: int) -> None:
    query = urlencode({"clientId": sandbox.client_id, "orgId": org_id})
    assert ask(sandbox, f"/authorizations?{query}", method="DELETE", Authorization=admin(sandbox))[0] == status
    assert {grant.revoked for grant in sandbox.grants} == {status == 204}
