"""Kills and races at random moments: a whole record is always stored, and one process redeems the refresh token.

``pytest --full`` does as many rounds as CONTRIBUTING.md says, and every other run a few. The seed of a run is printed.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.in_process import run_in_process
from tests.support.program import WEBEX_TOKEN, Program, Running, wait_until
from tests.support.signing_in import sign_in
from tests.support.stored import DAY, age, record_file
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.long


@pytest.fixture
def seed(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> random.Random:
    number = int(os.environ.get("TEST_SEED", random.randrange(10**6)))
    with capsys.disabled():
        print(f"\n{request.node.name}: seed {number}", flush=True)
    return random.Random(number)


@pytest.fixture
def is_full(request: pytest.FixtureRequest) -> bool:
    """Whether this run does the long counts."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def rules(redirect_uri: str, request: pytest.FixtureRequest) -> Rules:
    """A race is for one token a day, and the refresh token changes with it. Kills get a new token each time."""
    racing = "race" in request.node.name
    rotate = racing or "rotated" in request.node.name
    return Rules(redirect_uris=(redirect_uri,), renew_after=DAY if racing else 0, rotate=rotate, auto_approve=True)


@pytest.fixture(params=["file", "keyring"])
def stored(request: pytest.FixtureRequest, program: Program) -> Program:
    """The program with a signed-in profile, once for each store."""
    program = program.having(BROWSER=None)
    if request.param == "file":
        sign_in(program)
    else:
        session = request.getfixturevalue("keyring_session")
        program = program.having(
            **session, WEBEX_TOKEN_STORE="keyring", WEBEX_TOKEN_PROFILE=f"endurance-{os.getpid()}-{time.time_ns()}"
        )
        _run_undisturbed(program, "login")
    return program


@pytest.fixture
def in_file(stored: Program) -> bool:
    """Whether the profile is in the file store, and not in a keyring."""
    return stored.variables["WEBEX_TOKEN_STORE"] == "file"


@pytest.fixture
def kills(in_file: bool, is_full: bool) -> int:
    """The number of runs that are killed."""
    full, few = (250, 6) if in_file else (50, 2)
    return full if is_full else few


def _follow_redirects(url: str) -> None:
    """Do a browser's part: the sandbox's sign-in page consents at once and redirects to the listener."""
    subprocess.run(["curl", "-sL", "-m", "5", "-o", os.devnull, url], check=False)


@pytest.mark.parametrize("command", ["refresh", "login"])
def test_a_kill_at_a_random_moment_leaves_a_whole_record(
    stored: Program,
    sandbox: Sandbox,
    command: str,
    seed: random.Random,
    in_file: bool,
    kills: int,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    duration = _run_undisturbed(stored, command)
    ends = {"killed": 0, "done": 0}
    tokens = set()
    for _ in range(kills):
        ends[_run_and_kill(stored, command, seed.uniform(0, 1.2 * duration))] += 1
        get = (run_in_process if in_file else Program.run)(stored, "get", "--no-refresh")
        assert (get.status, get.err) == (0, "")
        assert get.out.strip() in sandbox.issued
        tokens.add(get.out)
    with capsys.disabled():
        print(f"{request.node.name}: {kills} runs, {ends}, {len(tokens)} different tokens stored", flush=True)
    assert stored.run("refresh").status == 0
    if in_file:
        folder = record_file(stored).parent
        assert sorted(p.name for p in folder.iterdir() if p.suffix != ".lock") == ["webex-token+default.json"]


def test_a_kill_costs_a_rotated_refresh_token_only_between_the_answer_and_its_saving(
    stored: Program,
    sandbox: Sandbox,
    seed: random.Random,
    in_file: bool,
    kills: int,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Webex's answer exists only in the killed process then, so no program can close this window."""
    run = run_in_process if in_file else Program.run
    duration = _run_undisturbed(stored, "refresh")
    ends = {"killed": 0, "done": 0, "killed with the answer unsaved": 0}
    for _ in range(kills):
        renewed = sandbox.outcomes().count("renewed")
        end = _run_and_kill(stored, "refresh", seed.uniform(0, 1.2 * duration))
        ends[end] += 1
        record = json.loads(run(stored, "export").out)["record"]
        if record["refresh_token"] == sandbox.grants[-1].refresh_token:
            continue
        assert end == "killed"
        wait_until(lambda before=renewed: sandbox.outcomes().count("renewed") == before + 1)
        ends["killed with the answer unsaved"] += 1
        assert run(stored, "refresh").status == 3
        _run_undisturbed(stored, "login")
    with capsys.disabled():
        print(f"{request.node.name}: {kills} runs, {ends}", flush=True)
    assert run(stored, "refresh").status == 0


def _run_and_kill(program: Program, command: str, seconds: float) -> str:
    """Run the command and kill it after ``seconds``. Returns ``killed``, or ``done`` if it had ended before."""
    with program.started(*_arguments(command)) as running:
        deadline = time.monotonic() + seconds
        if command == "login":
            _sign_in_before(deadline, running)
        try:
            running.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()
            return "killed"
    return "done"


def _arguments(command: str) -> list[str]:
    return ["login", "--no-browser"] if command == "login" else [command]


def _run_undisturbed(program: Program, command: str) -> float:
    """Run the command to its end, and return the seconds that it took."""
    started = time.monotonic()
    with program.started(*_arguments(command)) as running:
        if command == "login":
            _follow_redirects(running.url())
        assert running.finish().status == 0
    return time.monotonic() - started


def _sign_in_before(deadline: float, login: Running) -> None:
    """Open the sign-in page if its address is printed before the deadline, without waiting for the result."""
    while time.monotonic() < deadline and login.process.poll() is None:
        if "/authorize?" in login.err and login.err.endswith("\n"):
            threading.Thread(target=_follow_redirects, args=(login.url(),), daemon=True).start()
            return
        time.sleep(0.005)


RACERS = [("refresh",), ("get", "--min-valid", "5m"), ("watch", "--once")]


def test_processes_that_race_redeem_each_refresh_token_once(
    stored: Program,
    sandbox: Sandbox,
    tmp_path: Path,
    seed: random.Random,
    in_file: bool,
    is_full: bool,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rounds, processes = (50, 20) if is_full else (2, 8)
    requests = []
    for turn in range(rounds):
        sandbox.advance(14 * DAY - 60)
        if in_file:
            age(stored, 14 * DAY - 60)
        else:
            _age_in_keyring(stored, 14 * DAY - 60)
        before = len(sandbox.outcomes())
        running = []
        for number in range(processes):
            command = RACERS[number] if number < len(RACERS) else seed.choice(RACERS)
            # The lock must be the same file whatever folders the environment of a process names.
            folder = tmp_path / f"{turn}-{number}"
            folder.mkdir()
            folders = {name: str(folder) for name in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TMPDIR")}
            running.append((command, _start(stored.having(**folders), command)))
            time.sleep(seed.choice([0, 0, 0.01]))
        for command, process in running:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, (command, err)
            if command[0] == "get":
                sandbox.person_of(out.strip())
        answers = sandbox.outcomes()[before:]
        assert set(answers) <= {"renewed", "unchanged"}
        assert answers.count("renewed") == 1
        # `refresh` asks Webex even if another one has just ended; `get` and `watch --once` do not.
        assert 1 <= len(answers) <= 1 + sum(command[0] == "refresh" for command, _ in running)
        requests.append(len(answers))
    assert not sandbox.grants[-1].revoked  # Webex revokes a grant whose refresh token is redeemed twice
    with capsys.disabled():
        print(
            f"{request.node.name}: {rounds} rounds of {processes} processes, "
            f"{min(requests)} to {max(requests)} refreshes in a round, no reuse"
        )


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
