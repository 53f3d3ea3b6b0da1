"""The settings of the Vault store, from the environment variables that Vault's and OpenBao's own tools read. Pure.

OpenBao's tools read BAO_ADDR and the like, and VAULT_ADDR if there is no BAO_ADDR. So does this program, for every
variable whose name begins with VAULT_.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from webex_token_cli.config.settings import check_api_url
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.text import printable
from webex_token_cli.times import parse_duration

DEFAULT_PATH = "secret/webex-token"

# Seconds for one call, as for the keyrings.
DEFAULT_TIMEOUT = 20.0

# Where Kubernetes puts the token of a pod's service account.
SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")

# Where `vault login` and `bao login` store the token, below the home folder.
TOKEN_FILE = ".vault-token"  # noqa: S105

# What Go's strconv.ParseBool takes for true.
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})

# A segment of a path in Vault. A segment of dots would lead out of the path.
_SEGMENT = re.compile(r"(?!\.+$)[A-Za-z0-9._@+~=-]+", re.ASCII)


class TokenInVariable(NamedTuple):
    """A token that an environment variable has."""

    token: str


class TokenInFile(NamedTuple):
    """A token in the file to which ``vault login`` and ``bao login`` write it."""

    path: Path


class AppRole(NamedTuple):
    """https://openbao.org/docs/auth/approle/. A role may be set up to need no secret id."""

    mount: str
    role_id: str
    secret_id: str | None
    secret_id_file: Path | None


class Kubernetes(NamedTuple):
    """https://openbao.org/docs/auth/kubernetes/."""

    mount: str
    role: str
    token_file: Path


Login = TokenInVariable | TokenInFile | AppRole | Kubernetes


class Certificates(NamedTuple):
    """The files for TLS; None for those that are not set.

    ``authority`` has certificates of authorities in PEM form, and so has every file in ``authorities``.
    ``authority_text`` is the text of such a file.
    """

    authority: Path | None = None
    authority_text: str | None = None
    authorities: Path | None = None
    client: Path | None = None
    client_key: Path | None = None


class VaultSettings(NamedTuple):
    """Where Vault is, how to log in there, and where the entries are.

    ``timeout`` is the time for one call in seconds. ``mount`` is the path of the key-value engine, and ``prefix`` the
    path of the entries in it, both without slashes at their ends; ``prefix`` may be empty.
    """

    address: str
    namespace: str | None
    login: Login
    certificates: Certificates
    timeout: float
    mount: str
    prefix: str

    @property
    def place(self) -> str:
        """The name of the store in messages."""
        path = "/".join(part for part in (self.namespace, self.mount, self.prefix) if part)
        return f"Vault ({self.address}, {path})"


def read_settings(environment: Mapping[str, str]) -> VaultSettings:
    """The settings that ``environment`` has. Raises ConfigurationError if one is missing or unusable.

    WEBEX_TOKEN_VAULT_PATH is the mount of the key-value engine and the path of the entries in it. The mount is the
    first segment, or everything before two slashes: ``team/kv//webex-token`` is ``webex-token`` in ``team/kv``.
    """
    variables = _Variables(environment)
    if variables.get("SKIP_VERIFY") in _TRUE:
        raise ConfigurationError(
            "VAULT_SKIP_VERIFY is set, but tokens are sent to no server whose certificate was not verified.",
            "Unset it, and name the certificate of the server's authority in VAULT_CACERT.",
        )
    mount, prefix = _split(environment.get("WEBEX_TOKEN_VAULT_PATH") or DEFAULT_PATH)
    return VaultSettings(
        address=_address(variables),
        namespace=_namespace(variables),
        login=_login(variables, environment),
        certificates=_certificates(variables),
        timeout=_timeout(variables),
        mount=mount,
        prefix=prefix,
    )


class _Variables:
    """The variables for Vault by their name without its beginning. OpenBao's come first, even if they are empty."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def get(self, name: str) -> str:
        found = self._environment.get(f"BAO_{name}")
        return (self._environment.get(f"VAULT_{name}", "") if found is None else found).strip()

    def path(self, name: str) -> Path | None:
        found = self.get(name)
        return Path(found) if found else None


def _address(variables: _Variables) -> str:
    address = variables.get("ADDR")
    if not address:
        raise ConfigurationError(
            "The store vault needs the address of Vault, and VAULT_ADDR is not set.",
            "Set VAULT_ADDR (or BAO_ADDR), such as https://vault.example.com:8200.",
        )
    try:
        return check_api_url(address)
    except ConfigurationError:
        raise ConfigurationError(
            "VAULT_ADDR is no address to which tokens can be sent.",
            "Set VAULT_ADDR (or BAO_ADDR) to an https:// address, or to http:// and a loopback address.",
        ) from None


def _namespace(variables: _Variables) -> str | None:
    namespace = variables.get("NAMESPACE").strip("/")
    if namespace and not _is_path(namespace):
        raise ConfigurationError(
            f"{printable(namespace, 80)!r} cannot name a namespace of Vault.", "Correct VAULT_NAMESPACE, or unset it."
        )
    return namespace or None


def _login(variables: _Variables, environment: Mapping[str, str]) -> Login:
    if token := variables.get("TOKEN"):
        return TokenInVariable(token)
    if role_id := variables.get("ROLE_ID"):
        file = variables.path("SECRET_ID_FILE")
        secret_id = None if file else variables.get("SECRET_ID") or None
        return AppRole(_mount_point(variables, "APPROLE_MOUNT_POINT", "approle"), role_id, secret_id, file)
    if role := variables.get("K8S_ROLE"):
        file = variables.path("K8S_TOKEN_FILE") or SERVICE_ACCOUNT_TOKEN
        return Kubernetes(_mount_point(variables, "K8S_MOUNT_POINT", "kubernetes"), role, file)
    home = environment.get("HOME") or environment.get("USERPROFILE")
    if not home:
        raise no_login()
    return TokenInFile(Path(home, TOKEN_FILE))


def no_login() -> ConfigurationError:
    """The error for an environment that has no way to log in to Vault."""
    return ConfigurationError(
        "The store vault needs a way to log in to Vault, and none is set.",
        "Set VAULT_TOKEN; or VAULT_ROLE_ID and VAULT_SECRET_ID_FILE; or VAULT_K8S_ROLE in a pod; or log in with "
        "`bao login` or `vault login`.",
    )


def _mount_point(variables: _Variables, name: str, default: str) -> str:
    mount = variables.get(name).strip("/") or default
    if not _is_path(mount):
        raise ConfigurationError(
            f"{printable(mount, 80)!r} cannot be the mount point of an auth method.",
            f"Correct VAULT_{name}, or unset it for {default}.",
        )
    return mount


def _certificates(variables: _Variables) -> Certificates:
    client, key = variables.path("CLIENT_CERT"), variables.path("CLIENT_KEY")
    if (client is None) != (key is None):
        raise ConfigurationError(
            "VAULT_CLIENT_CERT and VAULT_CLIENT_KEY belong together, and one of them is not set.",
            "Set both to PEM files, or neither.",
        )
    authority_text = variables.get("CACERT_BYTES") or None
    return Certificates(variables.path("CACERT"), authority_text, variables.path("CAPATH"), client, key)


def _timeout(variables: _Variables) -> float:
    text = variables.get("CLIENT_TIMEOUT")
    if not text:
        return DEFAULT_TIMEOUT
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigurationError(
            f"VAULT_CLIENT_TIMEOUT is unusable: {printable(str(error))}.", "Correct it, or unset it."
        ) from None


def _split(path: str) -> tuple[str, str]:
    """The mount and the prefix in ``path``."""
    whole = path.strip("/")
    mount, _, prefix = whole.partition("//") if "//" in whole else whole.partition("/")
    if not _is_path(mount) or (prefix and not _is_path(prefix)):
        raise ConfigurationError(
            f"{printable(path, 80)!r} cannot be the path of the entries in Vault.",
            f"Set WEBEX_TOKEN_VAULT_PATH to a mount and a path in it, such as {DEFAULT_PATH}; two slashes end a mount "
            "that has a slash itself.",
        )
    return mount, prefix


def _is_path(text: str) -> bool:
    return all(_SEGMENT.fullmatch(segment) for segment in text.split("/"))
