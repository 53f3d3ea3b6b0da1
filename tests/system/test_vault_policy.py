"""The policy in the documents, in a real OpenBao: enough for every command, and nothing in it is too much."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.folders import ROOT
from tests.support.in_process import run_in_process
from tests.support.openbao import Server
from tests.support.program import Program
from webex_token_cli.sandbox import Rules

pytestmark = pytest.mark.long

POLICY = (ROOT / ".github/docs/kubernetes/policy.hcl").read_text(encoding="utf-8")

# Needed at times only: to write the first version of a key whose metadata could not be set before, and to see the
# present state of a cluster after a conflict, which another write of the metadata tells.
AT_TIMES = {("secret/data/webex-token/*", "create"), ("secret/metadata/webex-token/*", "update")}

BLOCKS = re.findall(r'path "([^"]+)" \{\n  capabilities = \[(.*)\]', POLICY)


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0)


@dataclass
class Course:
    """What a sign-in and its uses came to: the statuses of the commands, their warnings, and what the server has."""

    statuses: dict[str, int]
    warnings: list[str]
    requires_check_and_set: bool
    versions: dict[str, Any]


def course(program: Program, server: Server, policy: str) -> Course:
    """Sign in, use and remove a sign-in with a token that has only ``policy``."""
    mount = server.mount()
    limited = program.having(
        VAULT_ADDR=server.address,
        VAULT_TOKEN=server.token_with(policy.replace('"secret/', f'"{mount}/')),
        WEBEX_TOKEN_STORE="vault",
        WEBEX_TOKEN_VAULT_PATH=f"{mount}/webex-token",
    )
    statuses, warnings = {}, []
    for line in ("login", "show --all", "refresh", "watch --once", "doctor -p default", "logout"):
        done = run_in_process(limited, *line.split())
        statuses[line] = done.status
        warnings += [line for line in (done.out + done.err).splitlines() if "Warning" in line]
    kv = server.admin.secrets.kv.v2
    try:
        metadata = kv.read_secret_metadata("webex-token/default", mount_point=mount)["data"]
    except Exception:  # noqa: BLE001 - nothing was stored
        metadata = {"cas_required": False, "versions": {}}
    return Course(statuses, warnings, metadata["cas_required"], metadata["versions"])


def test_the_policy_is_enough(program: Program, openbao: Server) -> None:
    found = course(program, openbao, POLICY)
    assert (set(found.statuses.values()), found.warnings, found.requires_check_and_set) == ({0}, [], True), found
    *former, last = (found.versions[number]["destroyed"] for number in sorted(found.versions, key=int))
    assert (all(former), last) == (True, False)


@pytest.mark.parametrize(
    ("path", "capability"),
    sorted({(path, each) for path, capabilities in BLOCKS for each in re.findall(r"\w+", capabilities)} - AT_TIMES),
)
def test_nothing_in_the_policy_is_too_much(program: Program, openbao: Server, path: str, capability: str) -> None:
    capabilities = dict(BLOCKS)[path]
    fewer = ", ".join(each for each in capabilities.split(", ") if each != f'"{capability}"') or '"deny"'
    block = f'path "{path}" {{\n  capabilities = [{capabilities}]'
    assert block in POLICY
    found = course(program, openbao, POLICY.replace(block, block.replace(capabilities, fewer)))
    assert set(found.statuses.values()) != {0} or found.warnings or not found.requires_check_and_set, found
