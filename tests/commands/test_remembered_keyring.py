"""config.ini remembers the keyring that holds a profile, and a person's choice of another one comes before it."""

import json
from pathlib import Path

import pytest

from tests.support.folders import ROOT
from tests.support.program import Program
from tests.support.stored import config_file

PROFILE = "remembered"
LINE = "keyring = keyring.backends.SecretService.Keyring\n"


@pytest.fixture
def stored(program: Program, keyring_session: dict[str, str]) -> Program:
    """The program with a profile in a GNOME Keyring."""
    stored = program.having(**keyring_session, WEBEX_TOKEN_STORE=None, WEBEX_TOKEN_PROFILE=PROFILE)
    assert stored.run("login").status == 0
    return stored


def choosing(program: Program, shelf: Path) -> Program:
    """The program of somebody who has chosen another keyring, whose entries are in the file ``shelf``."""
    return program.having(
        PYTHON_KEYRING_BACKEND="tests.support.keyrings.Shelf",
        PYTHONPATH=str(ROOT),
        WEBEX_TOKEN_TEST_KEYRING=str(shelf),
    )


def test_a_sign_in_remembers_its_keyring_and_a_choice_of_another_one_is_obeyed_at_once(
    stored: Program, tmp_path: Path
) -> None:
    assert LINE in config_file(stored).read_text()
    token = stored.run("get").out
    chosen = choosing(stored, tmp_path / "shelf.json")
    assert chosen.run("get").status == 3
    report = json.loads(chosen.run("doctor", "--json").out)["findings"]
    elsewhere = (
        f"Profile {PROFILE} is stored in keyring.backends.SecretService.Keyring, and the keyring library now selects "
        "tests.support.keyrings.Shelf."
    )
    assert [each["level"] for each in report if each["message"] == elsewhere] == ["warning"]
    assert chosen.run("login").status == 0
    assert "keyring = tests.support.keyrings.Shelf\n" in config_file(stored).read_text()
    assert chosen.run("get").status == 0
    config_file(stored).write_text(
        config_file(stored).read_text().replace("keyring = tests.support.keyrings.Shelf\n", LINE)
    )
    assert stored.run("get").out == token  # nothing was removed from the first keyring
    assert stored.run("logout").status == 0


def test_a_keyring_that_is_gone_is_an_error_with_what_to_do(stored: Program) -> None:
    config_file(stored).write_text(config_file(stored).read_text().replace(LINE, "keyring = nowhere.Keyring\n"))
    done = stored.run("get")
    assert (done.status, done.out) == (5, "")
    assert done.err == (
        "Error: The keyring that holds this sign-in, nowhere.Keyring, cannot be used now: No module named 'nowhere'.\n"
        "Start or install it, then try again; or sign in again with `webex-token login`, which uses the keyring that "
        "this machine has now, or a file with --store file.\n"
    )
    assert stored.run("login").status == 0
    assert LINE in config_file(stored).read_text()
    assert stored.run("logout").status == 0


def test_a_sign_in_that_moves_to_a_file_forgets_the_keyring(stored: Program) -> None:
    assert stored.run("login", "--store", "file").status == 0
    assert "keyring" not in config_file(stored).read_text()
    assert stored.run("logout").status == 0
