"""Refusals and failures that Webex documents or has been seen to give, by name, to order from the sandbox."""

import json

from webex_token_cli.sandbox import Answer

# The name is the error code, or says what the status means.
_ANSWERS: dict[str, tuple[int, dict[str, str]]] = {
    "invalid_grant": (400, {"error": "invalid_grant", "error_description": "The refresh token was revoked."}),
    "invalid_client": (401, {"error": "invalid_client", "error_description": "The client secret is wrong."}),
    "invalid_scope": (400, {"error": "invalid_scope", "error_description": "The scope is not allowed."}),
    "invalid_request": (400, {"error": "invalid_request", "error_description": "The refresh token is invalid."}),
    "invalid_refresh_token": (400, {"error": "invalid_refresh_token"}),
    "tokenlimit_reached": (400, {"error": "tokenlimit_reached"}),
    "locked": (423, {"message": "The resource is locked."}),
    "too_many_requests": (429, {"message": "Too many requests."}),
    "service_unavailable": (503, {"message": "The service is unavailable."}),
}


def refusal(name: str, path: str = "/v1/access_token", times: int = 1) -> Answer:
    """The answer with that name to the next requests for ``path``."""
    status, body = _ANSWERS[name]
    return Answer(path, status, {}, json.dumps(body), times)
