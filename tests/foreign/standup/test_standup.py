import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from standup import SignInNeeded, TokenFile, announce
from webexpythonsdk import ApiError

from webex_token_cli.sandbox import Answer
from webex_token_cli.testing import Webex

SAID = "Ada Lovelace starts the stand-up."


@pytest.fixture
def tokens(webex: Webex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a job whose access token has five minutes left, which is too little. Posting works."""
    monkeypatch.setenv("STANDUP_API_URL", f"{webex.api_url}/")
    kind = {"Content-Type": "application/json"}
    webex.order(Answer("/v1/messages", 200, kind, "{}", times=99, scope="spark:messages_write"), required=False)
    response = webex.token_response(["spark:people_read", "spark:messages_write"], expires_in="5m")
    file = tmp_path / "tokens.json"
    file.write_text(json.dumps({**response, "expires_at": time.time() + response["expires_in"]}))
    return file


def test_a_job_posts_with_a_fresh_token(webex: Webex, tokens: Path) -> None:
    assert announce(TokenFile(tokens), "room") == SAID
    posted = webex.requests[-1]
    assert (posted.path, json.loads(posted.body)) == ("/v1/messages", {"roomId": "room", "text": SAID})
    assert posted.headers["Authorization"] == f"Bearer {webex.grants[0].access_token}"
    assert announce(TokenFile(tokens), "room") == SAID
    assert webex.outcomes() == ["renewed"]


@pytest.mark.webex(rotate=True)
def test_jobs_that_start_at_once_share_one_refresh(webex: Webex, tokens: Path) -> None:
    webex.fault("refresh=slow:0.3")
    start = threading.Barrier(4)

    def job(room: str) -> str:
        start.wait()
        try:
            return announce(TokenFile(tokens), room)
        except (SignInNeeded, ApiError) as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        said = set(pool.map(job, ["red", "green", "blue", "gold"]))
    assert webex.outcomes() == ["renewed"]
    assert said == {SAID}


def test_the_tokens_survive_a_webex_that_is_down(webex: Webex, tokens: Path) -> None:
    webex.fault("refresh=503")
    with pytest.raises(ApiError, match="503"):
        announce(TokenFile(tokens), "room")
    assert announce(TokenFile(tokens), "room") == SAID


def test_a_revoked_sign_in_is_told(webex: Webex, tokens: Path) -> None:
    webex.revoke()
    with pytest.raises(SignInNeeded, match="Sign in again"):
        announce(TokenFile(tokens), "room")
