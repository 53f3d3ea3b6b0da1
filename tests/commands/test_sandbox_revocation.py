"""The sandbox's identity service revokes one access token, for the client that it was given to."""

import json
from typing import Any

import pytest

from tests.support.sandbox_client import ask, basic, code, exchange, fetch, refresh
from webex_token_cli.sandbox import Sandbox

Tokens = dict[str, Any]
DAY = 86_400


@pytest.fixture
def two(sandbox: Sandbox) -> tuple[Tokens, Tokens]:
    """What a sign-in gave and, a day later, a refresh: two valid access tokens of one grant."""
    _, first = exchange(sandbox, code(sandbox))
    sandbox.advance(DAY)
    return first, refresh(sandbox, first["refresh_token"])[1]


def revoke(sandbox: Sandbox, tokens: Tokens, client_id: str, client_secret: str) -> int:
    """Ask the identity service, which is not below /v1, to revoke the access token: the status."""
    form = {"token": tokens["access_token"], "token_type_hint": "access_token"}
    address = f"{sandbox.url}/idb/oauth2/v1/revoke"
    return fetch(address, form, Authorization=basic(client_id, client_secret))[0]


def are_valid(sandbox: Sandbox, *several: Tokens) -> list[bool]:
    return [
        ask(sandbox, "/people/me", Authorization=f"Bearer {tokens['access_token']}")[0] == 200 for tokens in several
    ]


def test_another_clients_access_token_is_left_alone(sandbox: Sandbox, two: tuple[Tokens, Tokens]) -> None:
    app = sandbox.service_apps.register()
    assert revoke(sandbox, two[1], app.client_id, app.client_secret) == 200
    assert are_valid(sandbox, *two) == [True, True]


@pytest.mark.parametrize("which", [0, 1])
def test_the_other_access_token_of_the_grant_stays_valid(
    sandbox: Sandbox, two: tuple[Tokens, Tokens], which: int
) -> None:
    assert revoke(sandbox, two[which], sandbox.client_id, sandbox.client_secret) == 200
    assert are_valid(sandbox, *two) == [which != 0, which != 1]
    newest = refresh(sandbox, two[1]["refresh_token"])[1]["access_token"]
    # A refresh within a day gives the same access token again, unless it was revoked.
    assert (newest == two[1]["access_token"]) == (which == 0)


def test_a_client_that_does_not_name_itself_by_http_basic_is_told_to(
    sandbox: Sandbox, two: tuple[Tokens, Tokens]
) -> None:
    form = {"token": two[1]["access_token"], "client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    status, _, body = fetch(f"{sandbox.url}/idb/oauth2/v1/revoke", form)
    assert (status, json.loads(body)["message"]) == (
        401,
        "The client id and client secret must be sent by HTTP Basic here",
    )
    assert are_valid(sandbox, *two) == [True, True]


def test_a_program_that_runs_the_sandbox_revokes_one_grant_of_several(sandbox: Sandbox) -> None:
    tokens = [sandbox.token_response() for _ in range(3)]
    sandbox.revoke(sandbox.grants[1])
    assert are_valid(sandbox, *tokens) == [True, False, True]
