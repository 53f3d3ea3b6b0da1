"""From the first sign-in to the logout, as a person on Windows does it: the tokens are in the Credential Manager."""

import json
import sys
from pathlib import Path

import pytest

from tests.support import credential_manager
from tests.support.program import ACCEPTING_BROWSER, Program
from webex_token_cli.sandbox import Sandbox

assert sys.platform == "win32"


@pytest.fixture
def person(sandbox: Sandbox, tmp_path: Path) -> Program:
    """The program with the store that it has by default, and with entries of its own there."""
    home = tmp_path / "home"
    home.mkdir()
    return Program(home, {**sandbox.environment, "WEBEX_TOKEN_HOME": str(home / "Webex"), "BROWSER": ACCEPTING_BROWSER})


def done(program: Program, *arguments: str, stdin: str | None = None) -> str:
    """What a command that must succeed prints."""
    finished = program.run(*arguments, stdin=stdin)
    assert finished.status == 0, finished
    return finished.out


def test_a_person_signs_in_uses_the_token_moves_it_and_signs_out(
    person: Program, sandbox: Sandbox, tmp_path: Path
) -> None:
    done(person, "login")
    assert credential_manager.entries() != []
    assert not (person.home / "Webex" / "credentials").exists()

    shown = done(person, "show")
    assert "Windows" in shown
    token = done(person, "get").strip()
    assert token in sandbox.issued
    command = "import os; print(os.environ['WEBEX_ACCESS_TOKEN'])"
    assert done(person, "exec", "--", sys.executable, "-c", command).strip() == token

    sandbox.advance(2 * 86400)
    done(person, "refresh")
    renewed = done(person, "get").strip()
    assert renewed != token
    assert renewed in sandbox.issued
    done(person, "watch", "--once")

    exported = done(person, "export")
    done(person, "import", "-p", "copy", stdin=exported)
    assert done(person, "get", "-p", "copy").strip() == renewed
    profiles = json.loads(done(person, "show", "--all", "--json"))["profiles"]
    assert sorted(profiles) == ["copy", "default"]

    done(person, "logout", "--all")
    assert credential_manager.entries() == []
    assert person.run("get").status == 3


def test_an_exec_ends_with_the_status_of_its_command(person: Program) -> None:
    done(person, "login")
    assert person.run("exec", "--", sys.executable, "-c", "raise SystemExit(7)").status == 7


def test_a_record_that_is_too_large_for_one_entry_is_stored_in_several(person: Program, tmp_path: Path) -> None:
    log = tmp_path / "log"
    done(person.having(**{credential_manager.LOG: str(log)}), "login")
    writes = [line.split() for line in log.read_text().splitlines() if line.startswith("CredWriteW")]
    assert len(writes) > 1
    assert max(int(words[-1]) for words in writes) <= credential_manager.LARGEST


def test_doctor_finds_the_credential_manager(person: Program) -> None:
    done(person, "login")
    examined = person.run("doctor", "--json")
    levels = {finding["check"]: finding["level"] for finding in json.loads(examined.out)["findings"]}
    assert (examined.status, levels["store"]) == (0, "ok"), examined
