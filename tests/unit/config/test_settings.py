"""The settings of one run: which source wins, and which names and URLs are accepted."""

import pytest

from webex_token_cli.config.names import check_profile_name
from webex_token_cli.config.settings import (
    Overrides,
    Profile,
    Settings,
    check_api_url,
    check_scopes,
    is_loopback,
    resolve,
)
from webex_token_cli.errors import ConfigurationError


def test_an_option_beats_the_profile_and_the_profile_beats_the_default() -> None:
    profile = Profile(
        "p", "profile-id", "http://localhost:1/profile", "profile:scope", "https://profile.example/v1", "file"
    )
    option = Overrides("id", "http://localhost:2/", "a b", "https://example.com/v1/", "keyring")
    assert [resolve(Profile("p"), Overrides()), resolve(profile, Overrides()), resolve(profile, option)] == [
        Settings("p", None, "http://localhost:8000/oauth", ("spark:all",), "https://webexapis.com/v1", "keyring"),
        Settings(
            "p", "profile-id", "http://localhost:1/profile", ("profile:scope",), "https://profile.example/v1", "file"
        ),
        Settings("p", "id", "http://localhost:2/", ("a", "b"), "https://example.com/v1", "keyring"),
    ]


@pytest.mark.parametrize("name", ["default", "a", "x" * 64, "a.b-c_d@e+f", "@x", "1"])
def test_valid_profile_names_are_accepted(name: str) -> None:
    assert check_profile_name(name) == name


@pytest.mark.parametrize("name", ["", ".a", "-a", "a b", "a/b", "ä", "x" * 65, "a\n", "a]"])
def test_invalid_profile_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a profile"):
        check_profile_name(name)


@pytest.mark.parametrize("scope", ["", "a b", 'a"', "a\\", "sp\u00e4rk:all", "a\udcff", "a\x7f"])
def test_a_scope_that_cannot_be_requested_is_refused(scope: str) -> None:
    check_scopes(["spark:all", "spark-admin:people_read,x"])
    with pytest.raises(ConfigurationError, match="cannot be a scope"):
        check_scopes(["spark:all", scope])


@pytest.mark.parametrize(
    "url", ["https://webexapis.com/v1", "http://127.0.0.1:8/v1", "http://[::1]:8/v1", "http://localhost/v1"]
)
def test_https_and_loopback_api_urls_are_accepted(url: str) -> None:
    assert check_api_url(f"{url}/") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "webexapis.com/v1",
        "http://webexapis.com/v1",
        "http://localhost.evil.example/v1",
        "http://127.0.0.1@evil.example/",
        "https://user:pw@webexapis.com/v1",
        "https://webexapis.com/v1?x=1",
        "https://webexapis.com/v1#x",
        "https://[broken/v1",
        "https://webexapis.com:port/v1",
        "https://webex apis.com/v1",
        "file:///etc/passwd",
    ],
)
def test_an_api_url_that_could_leak_tokens_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be the API base URL"):
        check_api_url(url)


def test_only_loopback_hosts_count_as_loopback() -> None:
    hosts = ("localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "localhost.example", "0.0.0.0")
    assert [is_loopback(host) for host in hosts] == [True] * 5 + [False] * 3
