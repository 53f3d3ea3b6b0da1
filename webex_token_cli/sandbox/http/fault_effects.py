"""What each kind of fault does to a request and its answer."""

import json
import math
from collections.abc import Callable
from dataclasses import replace

from webex_token_cli.sandbox.faults import Answer, Fault
from webex_token_cli.sandbox.http.replies import Reply, json_reply, refusal
from webex_token_cli.sandbox.http.request import Request
from webex_token_cli.sandbox.problem import Problem

_PORTAL = "<!doctype html><title>Guest Wi-Fi</title><h1>Welcome</h1><p>Sign in to use the Internet.</p>"
_PROXY_ERROR = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

_STATUSES = {
    "408": "The request took too long",
    "423": "The resource is locked",
    "425": "The request came too early",
    "429": "Too many requests",
    "500": "An internal error occurred",
    "502": "The gateway got no valid answer",
    "503": "The service is unavailable",
    "504": "The gateway got no answer in time",
}

# What expires or is revoked, by the place of the request.
_REFUSED = {
    "refresh": "The refresh token",
    "code": "The authorization code",
    "device": "The device code",
}

# These change the answer with tokens, and find nothing in any other.
_OF_TOKENS = frozenset({"string-lifetimes", "no-refresh-token"})


def answer_with(
    fault: Fault | Answer,
    request: Request,
    respond: Callable[[Request], Reply],
    refuse: Callable[[Request, Problem], Reply],
    wait: Callable[[float], None],
) -> Reply:
    """The answer to ``request`` under ``fault``.

    ``respond`` does what is asked and gives the usual answer; ``refuse`` gives the answer for a refusal; ``wait``
    waits for some seconds.
    """
    if isinstance(fault, Answer):
        wait(fault.delay)
        return Reply(fault.status, fault.body.encode(), "text/plain; charset=utf-8", "fault", fault.headers)
    match fault.kind:
        case "expired" | "revoked":
            reply = refuse(request, _ended(request.place, fault.kind))
        case "client-refused":
            words = "The client id and client secret do not match an integration"
            reply = refuse(request, Problem(401, "invalid_client", words))
        case "tokenlimit":
            # Only RFC 6749's shape has the error code, without which nobody could tell what is meant.
            words = "The person has too many access tokens of this integration"
            reply = refusal(Problem(400, "tokenlimit_reached", words), request.tracking_id, in_rfc_shape=True)
        case status if status in _STATUSES:
            retry_after = None if fault.seconds is None else math.ceil(fault.seconds)
            problem = Problem(int(status), "", _STATUSES[status], retry_after=retry_after)
            reply = refusal(problem, request.tracking_id, in_rfc_shape=False)
        case "slow":
            wait(fault.seconds or 0)
            return respond(request)
        case "reset":
            reply = Reply(0, b"", "", sent="none")
        case "captive":
            reply = Reply(200, _PORTAL.encode(), "text/html; charset=utf-8")
        case "html-error":
            reply = Reply(502, _PROXY_ERROR.encode(), "text/html; charset=utf-8")
        case "truncated":
            reply = replace(respond(request), sent="half")
        case "answer-lost":
            reply = replace(respond(replace(request, rules=replace(request.rules, rotate=True))), sent="none")
        case "same-token":
            return respond(replace(request, rules=replace(request.rules, renew_after=math.inf)))
        case "no-refresh-token":
            # The one that is in force must stay, because the client is told of no other.
            reply = _without_refresh_token(respond(replace(request, rules=replace(request.rules, rotate=False))))
        case _:
            reply = _with_lifetimes_as_strings(respond(request))
    if changes_nothing(fault, reply):
        return reply
    return replace(reply, outcome=f"fault: {fault.kind}")


def changes_nothing(fault: Fault, reply: Reply) -> bool:
    """Whether the usual answer ``reply`` to a request had nothing that ``fault`` could change, so that it never came.

    A device that is told to wait has no lifetimes, and an access token that has expired is not answered again.
    """
    if fault.kind == "same-token":
        return reply.outcome != "unchanged"
    return fault.kind in _OF_TOKENS and reply.status != 200


def _ended(place: str, kind: str) -> Problem:
    ended = "has expired" if kind == "expired" else "was revoked"
    if place not in _REFUSED:
        return Problem(401, "invalid_token", f"The access token {ended}")
    error = "expired_token" if (place, kind) == ("device", "expired") else "invalid_grant"
    return Problem(400, error, f"{_REFUSED[place]} {ended}")


def _without_refresh_token(reply: Reply) -> Reply:
    return _changed(reply, lambda key: key.startswith("refresh_token"), lambda _: None)


def _with_lifetimes_as_strings(reply: Reply) -> Reply:
    return _changed(reply, lambda key: key.endswith("expires_in"), str)


def _changed(reply: Reply, concerns: Callable[[str], bool], change: Callable[[object], object]) -> Reply:
    """``reply`` with some values of its JSON object changed, or removed where ``change`` gives None."""
    body = {key: change(value) if concerns(key) else value for key, value in json.loads(reply.body).items()}
    there = {key: value for key, value in body.items() if value is not None}
    return json_reply(reply.status, there, reply.outcome, reply.headers)
