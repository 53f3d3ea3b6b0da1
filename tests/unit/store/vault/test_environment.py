"""What the environment variables of the Vault store come to."""

from pathlib import Path

import pytest

from webex_token_cli.errors import ConfigurationError
from webex_token_cli.store.vault.environment import (
    DEFAULT_TIMEOUT,
    SERVICE_ACCOUNT_TOKEN,
    AppRole,
    Certificates,
    Kubernetes,
    TokenInFile,
    TokenInVariable,
    VaultSettings,
    read_settings,
)

ADDRESS = "https://vault.example.com:8200"


def settings(**variables: str) -> VaultSettings:
    return read_settings({"VAULT_ADDR": ADDRESS, "VAULT_TOKEN": "root", **variables})


def refused(**variables: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as raised:
        settings(**variables)
    return raised.value


def test_an_address_and_a_token_are_enough() -> None:
    assert settings() == VaultSettings(
        ADDRESS, None, TokenInVariable("root"), Certificates(), DEFAULT_TIMEOUT, "secret", "webex-token"
    )
    assert settings().place == f"Vault ({ADDRESS}, secret/webex-token)"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://vault.example.com:8200/", ADDRESS),
        ("http://127.0.0.1:8200", "http://127.0.0.1:8200"),
        ("http://localhost:8200", "http://localhost:8200"),
        ("http://[::1]:8200", "http://[::1]:8200"),
        ("https://proxy.example.com/vault", "https://proxy.example.com/vault"),
    ],
)
def test_an_address_is_https_or_leads_to_this_machine(address: str, expected: str) -> None:
    assert settings(VAULT_ADDR=address).address == expected


@pytest.mark.parametrize(
    "address",
    ["http://vault.example.com:8200", "vault.example.com", "unix:///run/vault.sock", "https://", "http://10.0.0.1:8200",
     "https://name:password@vault.example.com", "https://vault.example.com/?x=1"],
)  # fmt: skip
def test_another_address_is_refused_and_not_shown(address: str) -> None:
    error = refused(VAULT_ADDR=address)
    assert "VAULT_ADDR" in error.message
    assert "password" not in error.message + error.hint


def test_without_an_address_the_message_names_the_variable() -> None:
    with pytest.raises(ConfigurationError, match="VAULT_ADDR is not set") as raised:
        read_settings({"VAULT_TOKEN": "root"})
    assert "BAO_ADDR" in raised.value.hint


def test_the_variables_of_openbao_come_first_even_if_they_are_empty() -> None:
    found = settings(BAO_ADDR="https://bao.example.com", BAO_TOKEN="bao", VAULT_NAMESPACE="team", BAO_NAMESPACE="")
    assert (found.address, found.login, found.namespace) == ("https://bao.example.com", TokenInVariable("bao"), None)


def test_a_token_comes_before_an_approle_and_that_before_a_service_account_and_that_before_the_file() -> None:
    role = {"VAULT_ROLE_ID": "role", "VAULT_SECRET_ID_FILE": "/run/secret-id", "VAULT_SECRET_ID": "secret"}
    kubernetes = {"VAULT_K8S_ROLE": "watch"}
    home = {"HOME": "/home/ada"}
    assert settings(**role, **kubernetes, **home).login == TokenInVariable("root")
    assert settings(VAULT_TOKEN="", **role, **kubernetes, **home).login == AppRole(
        "approle", "role", None, Path("/run/secret-id")
    )
    assert settings(VAULT_TOKEN="", **kubernetes, **home).login == Kubernetes(
        "kubernetes", "watch", SERVICE_ACCOUNT_TOKEN
    )
    assert settings(VAULT_TOKEN="", **home).login == TokenInFile(Path("/home/ada/.vault-token"))


def test_a_secret_id_may_be_in_a_variable_or_not_needed() -> None:
    assert settings(VAULT_TOKEN="", VAULT_ROLE_ID="role", VAULT_SECRET_ID="secret").login == AppRole(
        "approle", "role", "secret", None
    )
    assert settings(VAULT_TOKEN="", VAULT_ROLE_ID="role").login == AppRole("approle", "role", None, None)


def test_mount_points_of_auth_methods_can_be_set() -> None:
    role = settings(VAULT_TOKEN="", VAULT_ROLE_ID="role", VAULT_APPROLE_MOUNT_POINT="/team/roles/").login
    assert isinstance(role, AppRole)
    assert role.mount == "team/roles"
    pod = settings(VAULT_TOKEN="", VAULT_K8S_ROLE="role", VAULT_K8S_MOUNT_POINT="k8s-2").login
    assert isinstance(pod, Kubernetes)
    assert pod.mount == "k8s-2"
    assert "VAULT_K8S_MOUNT_POINT" in refused(VAULT_TOKEN="", VAULT_K8S_ROLE="r", VAULT_K8S_MOUNT_POINT="../sys").hint


def test_without_a_way_to_log_in_the_message_names_them() -> None:
    assert "VAULT_ROLE_ID" in refused(VAULT_TOKEN="").hint


@pytest.mark.parametrize(
    ("path", "mount", "prefix"),
    [
        ("secret/webex-token", "secret", "webex-token"),
        ("/kv/team/webex/", "kv", "team/webex"),
        ("team/kv//webex", "team/kv", "webex"),
        ("team/kv//", "team", "kv"),
        ("kv", "kv", ""),
    ],
)
def test_a_path_is_a_mount_and_a_prefix(path: str, mount: str, prefix: str) -> None:
    found = settings(WEBEX_TOKEN_VAULT_PATH=path)
    assert (found.mount, found.prefix) == (mount, prefix)


@pytest.mark.parametrize("path", ["/", "..", "kv/../sys", "kv/a b", "kv/a?b", "kv/a%2Fb", "a//b//c", "kv/\n"])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    assert "WEBEX_TOKEN_VAULT_PATH" in refused(WEBEX_TOKEN_VAULT_PATH=path).hint


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "t"])
def test_certificates_are_always_verified(value: str) -> None:
    assert "VAULT_SKIP_VERIFY" in refused(VAULT_SKIP_VERIFY=value).message
    assert settings(VAULT_SKIP_VERIFY="false")


def test_a_client_certificate_needs_its_key() -> None:
    assert settings(VAULT_CLIENT_CERT="c", VAULT_CLIENT_KEY="k").certificates.client == Path("c")
    assert "belong together" in refused(VAULT_CLIENT_CERT="c").message
    assert "belong together" in refused(VAULT_CLIENT_KEY="k").message


@pytest.mark.parametrize(("text", "seconds"), [("5", 5.0), ("90s", 90.0), ("1m", 60.0)])
def test_a_timeout_is_in_seconds_or_has_a_unit(text: str, seconds: float) -> None:
    assert settings(VAULT_CLIENT_TIMEOUT=text).timeout == seconds


def test_an_unusable_timeout_is_refused() -> None:
    assert "VAULT_CLIENT_TIMEOUT" in refused(VAULT_CLIENT_TIMEOUT="soon").message


def test_a_namespace_is_a_path() -> None:
    assert settings(VAULT_NAMESPACE="team/a/").place == f"Vault ({ADDRESS}, team/a/secret/webex-token)"
    assert "VAULT_NAMESPACE" in refused(VAULT_NAMESPACE="a\r\nX-Vault-Token: b").hint
