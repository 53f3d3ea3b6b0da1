"""Requests of every method and size, and how they are read."""

import pytest

from tests.support.sandbox_client import ask
from webex_token_cli.sandbox import Answer, Sandbox


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_ordered_answer_is_given_to_a_method_that_webexs_other_paths_have(sandbox: Sandbox, method: str) -> None:
    sandbox.order(Answer("/v1/rooms/1", 200, body="changed"))
    assert ask(sandbox, "/rooms/1", {"file": "x" * 200_000}, method)[::2] == (200, "changed")
    assert [(entry.method, entry.status) for entry in sandbox.journal] == [(method, 200)]
    assert len(sandbox.requests[0].body) == 200_005


def test_a_request_that_is_refused_unread_is_in_the_journal(sandbox: Sandbox) -> None:
    assert ask(sandbox, "/messages?a=b", {}, **{"Content-Length": "200000000"})[0] == 413
    (entry,) = sandbox.journal
    assert (entry.method, entry.path, entry.status) == ("POST", "/v1/messages", 413)
    assert sandbox.marked(entry)["query"] == "a=b"
