"""Signs in without the program under test, for tests that need a sign-in and do not look at how it happens."""

import base64
import hashlib
import html
import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from tests.support.program import Program

# Any verifier of 43 characters is valid (RFC 7636 section 4.1).
_VERIFIER = "v" * 43


def sign_in(program: Program, profile: str = "default", scopes: str = "spark:all") -> None:
    """Sign in to the server that ``program`` is pointed at, and store the tokens in its file store.

    ``scopes`` are separated by blanks. The command would take over half a second. A test compares what this stores
    with what ``login`` stores.
    """
    with requests.Session() as session:
        session.trust_env = False
        tokens, now = _exchange(session, program, _authorize(session, program, scopes))
        me = session.get(f"{program.variables['WEBEX_TOKEN_API_URL']}/people/me", headers=_bearer(tokens), timeout=30)
    _store(program, profile, scopes, tokens, me.json() if me.ok else None, now)


def _authorize(session: requests.Session, program: Program, scopes: str) -> str:
    """The authorization code that the server gives after consent."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).decode().rstrip("=")
    parameters = {
        "client_id": program.variables["WEBEX_CLIENT_ID"],
        "response_type": "code",
        "redirect_uri": program.variables["WEBEX_REDIRECT_URI"],
        "scope": scopes,
        "state": "state",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    page = session.get(
        f"{program.variables['WEBEX_TOKEN_API_URL']}/authorize", params=parameters, timeout=30, allow_redirects=False
    )
    while not page.headers.get("Location", "").startswith(program.variables["WEBEX_REDIRECT_URI"]):
        page = _next_page(session, page)
    return parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]


def _next_page(session: requests.Session, page: requests.Response) -> requests.Response:
    """The page to which ``page`` redirects, or that answers its form."""
    if page.is_redirect:
        return session.get(urljoin(page.url, page.headers["Location"]), timeout=30, allow_redirects=False)
    action = html.unescape(re.findall(r'<form[^>]* action="([^"]+)"', page.text)[0])
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    # Where several people have an account, the first of them signs in.
    fields += re.findall(r'<button name="(person)" value="([^"]*)"', page.text)[:1]
    return session.post(
        urljoin(page.url, action), data={**dict(fields), "decision": "accept"}, timeout=30, allow_redirects=False
    )


def _exchange(session: requests.Session, program: Program, code: str) -> tuple[dict[str, Any], int]:
    """The token response for the code, and when it was requested (UTC epoch seconds)."""
    now = int(time.time())
    answer = session.post(
        f"{program.variables['WEBEX_TOKEN_API_URL']}/access_token",
        data={
            "grant_type": "authorization_code",
            "client_id": program.variables["WEBEX_CLIENT_ID"],
            "client_secret": program.variables["WEBEX_CLIENT_SECRET"],
            "code": code,
            "redirect_uri": program.variables["WEBEX_REDIRECT_URI"],
            "code_verifier": _VERIFIER,
        },
        timeout=30,
    )
    answer.raise_for_status()
    return answer.json(), now


def _bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def _store(
    program: Program, profile: str, scopes: str, tokens: dict[str, Any], me: dict[str, Any] | None, now: int
) -> None:
    variables = program.variables
    record = {
        "version": 1,
        "access_token": tokens["access_token"],
        "access_expires_at": now + int(tokens["expires_in"]),
        "refresh_token": tokens["refresh_token"],
        "refresh_expires_at": now + int(life) if (life := tokens.get("refresh_token_expires_in")) else None,
        "changed_at": now,
        "refreshed_at": now,
        "client_id": variables["WEBEX_CLIENT_ID"],
        "client_secret": variables["WEBEX_CLIENT_SECRET"],
        "scopes": tokens["scope"].split(),
        "person": me
        and {
            "id": me["id"],
            "display_name": me["displayName"],
            "emails": me["emails"],
            "org_id": me["orgId"],
            "type": me["type"],
        },
    }
    home = Path(variables["WEBEX_TOKEN_HOME"])
    folder = home / "credentials"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_private(folder / f"webex-token+{profile}.json", json.dumps(record, separators=(",", ":")))
    section = {
        "client_id": variables["WEBEX_CLIENT_ID"],
        "redirect_uri": variables["WEBEX_REDIRECT_URI"],
        "scopes": scopes,
        "api_url": variables["WEBEX_TOKEN_API_URL"],
        "store": "file",
    }
    config = home / "config.ini"
    before = config.read_text(encoding="utf-8") if config.exists() else ""
    lines = [f"[{profile}]", *(f"{key} = {value}" for key, value in section.items())]
    _write_private(config, before + "\n" * bool(before) + "\n".join(lines) + "\n")


def _write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_bytes(text.encode())  # with the line ends of the program on every system
