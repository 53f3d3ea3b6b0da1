"""What the service runs: its command, and the part of the environment that it needs. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

NAME = "webex-token"

# How the name of the program ends where it is one file with all its libraries, a zip archive that Python runs.
SINGLE_FILE = ".pyz"

# The variables that decide which profiles `watch` finds, where they are stored, and how Webex is reached. Relative
# paths are made absolute, because the service starts in another folder.
_PATHS = ("WEBEX_TOKEN_HOME", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
# Relative paths in these are ignored, here as in every other command (XDG Base Directory Specification).
_ABSOLUTE_PATHS = ("XDG_CONFIG_HOME", "XDG_DATA_HOME")
_VALUES = ("WEBEX_TOKEN_STORE", "WEBEX_TOKEN_API_URL", "PYTHON_KEYRING_BACKEND", "NO_PROXY", "no_proxy")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")

# The variables of the Vault store without their beginning, which is BAO_ or VAULT_.
_VAULT_PATHS = ("SECRET_ID_FILE", "K8S_TOKEN_FILE", "CACERT", "CAPATH", "CLIENT_CERT", "CLIENT_KEY")
_VAULT_VALUES = (
    "ADDR", "NAMESPACE", "ROLE_ID", "APPROLE_MOUNT_POINT", "K8S_ROLE", "K8S_MOUNT_POINT", "CACERT_BYTES",
    "CLIENT_TIMEOUT",
)  # fmt: skip
_VAULT_SECRETS = ("TOKEN", "SECRET_ID")


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """The command that the service runs, which starts with an absolute path, and the variables that it gets."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def inherited_environment(environment: Mapping[str, str], *, with_vault: bool = False) -> dict[str, str]:
    """The variables of ``environment`` that are written to the service's file, because it would not have them.

    Those of the Vault store are among them ``with_vault``. No secret is, see ``omitted_variables``.
    """
    paths, values = list(_PATHS), list(_VALUES)
    if with_vault:
        paths += [_vault_variable(environment, name) for name in _VAULT_PATHS]
        values += ["WEBEX_TOKEN_VAULT_PATH", *(_vault_variable(environment, name) for name in _VAULT_VALUES)]
    variables = {name: _absolute(environment[name]) for name in paths if environment.get(name)}
    variables |= {name: environment[name] for name in _ABSOLUTE_PATHS if Path(environment.get(name, "")).is_absolute()}
    variables |= {name: environment[name] for name in values if environment.get(name)}
    return variables | {
        name: environment[name] for name in _PROXIES if environment.get(name) and not _has_password(environment[name])
    }


def omitted_variables(environment: Mapping[str, str], *, with_vault: bool = False) -> list[str]:
    """The names of the variables that the service needs, but that are not written to its file: they hold a secret."""
    names = [name for name in _PROXIES if _has_password(environment.get(name, ""))]
    if with_vault:
        secrets = (_vault_variable(environment, name) for name in _VAULT_SECRETS)
        names += [name for name in secrets if environment.get(name)]
    return names


def _vault_variable(environment: Mapping[str, str], name: str) -> str:
    """The variable ``name`` of the Vault store: OpenBao's counts if it is set, even if it is empty."""
    return f"BAO_{name}" if f"BAO_{name}" in environment else f"VAULT_{name}"


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
