"""Two people with a browser of their own each, and a profile that belongs to one of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chromium import Chromium
from tests.support.people import ADA, GRACE, sandbox_of_both
from tests.support.ports import free_port
from tests.support.program import Finished, Program
from tests.support.requirements import require
from tests.support.stored import record_file, stored_files
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.long


CONSENT_OF_ADA = "May this integration act for Ada Lovelace?"
CONSENT_OF_GRACE = "May this integration act for Grace Hopper?"


@pytest.fixture
def sandbox(rules: Rules) -> Iterator[Sandbox]:
    with sandbox_of_both(rules) as running:
        yield running


@pytest.fixture
def browsers(tmp_path: Path) -> Iterator[list[Chromium]]:
    """Two Chromiums with a user's folder each, which remembers who is signed in."""
    require("chromium")
    both = [Chromium(tmp_path / name, free_port()) for name in ("chromium-1", "chromium-2")]
    for browser in both:
        browser.prepare()
    yield both
    for browser in both:
        browser.close()


def log_in(program: Program, browser: Chromium, *arguments: str, steps: list[tuple[str, str]], end: str) -> Finished:
    """Sign in in ``browser``: each of ``steps`` is a heading to wait for, and the button to press below it."""
    with program.having(BROWSER=browser.command).started("login", *arguments) as login:
        with browser.page(login) as page:
            for heading, button in steps:
                page.wait_for_heading(heading)
                page.press(button)
            page.wait_for_heading(end)
        done = login.finish()
        browser.end()
        return done


@pytest.mark.machine
def test_each_browser_has_its_person_and_the_profile_of_one_refuses_the_other(
    program: Program, browsers: list[Chromium], sandbox: Sandbox
) -> None:
    adas, graces = browsers
    choice = "Who signs in?"
    # The default profile takes whom the browser gives; both people sign in to their own browsers.
    done = log_in(program, adas, steps=[(choice, ADA), (CONSENT_OF_ADA, "Accept")], end="You are signed in")
    assert done.out.startswith(f"Signed in as {ADA} (profile default).")
    steps = [(choice, GRACE), (CONSENT_OF_GRACE, "Accept")]
    done = log_in(program, graces, "-p", "grace", steps=steps, end="You are signed in")
    assert done.out.startswith(f"Signed in as {GRACE} (profile grace).")

    # A new profile asks although the browser holds somebody; who was chosen has consented before.
    done = log_in(program, adas, "-p", "work", steps=[(choice, ADA)], end="You are signed in")
    assert done.out.startswith(f"Signed in as {ADA} (profile work).")

    # Signing in again needs no question in the right browser, and is refused in the other one.
    assert log_in(program, adas, "-p", "work", steps=[], end="You are signed in").status == 0
    before = stored_files(program)
    done = log_in(program, graces, "-p", "work", steps=[], end="You are not signed in")
    assert (done.status, done.out) == (6, "")
    assert f"{GRACE} signed in, but profile work is the sign-in of {ADA}. Nothing was stored." in done.err
    assert stored_files(program) == before
    assert program.run("show", "-p", "work", "--check").status == 0

    # As the message says, the choice of the account helps.
    steps = [(choice, ADA)]
    done = log_in(program, graces, "-p", "work", "--prompt", "select_account", steps=steps, end="You are signed in")
    assert done.out.startswith(f"Signed in as {ADA} (profile work).")
    assert record_file(program, "work").read_bytes() != before["credentials/webex-token+work.json"]
    # Now Ada is signed in there, and nothing need be asked.
    done = log_in(program, graces, "-p", "work", "--prompt", "none", steps=[], end="You are signed in")
    assert done.status == 0
