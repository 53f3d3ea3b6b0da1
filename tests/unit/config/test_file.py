"""config.ini: how it is read, and how it is rewritten in place."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.sections import with_section, without_section
from webex_token_cli.config.settings import KEYS, Profile
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
later = unknown keys stay
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


def test_a_missing_file_has_no_profiles_and_is_not_created(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path / "none" / "config.ini", contextlib.nullcontext)
    assert (file.names(), file.load("x"), file.remove("x")) == ([], Profile("x"), False)
    assert not file.path.parent.exists()


def test_a_rewrite_changes_only_the_keys_that_differ(config: ConfigFile) -> None:
    assert config.save(Profile("default", "C2", "http://localhost:8000/oauth", store="file"))
    assert config.path.read_text() == BY_HAND.replace("client_id: C1", "client_id = C2").replace(
        "8000/oauth\n", "8000/oauth\nstore = file\n"
    )
    if os.name == "posix":
        assert oct(config.path.stat().st_mode & 0o777) == "0o600"


def test_a_save_that_changes_nothing_does_not_write(config: ConfigFile) -> None:
    before = config.path.stat()
    assert not config.save(Profile("Work", scopes="spark:all  spark:kms", store="file"))
    after = config.path.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def test_a_value_of_two_lines_is_not_written(config: ConfigFile) -> None:
    before = config.path.read_text()
    with pytest.raises(ConfigurationError, match="The setting redirect_uri of profile work is not one line of text"):
        config.save(Profile("work", "C9", "http://localhost/\nstore = file"))
    assert config.path.read_text() == before


def test_a_section_is_added_and_removed(config: ConfigFile) -> None:
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
def test_the_error_names_the_line_that_cannot_be_read(config: ConfigFile, text: str, message: str) -> None:
    config.path.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        config.load("default")
    assert raised.value.message == f"{config.path} {message}"


def test_a_malformed_section_does_not_affect_the_others(config: ConfigFile) -> None:
    config.path.write_text("[broken]\n???\n[default]\nclient_id = C1\n")
    assert config.names() == ["broken", "default"]
    assert config.load("default").client_id == "C1"


def test_a_file_that_is_not_utf_8_is_reported(config: ConfigFile) -> None:
    config.path.write_bytes(b"[default]\n\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"could not be read \(it is not UTF-8\)"):
        config.names()


values = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=20)
names = st.from_regex(r"[A-Za-z0-9_@+][A-Za-z0-9._@+-]{0,10}", fullmatch=True)
profiles = st.builds(Profile, names, *[st.none() | values] * len(KEYS))


@given(st.lists(profiles, max_size=4), profiles)
def test_a_saved_section_reads_back_and_leaves_the_others_unchanged(others: list[Profile], profile: Profile) -> None:
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
def test_any_text_is_read_or_raises_a_configuration_error(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        _read(text, "default")
    changed = with_section(text, "fresh-one", {"store": "file"})
    assert changed.startswith(text.removesuffix("\n"))
