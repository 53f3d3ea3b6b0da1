"""Many processes at once on Credential Manager and on the file store: no record is lost, mixed or put back.

``pytest --full`` does the long counts, and every other run a few.
"""

import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.support import credential_manager
from tests.support.program import Program, wait_until
from tests.support.records import FULL_RECORD
from tests.support.store_worker import is_whole, numbered
from tests.support.workers import PATIENCE, begin, finished, repeating, working
from webex_token_cli.application import Application
from webex_token_cli.config.settings import Profile
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.store.keyring.credential_manager import CredentialManager, WindowsPlaces
from webex_token_cli.store.keyring.splitting import Head
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

assert sys.platform == "win32"

PROFILES = ("default", "Ada", "ada", "a@example.com")


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    """Each refresh gives a new refresh token, and presenting an old one revokes the grant."""
    return Rules(redirect_uris=(redirect_uri,), renew_after=0, rotate=True)


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


def _sign_in(
    application: Application, profile: str, record: TokenRecord, store: str, api_url: str = "https://webexapis.com/v1"
) -> None:
    application.store(store).save(profile, record)
    keyring = application.store(store).backend
    application.config.save(Profile(profile, record.client_id, None, "spark:all", api_url, store, keyring))


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
    racing, rounds = (16, 10) if is_full else (3, 2)
    with ExitStack() as stack:
        processes = []
        for number in range(racing):
            other = _with_other_variables(profiles, f"user{number}", tmp_path / f"user{number}")
            processes.append(stack.enter_context(repeating(other, rounds, *COMMANDS[number % len(COMMANDS)])))
        for _ in range(rounds):
            begin(*processes)
        assert [finished(process) for process in processes] == [{"rounds": rounds}] * racing
    assert_no_reuse(sandbox)
    say(f"{rounds} rounds of {racing} processes, {len(sandbox.outcomes())} refreshes, no reuse")


def _with_other_variables(program: Program, user: str, folder: Path) -> Program:
    folder.mkdir()
    names = dict.fromkeys(("USER", "USERNAME", "LOGNAME", "LNAME"), user)
    folders = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "WIN_PD_OVERRIDE_LOCAL_APPDATA", "TEMP", "TMP")
    return program.having(**names, **dict.fromkeys(folders, str(folder)))


def test_readers_beside_writers_never_fail(
    program: Program, stored_in: str, is_full: bool, say: Callable[[object], None]
) -> None:
    readers, writers, seconds = (4, 3, 60) if is_full else (2, 2, 2)
    program = program.having(WEBEX_TOKEN_STORE=None)
    for profile in PROFILES[:2]:
        _sign_in(Application(program.environment), profile, numbered(FULL_RECORD, 0), stored_in)
    with ExitStack() as stack:
        processes = [
            stack.enter_context(working(program, task, seconds, *PROFILES[:2]))
            for task in ["read"] * readers + ["write"] * writers
        ]
        begin(*processes)
        say([finished(process) for process in processes])


def test_a_kill_at_a_random_moment_leaves_a_whole_record(
    program: Program, is_full: bool, say: Callable[[object], None]
) -> None:
    """Most of the time goes to starting Python, so that several profiles have their processes killed side by side."""
    at_once, kills = (5, 40) if is_full else (2, 2)
    program = program.having(WEBEX_TOKEN_STORE=None)
    stores = {profile: _signed_in_for_kills(program, profile) for profile in [f"p{n}" for n in range(at_once)]}
    with ThreadPoolExecutor(at_once) as threads:
        found = threads.map(lambda item: [_kill_while_saving(program, *item) for _ in range(kills)], stores.items())
        between, sizes = zip(*[each for of_profile in found for each in of_profile], strict=True)
    say(
        f"{len(sizes)} kills, {sum(between)} of them between the writes of one record, "
        f"records of { ({size: sizes.count(size) for size in sorted(set(sizes))}) } characters left"
    )
    for profile, store in stores.items():
        with store.changing(profile):
            store.save(profile, numbered(FULL_RECORD, 2))
    # A head and five parts for each, so nothing of the killed ones is left.
    assert len(credential_manager.entries()) == 6 * at_once
    for profile, store in stores.items():
        store.delete(profile)
    assert credential_manager.entries() == []


def _signed_in_for_kills(program: Program, profile: str) -> CredentialStore:
    application = Application(program.environment)
    _sign_in(application, profile, numbered(FULL_RECORD, 0), "keyring")
    return application.store("keyring")


def _kill_while_saving(program: Program, profile: str, store: CredentialStore) -> tuple[bool, int]:
    """Kill a process that saves one record after the other, after so many calls as three saves have at most.

    Return whether parts were there that no record names, and the length of the token that is stored.
    """
    log = Path(program.variables["WEBEX_TOKEN_HOME"], f"{profile}.log")
    log.unlink(missing_ok=True)
    slow = program.having(**{credential_manager.PAUSE: "0.005", credential_manager.LOG: str(log)})
    with working(slow, "save", PATIENCE, profile) as process:
        begin(process)
        last = _lines(log) + random.randrange(1, 120)
        wait_until(lambda: _lines(log) >= last, timeout=PATIENCE)
        with credential_manager.one_at_a_time():
            process.kill()  # TerminateProcess
            process.wait()
    record = store.load(profile)
    assert record is not None
    assert is_whole(record)
    head = Head.parse(CredentialManager(WindowsPlaces()).get_password("webex-token", profile) or "")
    parts = [name for name in credential_manager.entries() if name.startswith(f"webex-token:{profile}#")]
    return len(parts) > (head.parts if head else 0), len(record.access_token)


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n")
