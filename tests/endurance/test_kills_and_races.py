"""Kills and races at random moments: the last good record stays, and one process redeems the refresh token.

A few rounds by default; ``pytest --full`` does as many as CONTRIBUTING.md says. The seed of a run is printed.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.program import WEBEX_TOKEN, Program, Running
from tests.support.stored import DAY, age, record_file
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.server import Sandbox


@pytest.fixture
def seed(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> random.Random:
    number = int(os.environ.get("WEBEX_TOKEN_TEST_SEED", random.randrange(10**6)))
    with capsys.disabled():
        print(f"\n{request.node.name}: seed {number}", flush=True)
    return random.Random(number)


def rounds(request: pytest.FixtureRequest, full: int, few: int) -> int:
    return full if request.config.getoption("--full") else few


@pytest.fixture
def rules(redirect_uri: str, request: pytest.FixtureRequest) -> Rules:
    racing = "racing" in request.node.name
    return Rules(redirect_uris=(redirect_uri,), renew_after=DAY if racing else 0, rotate=racing, auto_approve=True)


@pytest.fixture(params=["file", "keyring"])
def stored(request: pytest.FixtureRequest, program: Program) -> Program:
    """The program with a signed-in profile, once for each store."""
    if request.param == "keyring":
        session = request.getfixturevalue("keyring_session")
        program = program.having(
            **session, WEBEX_TOKEN_STORE="keyring", WEBEX_TOKEN_PROFILE=f"endurance-{os.getpid()}-{time.time_ns()}"
        )
    accepting = program.having(BROWSER=None)
    with accepting.started("login", "--no-browser") as login:
        _arrive(login)
        assert login.finish().status == 0
    return accepting


def _arrive(login: Running) -> None:
    """Follow the redirects of the sandbox's sign-in page, which consents at once."""
    subprocess.run(["curl", "-sL", "-o", os.devnull, login.url()], check=False)


@pytest.mark.parametrize("command", ["refresh", "login"])
def test_killing_at_random_moments_loses_nothing(
    stored: Program,
    sandbox: Sandbox,
    command: str,
    seed: random.Random,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    in_file = stored.variables["WEBEX_TOKEN_STORE"] == "file"
    count = rounds(request, 250 if in_file else 50, 12 if in_file else 4)
    longest = _time_of(stored, command)
    ends = {"killed": 0, "done": 0}
    seen = set()
    for _ in range(count):
        with stored.started(command, *(["--no-browser"] if command == "login" else [])) as running:
            deadline = time.monotonic() + seed.uniform(0, 1.2 * longest)
            if command == "login":
                _arrive_before(running, deadline)
            try:
                running.process.wait(max(0.0, deadline - time.monotonic()))
                ends["done"] += 1
            except subprocess.TimeoutExpired:
                running.process.send_signal(signal.SIGKILL)
                ends["killed"] += 1
            running.process.wait()
        got = stored.run("get", "--no-refresh")
        assert (got.status, got.err) == (0, "")
        assert got.out.strip() in sandbox.webex.issued
        seen.add(got.out)
    with capsys.disabled():
        print(f"{request.node.name}: {count} runs, {ends}, {len(seen)} different tokens found whole", flush=True)
    assert stored.run("refresh").status == 0
    if in_file:
        folder = record_file(stored).parent
        assert sorted(p.name for p in folder.iterdir() if p.suffix != ".lock") == ["webex-token+default.json"]


def _time_of(program: Program, command: str) -> float:
    started = time.monotonic()
    with program.started(command, *(["--no-browser"] if command == "login" else [])) as running:
        if command == "login":
            _arrive(running)
        assert running.finish().status == 0
    return time.monotonic() - started


def _arrive_before(login: Running, deadline: float) -> None:
    """Open the sign-in page if its address is printed in time, without waiting for the result."""
    while time.monotonic() < deadline and login.process.poll() is None:
        if "/authorize?" in login.err and login.err.endswith("\n"):
            going = ["curl", "-sL", "-m", "5", "-o", os.devnull, login.url()]
            threading.Thread(target=subprocess.run, args=(going,), daemon=True).start()
            return
        time.sleep(0.005)


RACERS = [("refresh",), ("get", "--min-valid", "5m"), ("watch", "--once")]


def test_racing_for_the_refresh_token(
    stored: Program,
    sandbox: Sandbox,
    tmp_path: Path,
    seed: random.Random,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    in_file = stored.variables["WEBEX_TOKEN_STORE"] == "file"
    count = rounds(request, 50, 2)
    sent = []
    for turn in range(count):
        sandbox.webex.advance(14 * DAY - 60)
        if in_file:
            age(stored, 14 * DAY - 60)
        else:
            _age_in_keyring(stored, 14 * DAY - 60)
        before = len(sandbox.said())
        running = []
        for number in range(20):
            command = RACERS[number % 3] if number < 3 else seed.choice(RACERS)
            own = tmp_path / f"{turn}-{number}"
            own.mkdir()
            folders = {name: str(own) for name in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TMPDIR")}
            running.append((command, _start(stored.having(**folders), command)))
            time.sleep(seed.choice([0, 0, 0.01]))
        for command, process in running:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, (command, err)
            if command[0] == "get":
                sandbox.webex.person_of(out.strip())
        asked = sandbox.said()[before:]
        assert set(asked) <= {"renewed", "unchanged"}
        assert asked.count("renewed") == 1
        # `refresh` asks Webex even if another one has just ended; `get` and `watch --once` do not.
        assert 1 <= len(asked) <= 1 + sum(command[0] == "refresh" for command, _ in running)
        sent.append(len(asked))
    assert not sandbox.webex.grants[-1].revoked
    with capsys.disabled():
        print(f"{request.node.name}: {count} rounds of 20, refreshes sent a round {min(sent)} to {max(sent)}, no reuse")


def _start(program: Program, arguments: tuple[str, ...]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(WEBEX_TOKEN), *arguments],
        env=program.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


_AGE = """
import json, keyring, sys
entry = json.loads(keyring.get_password("webex-token", sys.argv[1]))
for key in ("access_expires_at", "refresh_expires_at", "changed_at", "refreshed_at"):
    entry[key] -= int(sys.argv[2])
keyring.set_password("webex-token", sys.argv[1], json.dumps(entry))
"""


def _age_in_keyring(program: Program, seconds: int) -> None:
    subprocess.run(
        [sys.executable, "-c", _AGE, program.variables["WEBEX_TOKEN_PROFILE"], str(seconds)],
        env=program.environment,
        check=True,
    )
