"""Which hosts are reached without a proxy."""

import pytest

from webex_token_cli.sandbox.proxies import reached_directly


@pytest.mark.parametrize(
    ("environment", "large", "small"),
    [
        ({}, "127.0.0.1,localhost", "127.0.0.1,localhost"),
        ({"no_proxy": "example.com, localhost"}, "example.com,localhost,127.0.0.1", "example.com,localhost,127.0.0.1"),
        ({"NO_PROXY": "a.com", "no_proxy": "b.com"}, "a.com,127.0.0.1,localhost", "b.com,127.0.0.1,localhost"),
        ({"NO_PROXY": "*"}, "*", "*"),
    ],
)
def test_the_sandbox_is_added_to_what_is_reached_directly(environment: dict[str, str], large: str, small: str) -> None:
    assert reached_directly(environment, "127.0.0.1", "localhost") == {"NO_PROXY": large, "no_proxy": small}
