"""The record that a signed-in program has stored, and how a test makes it older."""

import json
from pathlib import Path

from tests.support.program import Program

DAY = 86400

# A regular expression for a point in time as the program prints it. On Windows, that is with the offset from UTC.
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:UTC|\+00:00)"


def record_file(program: Program, profile: str = "default") -> Path:
    """The file that holds the profile's record in the file store."""
    return Path(program.variables["WEBEX_TOKEN_HOME"], "credentials", f"webex-token+{profile}.json")


def config_file(program: Program) -> Path:
    """The program's config.ini."""
    return Path(program.variables["WEBEX_TOKEN_HOME"], "config.ini")


def stored_files(program: Program) -> dict[str, bytes]:
    """The content of each file below the program's home, by its path there. Lock files are left out."""
    home = Path(program.variables["WEBEX_TOKEN_HOME"])
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def age(program: Program, seconds: int, profile: str = "default") -> None:
    """Make the stored record older by ``seconds``, as if that time had passed."""
    file = record_file(program, profile)
    record = json.loads(file.read_text())
    for key in ("access_expires_at", "refresh_expires_at", "changed_at", "refreshed_at"):
        record[key] -= seconds
    file.write_text(json.dumps(record))


def files_below(folder: Path) -> dict[str, str]:
    """The files below ``folder`` and what is in them, without the lock files, which are empty and stay."""
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }
