"""How many requests a command sends to OpenBao."""

from pathlib import Path

import pytest

from tests.support.gates import Passing, gated
from tests.support.in_process import run_in_process
from tests.support.openbao import Server
from tests.support.shared_store import host, sign_in_to, store_at
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.long


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True)


@pytest.mark.parametrize(
    ("command", "requests"),
    [
        (("get",), ["GET"]),
        (("refresh",), ["GET", "GET", "GET", "POST", "POST"]),
        (("get", "--min-valid", "60w"), ["GET", "GET", "GET", "POST", "POST"]),
        (("refresh", "--if-older-than", "1d"), ["GET", "GET"]),
        (("show",), ["GET"]),
    ],
)
def test_requests(
    openbao: Server, sandbox: Sandbox, tmp_path: Path, command: tuple[str, ...], requests: list[str]
) -> None:
    mount = openbao.mount()
    sign_in_to(store_at(openbao, mount), sandbox)
    seen: list[tuple[str, str]] = []

    def count(passing: Passing) -> None:
        if passing.status is None:
            seen.append((passing.method, passing.path))

    with gated(openbao.address, count) as address:
        machine = host(tmp_path / "machine", openbao, mount, VAULT_ADDR=address)
        done = run_in_process(machine, *command)
    assert done.status == 0
    assert seen == [(method, f"/v1/{mount}/data/webex-token/default") for method in requests]
