"""The folders in which ``config.ini`` and the file store are."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from webex_token_cli.errors import ConfigurationError

# The name of our folder below the platform's folders for configuration and data.
_NAME = "webex-token"

# Names the one folder that takes the place of both.
HOME_VARIABLE = "WEBEX_TOKEN_HOME"

# The variable for each kind of folder, and the place below the home folder that counts without it.
# Source: XDG Base Directory Specification, "Environment variables".
_XDG = {"config": ("XDG_CONFIG_HOME", ".config"), "data": ("XDG_DATA_HOME", ".local/share")}


def folder(kind: Literal["config", "data"], environment: Mapping[str, str]) -> Path:
    """The folder of ``kind``, which may not exist. Raises ConfigurationError if the user has no home folder."""
    named = environment.get(HOME_VARIABLE)
    if named:
        return _expanded(Path(named))
    found = _folder_on_linux(kind, environment) if sys.platform == "linux" else None
    return found or _folder_on_any_system(kind)


def _folder_on_linux(kind: Literal["config", "data"], environment: Mapping[str, str]) -> Path | None:
    """The folder that the environment names; None if only the user database may know it.

    It is the one that platformdirs finds, whose import would take 6 % of the time of `get`.
    """
    variable, below_home = _XDG[kind]
    named, home = xdg_folder(variable, environment), environment.get("HOME", "")
    if named is not None:
        return named / _NAME
    return Path(home, below_home, _NAME) if home.startswith("/") else None


def xdg_folder(variable: str, environment: Mapping[str, str]) -> Path | None:
    """The folder that ``variable`` names, one of the XDG Base Directory Specification, which ignores relative paths."""
    named = environment.get(variable, "")
    return Path(named) if named.startswith("/") else None


def _folder_on_any_system(kind: Literal["config", "data"]) -> Path:
    """The folder that platformdirs finds. Raises ConfigurationError if there is none."""
    import platformdirs

    find = {"config": platformdirs.user_config_path, "data": platformdirs.user_data_path}[kind]
    try:
        found = find(_NAME, appauthor=False)
    except RuntimeError:  # Python's error for a user without a home folder
        raise _no_home() from None
    # Old versions of platformdirs leave a "~" in the path then, which would be a folder below the current one.
    if not found.is_absolute():
        raise _no_home()
    return found


def _expanded(home: Path) -> Path:
    """``home`` with the home folder that a ``~`` at its start stands for. Raises ConfigurationError."""
    try:
        expanded = home.expanduser()
    except RuntimeError:
        if home.parts[0] == "~":
            raise _no_home() from None
        raise ConfigurationError(
            f"{HOME_VARIABLE} names the home folder of a user who does not exist ({str(home)[:200]!r}).",
            "Give a path that exists.",
        ) from None
    if home.parts[:1] == ("~",) and not expanded.is_absolute():
        raise _no_home()
    return expanded


def _no_home() -> ConfigurationError:
    return ConfigurationError(
        "It is not known where settings and tokens belong: this user has no home folder, neither in HOME nor in the "
        "user database.",
        f"Set {HOME_VARIABLE} to the absolute path of a folder of your own that lasts.",
    )
