"""Profiles in the store vault, for hosts that share them, and what is stored of them."""

import time
from pathlib import Path

from tests.support.openbao import Server
from tests.support.program import Program
from webex_token_cli.config.settings import Profile
from webex_token_cli.sandbox import Sandbox
from webex_token_cli.store.vault.store import VaultStore, open_vault_store
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

DAY = 86400


def store_at(server: Server, mount: str = "secret") -> VaultStore:
    """The store as a test sees it, with all rights."""
    return open_vault_store({**server.environment, **path_in(mount)}, lambda _: None, lambda: False)


def path_in(mount: str) -> dict[str, str]:
    """The variable that names where the entries are."""
    return {"WEBEX_TOKEN_VAULT_PATH": f"{mount}/webex-token"}


def sign_in_to(store: VaultStore, sandbox: Sandbox, profile: str = "default", ago: float = 0.0) -> TokenRecord:
    """Store a new sign-in of ``profile``, as if it had happened ``ago`` seconds ago."""
    tokens = sandbox.token_response()
    record = TokenRecord.signed_in(
        TokenResponse.parse(tokens), sandbox.client_id, sandbox.client_secret, time.time() - ago
    )
    store.save(profile, record, Profile(profile, client_id=sandbox.client_id, api_url=sandbox.api_url))
    return record


def host(folder: Path, server: Server, mount: str = "secret", **variables: str) -> Program:
    """A host with a home and a lock folder of its own below ``folder``, and nothing but where the store is."""
    runtime = folder / "run"
    runtime.mkdir(parents=True, mode=0o700)
    return Program(
        folder / "home",
        {
            "WEBEX_TOKEN_STORE": "vault",
            "XDG_RUNTIME_DIR": str(runtime),
            **server.environment,
            **path_in(mount),
            **variables,
        },
    )
