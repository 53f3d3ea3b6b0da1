"""Other people's programs: their own tests, which use the fixture ``webex``, find a bug that looks innocent.

Each folder here is such a program with its tests. pytest runs in a process of its own over a copy of the folder, once
as it is and once with the bug.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.folders import TESTS

pytestmark = [pytest.mark.machine, pytest.mark.long]

# Of the plugins on this machine, a run has the one under test only. Others warn of what is their own.
OPTIONS = ("-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:hypothesispytest", "-p", "no:xdist")


@dataclass(frozen=True, slots=True)
class Bug:
    """A change to a program: ``before`` becomes ``after``.

    The test ``found_by`` then fails with ``words``, and the report shows ``journal`` among the requests to Webex.
    """

    program: str
    before: str
    after: str
    found_by: str
    words: str
    journal: str


# The lock is taken after the file was read: a job that has waited redeems the refresh token that another has replaced.
LOCK_TAKEN_TOO_LATE = Bug(
    "standup",
    """
        with self._lock:
            tokens = json.loads(self._path.read_text())
""",
    """
        tokens = json.loads(self._path.read_text())
        with self._lock:
""",
    "test_jobs_that_start_at_once_share_one_refresh",
    "first extra item: 'invalid_grant'",
    "POST /v1/access_token 400 invalid_grant",
)

# The page of a captive portal is taken for Webex's own, on which somebody who was signed out would sign in.
PORTAL_TAKEN_FOR_A_SIGN_OUT = Bug(
    "signature",
    """
    except requests.JSONDecodeError as error:
        raise TryAgainLater(f"The answer was not Webex's: {error}") from None
""",
    """
    except requests.JSONDecodeError:
        file.unlink()
        raise NotSignedIn("Webex shows its page for signing in. Run: python signature.py sign-in") from None
""",
    "test_the_sign_in_outlives_a_bad_network[captive]",
    "signature.NotSignedIn: Webex shows its page for signing in.",
    "POST /v1/access_token 200 fault: captive",
)

# Every request is sent again after a reset. A refresh whose answer was lost presents the old refresh token once more.
REFRESH_SENT_AGAIN = Bug(
    "door_sign",
    'allowed_methods={"GET"}',
    "allowed_methods=None",
    "test_a_lost_answer_costs_nothing_before_the_token_ends",
    "door_sign.SignInNeeded: Webex has ended the sign-in.",
    "POST /v1/access_token (no answer) fault: answer-lost",
)


def run(folder: Path) -> str:
    """What pytest prints about the tests in ``folder``."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--color=no", "-rf", "--tb=short", *OPTIONS],
        cwd=folder,
        env={**environment, "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "bug",
    [
        pytest.param(LOCK_TAKEN_TOO_LATE, id="webexpythonsdk"),
        # To import wxc_sdk takes more than a second of CPU time in each run.
        pytest.param(PORTAL_TAKEN_FOR_A_SIGN_OUT, id="wxc_sdk"),
        pytest.param(REFRESH_SENT_AGAIN, id="authlib"),
    ],
)
def test_the_tests_of_a_program_pass_and_find_a_bug_in_it(bug: Bug, tmp_path: Path) -> None:
    folder = tmp_path / bug.program
    shutil.copytree(TESTS / "foreign" / bug.program, folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert re.search(r"^=+ \d+ passed in ", out := run(folder), re.MULTILINE), out

    source = folder / f"{bug.program}.py"
    text = source.read_text(encoding="utf-8")
    assert text.count(bug.before) == 1
    source.write_text(text.replace(bug.before, bug.after), encoding="utf-8")
    out = run(folder)
    assert re.findall(r"^FAILED \S+::(\S+)", out, re.MULTILINE) == [bug.found_by], out
    assert (bug.words in out, f"\n{bug.journal}\n" in out) == (True, True), out
