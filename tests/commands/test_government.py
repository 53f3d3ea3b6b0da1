"""Webex for Government, played by the sandbox: its own API base URL, portal and lifetimes."""

import json
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.support.program import Finished, Program
from tests.support.refusals import refusal
from tests.support.stored import DAY, config_file, record_file
from webex_token_cli.application import Application
from webex_token_cli.cli.terminal import Terminal
from webex_token_cli.config.sites import GOVERNMENT
from webex_token_cli.errors import WebexTokenError
from webex_token_cli.main import group
from webex_token_cli.sandbox import Answer, Rules, Sandbox
from webex_token_cli.webex.client import WebexClient
from webex_token_cli.webex.http import new_session


class ToTheSandbox(HTTPAdapter):
    """Sends what is meant for Webex for Government to the sandbox."""

    def __init__(self, api_url: str) -> None:
        super().__init__()
        self.api_url = api_url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace(GOVERNMENT.api_url, self.api_url)
        return super().send(request, *args, **kwargs)


class GovernmentTerminal(Terminal):
    """A terminal whose application reaches the sandbox at the address of Webex for Government, and no other."""

    def __init__(self, environment: Mapping[str, str], sandbox: Sandbox) -> None:
        super().__init__(environment)
        session = new_session(GOVERNMENT.api_url)
        session.mount(GOVERNMENT.api_url, ToTheSandbox(sandbox.api_url))
        self.client = WebexClient(GOVERNMENT.api_url, session)

    def application(
        self, say: Callable[[str], None] | None = None, cancelled: Callable[[], bool] = lambda: False
    ) -> Application:
        application = super().application(say, cancelled)
        application._clients[GOVERNMENT.api_url] = self.client
        return application


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules.preset(
        "government", redirect_uris=(redirect_uri,), auto_approve=True, device_interval=1, renew_after=0
    )


@pytest.fixture
def webex_token(
    program: Program, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    """Runs a command with nothing in its environment that leads to the sandbox."""
    variables = program.having(WEBEX_TOKEN_API_URL=None).variables
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def run_command(*arguments: str) -> Finished:
        terminal = GovernmentTerminal(variables, sandbox)
        try:
            status = group.main(list(arguments), standalone_mode=False, obj=terminal)
        except WebexTokenError as error:
            return Finished(error.exit_status, capsys.readouterr().out, f"{error.message}\n{error.hint}\n")
        return Finished(status or 0, *capsys.readouterr())

    return run_command


def test_a_profile_of_webex_for_government(
    program: Program, sandbox: Sandbox, webex_token: Callable[..., Finished]
) -> None:
    """The option is needed at the sign-in only."""
    assert webex_token("login", "--government", "--flow", "device").status == 0
    settings = ConfigParser()
    settings.read(config_file(program))
    assert settings["default"]["api_url"] == "https://api-usgov.webex.com/v1"
    assert webex_token("refresh").status == 0
    stored = json.loads(record_file(program).read_text())
    assert stored["refresh_expires_at"] - stored["refreshed_at"] == pytest.approx(60 * DAY, abs=5)
    assert sandbox.outcomes("/v1/access_token") == ["renewed"]
    assert webex_token("show", "--check").status == 0


@pytest.mark.parametrize(
    ("name", "status", "hint"),
    [
        (
            "tokenlimit_reached",
            4,
            "Revoke some at https://idbroker-f.webex.com/idb/profile#/tokens, or wait until some have expired.",
        ),
        ("invalid_scope", 2, "Tick them at developer-usgov.webex.com/my-apps, or ask for fewer with --scope."),
    ],
)
@pytest.mark.parametrize(
    ("command", "path"),
    [
        (["refresh"], "/v1/access_token"),
        (["login", "--flow", "device"], "/v1/device/authorize"),
        (["login", "--flow", "device"], "/v1/device/token"),
    ],
)
def test_its_hints_name_its_own_pages(
    sandbox: Sandbox,
    webex_token: Callable[..., Finished],
    command: list[str],
    path: str,
    name: str,
    status: int,
    hint: str,
) -> None:
    assert webex_token("login", "--government", "--flow", "device").status == 0
    sandbox.order(refusal(name, path, times=100))
    more = ["--timeout", "3"] if path.endswith("/device/token") else []
    done = webex_token(*command, *more)
    assert (done.status, done.err.splitlines()[-1]) == (status, hint)


def test_the_device_flow_and_the_browser_flow_name_its_portal(
    sandbox: Sandbox, webex_token: Callable[..., Finished]
) -> None:
    sandbox.order(Answer("/v1/device/authorize", 400, {}, '{"message": "The redirect_uri is not registered"}'))
    assert "at developer-usgov.webex.com/my-apps:\n" in webex_token("login", "--government", "--flow", "device").err
    done = webex_token("login", "--government", "--flow", "browser", "--no-browser", "--timeout", "1")
    assert done.status == 6
    assert done.err.endswith("with the integration at developer-usgov.webex.com/my-apps, to the letter.\n")
