"""The address that the browser is opened with: it holds no state, and redirects to the sign-in page once."""

from urllib.parse import urlsplit

import pytest

from tests.support.listening import SIGN_IN_PAGE, Login
from tests.support.ports import free_port
from tests.support.program import wait_until
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.signin.loopback.certificate import certificate_for_this_login
from webex_token_cli.signin.loopback.sockets import Endpoint

# A browser that another program opens the address in may take it for a link on a page elsewhere.
FROM_ELSEWHERE = "Sec-Fetch-Dest: document\r\nSec-Fetch-Site: cross-site\r\n"


def target_of(login: Login) -> str:
    """The path and query of the address that was opened."""
    wait_until(lambda: login.opened)
    parts = urlsplit(login.opened[0])
    return f"{parts.path}?{parts.query}"


def test_the_opened_address_redirects_to_the_sign_in_page_once(login: Login) -> None:
    target = target_of(login)
    assert login.opened[0].startswith(f"{login.redirect.uri}?start=")
    assert login.proof is not None
    assert login.proof.state not in login.opened[0]
    status, headers, _ = login.get(target, more=FROM_ELSEWHERE)
    assert (status, headers["Location"]) == (302, SIGN_IN_PAGE)
    status, headers, body = login.get(target)
    assert (status, "This address works once" in body, "Location" in headers) == (403, True, False)
    assert login.get("/oauth")[0] == 302  # the address that a person types works as often as they like


@pytest.mark.parametrize("target", ["/oauth?start=", "/oauth?start=guess"])
def test_a_guessed_ticket_does_not_start_a_sign_in(login: Login, target: str) -> None:
    assert login.get(target)[0] == 400
    assert login.get(target_of(login))[0] == 302


@pytest.mark.parametrize(
    ("uri", "host", "certified", "opened"),
    [
        ("https://apps.example.com/webex", "127.0.0.1", False, "http://127.0.0.1:{port}/webex?start="),
        ("http://localhost:8000", "::1", False, "http://[::1]:{port}/?start="),
        ("http://localhost:8000/oauth", "0.0.0.0", False, None),  # others on the network could follow it
        ("https://localhost:8000/oauth", "localhost", True, "https://localhost:{port}/oauth?start="),
        ("https://localhost:8000/oauth", "127.0.0.1", True, None),  # the certificate may be for localhost only
    ],
)
def test_what_is_opened_with_an_address_of_its_own_to_listen_on(
    uri: str, host: str, certified: bool, opened: str | None
) -> None:
    port = free_port()
    tls = certificate_for_this_login("localhost").context if certified else None
    redirect = RedirectURI.parse(uri)
    with Login(redirect, listen=Endpoint(host, port), tls=tls) as login:
        login.may_finish.set()
        if opened is None:
            wait_until(lambda: login.shown[-1] == "No browser opened by itself; open the address above by hand.")
        else:
            wait_until(lambda: login.opened)
            assert login.opened[0].startswith(opened.format(port=port))
    assert len(login.opened) == (opened is not None)
