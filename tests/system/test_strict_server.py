"""The program against a certified authorization server that replaces refresh tokens and revokes a grant for an old one.

One server serves all tests of this file, so they are one group, which a single worker runs.
"""

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.certified import BROWSER, Journal, StrictServer, strict_server
from tests.support.consenting_browser import consent
from tests.support.program import WEBEX_TOKEN, Finished, Program, wait_until
from tests.support.signing_in import sign_in
from tests.support.stored import record_file

pytestmark = [pytest.mark.xdist_group("strict server"), pytest.mark.long]

ACCIDENTS = Path(__file__).parents[1] / "support" / "accidents"

# What the program says, with exit status 3, once the server has revoked the grant.
SIGN_IN_AGAIN = Finished(
    3,
    "",
    "Error: Profile default: Webex no longer accepts the grant (HTTP 400, “grant request is invalid”).\n"
    "Sign in with `webex-token login`.\n",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StrictServer]:
    with strict_server(tmp_path_factory.mktemp("strict-server")) as running:
        yield running


@pytest.fixture
def program(server: StrictServer, tmp_path: Path) -> Program:
    """The program, pointed at the server, with a file store and a browser that consents."""
    variables = {"WEBEX_TOKEN_HOME": str(tmp_path / "webex-token-home"), "WEBEX_TOKEN_STORE": "file"}
    return Program(tmp_path / "home", {**server.environment, **variables, "BROWSER": BROWSER})


@pytest.fixture
def since(server: StrictServer) -> "Since":
    """Counts what happens at the server from here on."""
    return Since(server)


class Since:
    """What has happened at ``server`` since this was made."""

    def __init__(self, server: StrictServer) -> None:
        self._server = server
        self._before = server.journal()

    def __call__(self) -> Journal:
        now, before = self._server.journal(), self._before
        return Journal(now.rotated - before.rotated, now.reused - before.reused, now.revoked - before.revoked)


def record(program: Program) -> dict[str, Any]:
    """The stored record."""
    return dict(json.loads(record_file(program).read_text()))


def accepts(server: StrictServer, access_token: str) -> bool:
    """Whether the server accepts the access token, and so the grant is alive."""
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {access_token}"}
        return session.get(f"{server.origin}/v1/people/me", headers=headers, timeout=30).status_code == 200


def redeem(server: StrictServer, refresh_token: str) -> int:
    """Redeem a refresh token as another program would; the status of the answer."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": server.client_id,
        "client_secret": server.client_secret,
    }
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{server.origin}/v1/access_token", data=form, timeout=30).status_code


def test_a_person_signs_in_and_each_refresh_replaces_the_refresh_token(
    program: Program, server: StrictServer, since: Since
) -> None:
    signed_in = program.run("login")
    assert (signed_in.status, signed_in.out.splitlines()[0]) == (
        0,
        "Signed in as Ada Lovelace <ada@example.com> (profile default).",
    )
    before = record(program)
    assert program.run("get") == Finished(0, f"{before['access_token']}\n", "")
    refreshed = program.run("refresh")
    assert (refreshed.status, refreshed.err) == (0, "")
    assert refreshed.out.startswith("default: renewed; ")
    after = record(program)
    assert after["refresh_token"] != before["refresh_token"]
    assert accepts(server, after["access_token"])
    assert since() == Journal(rotated=1)


def test_processes_that_refresh_at_once_never_send_an_old_refresh_token(
    program: Program, server: StrictServer, since: Since
) -> None:
    sign_in(program)
    command = [str(WEBEX_TOKEN), "refresh"]
    running = [
        subprocess.Popen(command, env=program.environment, stdout=subprocess.PIPE, encoding="utf-8") for _ in range(4)
    ]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    renewed = [line for line in said if line.startswith("default: renewed; ")]
    superseded = [line for line in said if line.startswith("default: another webex-token process refreshed it")]
    assert len(renewed) >= 1
    assert len(renewed) + len(superseded) == 4
    assert since() == Journal(rotated=len(renewed))
    assert redeem(server, record(program)["refresh_token"]) == 200


def test_a_watch_renews_again_and_again(program: Program, server: StrictServer, since: Since) -> None:
    sign_in(program)
    with program.started("watch", "--interval", "1s", "--max-age", "1s") as watch:
        watch.wait_for("renewed: ", times=3)
        watch.process.send_signal(signal.SIGTERM)
        assert watch.finish().status == 0
    happened = since()
    assert happened.rotated >= 3
    assert (happened.reused, happened.revoked) == (0, 0)
    assert accepts(server, record(program)["access_token"])


def test_a_kill_between_the_answer_and_its_saving_costs_the_grant(program: Program, since: Since) -> None:
    """No program can close this window: Webex has replaced the refresh token, and nobody has the new one."""
    sign_in(program)
    before = record(program)
    killed = program.having(PYTHONPATH=str(ACCIDENTS), WEBEX_TOKEN_TEST_ACCIDENT="killed before saving").run("refresh")
    assert killed == Finished(-signal.SIGKILL, "", "")
    assert since() == Journal(rotated=1)
    assert record(program) == before
    assert program.run("refresh") == SIGN_IN_AGAIN
    assert since() == Journal(rotated=1, reused=1, revoked=1)


def test_after_an_old_refresh_token_was_used_elsewhere_a_new_sign_in_is_needed(
    program: Program, server: StrictServer, since: Since
) -> None:
    sign_in(program)
    old = record(program)["refresh_token"]
    assert program.run("refresh").status == 0
    assert redeem(server, old) == 400
    assert since() == Journal(rotated=1, reused=1, revoked=1)
    assert program.run("refresh") == SIGN_IN_AGAIN
    sign_in(program)
    assert redeem(server, record(program)["refresh_token"]) == 200


def test_a_device_signs_in_and_its_tokens_are_renewed(program: Program, server: StrictServer, since: Since) -> None:
    with program.started("login", "--flow", "device", "--json") as login:
        wait_until(lambda: login.out.endswith("\n"), lambda: login.err, process=login.process)
        code = json.loads(login.out.splitlines()[0])
        assert (code["verification_uri"], len(code["user_code"])) == (f"{server.origin}/verify", 6)
        consent(code["verification_uri_complete"])
        done = login.finish()
    assert (done.status, done.err) == (0, "")
    assert record(program)["person"]["display_name"] == "Ada Lovelace"
    assert program.run("refresh").out.startswith("default: renewed; ")
    assert since() == Journal(rotated=1)


def test_a_moved_sign_in_belongs_to_the_machine_that_refreshes_it_first(
    program: Program, since: Since, tmp_path: Path
) -> None:
    """Once the other machine redeems the old refresh token, the server takes it for stolen, and both are signed out."""
    sign_in(program)
    exported = program.run("export")
    other = replace(program, home=tmp_path / "other").having(WEBEX_TOKEN_HOME=str(tmp_path / "other-home"))
    imported = other.run("import", stdin=exported.out)
    assert imported.out.startswith("Imported the sign-in of Ada Lovelace <ada@example.com> (profile default).\n")
    assert other.run("refresh").out.startswith("default: renewed; ")
    assert since() == Journal(rotated=1)
    assert program.run("refresh") == SIGN_IN_AGAIN
    assert since() == Journal(rotated=1, reused=1, revoked=1)
    assert other.run("refresh") == SIGN_IN_AGAIN
