"""The sandbox gives Service Apps their tokens, and revokes single access tokens."""

import json
from typing import Any

import pytest
import requests

from tests.support.sandbox_client import ask, bearer_of, refresh
from webex_token_cli.sandbox import Sandbox, ServiceApp

SCOPES = "spark:all spark:applications_token"


def tokens(sandbox: Sandbox, app: ServiceApp, bearer: str, **changed: str) -> requests.Response:
    document = {
        "clientId": app.client_id,
        "clientSecret": app.client_secret,
        "targetOrgId": sandbox.person["orgId"],
        **changed,
    }
    application_id = changed.pop("application_id", app.application_id)
    url = f"{sandbox.api_url}/applications/{application_id}/token"
    return requests.post(url, json=document, headers={"Authorization": bearer}, timeout=30)


def control(sandbox: Sandbox, **asked: Any) -> dict[str, Any]:
    url = f"{sandbox.url}/sandbox/v1/service-apps"
    answer = requests.post(url, json=asked, timeout=30)
    answer.raise_for_status()
    return dict(answer.json())


def test_a_service_app_gets_tokens_once_an_admin_has_authorized_it(sandbox: Sandbox) -> None:
    bearer = bearer_of(sandbox, SCOPES)
    registered = control(sandbox)
    app = sandbox.service_apps.find(registered["id"])
    assert (app.client_id, app.client_secret) == (registered["clientId"], registered["clientSecret"])
    assert tokens(sandbox, app, bearer).status_code == 403
    assert control(sandbox, id=app.application_id, authorized=True)["authorized"]
    given = tokens(sandbox, app, bearer)
    assert given.status_code == 200
    assert ask(sandbox, "/people/me", Authorization=f"Bearer {given.json()['access_token']}")[0] == 200
    form = {
        "grant_type": "refresh_token",
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "refresh_token": given.json()["refresh_token"],
    }
    assert requests.post(f"{sandbox.api_url}/access_token", data=form, timeout=30).status_code == 200
    assert refresh(sandbox, form["refresh_token"])[0] == 400  # the integration is another client
    control(sandbox, id=app.application_id, authorized=False)
    assert requests.post(f"{sandbox.api_url}/access_token", data=form, timeout=30).status_code == 400
    assert tokens(sandbox, app, bearer).status_code == 403
    assert ask(sandbox, "/people/me", Authorization=bearer)[0] == 200  # the person's own grant is another one


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"application_id": "unknown"}, 404),
        ({"clientSecret": "wrong"}, 400),
        ({"clientId": "wrong"}, 400),
        ({"targetOrgId": "another"}, 403),
    ],
)
def test_a_service_app_gets_no_tokens_with_wrong_data(sandbox: Sandbox, changed: dict[str, str], status: int) -> None:
    app = sandbox.service_apps.register()
    app.authorized = True
    assert tokens(sandbox, app, bearer_of(sandbox, SCOPES), **changed).status_code == status


@pytest.mark.parametrize("body", ["[]", "nonsense", "[" * 60_000], ids=["a list", "no JSON", "nested too deeply"])
def test_a_body_that_is_no_json_object_cannot_be_read(sandbox: Sandbox, body: str) -> None:
    app = sandbox.service_apps.register()
    url = f"{sandbox.api_url}/applications/{app.application_id}/token"
    refused = requests.post(url, data=body, headers={"Authorization": bearer_of(sandbox, SCOPES)}, timeout=30)
    assert (refused.status_code, refused.json()["message"]) == (400, "The request could not be read")


@pytest.mark.parametrize(("scope", "status"), [("", 401), ("spark:all", 403)])
def test_the_tokens_of_a_service_app_need_a_person_with_the_scope(sandbox: Sandbox, scope: str, status: int) -> None:
    app = sandbox.service_apps.register()
    app.authorized = True
    bearer = bearer_of(sandbox, scope) if scope else "Bearer x"
    assert tokens(sandbox, app, bearer).status_code == status


def revoke(sandbox: Sandbox, token: str, secret: str | None = None, **form: str) -> int:
    auth = (sandbox.client_id, secret or sandbox.client_secret)
    issuer = requests.get(f"{sandbox.api_url}/.well-known/openid-configuration", timeout=30).json()["issuer"]
    url = f"{issuer}/oauth2/v1/revoke"
    return requests.post(url, data={"token": token, **form}, auth=auth, timeout=30).status_code


def test_an_access_token_is_revoked_alone(sandbox: Sandbox) -> None:
    bearer = bearer_of(sandbox, "spark:all")
    grant = sandbox.grants[0]
    token, refresh_token = grant.access_token, grant.refresh_token
    assert revoke(sandbox, token, "wrong") == 401
    assert revoke(sandbox, refresh_token, token_type_hint="refresh_token") == 400
    assert revoke(sandbox, refresh_token) == 400
    assert ask(sandbox, "/people/me", Authorization=bearer)[0] == 200
    assert revoke(sandbox, token, token_type_hint="access_token") == 200
    assert revoke(sandbox, token) == 200  # RFC 7009 section 2.2: a token that is not valid is no error
    assert ask(sandbox, "/people/me", Authorization=bearer)[0] == 401
    assert refresh(sandbox, refresh_token)[0] == 200
    assert ask(sandbox, "/people/me", Authorization=f"Bearer {grant.access_token}")[0] == 200


def test_the_journal_and_the_control_paths_show_no_token(sandbox: Sandbox) -> None:
    app = sandbox.service_apps.register()
    app.authorized = True
    given = tokens(sandbox, app, bearer_of(sandbox, SCOPES)).json()
    shown = json.dumps([str(entry) for entry in sandbox.journal]) + repr(sandbox.service_apps) + repr(app)
    assert [secret for secret in (given["access_token"], app.client_secret) if secret in shown] == []
