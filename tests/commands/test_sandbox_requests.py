"""Requests of every method and size, and how they are read."""

import pytest

from tests.support.sandbox_client import ask, basic, bearer_of
from webex_token_cli.sandbox import Answer, Sandbox


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_ordered_answer_is_given_to_a_method_that_webexs_other_paths_have(sandbox: Sandbox, method: str) -> None:
    sandbox.order(Answer("/v1/rooms/1", 200, body="changed"))
    assert ask(sandbox, "/rooms/1", {"file": "x" * 200_000}, method)[::2] == (200, "changed")
    assert [(entry.method, entry.status) for entry in sandbox.journal] == [(method, 200)]
    assert len(sandbox.requests[0].body) == 200_005


def test_a_body_of_another_type_is_no_form(sandbox: Sandbox) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": sandbox.token_response()["refresh_token"]}
    client = basic(sandbox.client_id, sandbox.client_secret)
    kinds = "application/x-www-form-urlencoded; charset=UTF-8", "application/json", "text/plain"
    sent = [ask(sandbox, "/access_token", form, Authorization=client, **{"Content-Type": kind}) for kind in kinds]
    assert [status for status, _, _ in sent] == [200, 400, 400]
    assert sandbox.outcomes() == ["unchanged", *["unsupported_grant_type"] * 2]


def test_head_is_answered_as_get_without_a_body(sandbox: Sandbox) -> None:
    sandbox.fault("people=429:0")
    bearer = bearer_of(sandbox, "spark:all")
    limited, found = (ask(sandbox, "/people/me", method="HEAD", Authorization=bearer) for _ in range(2))
    assert (limited[0], limited[1]["Retry-After"]) == (429, "0")
    assert (found[0], int(found[1]["Content-Length"]) > 0, found[2]) == (200, True, "")


def test_a_request_that_is_refused_unread_is_in_the_journal(sandbox: Sandbox) -> None:
    assert ask(sandbox, "/messages?a=b", {}, **{"Content-Length": "200000000"})[0] == 413
    (entry,) = sandbox.journal
    assert (entry.method, entry.path, entry.status) == ("POST", "/v1/messages", 413)
    assert sandbox.marked(entry)["query"] == "a=b"
