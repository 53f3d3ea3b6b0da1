"""The key-value engine against a cluster of three nodes, which lose their leader."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gates import Passing, gated
from tests.support.openbao import Cluster, Server, raft_cluster
from tests.support.program import wait_until
from tests.support.shared_store import host, sign_in_to, store_at
from webex_token_cli.errors import StoreUnreachable
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.store.vault.authentication import open_engine
from webex_token_cli.store.vault.key_value import KeyValueEngine, VersionConflict
from webex_token_cli.store.vault.requester import OutcomeUnknown

pytestmark = [pytest.mark.xdist_group("a cluster of OpenBao"), pytest.mark.long]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with raft_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        for node in cluster.nodes:
            wait_until(lambda node=node: _is_ready(opened(node)), node.log)
        yield cluster


@pytest.fixture
def cluster(started: Cluster) -> Iterator[Cluster]:
    """The cluster, whole, and whole again after the test."""
    yield started
    started.heal()


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True)


def opened(node: Server, **variables: str) -> KeyValueEngine:
    return open_engine({**node.environment, **variables}, lambda _: None)


def _is_ready(engine: KeyValueEngine) -> bool:
    try:
        engine.read("nobody")
    except StoreUnreachable:
        return False
    return True


def leader_of(cluster: Cluster) -> Server:
    return cluster.wait_for_leader()


def test_a_standby_node_shows_ones_own_writes(cluster: Cluster) -> None:
    engine, number = opened(cluster.standbys[0]), 0
    for turn in range(20):
        number = engine.write("own", {"turn": turn}, number)
        assert engine.read("own").number == number


def test_a_standby_node_shows_who_wrote_after_a_conflict(cluster: Cluster) -> None:
    here, there = opened(cluster.standbys[0]), opened(leader_of(cluster))
    here.write("conflict", {"turn": 0}, 0)
    for turn in range(1, 10):
        there.write("conflict", {"turn": turn}, turn)
        with pytest.raises(VersionConflict):
            here.write("conflict", {"by": "another"}, turn)
        assert here.read("conflict").number == turn + 1


def test_of_writes_through_two_standby_nodes_one_wins(cluster: Cluster) -> None:
    one, other = (opened(node) for node in cluster.standbys)
    one.write("race", {"by": "one"}, 0)
    with pytest.raises(VersionConflict):
        other.write("race", {"by": "other"}, 0)
    assert other.read("race").values == {"by": "one"}


def test_a_killed_leader_is_replaced_and_nothing_is_lost(cluster: Cluster) -> None:
    leader, standby = leader_of(cluster), cluster.standbys[0]
    engine = opened(standby, VAULT_CLIENT_TIMEOUT="2")
    engine.write("failover", {"turn": 1}, 0)
    leader.kill()
    with pytest.raises(StoreUnreachable) as raised:
        opened(leader).read("failover")
    assert raised.value.exit_status == 4
    written = _write_again_and_again(engine, "failover", 1)
    assert engine.read("failover")[:2] == (written, {"turn": 2})


def test_a_sealed_leader_is_replaced_and_nothing_is_lost(cluster: Cluster) -> None:
    leader, standby = leader_of(cluster), cluster.standbys[0]
    opened(leader).write("seal", {"turn": 1}, 0)
    leader.admin.sys.seal()
    with pytest.raises(StoreUnreachable, match="is sealed"):
        opened(leader).read("seal")
    engine = opened(standby, VAULT_CLIENT_TIMEOUT="2")
    _write_again_and_again(engine, "seal", 1)
    assert engine.read("seal").values == {"turn": 2}


def test_a_paused_leader_leaves_a_write_unknown_and_another_one_tells(cluster: Cluster) -> None:
    leader, standby = leader_of(cluster), cluster.standbys[0]
    at_leader = opened(leader, VAULT_CLIENT_TIMEOUT="1")
    at_leader.write("pause", {"turn": 1}, 0)
    with leader.paused():
        with pytest.raises(OutcomeUnknown):
            at_leader.write("pause", {"turn": 2}, 1)
        engine = opened(standby, VAULT_CLIENT_TIMEOUT="2")
        _write_again_and_again(engine, "pause", 1)
        assert engine.read("pause").values == {"turn": 2}


def refresh_token_at(node: Server) -> str | None:
    record = store_at(node).load("default")
    return None if record is None else record.refresh_token


def test_a_leader_killed_during_a_refresh_costs_no_answer(cluster: Cluster, sandbox: Sandbox, tmp_path: Path) -> None:
    leader, standby = leader_of(cluster), cluster.standbys[0]

    def kill_the_leader(passing: Passing) -> None:
        if passing.status is not None and passing.path.endswith("/access_token"):
            leader.kill()

    sign_in_to(store_at(standby), sandbox)
    machine = host(tmp_path, standby, VAULT_CLIENT_TIMEOUT="2")
    with gated(sandbox.api_url.removesuffix("/v1"), kill_the_leader) as webex:
        done = machine.having(WEBEX_TOKEN_API_URL=f"{webex}/v1").run("refresh", timeout=120)
    assert (done.status, done.out.split(";")[0]) == (0, "default: renewed"), done.err
    # A node that is not the leader has the newest record a moment later.
    wait_until(lambda: refresh_token_at(standby) == sandbox.grants[-1].refresh_token)


def test_a_sealed_server_is_named_and_an_unsealed_one_answers(
    cluster: Cluster, sandbox: Sandbox, tmp_path: Path
) -> None:
    leader = leader_of(cluster)
    sign_in_to(store_at(leader), sandbox, "sealed")
    machine = host(tmp_path, leader)
    leader.admin.sys.seal()
    for command in ("get", "refresh"):
        done = machine.run(command, "-p", "sealed")
        assert (done.status, done.out) == (4, "")
        assert f"Error: Vault ({leader.address}, secret/webex-token) is sealed.\n" in done.err
        assert "Ask its operator to unseal it (`bao operator unseal`), then try again." in done.err
    cluster.heal()
    wait_until(lambda: machine.run("get", "-p", "sealed").status == 0)
    assert machine.run("refresh", "-p", "sealed").status == 0


def _write_again_and_again(engine: KeyValueEngine, key: str, after: int) -> int:
    """Write turn 2 once, as a store does: after an unknown outcome or a conflict, look who has written."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            found = engine.read(key)
            if found.values == {"turn": 2}:
                return found.number
            return engine.write(key, {"turn": 2}, after)
        except (StoreUnreachable, VersionConflict):
            time.sleep(0.1)
    raise AssertionError("no node took the write")
