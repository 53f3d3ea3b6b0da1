"""Chooses the keyring and the profile that the program under test uses."""

from pathlib import Path

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
