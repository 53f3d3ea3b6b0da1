"""The command and the environment of the service."""

from pathlib import Path

import pytest

from webex_token_cli.service.definition import (
    inherited_environment,
    omitted_variables,
    this_program,
)

pytestmark = pytest.mark.posix


def test_the_service_gets_its_variables_without_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {
        "WEBEX_TOKEN_HOME": "here/it is",
        "XDG_DATA_HOME": "/data",
        "REQUESTS_CA_BUNDLE": "~/ca.pem",
        "CURL_CA_BUNDLE": "",
        "WEBEX_TOKEN_STORE": "file",
        "HTTPS_PROXY": "http://proxy:3128",
        "http_proxy": "http://ada:hunter2@proxy:3128",
        "NO_PROXY": "example.com",
        "WEBEX_CLIENT_SECRET": "hunter2",
        "WEBEX_ACCESS_TOKEN": "hunter2",
        "WEBEX_CLIENT_ID": "C9",
        "PATH": "/bin",
    }
    assert inherited_environment(environment) == {
        "WEBEX_TOKEN_HOME": f"{tmp_path}/here/it is",
        "XDG_DATA_HOME": "/data",
        "REQUESTS_CA_BUNDLE": "~/ca.pem",
        "WEBEX_TOKEN_STORE": "file",
        "HTTPS_PROXY": "http://proxy:3128",
        "NO_PROXY": "example.com",
    }
    assert omitted_variables(environment) == ["http_proxy"]


@pytest.mark.parametrize(
    ("argument", "command"),
    [
        ("/home/ada/bin/webex-token", ("/home/ada/bin/webex-token",)),
        ("bin/webex-token", ("/work/bin/webex-token",)),
        ("/gone/webex-token", ("/venv/bin/python", "-m", "webex_token_cli")),
        ("/venv/lib/webex_token_cli/__main__.py", ("/venv/bin/python", "-m", "webex_token_cli")),
        ("-c", ("/venv/bin/python", "-m", "webex_token_cli")),
        ("bin/webex-token.pyz", ("/venv/bin/python", "/work/bin/webex-token.pyz")),
    ],
)
def test_the_service_runs_the_command_that_was_typed(
    argument: str, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    expected = tuple(word.replace("/work", str(folder)) for word in command)
    assert this_program(argument, "/venv/bin/python", lambda path: "gone" not in path.parts) == expected
