"""Many processes at once on Credential Manager and on the file store: no record is lost, mixed or put back.

``pytest --full`` does the long counts, and every other run a few.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs

import keyring
import pytest
from keyring.backends.Windows import WinVaultKeyring

from tests.support import credential_manager
from tests.support.program import Program
from tests.support.records import FULL_RECORD
from tests.support.store_worker import is_whole, numbered
from webex_token_cli.application import Application
from webex_token_cli.config.settings import Profile
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.store.keyring.credential_manager import BACKEND
from webex_token_cli.store.keyring.splitting import SplittingKeyring
from webex_token_cli.store.records import decode, encode
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

assert sys.platform == "win32"

PROFILES = ("default", "Ada", "ada", "a@example.com")

# Seconds that a process has to end after its time is over, on a machine with few cores.
PATIENCE = 180


@pytest.fixture(autouse=True)
def _own_entries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(credential_manager.PREFIX, f"webex-token-tests/{tmp_path.name}/")


@pytest.fixture
def is_full(request: pytest.FixtureRequest) -> bool:
    """Whether this run does the long counts."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    """Each refresh gives a new refresh token, and presenting an old one revokes the grant."""
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Callable[[object], None]:
    def show(what: object) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name}: {what}", flush=True)

    return show


@pytest.fixture(params=["keyring", "file"])
def stored_in(request: pytest.FixtureRequest) -> str:
    """The store of the profiles; a test is run with each."""
    return str(request.param)


@pytest.fixture
def profiles(program: Program, sandbox: Sandbox, stored_in: str) -> Program:
    """The program after a sign-in of each profile, with tokens so long that Credential Manager needs several parts."""
    program = program.having(WEBEX_TOKEN_STORE=None, BROWSER=None)
    application = Application(program.environment)
    for profile in PROFILES:
        answer = TokenResponse.parse(sandbox.token_response(self_contained=True))
        record = TokenRecord.signed_in(answer, sandbox.client_id, sandbox.client_secret, int(time.time()))
        _sign_in(application, profile, record, stored_in, sandbox.api_url)
    return program


def _sign_in(application: Application, profile: str, record: TokenRecord, store: str, api_url: str) -> None:
    application.store(store).save(profile, record)
    keyring = application.store(store).backend
    application.config.save(Profile(profile, record.client_id, None, "spark:all", api_url, store, keyring))


@contextmanager
def working(program: Program, task: str, seconds: float, *profiles: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that does ``task`` again and again, once ``begin`` has been called."""
    arguments = [sys.executable, "-m", "tests.support.store_worker", task, str(seconds), *profiles]
    with _started(program, arguments) as process:
        yield process


def begin(*processes: "subprocess.Popen[str]") -> None:
    """Wait until all ``processes`` are ready, and let them begin."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("begin\n")
        process.stdin.flush()


@contextmanager
def _started(program: Program, arguments: list[str]) -> Iterator["subprocess.Popen[str]"]:
    pipe = subprocess.PIPE
    environment = program.environment
    with subprocess.Popen(
        arguments, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8"
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finished(process: "subprocess.Popen[str]") -> dict[str, object]:
    """What the process has done."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return dict(json.loads(out))


def presented(sandbox: Sandbox) -> list[str]:
    """The refresh tokens that were redeemed, in that order."""
    forms = [parse_qs(request.body) for request in sandbox.requests if request.path == "/v1/access_token"]
    return [form["refresh_token"][0] for form in forms if form["grant_type"] == ["refresh_token"]]


def assert_no_reuse(sandbox: Sandbox) -> None:
    assert set(sandbox.outcomes()) == {"renewed"}
    assert not any(grant.revoked for grant in sandbox.grants)
    tokens = presented(sandbox)
    assert len(tokens) == len(set(tokens))


@pytest.mark.parametrize("stored_in", ["keyring"], indirect=True)
def test_profiles_refreshed_at_once_never_go_back(
    profiles: Program, sandbox: Sandbox, is_full: bool, say: Callable[[object], None]
) -> None:
    refreshing, seconds = (8, 60) if is_full else (3, 2)
    slow = profiles.having(**{credential_manager.PAUSE: "0.003"})
    with ExitStack() as stack:
        observer = stack.enter_context(working(profiles, "observe", seconds, *PROFILES))
        processes = [stack.enter_context(working(slow, "refresh", seconds, *PROFILES)) for _ in range(refreshing)]
        probing = stack.enter_context(working(slow, "probe", seconds, PROFILES[0]))
        begin(observer, *processes, probing)
        refreshes = [finished(process)["refreshes"] for process in processes]
        seen, probes = finished(observer), finished(probing)
    assert_no_reuse(sandbox)
    newest = [grant.refresh_token for grant in sandbox.grants]
    order = [*presented(sandbox), *newest]
    for profile in PROFILES:
        positions = [order.index(token) for token in seen[profile]]  # type: ignore[attr-defined]
        assert positions == sorted(positions)
    application = Application(profiles.environment)
    assert [application.stored(profile)[1].refresh_token for profile in PROFILES] == newest
    places = {place.partition("#")[0] for place in credential_manager.entries()}
    assert places == {f"webex-token:{name}" for name in ("default", "%41da", "ada", "a@example.com")}
    say(
        f"{refreshes} refreshes in {seconds} s by {refreshing} processes, {probes} beside them, "
        f"{[len(seen[profile]) for profile in PROFILES]} records seen, no reuse"  # type: ignore[arg-type]
    )


COMMANDS = (("refresh",), ("get", "--min-valid", "15d"), ("watch", "--once", "--max-age", "1s"))


def test_processes_with_different_variables_meet_at_the_lock(
    profiles: Program,
    sandbox: Sandbox,
    tmp_path: Path,
    is_full: bool,
    say: Callable[[object], None],
) -> None:
    """A token of 14 days is never valid for 15 more, so that each of them has a reason to refresh it."""
    racing, rounds = (16, 10) if is_full else (3, 1)
    for turn in range(rounds):
        with ExitStack() as stack:
            processes = []
            for number in range(racing):
                folder = tmp_path / f"{turn}-{number}"
                folder.mkdir()
                names = dict.fromkeys(("USER", "USERNAME", "LOGNAME", "LNAME"), f"user{number}")
                folders = dict.fromkeys(
                    ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "WIN_PD_OVERRIDE_LOCAL_APPDATA", "TEMP", "TMP"),
                    str(folder),
                )
                command = [sys.executable, "-m", "webex_token_cli", *COMMANDS[number % len(COMMANDS)]]
                processes.append(
                    stack.enter_context(
                        _started(profiles.having(**names, **folders, PYTHONIOENCODING="utf-8"), command)
                    )
                )
            for process in processes:
                out, err = process.communicate(timeout=PATIENCE)
                assert process.returncode == 0, (process.args, out, err)
    assert_no_reuse(sandbox)
    say(f"{rounds} rounds of {racing} processes, {len(sandbox.outcomes())} refreshes, no reuse")


def test_readers_beside_writers_never_fail(
    program: Program, stored_in: str, is_full: bool, say: Callable[[object], None]
) -> None:
    readers, writers, seconds = (4, 3, 60) if is_full else (2, 2, 2)
    program = program.having(WEBEX_TOKEN_STORE=None)
    for profile in PROFILES[:2]:
        _sign_in(
            Application(program.environment), profile, numbered(FULL_RECORD, 0), stored_in, "https://webexapis.com/v1"
        )
    with ExitStack() as stack:
        processes = [
            stack.enter_context(working(program, task, seconds, *PROFILES[:2]))
            for task in ["read"] * readers + ["write"] * writers
        ]
        begin(*processes)
        say([finished(process) for process in processes])


@pytest.mark.parametrize("stored_in", ["keyring"], indirect=True)
def test_a_kill_at_a_random_moment_leaves_a_whole_record(
    program: Program, stored_in: str, is_full: bool, say: Callable[[object], None]
) -> None:
    program = program.having(WEBEX_TOKEN_STORE=None, **{credential_manager.PAUSE: "0.005"})
    application = Application(program.having(**{credential_manager.PAUSE: None}).environment)
    _sign_in(application, "default", numbered(FULL_RECORD, 0), stored_in, "https://webexapis.com/v1")
    store, sizes = application.store(stored_in), []
    for _ in range(200 if is_full else 3):
        with working(program, "save", PATIENCE, "default") as process:
            begin(process)
            time.sleep(random.uniform(0, 0.5))
            process.kill()  # TerminateProcess
            process.communicate()
        record = store.load("default")
        assert record is not None
        assert is_whole(record)
        sizes.append(len(record.access_token))
    say(
        f"{len(sizes)} kills, records of { ({size: sizes.count(size) for size in sorted(set(sizes))}) } characters left"
    )
    with store.lock("default"):
        store.save("default", numbered(FULL_RECORD, 2))
    assert len(credential_manager.entries()) == 6  # a head and five parts, so nothing of the killed ones is left
    store.delete("default")
    assert credential_manager.entries() == []


# The longest record, while that of the first save is of another length.
EARLIER = numbered(FULL_RECORD, 2)


def _stored_by_an_earlier_version() -> None:
    """Two profiles of an earlier version, in the keyring library's own entries."""
    library = SplittingKeyring(WinVaultKeyring(), 1280)  # type: ignore[no-untyped-call]
    for profile in ("default", "ada"):
        library.set_password("webex-token", profile, encode(EARLIER))


@pytest.fixture
def moving(program: Program) -> Program:
    """The program with two profiles that an earlier version has stored."""
    program = program.having(WEBEX_TOKEN_STORE=None)
    _stored_by_an_earlier_version()
    config = Application(program.environment).config
    for profile in ("default", "ada"):
        settings = (FULL_RECORD.client_id, None, "spark:all", "https://webexapis.com/v1", "keyring", BACKEND)
        config.save(Profile(profile, *settings))
    return program


def test_a_death_in_place_of_any_change_leaves_a_whole_record(
    moving: Program, is_full: bool, say: Callable[[object], None]
) -> None:
    """What is changed is an entry of an earlier version, which the first write moves."""
    application, numbers = Application(moving.environment), []
    for change in range(1, 100, 1 if is_full else 6):
        credential_manager.remove_entries()
        _stored_by_an_earlier_version()
        dying = moving.having(**{credential_manager.DEATH: str(change)})
        arguments = [sys.executable, "-m", "tests.support.store_worker", "save", "0", "ada"]
        with _started(dying, arguments) as process:
            process.communicate(timeout=PATIENCE)
        record, other = application.stored("ada")[1], application.stored("default")[1]
        assert is_whole(record)
        assert other == EARLIER
        numbers.append((process.returncode, len(record.access_token)))
        if process.returncode == 0:
            break
    say(f"status and characters of the record after a death at each change: {numbers}")
    assert numbers[-1][0] == 0


def test_an_entry_of_an_earlier_version_is_moved_and_then_removed(moving: Program) -> None:
    application = Application(moving.environment)
    store = application.store("keyring")
    assert application.stored("ada")[1] == application.stored("default")[1] == EARLIER
    store.save("ada", numbered(FULL_RECORD, 0))
    assert keyring.get_password("webex-token:ada", "ada") == encode(numbered(FULL_RECORD, 0))
    assert keyring.get_password("webex-token", "ada") is None
    assert application.stored("default")[1] == EARLIER
    assert store.delete("ada")
    assert store.delete("default")
    assert credential_manager.entries() == []


def test_a_remembered_keyring_is_the_one_that_the_library_finds(program: Program) -> None:
    """The store is then opened without the keyring library."""
    application = Application(program.environment)
    found = application.store("keyring")
    found.save("default", FULL_RECORD)
    remembered = application.store("keyring", BACKEND)
    assert remembered.load("default") == FULL_RECORD
    assert (remembered.place, remembered.backend) == (found.place, found.backend)
    code = (
        "import os, sys; from webex_token_cli.application import Application; "
        f"record = Application(os.environ).store('keyring', '{BACKEND}').load('default'); "
        "print(record is None, 'keyring' in sys.modules)"
    )
    with _started(program, [sys.executable, "-c", code]) as process:
        assert process.communicate(timeout=PATIENCE) == ("False False\n", "")


def test_a_person_finds_the_entry_of_a_profile_with_the_keyring_command(program: Program) -> None:
    found = program.having(PYTHONIOENCODING="utf-8")
    Application(found.environment).store("keyring").save("doctor", FULL_RECORD)
    with _started(found, [sys.executable, "-m", "keyring", "get", "webex-token:doctor", "doctor"]) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert decode(out, "The entry") == FULL_RECORD, err


def test_the_lock_folder_is_in_the_profile_folder_whatever_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    from webex_token_cli.store.local.locks import lock_folder_of_this_user
    from webex_token_cli.system.windows import profile_folder

    expected = lock_folder_of_this_user()
    assert expected == profile_folder() / "AppData/Local/webex-token/locks"
    assert profile_folder().is_dir()
    for name in ("USER", "USERNAME", "LOGNAME", "HOME", "USERPROFILE", "LOCALAPPDATA", "WIN_PD_OVERRIDE_LOCAL_APPDATA"):
        monkeypatch.setenv(name, "C:\\elsewhere")
    assert lock_folder_of_this_user() == expected
    assert os.environ["USERPROFILE"] != str(profile_folder())
