"""Chooses the keyring and the profile that the program under test uses."""

from pathlib import Path

import keyring.core
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from tests.support.folders import ROOT
from tests.support.keyrings import FILE
from tests.support.program import Program


def using(keyring: str, program: Program, folder: Path, profile: str = "default") -> Program:
    """The program with a class of ``keyrings.py`` as its keyring, and with ``profile`` as its default profile.

    The keyring's entries are in ``folder``. The locks of keyring entries lie in one folder for all processes of a
    user, so tests that use one profile name wait for each other.
    """
    return program.having(
        PYTHON_KEYRING_BACKEND=f"tests.support.keyrings.{keyring}",
        PYTHONPATH=str(ROOT),
        WEBEX_TOKEN_STORE="keyring",
        WEBEX_TOKEN_PROFILE=profile,
        **{FILE: str(folder / "shelf.json")},
    )


def own_profile(folder: Path) -> str:
    """A profile name that no other test uses, made from the test's temporary ``folder`` and its worker's."""
    return f"{folder.parent.name}_{folder.name}"[:64]


def library_found_none(monkeypatch: pytest.MonkeyPatch, *classes: type[KeyringBackend]) -> None:
    """Make the keyring library of this process one that has found no keyring, and that knows only ``classes``.

    Every backend that a test module defines is known to the library as soon as the module is imported.
    """
    monkeypatch.setattr(keyring.core, "_keyring_backend", fail.Keyring())  # type: ignore[no-untyped-call]
    monkeypatch.setattr(KeyringBackend, "_classes", {fail.Keyring, *classes})
