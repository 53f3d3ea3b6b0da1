"""``login``: its browser and its standard streams, some of which may be closed or full."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.in_process import run_in_process
from tests.support.program import WEBEX_TOKEN, Program
from webex_token_cli.sandbox.accepting_browser import answer

# A browser that prints a line, writes the names of its environment variables into a file, and accepts the sign-in.
PRINTING_BROWSER = """
import os, sys
from webex_token_cli.sandbox.accepting_browser import answer
print("Opening in existing browser session.", flush=True)
with open(sys.argv[1], "w") as seen:
    seen.write(" ".join(os.environ))
answer(sys.argv[2])
"""


def test_the_browser_neither_prints_into_the_answer_nor_gets_the_secret(program: Program, tmp_path: Path) -> None:
    browser, seen = tmp_path / "browser.py", tmp_path / "seen"
    browser.write_text(PRINTING_BROWSER)
    done = program.having(BROWSER=f"{sys.executable} {browser} {seen} %s").run("login", "--json")
    assert (done.status, json.loads(done.out)["person"]) == (0, "Ada Lovelace <ada@example.com>")
    assert "Opening in existing browser session." in done.err
    assert "BROWSER" in seen.read_text().split()
    assert "WEBEX_CLIENT_SECRET" not in seen.read_text()


def test_the_browser_does_not_take_the_place_of_a_closed_stream(program: Program, tmp_path: Path) -> None:
    browser = tmp_path / "browser.py"
    browser.write_text(PRINTING_BROWSER)
    for closed in ("2>&-", "2>&- <&-", "<&-"):
        done = subprocess.run(
            ["sh", "-c", f"{WEBEX_TOKEN} login --json {closed}"],
            env=program.having(BROWSER=f"{sys.executable} {browser} {tmp_path / 'seen'} %s").environment,
            capture_output=True,
            encoding="utf-8",
            timeout=30,
            check=False,
        )
        assert (done.returncode, json.loads(done.stdout)["profile"]) == (0, "default")


def test_a_browser_that_cannot_be_opened_is_reported_and_the_wait_goes_on(program: Program) -> None:
    with program.having(BROWSER="/nonexistent/browser %s").started("login") as login:
        login.wait_for("No browser opened by itself; open the address above by hand.")
        assert "You are signed in" in answer(login.url())
        assert login.finish().status == 0


def test_a_sign_in_without_a_standard_error_answers(program: Program) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} login --json 2>&-"],
        env=program.environment,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["profile"]) == (0, "default")


def test_standard_output_on_a_full_disk_is_reported(program: Program) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{WEBEX_TOKEN} login >/dev/full"],
        env=program.environment,
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "Error: The operating system reported a failure (No space left on device).\n" in done.stderr
    assert "Anything saved before the failure is still saved; `webex-token show` shows it." in done.stderr
    assert "Exception ignored" not in done.stderr
    assert run_in_process(program, "get").status == 0
