"""The sign at the door of an office, which shows who sits there. It runs on a small computer on a poor network.

The sign-in is in a JSON file: the token response, with "expires_at" in epoch seconds. Authlib refreshes it.
"""

import json
import time
from pathlib import Path
from typing import Any

import requests
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

HOUR = 3600
WEEK = 7 * 24 * HOUR

# The answer may have been on its way when the connection broke, so nobody knows what Webex has done.
UNANSWERED = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)

# The network is down for seconds again and again.
RETRIES = Retry(total=3, backoff_factor=0.05, allowed_methods={"GET"})


class SignInNeeded(Exception):
    """Webex no longer accepts the refresh token."""


class DoorSign:
    """Shows who sits behind the door. ``file`` has the sign-in."""

    def __init__(self, file: Path, client_id: str, client_secret: str, api_url: str = "https://webexapis.com/v1"):
        self._file = file
        self._me = f"{api_url}/people/me"
        self._session = OAuth2Session(
            client_id,
            client_secret,
            token=json.loads(file.read_text()),
            token_endpoint=f"{api_url}/access_token",
            update_token=self._save,
            default_timeout=30,
        )
        # Authlib takes Webex's errors, which have no "error" in them, for tokens.
        self._session.register_compliance_hook("refresh_token_response", _checked)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=RETRIES))

    def text(self) -> str:
        """What the sign shows now. Raises SignInNeeded, and requests' errors while Webex cannot be reached.

        A token is refreshed a week before it ends. If no answer came, it is used for the rest of the week: the refresh
        token may have been replaced by one that got lost, and Webex may end the whole sign-in, this token too, when it
        sees the old one again. It does so in the last hour, when nothing is left to lose.
        """
        self._session.leeway = HOUR if self._session.token.get("unanswered") else WEEK
        try:
            self._session.ensure_active_token()
        except requests.RequestException as error:
            if isinstance(error, UNANSWERED):
                self._save({**self._session.token, "unanswered": True})
            if self._session.token["expires_at"] < time.time():
                raise
            self._session.leeway = 0
        answer = self._session.get(self._me)
        if answer.status_code == 401:
            raise SignInNeeded("Webex does not accept the token. Sign in again.")
        answer.raise_for_status()
        return f"Here sits {answer.json()['displayName']}."

    def _save(self, token: dict[str, Any], **_: object) -> None:
        self._session.token = token
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(token))
        new.replace(self._file)


def _checked(answer: requests.Response) -> requests.Response:
    """The answer to a refresh, if it has tokens."""
    if answer.status_code == 400:
        raise SignInNeeded("Webex has ended the sign-in. Sign in again.")
    answer.raise_for_status()
    answer.json()  # raises for the page of a captive portal
    return answer
