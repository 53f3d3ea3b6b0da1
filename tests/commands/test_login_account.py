"""``login`` and the account: which one Webex is asked for, and what happens if another person comes back."""

import contextlib
import threading
import urllib.request
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.cookie_browser import CookieBrowser
from tests.support.in_process import run_in_process
from tests.support.people import ADA, GRACE, sandbox_of_both
from tests.support.program import Finished, Program, Running
from tests.support.signing_in import sign_in
from tests.support.stored import stored_files
from tests.support.terminal import at_a_terminal, end_of, read
from webex_token_cli.sandbox import Rules, Sandbox

REFUSED = f"{GRACE} signed in, but profile work is the sign-in of {ADA}."
GRANTS_PAGE = "https://idbroker.webex.com/idb/profile#/tokens"


@pytest.fixture
def sandbox(rules: Rules) -> Iterator[Sandbox]:
    with sandbox_of_both(rules) as running:
        yield running


@pytest.fixture
def browser() -> CookieBrowser:
    return CookieBrowser()


def account_parameters(url: str) -> dict[str, str]:
    """The parameters of the address that say which account is wanted."""
    query = parse_qs(urlsplit(url).query)
    return {name: query[name][0] for name in ("login_hint", "prompt", "max_age") if name in query}


def asked(program: Program, *arguments: str) -> dict[str, str]:
    """What a sign-in asks for, which then is given up."""
    with program.started("login", "--no-browser", *arguments) as login:
        return account_parameters(login.url())


def signed_in_as(login: Running, browser: CookieBrowser, words: str) -> Finished:
    """Sign in as that person in the browser, and wait for the end of ``login``."""
    browser.open(login.url())
    if browser.people:
        browser.choose(words)
    if browser.page:
        browser.press("accept")
    browser.page = browser.follow()
    return login.finish()


@pytest.fixture
def work(program: Program) -> Program:
    """The program, with Ada signed in to the profile ``work``."""
    sign_in(program, "work")
    return program


def test_a_new_profile_with_a_name_asks_for_the_choice_of_an_account(program: Program) -> None:
    assert asked(program) == {}
    assert asked(program, "-p", "work") == {"prompt": "select_account"}
    assert asked(program, "-p", "work", "--login-hint", "ada@example.com") == {"login_hint": "ada@example.com"}
    assert asked(program, "-p", "work", "--prompt", "none", "--max-age", "90m") == {"prompt": "none", "max_age": "5400"}


def test_signing_in_again_hints_at_the_person_of_the_profile(work: Program) -> None:
    assert asked(work, "-p", "work") == {"login_hint": "ada@example.com"}
    assert asked(work, "-p", "work", "--prompt", "none") == {"login_hint": "ada@example.com", "prompt": "none"}
    assert asked(work, "-p", "work", "--prompt", "select_account") == {"prompt": "select_account"}
    assert asked(work, "-p", "work", "--login-hint", "grace@example.com") == {"login_hint": "grace@example.com"}
    assert asked(work, "-p", "work", "--login-hint", "") == {}


def test_a_profile_whose_person_is_not_known_asks_for_the_choice_of_an_account(program: Program) -> None:
    sign_in(program, "work", scopes="spark:rooms_read")
    assert asked(program, "-p", "work") == {"prompt": "select_account"}


def test_the_person_is_known_from_the_store_that_the_profile_leaves(
    work: Program, keyring_session: dict[str, str]
) -> None:
    moving = work.having(**keyring_session, WEBEX_TOKEN_STORE=None)
    assert asked(moving, "-p", "work", "--store", "keyring") == {"login_hint": "ada@example.com"}


def test_the_paste_flow_asks_for_the_account_as_well(work: Program) -> None:
    done = work.run("login", "-p", "work", "--flow", "paste", "--max-age", "1d", stdin="")
    url = next(word for word in done.err.split() if "/authorize?" in word)
    assert account_parameters(url) == {"login_hint": "ada@example.com", "max_age": "86400"}


def test_a_named_profile_gets_who_is_chosen_and_not_who_the_browser_holds(
    program: Program, browser: CookieBrowser
) -> None:
    with program.started("login", "--no-browser") as login:
        assert signed_in_as(login, browser, ADA).out.startswith(f"Signed in as {ADA} (profile default).")
    with program.started("login", "--no-browser", "-p", "work") as login:
        assert signed_in_as(login, browser, GRACE).out.startswith(f"Signed in as {GRACE} (profile work).")


def test_another_person_is_refused_and_nothing_that_was_stored_is_lost(work: Program, browser: CookieBrowser) -> None:
    before = stored_files(work)
    with work.started("login", "--no-browser", "-p", "work", "--prompt", "select_account") as login:
        done = signed_in_as(login, browser, GRACE)
    assert (done.status, done.out) == (6, "")
    assert f"Error: {REFUSED} Nothing was stored.\n" in done.err
    assert f"What {GRACE} has just granted stays with Webex until it is removed at {GRANTS_PAGE}." in done.err
    assert "`webex-token login --profile work --prompt select_account`" in done.err
    assert "You are not signed in" in browser.page
    assert stored_files(work) == before
    assert work.run("show", "-p", "work", "--check").status == 0


def test_another_person_replaces_the_known_one_if_the_option_says_so(work: Program, browser: CookieBrowser) -> None:
    arguments = ("--no-browser", "-p", "work", "--prompt", "select_account", "--replace-person")
    with work.started("login", *arguments) as login:
        done = signed_in_as(login, browser, GRACE)
    assert (done.status, done.out.splitlines()[0]) == (0, f"Signed in as {GRACE} (profile work).")


def test_the_same_person_may_have_another_name_and_address(work: Program, sandbox: Sandbox) -> None:
    sandbox.person.update(displayName="Ada King", emails=["king@example.com"])
    browser = CookieBrowser()
    with work.started("login", "--no-browser", "-p", "work") as login:
        assert signed_in_as(login, browser, "Ada King <king@example.com>").status == 0


def test_a_person_who_cannot_be_looked_up_is_not_compared(work: Program, browser: CookieBrowser) -> None:
    arguments = ("--no-browser", "-p", "work", "--prompt", "select_account", "--scope", "spark:rooms_read")
    with work.started("login", *arguments) as login:
        assert signed_in_as(login, browser, GRACE).status == 0


@pytest.mark.posix
@pytest.mark.parametrize(("typed", "status"), [("n", 6), ("", 6), ("y", 0)])
def test_a_terminal_is_asked_about_another_person(
    work: Program, browser: CookieBrowser, typed: str, status: int
) -> None:
    before = stored_files(work)
    arguments = ("login", "--no-browser", "-p", "work", "--prompt", "select_account")
    with at_a_terminal(work, *arguments) as terminal:
        browser.open(read(terminal, r"(http://\S+/authorize\S+)")).choose(GRACE).press("accept")
        follow_in_background(browser)
        terminal.expect_exact(REFUSED)
        terminal.expect_exact(f"Replace the sign-in of {ADA}? [y/N]: ")
        terminal.sendline(typed)
        ended, output = end_of(terminal)
    assert ended == status
    if status:
        assert stored_files(work) == before
        assert f"Error: {REFUSED} Nothing was stored." in output
    else:
        assert f"Signed in as {GRACE} (profile work)." in output


@pytest.mark.posix
@pytest.mark.parametrize(("typed", "status"), [("n", 6), ("y", 0)])
def test_the_paste_flow_asks_where_the_address_is_pasted(
    work: Program, browser: CookieBrowser, typed: str, status: int
) -> None:
    before = stored_files(work)
    arguments = ("login", "--flow", "paste", "-p", "work", "--prompt", "select_account")
    with at_a_terminal(work, *arguments) as terminal:
        browser.open(read(terminal, r"(http://\S+/authorize\S+)")).choose(GRACE).press("accept")
        terminal.expect_exact("press Enter:")
        terminal.sendline(f"{browser.location}\n")
        terminal.expect_exact(f"Replace the sign-in of {ADA}? Type y or n, which is not shown, and press Enter:")
        terminal.sendline(typed)
        ended, _ = end_of(terminal)
    assert ended == status
    assert (stored_files(work) == before) is (status == 6)


@pytest.mark.posix
def test_ctrl_c_at_the_question_leaves_what_was_stored(work: Program, browser: CookieBrowser) -> None:
    before = stored_files(work)
    with at_a_terminal(work, "login", "--no-browser", "-p", "work", "--prompt", "select_account") as terminal:
        browser.open(read(terminal, r"(http://\S+/authorize\S+)")).choose(GRACE).press("accept")
        following = follow_in_background(browser)
        terminal.expect_exact("[y/N]: ")
        terminal.sendintr()
        assert end_of(terminal)[0] == 130
        following.join(30)
    # It is no failure that the browser would have to be told of.
    assert browser.page == ""
    assert stored_files(work) == before


def follow_in_background(browser: CookieBrowser) -> threading.Thread:
    """Follow the redirect in a thread, because the page comes only after the question is answered."""

    def follow() -> None:
        with contextlib.suppress(OSError):
            browser.page = browser.follow()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("error", ["login_required", "interaction_required", "consent_required"])
def test_a_silent_sign_in_that_would_need_a_question_fails_with_a_sentence(
    program: Program, error: str, redirect_uri: str
) -> None:
    with program.started("login", "--no-browser", "--prompt", "none") as login:
        state = parse_qs(urlsplit(login.url()).query)["state"][0]
        with urllib.request.urlopen(f"{redirect_uri}?error={error}&state={state}", timeout=30) as page:
            assert "You are not signed in" in page.read().decode()
        done = login.finish()
    assert done.status == 6
    assert f"Error: Webex cannot sign anybody in without a question, because {REASONS[error]} ({error}).\n" in done.err
    assert done.err.endswith("Run `webex-token login` without --prompt none.\n")


REASONS = {
    "login_required": "nobody is signed in to Webex in this browser",
    "interaction_required": "Webex has something to ask in the browser",
    "consent_required": "the person has not consented to these scopes yet",
}


def test_a_silent_sign_in_in_a_browser_that_is_signed_in(program: Program, browser: CookieBrowser) -> None:
    with program.started("login", "--no-browser") as login:
        signed_in_as(login, browser, GRACE)
    with program.started("login", "--no-browser", "--prompt", "none") as login:
        browser.open(login.url())
        assert browser.page == ""
        browser.follow()
        assert login.finish().out.startswith(f"Signed in as {GRACE} (profile default).")


@pytest.mark.parametrize("option", [("--login-hint", "ada@example.com"), ("--prompt", "none"), ("--max-age", "1h")])
def test_the_device_flow_refuses_options_for_the_account(
    program: Program, sandbox: Sandbox, option: tuple[str, str]
) -> None:
    done = run_in_process(program, "login", "--flow", "device", *option)
    assert (done.status, done.out, sandbox.requests) == (2, "", [])
    assert f"Error: --flow device has no use for {option[0]}.\n" in done.err


def test_the_device_flow_refuses_another_person_too(program: Program, sandbox: Sandbox) -> None:
    sign_in(program, "work")
    before = stored_files(program)
    sandbox.people.reverse()
    sandbox.rules = Rules(auto_approve=True, device_interval=1)
    done = run_in_process(program, "login", "--flow", "device", "-p", "work")
    assert done.status == 6
    assert f"Error: {REFUSED} Nothing was stored.\n" in done.err
    assert stored_files(program) == before
