"""Announces the stand-up in Webex rooms. Cron starts a job for each team at nine, all of them at the same moment.

python standup.py TOKENS.json ROOM_ID

TOKENS.json has the token response of the sign-in, and "expires_at" in epoch seconds. All jobs share it.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from filelock import FileLock
from webexpythonsdk import ApiError, WebexAPI

# A job takes seconds. With less left than this, the token could end in the middle of it.
MARGIN = 600


class SignInNeeded(Exception):
    """Webex no longer accepts the refresh token."""


class TokenFile:
    """The tokens in a file that several jobs use at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path.with_suffix(".lock"))

    def access_token(self) -> str:
        """An access token that lasts for a job, refreshed if need be."""
        with self._lock:
            tokens = json.loads(self._path.read_text())
            if tokens["expires_at"] - time.time() < MARGIN:
                tokens = _refreshed(tokens)
                self._write(tokens)
            return str(tokens["access_token"])

    def _write(self, tokens: dict[str, Any]) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(tokens))
        new.replace(self._path)


def announce(tokens: TokenFile, room: str) -> str:
    """Post to the room, and return what was posted."""
    api = _api(tokens.access_token())
    text = f"{api.people.me().displayName} starts the stand-up."
    api.messages.create(roomId=room, text=text)
    return text


def _api(access_token: str) -> Any:
    url = os.environ.get("STANDUP_API_URL", "https://webexapis.com/v1/")
    return WebexAPI(access_token, base_url=url, single_request_timeout=30)


def _refreshed(tokens: dict[str, Any]) -> dict[str, Any]:
    client = os.environ["WEBEX_CLIENT_ID"], os.environ["WEBEX_CLIENT_SECRET"]
    try:
        answer = _api(tokens["access_token"]).access_tokens.refresh(*client, tokens["refresh_token"])
    except ApiError as error:
        if error.status_code == 400:
            raise SignInNeeded(f"Sign in again. {error.message}") from None
        raise
    return {
        "access_token": answer.access_token,
        "expires_at": time.time() + answer.expires_in,
        # Mostly the same as before, but Webex may send a new one, and then the old one must not be used again.
        "refresh_token": answer.refresh_token or tokens["refresh_token"],
    }


if __name__ == "__main__":
    print(announce(TokenFile(Path(sys.argv[1])), sys.argv[2]))
