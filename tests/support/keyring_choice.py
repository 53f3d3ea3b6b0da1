"""The program with one of this folder's keyrings."""

from pathlib import Path

from tests.support.folders import ROOT
from tests.support.keyrings import FILE
from tests.support.program import Program


def using(keyring: str, program: Program, folder: Path) -> Program:
    return program.having(
        PYTHON_KEYRING_BACKEND=f"tests.support.keyrings.{keyring}",
        PYTHONPATH=str(ROOT),
        WEBEX_TOKEN_STORE="keyring",
        **{FILE: str(folder / "shelf.json")},
    )
