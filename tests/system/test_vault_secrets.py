"""No token and no Vault token is in any output, log, process list or file of a host, also with --debug."""

import threading
from pathlib import Path

import pytest

from tests.support.openbao import Server
from tests.support.program import Program
from tests.support.shared_store import DAY, host, sign_in_to, store_at
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.long

COMMANDS = [
    ("get", "--min-valid", "60w"),
    ("refresh", "--all"),
    ("watch", "--once"),
    ("doctor",),
]


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True)


class ProcessList:
    """The command lines of all processes, looked at again and again while the context is open."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "ProcessList":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.05):
            for each in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(each.read_bytes())
                except OSError:  # it has ended
                    continue


@pytest.mark.parametrize("is_broken", [False, True], ids=["allowed", "refused"])
def test_no_secret_is_shown(openbao: Server, sandbox: Sandbox, tmp_path: Path, is_broken: bool) -> None:
    mount = openbao.mount()
    store = store_at(openbao, mount)
    record = sign_in_to(store, sandbox, ago=2 * DAY)
    token = openbao.token_with(f'path "{mount}/*" {{ capabilities = ["create", "read", "update", "list"] }}')
    machine = host(tmp_path / "machine", openbao, mount, VAULT_TOKEN=token)
    if is_broken:
        openbao.admin.auth.token.revoke(token)
    with ProcessList() as processes:
        shown = "".join(output_of(machine, command) for command in COMMANDS)
    assert any(b"webex-token" in line and b"--debug" in line for line in processes.seen)
    secrets = {token, record.client_secret, *sandbox.issued}
    assert [secret for secret in secrets if secret in shown] == []
    listed = b"".join(processes.seen).decode(errors="replace")
    assert [secret for secret in secrets if secret in listed] == []
    files = "".join(each.read_text(errors="replace") for each in tmp_path.rglob("*") if each.is_file())
    assert [secret for secret in secrets if secret in files + openbao.log()] == []


def output_of(machine: Program, command: tuple[str, ...]) -> str:
    """All that the command prints, but for the token that `get` is asked for."""
    done = machine.run(*command, "--verbose", "--debug")
    return done.err + ("" if command[0] == "get" else done.out)
