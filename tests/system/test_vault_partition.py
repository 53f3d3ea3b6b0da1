"""A host whose network breaks, to OpenBao or to Webex: a namespace of its own, with a cable to each."""

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.gates import Passing, gated
from tests.support.namespaces import Cable, namespace
from tests.support.openbao import Server
from tests.support.program import Program, wait_until
from tests.support.shared_store import host, sign_in_to, store_at
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.store.vault.store import VaultStore

pytestmark = pytest.mark.long


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True)


class Setting(NamedTuple):
    """A host with a cable to OpenBao and one to Webex. ``answering`` is set while Webex waits for ``may_answer``."""

    host: Program
    store: VaultStore
    to_openbao: Cable
    to_webex: Cable
    answering: threading.Event
    may_answer: threading.Event


@pytest.fixture
def setting(openbao: Server, sandbox: Sandbox, tmp_path: Path) -> Iterator[Setting]:
    answering, may_answer = threading.Event(), threading.Event()

    def gate(passing: Passing) -> None:
        if passing.status is not None and passing.path.endswith("/access_token"):
            answering.set()
            assert may_answer.wait(30)

    mount = openbao.mount()
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(namespace())
        addresses = []
        for server, cable, watched in (
            (openbao.address, network.cables[0], lambda _: None),
            (sandbox.api_url.removesuffix("/v1"), network.cables[1], gate),
        ):
            here = stack.enter_context(gated(server, watched, cable.address))
            port = int(here.rpartition(":")[2])
            stack.enter_context(network.forwarding(port, cable.address))
            addresses.append(f"http://127.0.0.1:{port}")
        variables = {"VAULT_ADDR": addresses[0], "WEBEX_TOKEN_API_URL": f"{addresses[1]}/v1"}
        machine = host(tmp_path, openbao, mount, VAULT_CLIENT_TIMEOUT="2", **variables)
        store = store_at(openbao, mount)
        sign_in_to(store, sandbox)
        machine = Program(machine.home, machine.variables, network.through)
        yield Setting(machine, store, *network.cables, answering, may_answer)


def test_a_host_without_its_network_says_so_and_goes_on_with_it(setting: Setting, sandbox: Sandbox) -> None:
    before = setting.store.load("default")
    setting.may_answer.set()

    setting.to_openbao.cut()
    done = setting.host.run("get")
    assert (done.status, done.out) == (4, "")
    assert done.err.startswith(f"Error: Vault ({setting.host.variables['VAULT_ADDR']}, ")
    setting.to_openbao.mend()
    wait_until(lambda: setting.host.run("get").status == 0)

    setting.to_webex.cut()
    done = setting.host.run("refresh")
    assert (done.status, done.out, "Vault" in done.err) == (4, "", False)
    assert (sandbox.outcomes(), setting.store.load("default")) == ([], before)
    setting.to_webex.mend()

    assert setting.store.entries.read("default").entry.claim is None  # so nobody has to wait for it
    wait_until(lambda: setting.host.run("refresh").status == 0)
    assert sandbox.outcomes() == ["renewed"]


def test_an_answer_of_webex_is_saved_when_the_network_is_back(setting: Setting, sandbox: Sandbox) -> None:
    with setting.host.started("refresh") as refresh:
        assert setting.answering.wait(30)
        setting.to_openbao.cut()
        setting.may_answer.set()
        with pytest.raises(subprocess.TimeoutExpired):
            refresh.finish(timeout=2.5)
        setting.to_openbao.mend()
        done = refresh.finish(timeout=60)
    assert (done.status, done.out.split(";")[0]) == (0, "default: renewed")
    record = setting.store.load("default")
    assert record is not None
    assert record.refresh_token == sandbox.grants[-1].refresh_token
