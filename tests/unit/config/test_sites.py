"""Which website belongs to which API base URL."""

import pytest

from webex_token_cli.config.sites import GOVERNMENT, WEBEX, Site, site_of


@pytest.mark.parametrize(
    ("api_url", "site"),
    [
        ("https://webexapis.com/v1", WEBEX),
        ("https://api-usgov.webex.com/v1", GOVERNMENT),
        ("https://API-USGOV.webex.com:443/v2", GOVERNMENT),
        ("http://127.0.0.1:8080/v1", WEBEX),
        ("https://api-usgov.webex.com.example/v1", WEBEX),
    ],
)
def test_the_host_of_the_api_decides(api_url: str, site: Site) -> None:
    assert site_of(api_url) == site
