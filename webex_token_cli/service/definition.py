"""What the service runs: its command, and the part of the environment that it needs. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

NAME = "webex-token"

# How the name of the program ends where it is one file with all its libraries, a zip archive that Python runs.
SINGLE_FILE = ".pyz"

# The variables that decide which profiles `watch` finds, where they are stored, and how Webex is reached. Relative
# paths are made absolute, because the service starts in another folder.
_PATHS = ("WEBEX_TOKEN_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_VALUES = ("WEBEX_TOKEN_STORE", "WEBEX_TOKEN_API_URL", "PYTHON_KEYRING_BACKEND", "NO_PROXY", "no_proxy")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """The command that the service runs, which starts with an absolute path, and the variables that it gets."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def inherited_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of ``environment`` that are written to the service's file, because it would not have them.

    No secret is among them: a proxy URL with a password is omitted, see ``omitted_variables``.
    """
    variables = {name: _absolute(environment[name]) for name in _PATHS if environment.get(name)}
    variables |= {name: environment[name] for name in _VALUES if environment.get(name)}
    return variables | {
        name: environment[name] for name in _PROXIES if environment.get(name) and not _has_password(environment[name])
    }


def omitted_variables(environment: Mapping[str, str]) -> list[str]:
    """The names of the variables that the service needs, but that are not written to its file: they hold a password."""
    return [name for name in _PROXIES if _has_password(environment.get(name, ""))]


def _absolute(path: str) -> str:
    """``path`` made absolute. The program itself expands a ``~``."""
    return path if path.startswith("~") else str(Path(path).absolute())


def _has_password(url: str) -> bool:
    return "@" in url


def this_program(argument: str, interpreter: str, executable: Callable[[Path], bool]) -> tuple[str, ...]:
    """The command that starts this program again: ``argument``, the one that was typed, or else the module.

    ``argument`` is used if it is named webex-token and is ``executable``. A symbolic link, such as pipx makes, is not
    resolved, because its target may move with an upgrade. A single file, as .ci/pyz.py makes it, is no module that
    ``interpreter`` could find, and need not be executable.
    """
    path = Path(argument).absolute()
    if path.suffix == SINGLE_FILE:
        return (str(Path(interpreter).absolute()), str(path))
    if path.stem == NAME and executable(path):
        return (str(path),)
    return (str(Path(interpreter).absolute()), "-m", "webex_token_cli")
