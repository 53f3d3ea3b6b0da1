"""Signing in with Firefox, which ``login`` starts as Python's ``webbrowser`` does for ``BROWSER=firefox-esr``."""

from collections.abc import Iterator

import pytest

from tests.support.firefox import Firefox, Window
from tests.support.program import Finished, Program
from tests.support.requirements import require
from tests.support.stored import stored_files
from webex_token_cli.sandbox import Rules, Sandbox

pytestmark = pytest.mark.long


@pytest.fixture
def program(program: Program) -> Program:
    return program.having(**Firefox.variables)


@pytest.fixture
def firefox(program: Program) -> Iterator[Firefox]:
    """A Firefox for the program to start."""
    require("firefox-esr")
    browser = Firefox(program.home)
    browser.prepare()
    yield browser
    browser.close()


def check_last_page(page: Window, redirect_uri: str, sandbox: Sandbox) -> None:
    """The page has no script, Firefox finds no fault with it, and no address that Back leads to has a secret."""
    assert page.evaluate("document.scripts.length") == 0
    assert page.messages() == []
    assert page.address.startswith(f"{redirect_uri}?outcome=")
    before, last = page.history()
    assert "/v1/authorize?" in before
    assert last == page.address
    assert [secret for secret in sandbox.issued if secret in before + last] == []


def test_a_person_signs_in_with_firefox(
    program: Program, firefox: Firefox, sandbox: Sandbox, redirect_uri: str
) -> None:
    with program.started("login") as login, firefox.page(login) as page:
        page.press("Accept")
        page.wait_for_heading("You are signed in")
        check_last_page(page, redirect_uri, sandbox)
        done = login.finish()
        # Firefox is still open; the end of `login` takes nothing from it.
        assert "Signed in as Ada Lovelace <ada@example.com> (profile default)." in page.text
        assert "You can close this page and go back to the terminal." in page.text
    assert done.status == 0, done
    assert done.out.startswith("Signed in as Ada Lovelace <ada@example.com> (profile default).\n")
    assert program.run("get") == Finished(0, sandbox.grants[0].access_token + "\n", "")


def test_a_person_denies_the_sign_in_in_firefox(
    signed_in: Program, firefox: Firefox, sandbox: Sandbox, redirect_uri: str
) -> None:
    before = stored_files(signed_in)
    with signed_in.started("login") as login, firefox.page(login) as page:
        page.press("Deny")
        page.wait_for_heading("You are not signed in")
        check_last_page(page, redirect_uri, sandbox)
        done = login.finish()
        message = "The sign-in was denied in the browser."
        hint = "Run `webex-token login` again and accept, if that was not meant."
        # Firefox writes to the terminal as well, before and after.
        assert (done.status, done.out, f"Error: {message}\n{hint}\n" in done.err) == (6, "", True), done.err
        assert message in page.text
        assert hint in page.text
    assert stored_files(signed_in) == before


class TestOverHttps:
    """The redirect URI is https, and Firefox does not trust the certificate that `login` made."""

    @pytest.fixture
    def rules(self, redirect_uri: str) -> Rules:
        return Rules(redirect_uris=(redirect_uri.replace("http", "https"),))

    def test_firefox_warns_with_the_words_that_login_names(
        self, program: Program, firefox: Firefox, sandbox: Sandbox
    ) -> None:
        with program.started("login") as login, firefox.page(login) as page:
            page.press_in_warning("Advanced")
            page.wait_for_warning("View the site’s certificate")
            assert "Firefox shows it under Advanced, View the site’s certificate;" in login.err
            page.press_in_warning("Proceed to localhost")
            page.press("Accept")
            page.wait_for_heading("You are signed in")
            assert login.finish().status == 0
