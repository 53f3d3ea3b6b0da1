"""A process whose user has no home folder, as in a container with a random uid: it is told, and nothing is written."""

import json
import pwd
from pathlib import Path

import platformdirs
import pytest

from webex_token_cli.main import run

pytestmark = pytest.mark.posix  # it needs the user database

NOWHERE = (
    "Error: It is not known where settings and tokens belong: this user has no home folder, neither in HOME nor in the "
    "user database.\n"
    "Set WEBEX_TOKEN_HOME to the absolute path of a folder of your own that lasts.\n"
)
NO_SERVICE = (
    "Error: The service's file belongs into the home folder, and this user has none, neither in HOME nor in the user "
    "database.\n"
    "Set HOME, or let the system's scheduler run `webex-token watch --once` with WEBEX_TOKEN_HOME set.\n"
)


def no_entry(uid: int) -> pwd.struct_passwd:
    raise KeyError(f"getpwuid(): uid not found: {uid}")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The current folder of a process without a home folder."""
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("WEBEX_TOKEN_HOME")
    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


@pytest.mark.parametrize(
    "arguments",
    [
        "login", "show", "show --all", "get", "exec true", "refresh", "refresh --all", "watch", "watch --once",
        "watch -p work", "logout", "logout --all", "export --yes", "import",
    ],
)  # fmt: skip
def test_a_command_that_needs_a_folder_names_the_variable(
    arguments: str, here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if arguments == "import":
        (here.parent / "tokens.json").write_text('{"access_token": "a", "expires_in": 1, "refresh_token": "r"}')
        arguments = f"import {here.parent / 'tokens.json'}"
    assert run(arguments.split()) == 2
    assert capfd.readouterr() == ("", NOWHERE)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("home", [".", "home", "~"])
def test_a_home_below_the_current_folder_is_none(
    home: str, here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    assert run(["show"]) == 2
    assert capfd.readouterr() == ("", NOWHERE)
    assert list(here.iterdir()) == []


def test_a_folder_that_platformdirs_leaves_unexpanded_is_none(
    here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its oldest versions do."""
    monkeypatch.setattr(platformdirs, "user_config_path", lambda *_, **__: Path("~/.config/webex-token"))
    assert run(["show"]) == 2
    assert capfd.readouterr() == ("", NOWHERE)


@pytest.mark.parametrize("home", [None, "."])
@pytest.mark.parametrize("arguments", ["service install", "service status", "service uninstall"])
def test_a_service_needs_a_home(
    arguments: str, home: str | None, here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if home:
        monkeypatch.setenv("HOME", home)
    assert run(arguments.split()) == 2
    assert capfd.readouterr() == ("", NO_SERVICE)
    assert list(here.iterdir()) == []


def test_doctor_finds_it(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    message, hint = NOWHERE.removeprefix("Error: ").splitlines()
    assert run(["doctor", "--json"]) == 2
    found = {each["check"]: (each["message"], each["fix"]) for each in json.loads(capfd.readouterr().out)["findings"]}
    assert found["config"] == (message, hint)
    # The settings have a place here, and the file store has none.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("WEBEX_TOKEN_STORE", "file")
    monkeypatch.setenv("WEBEX_TOKEN_API_URL", "http://127.0.0.1:9/v1")
    assert run(["doctor", "--json"]) == 4
    found = {each["check"]: (each["message"], each["fix"]) for each in json.loads(capfd.readouterr().out)["findings"]}
    assert (found["store"], found["config"][1]) == ((message, hint), None)


def test_the_variable_is_enough(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WEBEX_TOKEN_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("WEBEX_TOKEN_STORE", "file")
    assert run(["show"]) == 3
    assert capfd.readouterr().err.startswith("Error: Nobody is signed in as profile default.")
    monkeypatch.setenv("WEBEX_TOKEN_HOME", "~/data")
    assert run(["show"]) == 2
    monkeypatch.setenv("HOME", ".")
    assert run(["show"]) == 2
    assert capfd.readouterr() == ("", NOWHERE * 2)
