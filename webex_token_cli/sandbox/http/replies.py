"""The sandbox's HTTP answers: JSON, Webex's two shapes of errors, redirects and pages."""

import html
import json
from dataclasses import dataclass, field
from importlib.resources import files
from string import Template
from typing import Any, Literal
from urllib.parse import urlencode

from webex_token_cli.sandbox.problem import Problem


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, and what the journal says of it.

    ``sent`` tells how much of it reaches the client: after half an answer the connection is closed, after none
    it is reset.
    """

    status: int
    body: bytes
    content_type: str
    outcome: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    sent: Literal["whole", "half", "none"] = "whole"


def json_reply(status: int, body: dict[str, Any], outcome: str = "", headers: dict[str, str] | None = None) -> Reply:
    """An answer with a JSON object."""
    return Reply(status, json.dumps(body).encode(), "application/json;charset=UTF-8", outcome, headers or {})


def token_reply(response: dict[str, Any], outcome: str) -> Reply:
    """An answer with secrets in it, which must not be cached (RFC 6749 section 5.1)."""
    return json_reply(200, response, outcome, {"Cache-Control": "no-store"})


def refusal(problem: Problem, tracking_id: str, in_rfc_shape: bool) -> Reply:
    """An error in the shape of RFC 6749 section 5.2, or in Webex's own."""
    body: dict[str, Any]
    if in_rfc_shape:
        body = {"error": problem.error, "error_description": problem.description}
    else:
        body = {
            "message": problem.message or problem.description,
            "errors": [{"description": problem.description}],
            "trackingId": tracking_id,
        }
    is_told = problem.retry_after is not None and not in_rfc_shape
    headers = {"Retry-After": str(problem.retry_after)} if is_told else {}
    return json_reply(problem.status, body, problem.outcome or problem.error, headers)


def redirect(uri: str, query: dict[str, str], outcome: str) -> Reply:
    """A redirect to ``uri`` with what is not empty of ``query`` added to its own query (RFC 6749 section 3.1.2)."""
    added = urlencode({name: value for name, value in query.items() if value})
    return Reply(302, b"", "text/plain", outcome, {"Location": f"{uri}{'&' if '?' in uri else '?'}{added}"})


def page(status: int, outcome: str, name: str, markup: str = "", **values: str) -> Reply:
    """The page ``pages/NAME``, with each ``$key`` in it replaced by its escaped value, and ``$markup`` as it is."""
    text = files("webex_token_cli.sandbox").joinpath("pages", name).read_text(encoding="utf-8")
    filled = Template(text).substitute({"markup": markup, **{key: html.escape(value) for key, value in values.items()}})
    return Reply(status, filled.encode(), "text/html; charset=utf-8", outcome)


def account_page(people: list[dict[str, Any]], ticket: str) -> Reply:
    """The page on which a person chooses one of the accounts."""
    buttons = "\n".join(
        f'<p><button name="person" value="{html.escape(person["id"])}">{html.escape(_label(person))}</button></p>'
        for person in people
    )
    return page(200, "account asked", "account.html", buttons, ticket=ticket)


def another_account(address: str) -> str:
    """The link on the consent page that leads to the choice of an account."""
    return f'<p><a href="{html.escape(address)}">Use another account</a></p>'


def _label(person: dict[str, Any]) -> str:
    return f"{person['displayName']} <{person['emails'][0]}>"


def verify_page(status: int, outcome: str, words: str) -> Reply:
    """The page on which a person types the code that their device shows."""
    return page(status, outcome, "verify.html", words=words)
