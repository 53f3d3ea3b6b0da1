"""Many profiles at once, as a sign-in of each would leave them."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.folders import ROOT
from tests.support.program import Program
from webex_token_cli.config.sections import with_section
from webex_token_cli.config.settings import Profile
from webex_token_cli.store.local.file_names import file_name
from webex_token_cli.store.local.store import SERVICE
from webex_token_cli.store.records import encode
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import TokenRecord

# The keyring that a sign-in remembers, so that no later run searches for one.
_SECRET_SERVICE = "keyring.backends.SecretService.Keyring"

# Run in the environment of the keyring's session: the entry NAME for each name on standard input.
_FILL_KEYRING = """
import json, sys, keyring
for name, text in json.load(sys.stdin).items():
    keyring.set_password("webex-token", name, text)
"""


def program_with_profiles(
    folder: Path, environment: dict[str, str], grants: list[dict[str, Any]], ago: float, in_keyring: bool = False
) -> Program:
    """The program with a profile for each of ``grants``, last refreshed ``ago`` seconds ago.

    The entries are files, unless they are ``in_keyring``. They are written without the waits for the disk that
    the program has for each, because ten thousand of those take longer than all that is to be measured.
    """
    home = folder / "webex-token"
    program = Program(folder / "home", {**environment, "WEBEX_TOKEN_HOME": str(home), "PYTHONPATH": str(ROOT)})
    records = {f"bench-{number:05}": _record(grant, environment, ago) for number, grant in enumerate(grants)}
    sections = [
        with_section(
            "",
            name,
            Profile(
                name,
                client_id=environment["WEBEX_CLIENT_ID"],
                redirect_uri=environment["WEBEX_REDIRECT_URI"],
                scopes="spark:all",
                api_url=environment["WEBEX_TOKEN_API_URL"],
                store="keyring" if in_keyring else "file",
                keyring=_SECRET_SERVICE if in_keyring else None,
            ).settings,
        )
        for name in records
    ]
    home.mkdir(parents=True, mode=0o700)
    _write_private(home / "config.ini", "\n".join(sections))
    entries = {name: encode(record) for name, record in records.items()}
    if in_keyring:
        fill = [sys.executable, "-c", _FILL_KEYRING]
        subprocess.run(fill, input=json.dumps(entries).encode(), env=program.environment, check=True)
        return program
    (home / "credentials").mkdir(mode=0o700)
    for name, text in entries.items():
        _write_private(home / "credentials" / file_name(SERVICE, name), text)
    return program


def _record(grant: dict[str, Any], environment: dict[str, str], ago: float) -> TokenRecord:
    response = TokenResponse.parse(grant)
    return TokenRecord.signed_in(
        response, environment["WEBEX_CLIENT_ID"], environment["WEBEX_CLIENT_SECRET"], time.time() - ago
    )


def _write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")
