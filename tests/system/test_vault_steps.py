"""A host that is killed, or stopped for longer than its claim lasts, at each step of a refresh.

``pytest --full`` goes through every step; other runs go through a few.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.documents import document
from tests.support.folders import ROOT
from tests.support.gates import Cut, Passing, gated
from tests.support.openbao import Server
from tests.support.program import Program
from tests.support.shared_store import host, sign_in_to, store_at
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.long

PAGE = ".github/docs/machines.md"

# Seconds that a claim lasts. On a busy machine, less than a third of it must pass between the claim and the refresh.
TTL = {"few": 4, "all": 6}

# Scenarios that are played side by side: in most of their time they wait.
AT_ONCE = 6

# The requests of a refresh. The first is for the settings, the second for the record, the third begins the turn.
REQUESTS = ("read", "read again", "read in turn", "claim", "redeem", "save")
SIDES = ("sent", "answered")
STEPS = tuple(f"{request}, {side}" for request in REQUESTS for side in SIDES)
FAULTS = ("killed", "stopped")

# What ordinary runs try.
FEW = [("redeem, answered", "killed", False), ("claim, answered", "stopped", False)]


class Result(NamedTuple):
    """What becomes of a refresh: of the host that is disturbed, of the next one, and of the grant.

    ``own`` is empty if the host was killed. ``alive`` says whether Webex accepts the refresh token that is stored in
    the end, and ``waited`` whether the next host waited until the claim was over.
    """

    own: str
    other: str
    alive: bool = True
    waited: bool = False


SIGN_IN = "exit status 3"

# What the table says, and what that means: with refresh tokens that last, and with ones that are replaced each time.
MEANING = {
    "The next host refreshes at once.": (Result("", "renewed"),) * 2,
    "The next host refreshes when the claim is over.": (Result("", "renewed", waited=True),) * 2,
    "The answer dies with the host. The next host refreshes when the claim is over (†).": (
        Result("", "renewed", waited=True),
        Result("", SIGN_IN, alive=False, waited=True),
    ),
    "Both refresh, one after the other.": (Result("renewed", "renewed"),) * 2,
    "It uses the tokens of the next host.": (Result("the other's", "renewed"),) * 2,
    "It changes nothing, says so, and exits with 4; the next host has refreshed when the claim was over.": (
        Result("exit status 4", "renewed", waited=True),
    )
    * 2,
    "It redeems the same refresh token once more, and uses the tokens of the next host (†).": (
        Result("the other's", "renewed", waited=True),
        Result(SIGN_IN, "renewed", alive=False, waited=True),
    ),
    "It drops its answer, and uses the tokens of the next host (†).": (
        Result("the other's", "renewed", waited=True),
        Result("renewed", "the other's", alive=False, waited=True),
    ),
}


class Trap:
    """Catches one request of a host before it is passed on, or its answer."""

    def __init__(self, step: str, longest: float) -> None:
        self._longest = longest
        self._number, self._side = divmod(STEPS.index(step), 2)
        self._count = -1
        self.reached, self.released = threading.Event(), threading.Event()
        self.cuts = False

    def __call__(self, passing: Passing) -> None:
        is_answer = passing.status is not None
        self._count += not is_answer
        if self.reached.is_set() or self._count != self._number or is_answer != bool(self._side):
            return
        self.reached.set()
        assert self.released.wait(self._longest)
        if self.cuts:
            raise Cut


class Scene(NamedTuple):
    """The servers that a scenario is played with."""

    openbao: Server
    mount: str
    sandboxes: tuple[Sandbox, Sandbox]
    folder: Path
    ttl: int

    def play(self, step: str, fault: str, rotates: bool) -> Result:
        """Refresh on one host, which is disturbed at ``step``, and meanwhile on another."""
        profile = re.sub(r"\W+", "-", f"{fault}-{step}-{rotates}")
        sandbox = self.sandboxes[rotates]
        store = store_at(self.openbao, self.mount)
        sign_in_to(store, sandbox, profile)
        trap = Trap(step, 10 * self.ttl)
        webex = sandbox.api_url.removesuffix("/v1")
        with gated(self.openbao.address, trap) as address, gated(webex, trap) as through:
            one = self._host(f"{profile}-one", VAULT_ADDR=address, WEBEX_TOKEN_API_URL=f"{through}/v1")
            with refreshing(one, profile, self.ttl) as disturbed:
                assert trap.reached.wait(60)
                is_killed = fault == "killed"
                disturbed.send_signal(signal.SIGKILL if is_killed else signal.SIGSTOP)
                trap.cuts = is_killed
                if is_killed or step.endswith("answered"):
                    trap.released.set()
                other, waited = self._refresh_elsewhere(profile, sandbox, disturbed, trap)
                own = "" if is_killed else came_to(disturbed)[0]
        record = store.load(profile)
        assert record is not None
        living = {each.refresh_token for each in sandbox.grants if not each.revoked}
        return Result(own, other, record.refresh_token in living, waited)

    def _host(self, name: str, **variables: str) -> Program:
        return host(self.folder / name, self.openbao, self.mount, **variables)

    def _refresh_elsewhere(
        self, profile: str, sandbox: Sandbox, disturbed: "subprocess.Popen[str]", trap: Trap
    ) -> tuple[str, bool]:
        """Refresh on another host. The disturbed one goes on when its claim has been over for long, or that is done."""
        two = self._host(f"{profile}-two", WEBEX_TOKEN_API_URL=sandbox.api_url)
        with refreshing(two, profile, self.ttl) as other:
            with contextlib.suppress(subprocess.TimeoutExpired):
                other.wait(2 * self.ttl)
            disturbed.send_signal(signal.SIGCONT)
            trap.released.set()
            return came_to(other)


def refreshing(program: Program, profile: str, ttl: int) -> "subprocess.Popen[str]":
    """A refresh with claims that last for ``ttl`` seconds."""
    environment = program.environment
    environment["PYTHONPATH"] = os.pathsep.join((str(ROOT), environment["PYTHONPATH"]))
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.short_claims", str(ttl), "refresh", "-p", profile],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def came_to(process: "subprocess.Popen[str]") -> tuple[str, bool]:
    """What the refresh came to, in a word or two, and whether it waited until a claim was over."""
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    waited = "Waiting for" in err  # said after two seconds
    for words, result in ((": renewed;", "renewed"), ("another webex-token process", "the other's")):
        if process.returncode == 0 and words in out:
            return result, waited
    return f"exit status {process.returncode}", waited


def table() -> dict[tuple[str, str], str]:
    """The table of the page: what happens at each step, if the host is killed there or stopped."""
    rows = re.findall(r"^\| (\w[\w ]*, \w+) \| (.*?) \| (.*?) \|$", document(PAGE).text, re.MULTILINE)
    return {(step, fault): cell for step, *cells in rows for fault, cell in zip(FAULTS, cells, strict=True)}


def test_the_table_has_every_step_and_nothing_unknown() -> None:
    assert list(table()) == [(step, fault) for step in STEPS for fault in FAULTS]
    assert set(table().values()) == set(MEANING)


def test_a_host_that_dies_or_stops_costs_no_more_than_the_table_says(
    openbao: Server, redirect_uri: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    is_full = request.config.getoption("--full")
    every = [(step, fault, rotates) for step in STEPS for fault in FAULTS for rotates in (False, True)]
    lasting, rotating = (
        Sandbox(Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=rotates)) for rotates in (False, True)
    )
    played = every if is_full else FEW
    expected = {each: MEANING[table()[each[:2]]][each[2]] for each in played}
    with lasting, rotating, ThreadPoolExecutor(AT_ONCE) as pool:
        scene = Scene(openbao, openbao.mount(), (lasting, rotating), tmp_path / "1", TTL["all" if is_full else "few"])
        results = dict(zip(played, pool.map(lambda each: scene.play(*each), played), strict=True))
        # On a busy machine, the next host may start so late that it need not wait for long, which it does not say.
        late = [each for each, result in results.items() if result != expected[each]]
        patient = scene._replace(mount=openbao.mount(), folder=tmp_path / "2", ttl=3 * scene.ttl)
        results |= dict(zip(late, pool.map(lambda each: patient.play(*each), late), strict=True))
    assert results == expected
