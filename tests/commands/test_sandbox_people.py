"""The sandbox's sign-in page: who signs in, who is signed in already, and what the client may say about it."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests.support.cookie_browser import CookieBrowser
from tests.support.people import ADA, GRACE, sandbox_of_both
from tests.support.program import Program
from tests.support.sandbox_client import ask, asked, authorization_url, exchange, fetch
from tests.support.wires import serving
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.sandbox.accepting_browser import answer


@pytest.fixture
def sandbox(rules: Rules) -> Iterator[Sandbox]:
    with sandbox_of_both(rules) as running:
        yield running


@pytest.fixture
def browser() -> CookieBrowser:
    return CookieBrowser()


def person_behind(sandbox: Sandbox, browser: CookieBrowser) -> str:
    """The name of the person for whom the code in the browser's redirect is."""
    _, tokens = exchange(sandbox, browser.answer["code"])
    _, _, body = ask(sandbox, "/people/me", Authorization=f"Bearer {tokens['access_token']}")
    return str(json.loads(body)["displayName"])


def test_the_control_gives_tokens_of_the_person_that_it_is_told(sandbox: Sandbox) -> None:
    issued = (asked(sandbox, "POST", "/tokens", form)[1] for form in ({}, {"person": "grace@example.com"}))
    assert [sandbox.person_of(tokens["access_token"])["displayName"] for tokens in issued] == [
        "Ada Lovelace",
        "Grace Hopper",
    ]


def test_a_browser_in_which_nobody_is_signed_in_asks_who_signs_in(sandbox: Sandbox, browser: CookieBrowser) -> None:
    assert list(browser.open(authorization_url(sandbox)).people) == [ADA, GRACE]
    assert browser.choose(GRACE).heading == "May this integration act for Grace Hopper?"
    assert person_behind(sandbox, browser.press("accept")) == "Grace Hopper"


def test_who_is_signed_in_and_has_consented_is_not_asked_again(sandbox: Sandbox, browser: CookieBrowser) -> None:
    browser.open(authorization_url(sandbox)).choose(GRACE).press("accept")
    assert person_behind(sandbox, browser.open(authorization_url(sandbox))) == "Grace Hopper"
    assert CookieBrowser().open(authorization_url(sandbox)).heading == "Who signs in?"


def test_who_is_signed_in_is_asked_for_consent_to_other_scopes(sandbox: Sandbox, browser: CookieBrowser) -> None:
    browser.open(authorization_url(sandbox)).choose(GRACE).press("accept")
    browser.open(authorization_url(sandbox, scope="spark:all spark:kms"))
    assert browser.heading == "May this integration act for Grace Hopper?"


def test_a_denied_request_signs_nobody_in(sandbox: Sandbox, browser: CookieBrowser) -> None:
    hinted = authorization_url(sandbox, login_hint="ada@example.com")
    assert browser.open(hinted).press("deny").answer["error"] == "access_denied"
    assert browser.open(authorization_url(sandbox)).heading == "Who signs in?"


def test_select_account_asks_although_somebody_is_signed_in(sandbox: Sandbox, browser: CookieBrowser) -> None:
    browser.open(authorization_url(sandbox)).choose(GRACE).press("accept")
    browser.open(authorization_url(sandbox, prompt="select_account"))
    assert list(browser.people) == [ADA, GRACE]
    assert person_behind(sandbox, browser.choose(ADA).press("accept")) == "Ada Lovelace"
    assert person_behind(sandbox, browser.open(authorization_url(sandbox))) == "Ada Lovelace"


def test_a_hint_names_the_person_where_nobody_is_signed_in(sandbox: Sandbox, browser: CookieBrowser) -> None:
    hinted = authorization_url(sandbox, login_hint="Grace@Example.com")
    assert browser.open(hinted).heading == "May this integration act for Grace Hopper?"
    assert list(browser.use_another_account().people) == [ADA, GRACE]
    assert browser.open(authorization_url(sandbox, login_hint="nobody@example.com")).heading == "Who signs in?"


def test_a_hint_does_not_replace_who_is_signed_in(sandbox: Sandbox, browser: CookieBrowser) -> None:
    browser.open(authorization_url(sandbox)).choose(GRACE).press("accept")
    hinted = authorization_url(sandbox, login_hint="ada@example.com")
    assert person_behind(sandbox, browser.open(hinted)) == "Grace Hopper"


def test_prompt_none_is_answered_without_a_page(sandbox: Sandbox, browser: CookieBrowser) -> None:
    silent = authorization_url(sandbox, prompt="none")
    assert (browser.open(silent).answer["error"], browser.answer["state"]) == ("login_required", "s")
    browser.open(authorization_url(sandbox)).choose(GRACE)
    assert browser.open(silent).answer["error"] == "consent_required"
    browser.open(authorization_url(sandbox)).press("accept")
    assert person_behind(sandbox, browser.open(silent)) == "Grace Hopper"


def test_max_age_makes_an_old_sign_in_count_for_nothing(sandbox: Sandbox, browser: CookieBrowser) -> None:
    browser.open(authorization_url(sandbox)).choose(GRACE).press("accept")
    sandbox.advance(600)
    assert browser.open(authorization_url(sandbox, max_age="900")).answer["code"]
    assert browser.open(authorization_url(sandbox, max_age="300", prompt="none")).answer["error"] == "login_required"
    assert browser.open(authorization_url(sandbox, max_age="300")).choose(GRACE).answer["code"]
    assert browser.open(authorization_url(sandbox, max_age="300")).answer["code"]


@pytest.mark.parametrize("change", [{"prompt": "maybe"}, {"max_age": "soon"}, {"max_age": "-1"}])
def test_parameters_that_webex_does_not_know_are_refused(
    sandbox: Sandbox, browser: CookieBrowser, change: dict[str, str]
) -> None:
    assert browser.open(authorization_url(sandbox, **change)).answer["error"] == "invalid_request"


def test_a_person_who_is_not_there_cannot_be_chosen(sandbox: Sandbox, browser: CookieBrowser) -> None:
    page = browser.open(authorization_url(sandbox)).page
    ticket = page.partition('name="ticket" value="')[2].partition('"')[0]
    status, _, _ = ask(sandbox, "/authorize/account", {"ticket": ticket, "person": "nobody"})
    assert status == 400
    # The request cannot be decided before somebody is chosen.
    assert ask(sandbox, "/authorize/decision", {"ticket": ticket, "decision": "accept"})[0] == 400


def test_a_cookie_that_cannot_be_read_signs_nobody_in(sandbox: Sandbox) -> None:
    """Every server on this machine gets the cookies of all others, whatever their names are."""
    status, _, page = fetch(authorization_url(sandbox), Cookie="their/cookie=1")
    assert (status, "Who signs in?" in page) == (200, True)


def test_the_accepting_browser_is_done_once_a_person_is_chosen_who_has_consented() -> None:
    def show(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nSigned in")

    with serving(show) as url, sandbox_of_both(Rules(redirect_uris=(url,))) as sandbox:
        assert [answer(authorization_url(sandbox)) for _ in range(2)] == ["Signed in", "Signed in"]
        assert sandbox.outcomes("/v1/authorize/decision") == ["accepted"]


def test_the_option_person_names_who_has_an_account(program: Program, redirect_uri: str) -> None:
    people = ("--person", GRACE, "--person", "Bo <bo@example.com>")
    with program.started("sandbox", "--redirect-uri", redirect_uri, *people) as running:
        running.wait_for("export WEBEX_REDIRECT_URI")
        lines = dict(line.removeprefix("export ").split("=", 1) for line in running.out.splitlines())
        there = program.having(**lines, BROWSER=program.variables["BROWSER"])
        assert there.run("login").out.startswith(f"Signed in as {GRACE} (profile default).")
        running.wait_for("GET /v1/authorize 200  account asked")


@pytest.mark.parametrize("people", [["Grace"], ["<grace@example.com>"], ["Grace <grace>"], ["A <a@b.c>", "B <A@b.c>"]])
def test_people_without_a_name_or_an_address_of_their_own_are_refused(program: Program, people: list[str]) -> None:
    done = program.run("sandbox", *(word for person in people for word in ("--person", person)))
    assert (done.status, done.out) == (2, "")
    assert "--person" in done.err
