"""Many processes on several hosts refresh one profile in OpenBao at the same moment."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.gates import Passing, gated
from tests.support.many_processes import HostOfMany, Order, host_of_many
from tests.support.openbao import Server
from tests.support.shared_store import DAY, host, sign_in_to, store_at
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.long

HOSTS, PROCESSES = 3, 8

COMMANDS = (("refresh",), ("get", "--min-valid", "60w"), ("watch", "--once"))

# Each of the commands reads the entry this often before it waits for its turn. Whoever has done so has seen the record
# that the round begins with.
READS = 2

# The most seconds that an answer of Webex is held back until all processes have read the entry.
LONGEST_HOLD = 60


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    """Each refresh gives new tokens, and to redeem a refresh token twice revokes the grant."""
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True)


class Round:
    """Holds the first refresh back until all processes have read the entry: so all want to refresh the same record."""

    def __init__(self) -> None:
        self._reads = Counter[str]()
        self._changed = threading.Condition()
        self._tokens = HOSTS * PROCESSES

    def begin(self) -> None:
        with self._changed:
            self._reads.clear()

    def at_openbao(self, passing: Passing) -> None:
        if passing.status == 200 and passing.method == "GET" and "/data/" in passing.path:
            with self._changed:
                self._reads[passing.headers["X-Vault-Token"]] += 1
                self._changed.notify_all()

    def at_webex(self, passing: Passing) -> None:
        if passing.status is None and passing.path.endswith("/access_token"):
            with self._changed:
                assert self._changed.wait_for(self._all_have_read, LONGEST_HOLD)

    def _all_have_read(self) -> bool:
        return sum(count >= READS for count in self._reads.values()) == self._tokens


@contextlib.contextmanager
def hosts(folder: Path, openbao: Server, mount: str, **variables: str) -> Iterator[list[HostOfMany]]:
    with contextlib.ExitStack() as stack:
        programs = [host(folder / f"host-{number}", openbao, mount, **variables) for number in range(HOSTS)]
        yield [stack.enter_context(host_of_many(program)) for program in programs]


def test_processes_on_many_hosts_redeem_each_refresh_token_once(
    openbao: Server,
    sandbox: Sandbox,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rounds = 50 if request.config.getoption("--full") else 1
    mount, this_round = openbao.mount(), Round()
    store = store_at(openbao, mount)
    sign_in_to(store, sandbox)
    policy = f'path "{mount}/*" {{ capabilities = ["create", "read", "update", "list"] }}'
    tokens = [openbao.token_with(policy) for _ in range(HOSTS * PROCESSES)]
    requests, seconds = [], []
    with (
        gated(openbao.address, this_round.at_openbao) as address,
        gated(sandbox.api_url.removesuffix("/v1"), this_round.at_webex) as webex,
        hosts(tmp_path, openbao, mount, VAULT_ADDR=address, WEBEX_TOKEN_API_URL=f"{webex}/v1") as machines,
        ThreadPoolExecutor(HOSTS) as pool,
    ):
        for _ in range(rounds):
            record = store.load("default")
            assert record is not None
            store.save("default", replace(record, refreshed_at=record.refreshed_at - 2 * DAY))
            before = len(sandbox.outcomes())
            this_round.begin()
            orders = [Order(random.choice(COMMANDS), {"VAULT_TOKEN": token}) for token in tokens]
            shares = [orders[number::HOSTS] for number in range(HOSTS)]
            began = time.monotonic()
            ended = [each for done in pool.map(HostOfMany.run, machines, shares) for each in done]
            seconds.append(time.monotonic() - began)
            assert [each for each in ended if each.status] == []
            answers = sandbox.outcomes()[before:]
            assert set(answers) == {"renewed"}
            assert len(answers) <= 2
            requests.append(len(answers))
    assert not sandbox.grants[-1].revoked  # the sandbox revokes a grant whose refresh token is redeemed twice
    with capsys.disabled():
        print(
            f"\n{rounds} rounds of {HOSTS} x {PROCESSES} processes: {min(requests)} to {max(requests)} refreshes in a "
            f"round, no reuse, no failure; {min(seconds):.1f} to {max(seconds):.1f} seconds a round"
        )
