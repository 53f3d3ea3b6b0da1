"""The commands of the page about more than one machine, as an operator and a host run them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.documents import block
from tests.support.in_process import run_in_process
from tests.support.openbao import Server, dev_server, openbao_command
from tests.support.program import WEBEX_TOKEN, Finished, Program
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.long


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server without a key-value engine."""
    with dev_server(tmp_path / "openbao") as server:
        server.admin.sys.disable_secrets_engine("secret")
        yield server


def shell(name: str, folder: Path, program: Program) -> Finished:
    """Run the block ``name`` of the page in ``folder``."""
    programs = os.pathsep.join((str(Path(openbao_command()).parent), str(WEBEX_TOKEN.parent), os.environ["PATH"]))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block(name, "sh")],
        cwd=folder,
        env={**program.environment, "PATH": programs},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Finished(done.returncode, done.stdout, done.stderr)


def test_the_commands_of_the_page(program: Program, server: Server, tmp_path: Path) -> None:
    operator = Program(tmp_path / "operator", server.environment)
    shell("vault setup", tmp_path, operator)
    role_id = shell("vault host", tmp_path, operator).out
    secret = tmp_path / "secret-id"
    assert secret.stat().st_mode & 0o777 == 0o600
    way = {"VAULT_ADDR": server.address, "VAULT_ROLE_ID": role_id.strip(), "VAULT_SECRET_ID_FILE": str(secret)}

    sign_in(program, "work")
    token = run_in_process(program, "get", "-p", "work").out
    signed_in = program.having(**way, WEBEX_TOKEN_STORE=None)
    shell("vault move in", tmp_path, signed_in)

    host = Program(tmp_path / "host", {**way, "WEBEX_TOKEN_STORE": "vault", "WEBEX_TOKEN_HOME": "/proc/webex-token"})
    assert run_in_process(host, "get", "-p", "work").out == token
    for command in (("doctor",), ("show", "--all"), ("refresh", "--all"), ("watch", "--once")):
        done = run_in_process(host, *command)
        assert (done.status, "denied" in done.out + done.err) == (0, False), done
        assert "work" in done.out
    metadata = server.admin.secrets.kv.v2.read_secret_metadata("webex-token/work", mount_point="secret")["data"]
    assert (metadata["max_versions"], metadata["cas_required"]) == (2, True)

    shell("vault move out", tmp_path, signed_in)
    assert run_in_process(signed_in, "get", "-p", "work").status == 0
    assert run_in_process(host, "get", "-p", "work").status == 3
    assert run_in_process(host, "logout", "-p", "work").status == 3
