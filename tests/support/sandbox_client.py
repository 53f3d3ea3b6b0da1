"""An OAuth client of the sandbox that uses none of the program's own HTTP code."""

import base64
import hashlib
import json
import re
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from webex_token_cli.sandbox import Sandbox

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def basic(client_id: str, client_secret: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{client_id}:{client_secret}'.encode()).decode()}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def ask(
    sandbox: Sandbox, path: str, form: dict[str, str] | None = None, method: str | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    """Request a path below /v1: the status, headers and body. Redirects are not followed."""
    return fetch(sandbox.api_url + path, form, method, **headers)


def fetch(
    url: str, form: dict[str, str] | None = None, method: str | None = None, **headers: str
) -> tuple[int, dict[str, str], str]:
    """Request ``url``: the status, headers and body. Redirects are not followed.

    Without ``method``, a request with a form is a POST and any other a GET.
    """
    return _sent(
        urllib.request.Request(url, None if form is None else urlencode(form).encode(), headers, method=method)
    )


def control(url: str, method: str, path: str, asked: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Ask the control at ``url`` with a JSON document, or as it is with a string: the status and the JSON."""
    text = asked if isinstance(asked, str) else json.dumps(asked)
    data = None if asked is None else text.encode()
    status, _, body = _sent(urllib.request.Request(f"{url}{path}", data, headers, method=method))
    return status, json.loads(body)


def asked(
    sandbox: Sandbox, method: str, path: str, document: object = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Ask the control of ``sandbox`` as ``control`` does."""
    return control(sandbox.control_url, method, path, document, **headers)


def _sent(request: urllib.request.Request) -> tuple[int, dict[str, str], str]:
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(request) as response:
            return response.status, dict(response.headers), response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read().decode()


def authorization_url(sandbox: Sandbox, **change: str) -> str:
    """The address of an authorization request with some parameters changed, or with "" left out."""
    query = {
        "response_type": "code",
        "client_id": sandbox.client_id,
        "redirect_uri": sandbox.redirect_uri,
        "scope": "spark:all",
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **change,
    }
    return f"{sandbox.api_url}/authorize?{urlencode({k: v for k, v in query.items() if v})}"


def authorize(sandbox: Sandbox, **change: str) -> tuple[int, dict[str, str], str]:
    """Send such a request: the status, headers and body."""
    return fetch(authorization_url(sandbox, **change))


def press(sandbox: Sandbox, page: str, decision: str) -> dict[str, list[str]]:
    """Press a button of the consent page: the query of the redirect that follows."""
    ticket = re.search(r'name="ticket" value="([^"]+)"', page)
    assert ticket
    status, headers, _ = ask(sandbox, "/authorize/decision", {"ticket": ticket[1], "decision": decision})
    assert status == 302
    return parse_qs(urlsplit(headers["Location"]).query)


def code(sandbox: Sandbox) -> str:
    """The authorization code of an accepted request."""
    return press(sandbox, authorize(sandbox)[2], "accept")["code"][0]


def exchange(sandbox: Sandbox, code: str, **change: str) -> tuple[int, dict[str, Any]]:
    """Exchange an authorization code, with some parameters changed: the status and the JSON of the answer."""
    form = {
        "grant_type": "authorization_code",
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "code": code,
        "redirect_uri": sandbox.redirect_uri,
        "code_verifier": VERIFIER,
        **change,
    }
    status, _, body = ask(sandbox, "/access_token", form)
    return status, json.loads(body)


def refresh(sandbox: Sandbox, token: str, **change: str) -> tuple[int, dict[str, Any]]:
    """Redeem a refresh token, with some parameters changed: the status and the JSON of the answer."""
    return exchange(sandbox, "", grant_type="refresh_token", refresh_token=token, **change)


def bearer_of(sandbox: Sandbox, scope: str) -> str:
    """The Authorization header for the access token of a new sign-in with ``scope``."""
    page = authorize(sandbox, scope=scope)[2]
    _, tokens = exchange(sandbox, press(sandbox, page, "accept")["code"][0])
    return f"Bearer {tokens['access_token']}"
