"""Whether somebody has chosen a keyring, so that the keyring library decides instead of the profile."""

from pathlib import Path

import keyring.core
import pytest

from webex_token_cli.errors import StoreUnavailable
from webex_token_cli.store.keyring.choice import is_chosen, remembered_keyring, system_keyring


@pytest.mark.posix  # the library's folder on Windows is another one
@pytest.mark.parametrize(
    ("variables", "chosen"),
    [
        ({"HOME": "HOME"}, False),
        ({"HOME": "HOME", "XDG_CONFIG_HOME": "CONFIG"}, False),
        ({"HOME": "HOME", "PYTHON_KEYRING_BACKEND": "some.Keyring"}, True),
        ({"HOME": "HOME", "KEYRING_PROPERTY_PREFERRED_COLLECTION": "/work"}, True),
        ({"HOME": "HOME WITH FILE"}, True),
        ({"HOME": "HOME WITH FILE", "XDG_CONFIG_HOME": "CONFIG"}, False),
        ({"HOME": "HOME", "XDG_CONFIG_HOME": "HOME WITH FILE/.config"}, True),
        ({}, True),
    ],
)
def test_a_choice_is_seen_in_the_environment_and_in_the_librarys_file(
    tmp_path: Path, variables: dict[str, str], chosen: bool
) -> None:
    file = tmp_path / "HOME WITH FILE/.config/python_keyring/keyringrc.cfg"
    file.parent.mkdir(parents=True)
    file.write_text("[backend]\ndefault-keyring=some.Keyring\n")
    folders = ("HOME", "XDG_CONFIG_HOME")
    environment = {name: str(tmp_path / value) if name in folders else value for name, value in variables.items()}
    assert is_chosen(environment) == chosen


@pytest.mark.posix
def test_the_keyring_library_looks_for_its_file_at_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyring.util import platform_

    for variables in ({"HOME": str(tmp_path)}, {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        file = platform_.config_root() / "keyringrc.cfg"
        assert not is_chosen(variables)
        file.parent.mkdir(parents=True)
        file.touch()
        assert is_chosen(variables)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere.Keyring", "No module named 'nowhere'"),
        (
            "keyring.backends.SecretService.Nothing",
            "module 'keyring.backends.SecretService' has no attribute 'Nothing'",
        ),
        ("Keyring", "Empty module name"),
    ],
)
def test_a_remembered_keyring_that_is_gone_is_named(name: str, why: str) -> None:
    with pytest.raises(StoreUnavailable) as raised:
        remembered_keyring(name)
    assert raised.value.message == f"The keyring that holds this sign-in, {name}, cannot be used now: {why}."


def test_a_configured_keyring_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)  # as in a new process
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "nowhere.Keyring")
    with pytest.raises(StoreUnavailable) as raised:
        system_keyring()
    assert raised.value.message == (
        "This machine has no keyring to store tokens in: the configured one cannot be loaded (ModuleNotFoundError)."
    )
