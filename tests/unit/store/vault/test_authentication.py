"""What is found wrong before Vault is asked: files, certificates, and a library that is not installed."""

import sys
from pathlib import Path

import certifi
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from webex_token_cli.errors import ConfigurationError
from webex_token_cli.store.vault.authentication import open_engine

ADDRESS = "https://vault.example.com:8200"


def refused(**variables: str) -> ConfigurationError:
    engine = open_engine({"VAULT_ADDR": ADDRESS, **variables}, lambda _: None)
    with pytest.raises(ConfigurationError) as raised:
        engine.read("ada")
    return raised.value


def test_without_hvac_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    error = refused(VAULT_TOKEN="root")
    assert error.exit_status == 2
    assert error.hint == "Install it with `pip install 'webex-token-cli[vault]'`."


@pytest.mark.parametrize("token", ["a\nb", "a b", "schlüssel", "a\x00b"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(token: str) -> None:
    error = refused(VAULT_TOKEN=token)
    assert "VAULT_TOKEN" in error.message
    assert token not in error.message + error.hint


def test_without_a_token_file_the_message_names_the_ways_to_log_in(tmp_path: Path) -> None:
    assert "VAULT_TOKEN" in refused(HOME=str(tmp_path)).hint


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty"), (b"\xff\xfe", "cannot be read"), (b"a b", "unusable")]
)
def test_an_unusable_token_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / ".vault-token").write_bytes(content)
    assert said in refused(HOME=str(tmp_path)).message


def test_a_folder_in_place_of_a_token_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".vault-token").mkdir()
    assert "cannot be read" in refused(HOME=str(tmp_path)).message


def test_a_missing_file_of_a_login_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    error = refused(VAULT_ROLE_ID="role", VAULT_SECRET_ID_FILE=missing)
    assert missing in error.message
    assert "VAULT_SECRET_ID_FILE" in error.hint
    error = refused(VAULT_K8S_ROLE="role", VAULT_K8S_TOKEN_FILE=missing)
    assert missing in error.message
    assert "VAULT_K8S_TOKEN_FILE" in error.hint


@pytest.mark.parametrize("variable", ["VAULT_CACERT", "VAULT_CAPATH"])
def test_missing_authorities_are_named(tmp_path: Path, variable: str) -> None:
    error = refused(VAULT_TOKEN="root", **{variable: str(tmp_path / "missing")})
    assert str(tmp_path / "missing") in error.message
    assert variable in error.hint


def test_authorities_that_are_not_certificates_are_refused() -> None:
    assert "not in PEM form" in refused(VAULT_TOKEN="root", VAULT_CACERT_BYTES="nonsense").message


def test_a_client_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pair.pem"
    file.write_text("nonsense")
    error = refused(VAULT_TOKEN="root", VAULT_CLIENT_CERT=str(file), VAULT_CLIENT_KEY=str(file))
    assert "not a TLS certificate" in error.message
    missing = str(tmp_path / "missing")
    error = refused(VAULT_TOKEN="root", VAULT_CLIENT_CERT=missing, VAULT_CLIENT_KEY=missing)
    assert "cannot be read" in error.message


def test_a_client_key_with_a_passphrase_is_refused_instead_of_asked_for(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    protection = serialization.BestAvailableEncryption(b"passphrase")
    private = ec.generate_private_key(ec.SECP256R1())
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection))
    error = refused(VAULT_TOKEN="root", VAULT_CLIENT_CERT=certifi.where(), VAULT_CLIENT_KEY=str(key))
    assert (error.message, error.hint) == (
        f"The key {key} of the client certificate for Vault is protected by a passphrase.",
        "Name a key without one in VAULT_CLIENT_KEY.",
    )
