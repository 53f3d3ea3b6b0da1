"""The command and the environment of the service."""

from pathlib import Path

import pytest

from webex_token_cli.service.definition import (
    inherited_environment,
    omitted_variables,
    this_program,
)
from webex_token_cli.store.vault.environment import read_settings

pytestmark = pytest.mark.posix


def test_the_service_gets_its_variables_without_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {
        "WEBEX_TOKEN_HOME": "here/it is",
        "XDG_DATA_HOME": "/data",
        "XDG_CONFIG_HOME": "config",
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


VAULT = {
    "HOME": "/home/ada",
    "VAULT_ADDR": "https://vault.example.com:8200",
    "BAO_NAMESPACE": "team",
    "VAULT_NAMESPACE": "other",
    "VAULT_CACERT": "/etc/ca.pem",
    "VAULT_CACERT_BYTES": "-----BEGIN CERTIFICATE-----\n",
    "VAULT_CAPATH": "/etc/ca",
    "VAULT_CLIENT_CERT": "/etc/client.pem",
    "VAULT_CLIENT_KEY": "/etc/client.key",
    "VAULT_CLIENT_TIMEOUT": "7",
    "WEBEX_TOKEN_VAULT_PATH": "kv/tokens",
}
APP_ROLE = {"VAULT_ROLE_ID": "r", "VAULT_SECRET_ID_FILE": "/etc/secret-id", "VAULT_APPROLE_MOUNT_POINT": "roles"}
SERVICE_ACCOUNT = {"BAO_K8S_ROLE": "r", "VAULT_K8S_TOKEN_FILE": "/run/token", "VAULT_K8S_MOUNT_POINT": "k8s"}


@pytest.mark.parametrize("login", [{}, APP_ROLE, SERVICE_ACCOUNT])
def test_the_service_reaches_vault_as_the_shell_does(login: dict[str, str]) -> None:
    environment = VAULT | login
    inherited = inherited_environment(environment, with_vault=True)
    assert read_settings({"HOME": "/home/ada", **inherited}) == read_settings(environment)
    assert inherited_environment(environment) == {}


def test_secrets_for_vault_are_named_and_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {"VAULT_TOKEN": "s", "BAO_TOKEN": "", "VAULT_SECRET_ID": "s", "BAO_SECRET_ID_FILE": "id"}
    assert omitted_variables(environment, with_vault=True) == ["VAULT_SECRET_ID"]
    assert omitted_variables({"BAO_TOKEN": "s"}, with_vault=True) == ["BAO_TOKEN"]
    assert omitted_variables(environment) == []
    assert inherited_environment(environment, with_vault=True) == {"BAO_SECRET_ID_FILE": f"{tmp_path}/id"}


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
