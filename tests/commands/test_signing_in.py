"""The sign-in that the other tests stand on stores what ``login`` stores."""

import json
import re
from pathlib import Path

from tests.support.program import Program
from tests.support.signing_in import sign_in
from tests.support.stored import record_file

# What differs between any two sign-ins.
_SECRETS = ("access_token", "refresh_token")
_TIMES = ("access_expires_at", "refresh_expires_at", "changed_at", "refreshed_at")


def test_the_sign_in_of_the_tests_stores_what_login_stores(program: Program) -> None:
    assert program.run("login", "-p", "by-command").status == 0
    sign_in(program, "by-test")
    files = [record_file(program, profile) for profile in ("by-command", "by-test")]
    by_command, by_test = (json.loads(file.read_text()) for file in files)
    assert list(by_command) == list(by_test)
    assert [file.stat().st_mode for file in files] == [0o100600] * 2
    for key in by_command:
        if key in _TIMES:
            assert 0 <= by_test[key] - by_command[key] < 60
        elif key not in _SECRETS:
            assert by_command[key] == by_test[key]
    config = Path(program.variables["WEBEX_TOKEN_HOME"], "config.ini")
    sections = re.split(r"^\[.*\]\n", config.read_text(), flags=re.MULTILINE)
    assert sections[1].strip() == sections[2].strip()
    assert config.stat().st_mode == 0o100600
