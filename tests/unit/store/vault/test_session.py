"""Whose certificates are trusted of a Vault behind a proxy."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.webexapis import HOST, webexapis
from tests.support.wires import serving
from webex_token_cli.errors import StoreUnreachable
from webex_token_cli.store.vault.authentication import open_engine


def answer_that_it_is_sealed(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b'HTTP/1.1 503 Sealed\r\nContent-Length: 30\r\n\r\n{"errors":["Vault is sealed"]}')


def test_the_authority_is_that_of_vaults_variables_or_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(**variables: str) -> str:
        with pytest.raises(StoreUnreachable) as raised:
            open_engine({"VAULT_ADDR": f"https://{HOST}", "VAULT_TOKEN": "root", **variables}, print).read("ada")
        return raised.value.message

    place = f"Vault (https://{HOST}, secret/webex-token)"
    not_trusted, trusted = f"No trusted TLS connection to {place} could be made.", f"{place} is sealed."
    with serving(answer_that_it_is_sealed) as vault, webexapis(urlsplit(vault).port or 0, tmp_path) as proxy:
        monkeypatch.setenv("https_proxy", proxy["https_proxy"])
        authority = proxy["REQUESTS_CA_BUNDLE"]
        client = {"VAULT_CLIENT_CERT": authority, "VAULT_CLIENT_KEY": str(Path(authority).with_suffix(".key"))}
        assert [said(), said(**client), said(VAULT_CACERT=authority)] == [not_trusted, not_trusted, trusted]
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)
        assert [said(), said(**client)] == [trusted, trusted]
