"""A config.ini that somebody else may have written is not obeyed: it says where tokens and secrets are sent."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from webex_token_cli.config.file import ConfigFile
from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import ConfigurationError

pytestmark = pytest.mark.posix

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to somebody else")


@pytest.fixture
def config(tmp_path: Path) -> ConfigFile:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.ini").write_text("[default]\nclient_id = C1\n")
    (home / "config.ini").chmod(0o644)
    return ConfigFile(home / "config.ini", contextlib.nullcontext)


def elsewhere(config: ConfigFile) -> Path:
    """Make config.ini a symbolic link to a file in a folder of its own, and return that file."""
    real = config.path.parent.parent / "dotfiles" / "webex-token.ini"
    real.parent.mkdir(mode=0o700)
    config.path.rename(real)
    config.path.symlink_to(real)
    return real


@pytest.mark.parametrize(
    ("change", "unsafe", "why"),
    [
        (lambda file: file.path.chmod(0o666), ".", "others may write it (mode 0666)"),
        (lambda file: file.path.chmod(0o664), ".", "others may write it (mode 0664)"),
        (lambda file: file.path.parent.chmod(0o777), "..", "others may write it (mode 0777)"),
        (lambda file: file.path.parent.chmod(0o770), "..", "others may write it (mode 0770)"),
        (lambda file: elsewhere(file).chmod(0o666), ".", "others may write it (mode 0666)"),
        (lambda file: elsewhere(file).parent.chmod(0o777), "../../dotfiles", "others may write it (mode 0777)"),
        pytest.param(
            lambda file: os.chown(file.path, 65534, 0), ".", "it belongs to another user", marks=AS_ROOT
        ),
        pytest.param(
            lambda file: os.chown(file.path.parent, 65534, 0), "..", "it belongs to another user", marks=AS_ROOT
        ),
    ],
)  # fmt: skip
def test_it_is_refused_and_left_as_it_is(
    config: ConfigFile, change: Callable[[ConfigFile], None], unsafe: str, why: str
) -> None:
    assert config.names() == ["default"]  # from now on, the content is known
    change(config)
    text, path = config.path.read_text(), os.path.normpath(config.path / unsafe)
    uses: list[Callable[[], object]] = [
        config.names,
        config.ignored_lines,
        lambda: config.load("default"),
        lambda: config.save(Profile("default", "C2")),
        lambda: config.remove("default"),
        lambda: ConfigFile(config.path, contextlib.nullcontext).load("default"),
    ]
    for use in uses:
        with pytest.raises(ConfigurationError) as raised:
            use()
        where = "" if unsafe == "." else f", because of {path}"
        assert raised.value.message == f"{config.path} cannot be trusted{where}: {why}."
    assert config.path.read_text() == text


def test_what_only_its_owner_and_root_can_write_is_obeyed(config: ConfigFile) -> None:
    elsewhere(config)
    assert config.load("default") == Profile("default", "C1")
    config.path.parent.chmod(0o1777)  # as /tmp, where nobody can replace somebody else's file
    assert config.load("default") == Profile("default", "C1")


def test_a_folder_that_others_can_write_is_refused_before_there_is_a_file(config: ConfigFile) -> None:
    config.path.unlink()
    assert config.names() == []
    config.path.parent.chmod(0o777)
    with pytest.raises(ConfigurationError, match="others may write it"):
        config.load("default")
