"""config.ini: read, rewritten in place, and what option, variable and profile come to together."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.config.file import (
    ConfigFile,
    Overrides,
    Profile,
    Settings,
    check_api_url,
    check_profile_name,
    is_loopback,
    resolve,
    with_section,
    without_section,
)
from webex_token_cli.errors import ConfigurationError

BY_HAND = """\
# Ours.
[default]
client_id: C1
; the office's
redirect_uri = http://localhost:8000/oauth

[Work]
Scopes=spark:all  spark:kms
store = file
later = unknown keys are kept
"""


@pytest.fixture
def config(tmp_path: Path) -> ConfigFile:
    file = ConfigFile(tmp_path / "config.ini", contextlib.nullcontext)
    file.path.write_text(BY_HAND)
    return file


def test_a_file_written_by_hand_is_read(config: ConfigFile) -> None:
    assert config.names() == ["default", "Work"]
    assert config.load("default") == Profile("default", "C1", "http://localhost:8000/oauth")
    assert config.load("Work") == Profile("Work", scopes="spark:all  spark:kms", store="file")
    assert config.load("work") == Profile("work")


def test_no_file_is_no_profile(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path / "none" / "config.ini", contextlib.nullcontext)
    assert (file.names(), file.load("x"), file.remove("x")) == ([], Profile("x"), False)
    assert not file.path.parent.exists()


def test_a_rewrite_touches_only_what_changed(config: ConfigFile) -> None:
    assert config.save(Profile("default", "C2", "http://localhost:8000/oauth", store="file"))
    assert config.path.read_text() == BY_HAND.replace("client_id: C1", "client_id = C2").replace(
        "8000/oauth\n", "8000/oauth\nstore = file\n"
    )
    assert oct(config.path.stat().st_mode & 0o777) == "0o600"


def test_nothing_changed_is_not_written(config: ConfigFile) -> None:
    before = config.path.stat()
    assert not config.save(Profile("Work", scopes="spark:all  spark:kms", store="file"))
    assert config.path.stat() == before


def test_a_section_is_added_and_taken_out(config: ConfigFile) -> None:
    assert config.save(Profile("new", "C3"))
    assert config.path.read_text() == f"{BY_HAND}\n[new]\nclient_id = C3\n"
    assert (config.remove("default"), config.remove("default")) == (True, False)
    assert config.names() == ["Work", "new"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[default]\nwhat is this\n", "cannot be read in line 2, in section [default]."),
        ("\n[default]\nstore = file\nstore = keyring\n", "cannot be read in line 4, in section [default]."),
        ("[default]\n[x]\n[default]\n", "has a second section [default] in line 3."),
    ],
)
def test_a_broken_file_names_its_line(config: ConfigFile, text: str, message: str) -> None:
    config.path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        config.load("default")
    assert raised.value.message == f"{config.path} {message}"


def test_a_broken_section_does_not_take_the_others_down(config: ConfigFile) -> None:
    config.path.write_text("[broken]\n???\n[default]\nclient_id = C1\n")
    assert config.names() == ["broken", "default"]
    assert config.load("default").client_id == "C1"


def test_a_file_that_is_no_text_is_said(config: ConfigFile) -> None:
    config.path.write_bytes(b"[default]\n\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"could not be read \(it is not UTF-8\)"):
        config.names()


values = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=20)
names = st.from_regex(r"[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,10}", fullmatch=True)
profiles = st.builds(Profile, names, *[st.none() | values] * 5)


@given(st.lists(profiles, max_size=4), profiles)
def test_what_is_written_is_read_back_and_disturbs_no_other(others: list[Profile], profile: Profile) -> None:
    text = "# by hand\n"
    expected: dict[str, dict[str, str]] = {}
    for each in [*others, profile]:
        text = with_section(text, each.name, each.settings)
        expected[each.name] = each.settings
    assert {name: _read(text, name).settings for name in expected} == expected
    without = without_section(text, profile.name)
    assert {n: _read(without, n).settings for n in expected if n != profile.name} == {
        n: s for n, s in expected.items() if n != profile.name
    }
    assert with_section(text, profile.name, profile.settings) == text


def _read(text: str, name: str) -> Profile:
    class Text(ConfigFile):
        def _text(self) -> str:
            return text

    return Text(Path("config.ini"), contextlib.nullcontext).load(name)


@given(st.text())
def test_any_text_gives_profiles_or_the_documented_error(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        _read(text, "default")
    changed = with_section(text, "fresh-one", {"store": "file"})
    assert changed.startswith(text.removesuffix("\n"))


def test_the_strongest_setting_wins() -> None:
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
def test_good_profile_names(name: str) -> None:
    assert check_profile_name(name) == name


@pytest.mark.parametrize("name", ["", ".a", "-a", "a b", "a/b", "ä", "x" * 65, "a\n", "a]"])
def test_bad_profile_names(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a profile"):
        check_profile_name(name)


@pytest.mark.parametrize(
    "url", ["https://webexapis.com/v1", "http://127.0.0.1:8/v1", "http://[::1]:8/v1", "http://localhost/v1"]
)
def test_tokens_may_go_there(url: str) -> None:
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
def test_tokens_may_not_go_there(url: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be the API base URL"):
        check_api_url(url)


def test_loopback_is_loopback() -> None:
    hosts = ("localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "localhost.example", "0.0.0.0")
    assert [is_loopback(host) for host in hosts] == [True] * 5 + [False] * 3
