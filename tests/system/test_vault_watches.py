"""Two watches on two hosts, over many profiles in OpenBao."""

import json
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.openbao import Server
from tests.support.program import Running, wait_until
from tests.support.shared_store import DAY, host, sign_in_to, store_at
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.store.vault.store import VaultStore

pytestmark = pytest.mark.long

# As long as Webex takes to answer, in seconds: with none, the first watch would be done before the second has started.
LATENCY = 0.3


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True, latency=LATENCY)


def renewed_by(watch: Running) -> Counter[str]:
    """How often the watch has renewed each profile."""
    lines = [json.loads(line) for line in watch.out.splitlines() if line.endswith("}")]
    return Counter(line["profile"] for line in lines if line["event"] == "renewed")


def checked_by(watch: Running) -> set[str]:
    """The profiles that are in the log of the watch."""
    return {json.loads(line)["profile"] for line in watch.out.splitlines() if line.endswith("}")} - {None}


def test_two_watches_share_the_work_and_one_goes_on_alone(
    openbao: Server,
    sandbox: Sandbox,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    profiles, rounds = (200, 3) if request.config.getoption("--full") else (60, 1)
    mount = openbao.mount()
    store = store_at(openbao, mount)
    names = [f"profile-{number}" for number in range(profiles)]
    for name in names:
        sign_in_to(store, sandbox, name)
    hosts = [host(tmp_path / each, openbao, mount) for each in ("one", "other")]
    watch = ("watch", "--interval", "1h", "--log-format", "json")
    with hosts[0].started(*watch) as one, hosts[1].started(*watch) as other:
        for each in (one, other):
            wait_until(lambda each=each: len(checked_by(each)) == profiles, lambda each=each: each.err)
        shares = []
        for turn in range(1, rounds + 1):
            before = [renewed_by(each) for each in (one, other)]
            make_due(store, names)
            renew(profiles * turn, one, other)
            share = [renewed_by(each) - known for each, known in zip((one, other), before, strict=True)]
            assert sum(share, Counter[str]()) == Counter(names)
            assert max(each.total() for each in share) <= 0.7 * profiles
            shares.append([each.total() for each in share])
        one.process.kill()
        one.process.wait()
        make_due(store, names)
        renew(profiles * (rounds + 1), one, other)
    assert sandbox.outcomes() == ["renewed"] * profiles * (rounds + 1)
    assert not any(grant.revoked for grant in sandbox.grants)
    assert (one.err, other.err) == ("", "")
    with capsys.disabled():
        print(f"\n{profiles} profiles, renewed by each of two watches: {shares}")


def make_due(store: VaultStore, names: list[str]) -> None:
    """Store each record again as if it had been refreshed two days ago."""
    for name in names:
        record = store.load(name)
        assert record is not None
        store.save(name, replace(record, refreshed_at=record.refreshed_at - 2 * DAY))


def renew(total: int, *watches: Running) -> None:
    """Have the watches that still run begin a round, and wait until ``total`` renewals are in the logs of all."""
    for watch in watches:
        if watch.process.poll() is None:
            watch.process.send_signal(signal.SIGHUP)
    wait_until(
        lambda: sum((renewed_by(watch) for watch in watches), Counter[str]()).total() == total,
        lambda: "\n".join(watch.out[-500:] + watch.err for watch in watches),
        120,
    )
