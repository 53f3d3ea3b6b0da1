"""Which identity service belongs to a Webex API, and which may be sent a client secret."""

import pytest

from webex_token_cli.config.sites import site_of
from webex_token_cli.errors import RequestRefused
from webex_token_cli.webex.issuer import checked_issuer

WEBEX = "https://webexapis.com/v1"
GOVERNMENT = "https://api-usgov.webex.com/v1"
GATEWAY = "https://webex.gateway.example/v1"
LOOPBACK = "http://127.0.0.1:8080/v1"


@pytest.mark.parametrize(
    ("api_url", "named", "asked"),
    [
        (WEBEX, "https://idbroker.webex.com/idb", "https://idbroker.webex.com/idb"),
        (WEBEX, "https://idbroker-b-us.webex.com/idb/", "https://idbroker-b-us.webex.com/idb"),
        (WEBEX, None, "https://idbroker.webex.com/idb"),
        (GOVERNMENT, None, "https://idbroker-f.webex.com/idb"),
        (GATEWAY, "https://idbroker.webex.com/idb", "https://idbroker.webex.com/idb"),
        (GATEWAY, "https://webex.gateway.example/idb", "https://webex.gateway.example/idb"),
        (LOOPBACK, "http://127.0.0.1:8080/idb", "http://127.0.0.1:8080/idb"),
        (LOOPBACK, "http://localhost:9/idb", "http://localhost:9/idb"),
    ],
)
def test_the_identity_service_that_is_asked(api_url: str, named: str | None, asked: str) -> None:
    assert checked_issuer(named, api_url) == asked


@pytest.mark.parametrize(
    ("api_url", "named"),
    [
        (WEBEX, "http://idbroker.webex.com/idb"),
        (WEBEX, "http://127.0.0.1:8080/idb"),
        (WEBEX, "https://localhost/idb"),
        (WEBEX, "https://idbroker.example.com/idb"),
        (WEBEX, "https://notwebex.com/idb"),
        (WEBEX, "https://webex.com.example/idb"),
        (WEBEX, "https://idbroker.webex.com@example.com/idb"),
        (WEBEX, "https://idbroker.webex.com/idb?to=https://example.com"),
        (WEBEX, "https://idbroker.webex.com/idb#x"),
        (WEBEX, "https://[::1/idb"),
        (WEBEX, "https://idbroker.webex.com:port/idb"),
        (WEBEX, "https://example.com\\.webex.com/idb"),
        (WEBEX, "https://example.com /.webex.com"),
        (WEBEX, "https://example.com\n.webex.com/idb"),
        (WEBEX, "ftp://idbroker.webex.com/idb"),
        (WEBEX, ""),
        (GATEWAY, "https://other.gateway.example/idb"),
        (GATEWAY, None),
        (LOOPBACK, "ftp://127.0.0.1/idb"),
        (LOOPBACK, None),
    ],
)
def test_no_client_secret_is_sent_anywhere_else(api_url: str, named: str | None) -> None:
    with pytest.raises(RequestRefused):
        checked_issuer(named, api_url)


def test_the_page_on_which_a_person_removes_tokens() -> None:
    assert site_of(WEBEX).tokens_page == "https://idbroker.webex.com/idb/profile#/tokens"
    assert site_of(GOVERNMENT).tokens_page == "https://idbroker-f.webex.com/idb/profile#/tokens"
