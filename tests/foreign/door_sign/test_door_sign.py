import json
import time
from pathlib import Path

import pytest
import requests
from door_sign import DoorSign, SignInNeeded

from webex_token_cli.testing import Webex

TEXT = "Here sits Ada Lovelace."


@pytest.fixture
def file(webex: Webex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a new sign-in. The program's clock is Webex's from now on."""
    monkeypatch.setattr(time, "time", webex.now)
    response = webex.token_response(["spark:people_read"])
    file = tmp_path / "door.json"
    file.write_text(json.dumps({**response, "expires_at": int(time.time()) + response["expires_in"]}))
    return file


def shown(webex: Webex, file: Path) -> str:
    """What the sign shows after the computer was started."""
    return DoorSign(file, webex.client_id, webex.client_secret, webex.api_url).text()


@pytest.mark.webex(rotate=True)
def test_the_sign_works_for_months(webex: Webex, file: Path) -> None:
    for _ in range(20):
        webex.advance("6d")
        assert shown(webex, file) == TEXT
    assert webex.outcomes() == ["renewed"] * 10


@pytest.mark.parametrize("fault", ["503", "429", "html-error", "captive", "reset", "truncated"])
def test_a_bad_network_is_not_noticed_at_the_door(webex: Webex, file: Path, fault: str) -> None:
    webex.advance("8d")
    webex.fault(f"refresh={fault}")
    assert [shown(webex, file) for _ in range(3)] == [TEXT] * 3
    webex.advance("5d23h30m")
    assert shown(webex, file) == TEXT
    assert webex.outcomes()[-1] == "renewed"


def test_a_lost_answer_costs_nothing_before_the_token_ends(webex: Webex, file: Path) -> None:
    """Webex has replaced the refresh token, and the new one was lost.

    No program can get it back. It can keep the old one to itself while its access token lives: Webex ends the whole
    sign-in when it sees the old one again, and the sign would be dark six days earlier than it must be.
    """
    webex.advance("8d")
    webex.fault("refresh=answer-lost")
    assert shown(webex, file) == TEXT
    assert webex.outcomes() == ["fault: answer-lost"]
    webex.advance("5d")
    assert shown(webex, file) == TEXT
    webex.advance("23h30m")
    with pytest.raises(SignInNeeded, match="Webex has ended the sign-in"):
        shown(webex, file)


def test_a_network_that_is_gone_is_told_once_the_token_has_ended(webex: Webex, file: Path) -> None:
    webex.advance("15d")
    webex.fault("refresh=reset*9")
    with pytest.raises(requests.ConnectionError):
        shown(webex, file)


def test_a_revoked_sign_in_is_told_and_not_removed(webex: Webex, file: Path) -> None:
    before = file.read_text()
    webex.advance("8d")
    webex.revoke()
    with pytest.raises(SignInNeeded):
        shown(webex, file)
    assert file.read_text() == before
