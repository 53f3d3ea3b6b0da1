from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml
from signature import REDIRECT, NotSignedIn, TryAgainLater, integration, lines, load, save
from wxc_sdk.rest import RestSession
from wxc_sdk.tokens import Tokens

from webex_token_cli.testing import Webex

LINES = "-- \nAda Lovelace\nada@example.com"


@pytest.fixture
def file(webex: Webex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of somebody whose access token has a minute left, which is too little."""
    monkeypatch.setattr(RestSession, "BASE", webex.api_url)
    tokens = Tokens.model_validate(webex.token_response(["spark:people_read"], expires_in="1m"))
    tokens.set_expiration()
    save(tokens, tmp_path / "signature.yml")
    return tmp_path / "signature.yml"


def signature(webex: Webex, file: Path) -> str:
    return lines(load(integration(webex.api_url), file))


def test_a_token_is_refreshed_once(webex: Webex, file: Path) -> None:
    assert [signature(webex, file) for _ in range(2)] == [LINES, LINES]
    assert webex.outcomes() == ["renewed"]


@pytest.mark.parametrize("fault", ["503", "429:30", "reset", "captive", "truncated", "html-error"])
def test_the_sign_in_outlives_a_bad_network(webex: Webex, file: Path, fault: str) -> None:
    webex.fault(f"refresh={fault}")
    with pytest.raises(TryAgainLater):
        signature(webex, file)
    assert signature(webex, file) == LINES


def test_the_refresh_token_stays_if_webex_sends_none(webex: Webex, file: Path) -> None:
    webex.fault("refresh=no-refresh-token")
    assert signature(webex, file) == LINES
    assert yaml.safe_load(file.read_text())["refresh_token"] == webex.grants[0].refresh_token


@pytest.mark.webex(auto_approve=True, redirect_uris=[REDIRECT])
def test_the_first_sign_in_with_a_code(webex: Webex, file: Path) -> None:
    here = integration(webex.api_url)
    answer = requests.get(here.auth_url(state="s"), allow_redirects=False, timeout=30)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert lines(here.tokens_from_code(query["code"][0])) == LINES


def test_a_revoked_sign_in_is_removed(webex: Webex, file: Path) -> None:
    webex.revoke()
    with pytest.raises(NotSignedIn, match="Webex has ended the sign-in"):
        signature(webex, file)
    assert not file.exists()
