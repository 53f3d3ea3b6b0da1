"""Where config.ini and the file store are, if no variable of this program says it."""

import os
import sys
from pathlib import Path
from typing import Literal

import platformdirs
import pytest

from webex_token_cli.config.folders import folder

pytestmark = pytest.mark.posix

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")


@ON_LINUX
@pytest.mark.parametrize(
    ("environment", "config", "data"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.config", "/home/ada/.local/share"),
        ({"HOME": "/home/ada/", "XDG_CONFIG_HOME": ""}, "/home/ada/.config", "/home/ada/.local/share"),
        ({"HOME": "/home/ada", "XDG_CONFIG_HOME": "/etc/ada"}, "/etc/ada", "/home/ada/.local/share"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "/srv/ada/"}, "/home/ada/.config", "/srv/ada"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "srv"}, "/home/ada/.config", "/home/ada/.local/share"),
        ({"HOME": "/"}, "/.config", "/.local/share"),
    ],
)
def test_a_folder_is_where_the_specification_has_it(environment: dict[str, str], config: str, data: str) -> None:
    found = folder("config", environment), folder("data", environment)
    assert found == (Path(config, "webex-token"), Path(data, "webex-token"))


@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": "/home/ada"},
        {"HOME": "/home/ada", "XDG_CONFIG_HOME": "/etc/ada", "XDG_DATA_HOME": "/srv/ada"},
        {},  # the user database knows
        {"HOME": ""},
    ],
)
@pytest.mark.parametrize("kind", ["config", "data"])
def test_it_is_the_one_that_platformdirs_finds(
    kind: Literal["config", "data"], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "WEBEX_TOKEN_HOME"):
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    find = {"config": platformdirs.user_config_path, "data": platformdirs.user_data_path}[kind]
    assert folder(kind, os.environ) == find("webex-token", appauthor=False)
