"""A keyring is tried before a person consents, its own output is held back, and doctor says if it is plain."""

import json
from pathlib import Path

import pytest

from tests.support.keyring_choice import own_profile, using
from tests.support.program import Program
from tests.support.records import RECORD
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.store.records import as_values

pytestmark = pytest.mark.long

# The locks of keyring entries are shared by all processes of a user: one worker runs these tests.

EXPORT = {
    "version": 1,
    "settings": {
        "client_id": "client-id",
        "redirect_uri": "http://localhost:8000/oauth",
        "scopes": "spark:all",
        "api_url": "https://webexapis.com/v1",
    },
    "record": as_values(RECORD),
}


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), auto_approve=True, device_interval=1)


def test_a_keyring_that_cannot_be_written_ends_a_sign_in_before_webex_is_asked(
    program: Program, tmp_path: Path, sandbox: Sandbox
) -> None:
    foreign = using("Foreign", program, tmp_path, own_profile(tmp_path))
    done = foreign.run("login", "--flow", "device")
    assert done.status == 5
    assert done.err.startswith("Error: An entry could not be written in the keyring (Shelf): 0x8007: cannot keep ")
    imported = foreign.run("import", stdin=json.dumps(EXPORT))
    assert (imported.status, imported.err[:45]) == (5, done.err[:45])
    assert sandbox.requests == []
    assert not (tmp_path / "shelf.json").exists()


def test_what_a_keyring_prints_is_not_in_the_output(program: Program, tmp_path: Path) -> None:
    talkative = using("Talkative", program, tmp_path, own_profile(tmp_path))
    runs = [talkative.run(*command) for command in (["login", "--flow", "device"], ["get"], ["doctor"], ["logout"])]
    assert [done.status for done in runs] == [0, 0, 0, 0]
    assert "talking" not in "".join(done.out + done.err for done in runs)
    assert (runs[1].out.count("\n"), runs[1].err) == (1, "")
    assert json.loads((tmp_path / "shelf.json").read_text()) == {}


def test_what_a_keyring_prints_explains_its_failure_without_the_secret(program: Program, tmp_path: Path) -> None:
    done = using("Wordy", program, tmp_path, own_profile(tmp_path)).run("login", "--flow", "device")
    assert done.status == 5
    error = next(line for line in done.err.splitlines() if line.startswith("Error: "))
    assert error.startswith("Error: An entry could not be written in the keyring (Shelf): Command ")
    assert "(gpg: no public key for " in error, error
    assert "no-token.no-token." not in done.err


def test_a_keyring_that_takes_its_time_is_heard_because_it_may_ask_something(program: Program, tmp_path: Path) -> None:
    slow = using("Slow", program, tmp_path, own_profile(tmp_path))
    done = slow.run("get")
    assert done.status == 3
    assert done.err.startswith("What is your password?\nWaiting for the keyring (Shelf)")
    assert done.out == ""


def test_doctor_warns_of_a_keyring_that_the_library_does_not_recommend(program: Program, tmp_path: Path) -> None:
    plain = using("Plain", program, tmp_path, own_profile(tmp_path))
    assert plain.run("login", "--flow", "device").status == 0
    done = plain.run("doctor", "--json")
    findings = {each["check"]: each for each in json.loads(done.out)["findings"]}
    assert (done.status, findings["store"]["level"], findings["profile"]["level"]) == (0, "warning", "ok")
    assert findings["store"]["message"] == (
        "The keyring (Shelf) works, but its priority in the keyring library is below 1: that is for keyrings that are "
        "not recommended, and most of them do not encrypt."
    )
    assert findings["store"]["fix"].startswith("Choose another keyring with PYTHON_KEYRING_BACKEND or keyringrc.cfg")


def test_a_sign_in_does_not_wait_for_the_probe_of_another_profile(program: Program, tmp_path: Path) -> None:
    with using("Dawdling", program, tmp_path, own_profile(tmp_path)).started("doctor") as other:
        other.wait_for("Waiting for the keyring")
        done = using("Shelf", program, tmp_path, own_profile(tmp_path)).run("login", "--flow", "device")
    assert done.status == 0
    assert "Waiting for another" not in done.err
