"""The end of a sign-in: no code is redeemed whose tokens could not be stored."""

import errno
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.records import ANSWER
from webex_token_cli.application import Application
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import ConfigurationError, StoreUnavailable, WebexTokenError
from webex_token_cli.profiles import changing, remember
from webex_token_cli.sandbox import Answer, Sandbox
from webex_token_cli.signin.authorization import Proof
from webex_token_cli.signin.finish import SignIn
from webex_token_cli.webex.client import WebexClient
from webex_token_cli.webex.http import new_session


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return Application({"WEBEX_TOKEN_HOME": str(tmp_path), "WEBEX_TOKEN_STORE": "file"})


@pytest.fixture
def sign_in(application: Application, sandbox: Sandbox) -> SignIn:
    store = application.store("file")
    return SignIn(
        client=WebexClient(sandbox.api_url, new_session(sandbox.api_url)),
        store=store,
        section=Profile("a", client_id="client-id", store="file"),
        client_id="client-id",
        client_secret="client-secret",
        redirect_uri="http://localhost/oauth",
        scopes=("spark:all",),
        changing=lambda: changing(application, "a", store),
        remember=lambda section: remember(application, section),
        warn=lambda _: None,
    )


def no_room_below(folder: Path) -> Callable[..., tuple[int, str]]:
    make = tempfile.mkstemp

    def making(*, dir: Path, prefix: str, suffix: str) -> tuple[int, str]:  # noqa: A002 - as mkstemp's own
        if dir == folder:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return make(dir=dir, prefix=prefix, suffix=suffix)

    return making


@pytest.mark.parametrize(
    ("full", "error", "message"),
    [
        ("credentials", StoreUnavailable, "Room for a new record could not be reserved in the file store "),
        (".", ConfigurationError, "config.ini could not be written (No space left on device)."),
    ],
)
def test_a_code_is_not_redeemed_if_there_is_no_room_for_the_tokens_or_the_settings(
    sign_in: SignIn,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    full: str,
    error: type[WebexTokenError],
    message: str,
) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", no_room_below(tmp_path / full))
    with pytest.raises(error) as raised:
        sign_in.exchange("code", Proof.fresh())
    assert message in raised.value.message
    assert sandbox.requests == []


def test_a_disk_that_fills_up_while_a_code_is_redeemed_has_room_for_tokens_and_settings(
    sign_in: SignIn, application: Application, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sandbox.order(Answer("/v1/people/me", 403))
    sandbox.order(Answer("/v1/access_token", 200, {}, json.dumps(ANSWER)))
    exchange_code = WebexClient.exchange_code

    def exchanging(*arguments: object, **named: object) -> object:
        monkeypatch.setattr(tempfile, "mkstemp", no_room)
        return exchange_code(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(WebexClient, "exchange_code", exchanging)
    record = sign_in.exchange("code", Proof.fresh())
    assert sign_in.store.load("a") == record
    assert application.config.names() == ["a"]
