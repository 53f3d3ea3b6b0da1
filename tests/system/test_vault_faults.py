"""A refused Vault token, entries that were edited by hand, and clocks that are wrong: what is said, and what heals."""

import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.folders import ROOT
from tests.support.gates import Passing, gated
from tests.support.in_process import run_in_process
from tests.support.openbao import Server
from tests.support.program import Program
from tests.support.shared_store import host, sign_in_to, store_at
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.store.vault.store import VaultStore

pytestmark = pytest.mark.long

KEY = "webex-token/default"


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True)


@pytest.fixture
def store(openbao: Server, mount: str, sandbox: Sandbox) -> VaultStore:
    store = store_at(openbao, mount)
    sign_in_to(store, sandbox)
    return store


@pytest.fixture
def machine(openbao: Server, mount: str, store: VaultStore, tmp_path: Path) -> Program:
    assert store.names() == ["default"]
    return host(tmp_path / "machine", openbao, mount)


@pytest.fixture
def policy(mount: str) -> str:
    """The rights that the page about more than one machine names."""
    return (
        f'path "{mount}/data/webex-token/*" {{ capabilities = ["create", "read", "update"] }}\n'
        f'path "{mount}/metadata/webex-token" {{ capabilities = ["list"] }}'
    )


# -- the Vault token ---------------------------------------------------------------------------------------


def test_a_revoked_vault_token_is_named_and_another_one_heals(machine: Program, openbao: Server, policy: str) -> None:
    token = openbao.token_with(policy)
    with_token = machine.having(VAULT_TOKEN=token)
    assert run_in_process(with_token, "get").status == 0
    openbao.admin.auth.token.revoke(token)
    for command in ("get", "refresh"):
        done = run_in_process(with_token, command)
        assert (done.status, done.out) == (5, "")
        assert "does not accept the Vault token: it has expired, or was revoked.\n" in done.err
        assert "Log in to Vault again" in done.err
    assert run_in_process(machine.having(VAULT_TOKEN=openbao.token_with(policy)), "refresh").status == 0


class Interruption:
    """Does something while Webex's answer to a refresh is on its way."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action

    def __call__(self, passing: Passing) -> None:
        if passing.status is not None and passing.path.endswith("/access_token"):
            self._action()


def refresh_interrupted_by(action: Callable[[], object], machine: Program, sandbox: Sandbox) -> Any:
    with gated(sandbox.api_url.removesuffix("/v1"), Interruption(action)) as webex:
        return run_in_process(machine.having(WEBEX_TOKEN_API_URL=f"{webex}/v1"), "refresh")


def test_a_host_with_an_app_role_logs_in_again_in_the_middle_of_a_refresh(
    machine: Program, openbao: Server, store: VaultStore, sandbox: Sandbox, policy: str, mount: str
) -> None:
    admin = openbao.admin
    approle = f"approle-{mount}"
    admin.sys.enable_auth_method("approle", path=approle)
    admin.sys.create_or_update_policy(f"policy-{mount}", policy)
    admin.auth.approle.create_or_update_approle("host", token_policies=[f"policy-{mount}"], mount_point=approle)
    role = admin.auth.approle.read_role_id("host", mount_point=approle)["data"]["role_id"]
    secret = admin.auth.approle.generate_secret_id("host", mount_point=approle)["data"]["secret_id"]
    variables = {"VAULT_ROLE_ID": role, "VAULT_SECRET_ID": secret, "VAULT_APPROLE_MOUNT_POINT": approle}
    done = refresh_interrupted_by(
        lambda: admin.sys.revoke_prefix(f"auth/{approle}/login"),
        machine.having(VAULT_TOKEN=None, **variables),
        sandbox,
    )
    assert (done.status, done.out.split(";")[0]) == (0, "default: renewed"), done.err
    assert stored_refresh_token(store) == sandbox.grants[-1].refresh_token


def stored_refresh_token(store: VaultStore) -> str | None:
    record = store.load("default")
    return None if record is None else record.refresh_token


# -- edits by hand -----------------------------------------------------------------------------------------

DAMAGED = "is damaged: it is not an entry of webex-token."


def put(values: dict[str, object]) -> Callable[[Any, str], object]:
    def edit(kv: Any, mount: str) -> object:
        version = kv.read_secret_metadata(KEY, mount_point=mount)["data"]["current_version"]
        return kv.create_or_update_secret(KEY, values, cas=version, mount_point=mount)

    return edit


EDITS: dict[str, tuple[Callable[[Any, str], object], int, str]] = {
    "garbage": (put({"access_token": "typed by hand"}), 5, DAMAGED),
    "nothing": (put({}), 5, DAMAGED),
    "a damaged record": (put({"version": 1, "record": {"version": 1}}), 5, "is damaged"),
    "a damaged claim": (put({"version": 1, "record": None, "claim": "mine"}), 5, DAMAGED),
    "another version": (put({"version": 99}), 5, "was written by a newer webex-token (version 99 of the entry)."),
    "a deleted version": (
        lambda kv, mount: kv.delete_latest_version_of_secret(KEY, mount_point=mount),
        3,
        "Nobody is signed in as profile default.",
    ),
    "a destroyed version": (
        lambda kv, mount: kv.destroy_secret_versions(KEY, [1, 2, 3, 4], mount_point=mount),
        3,
        "Nobody is signed in as profile default.",
    ),
    "deleted metadata": (
        lambda kv, mount: kv.delete_metadata_and_all_versions(KEY, mount_point=mount),
        3,
        "Nobody is signed in as profile default.",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_entry_edited_by_hand_is_named_and_a_new_sign_in_heals(
    machine: Program, openbao: Server, store: VaultStore, mount: str, edit: str
) -> None:
    change, status, message = EDITS[edit]
    exported = run_in_process(machine, "export").out
    change(openbao.admin.secrets.kv.v2, mount)
    for command in (("get",), ("refresh",), ("watch", "--once", "-p", "default"), ("show",)):
        done = run_in_process(machine, *command)
        assert (done.status, message in done.out + done.err) == (status, True), (command, done)
        assert "Traceback" not in done.err
    if edit == "another version":  # what a newer program has written is not replaced
        assert run_in_process(machine, "import", stdin=exported).status == 5
        assert run_in_process(machine, "logout").status == 5
        openbao.admin.secrets.kv.v2.delete_metadata_and_all_versions(KEY, mount_point=mount)
    assert run_in_process(machine, "import", stdin=exported).status == 0
    assert run_in_process(machine, "refresh").status == 0


@pytest.mark.parametrize(
    ("edit", "status"), [("garbage", 0), ("a damaged claim", 0), ("a deleted version", 0), ("deleted metadata", 3)]
)
def test_an_edit_during_a_refresh_costs_no_answer_unless_the_entry_was_removed(
    machine: Program, openbao: Server, store: VaultStore, sandbox: Sandbox, mount: str, edit: str, status: int
) -> None:
    change = EDITS[edit][0]
    done = refresh_interrupted_by(lambda: change(openbao.admin.secrets.kv.v2, mount), machine, sandbox)
    assert done.status == status, done.err
    living = sandbox.grants[-1].refresh_token
    assert stored_refresh_token(store) == (None if status else living)


# -- clocks ------------------------------------------------------------------------------------------------


@pytest.fixture
def ahead(machine: Program) -> Program:
    """A host whose clock is an hour ahead."""
    through = (sys.executable, "-m", "tests.support.other_clock", "3600")
    return replace(machine, through=through).having(PYTHONPATH=str(ROOT))


def test_a_host_whose_clock_is_ahead_waits_for_a_claim_as_any_other(
    machine: Program, ahead: Program, sandbox: Sandbox
) -> None:
    """Whether a claim is over is decided by the server's clock."""
    answering, may_answer = threading.Event(), threading.Event()

    def hold() -> None:
        answering.set()
        assert may_answer.wait(30)

    with (
        gated(sandbox.api_url.removesuffix("/v1"), Interruption(hold)) as webex,
        machine.having(WEBEX_TOKEN_API_URL=f"{webex}/v1").started("refresh") as refresh,
    ):
        assert answering.wait(30)
        with ahead.started("refresh") as other:
            other.wait_for("Waiting for ")
            may_answer.set()
            done = other.finish()
        assert refresh.finish().status == 0
    assert (done.status, "another webex-token process refreshed it" in done.out) == (0, True), done
    assert sandbox.outcomes() == ["renewed"]


def test_two_hosts_whose_clocks_differ_by_an_hour_both_get_a_good_token(
    machine: Program, ahead: Program, sandbox: Sandbox
) -> None:
    assert ahead.run("refresh").status == 0
    for each in (machine, ahead):
        done = each.run("get")
        assert done.status == 0
        sandbox.person_of(done.out.strip())  # it is good
    assert run_in_process(machine, "watch", "--once").status == 0
    assert run_in_process(machine, "get").err == ""
    assert not sandbox.grants[-1].revoked
