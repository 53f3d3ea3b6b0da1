"""Logging in to Vault: with a token, an AppRole or the service account of a Kubernetes pod.

A login happens when the connection is first used, and again when the server refuses the token that it gave. hvac reads
environment variables and ~/.vault-token itself, so it is given everything explicitly.
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from webex_token_cli.errors import ConfigurationError, StoreUnavailable
from webex_token_cli.store.vault.environment import (
    AppRole,
    Kubernetes,
    TokenInFile,
    TokenInVariable,
    VaultSettings,
    no_login,
    read_settings,
)
from webex_token_cli.store.vault.key_value import KeyValueEngine
from webex_token_cli.store.vault.requester import Requester
from webex_token_cli.system.libraries import how_to_add
from webex_token_cli.text import printable, scrub

# The longest file that is read for a token or a secret id, in characters. A service account's token has about 1,000.
_LONGEST_FILE = 64 * 1024


def open_engine(environment: Mapping[str, str], say: Callable[[str], None]) -> KeyValueEngine:
    """The key-value engine that ``environment`` names. Nothing is sent before the engine is used.

    Raises ConfigurationError if a variable is missing or unusable.
    """
    settings = read_settings(environment)
    connection = VaultConnection(settings)
    requester = Requester(connection, settings.place, settings.timeout)
    return KeyValueEngine(requester, settings.mount, settings.prefix, say)


class VaultConnection:
    """A connection to Vault, which logs in when it is first used. Threads can share it."""

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: Any = None
        self._session: Any = None
        self._secrets: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token in use, and what it was got with."""
        return self._secrets

    @property
    def log_in_hint(self) -> str:
        """The sentence that says how to get a new token."""
        if isinstance(self._settings.login, TokenInVariable):
            return "Log in to Vault again (`bao login -token-only`), and set VAULT_TOKEN to the new token."
        return "Log in to Vault again with `bao login` or `vault login`."

    def client(self) -> Any:
        """The hvac client, with a token.

        Raises ConfigurationError if hvac is not installed or a file is missing, StoreUnavailable if Vault refuses the
        login, and what requests raises.
        """
        with self._lock:
            if self._client is None:
                self._client = self._logged_in()
            return self._client

    def renew(self, token: str) -> bool:
        """Get a new token in place of ``token``, which the server refused. Returns whether there is one.

        A token in a file is read again, because a person or an agent may have renewed it.
        """
        with self._lock:
            if self._client.token == token and not isinstance(self._settings.login, TokenInVariable):
                self._client = self._logged_in()
            return bool(self._client.token != token)

    def _logged_in(self) -> Any:
        """A client of its own for each token, because other threads may be using the one before."""
        client = self._new_client()
        client.token = self._log_in(client)
        return client

    def _new_client(self) -> Any:
        try:
            import hvac
            from hvac.adapters import RawAdapter
        except ImportError:
            raise ConfigurationError(
                "The store vault needs the library hvac, which is not installed.",
                how_to_add("hvac", "vault"),
            ) from None
        from webex_token_cli.store.vault.session import new_session

        settings = self._settings
        if self._session is None:
            self._session = new_session(settings.address, settings.certificates)
        # With None in place of the empty values, hvac reads VAULT_TOKEN and VAULT_CLIENT_CERT. The RawAdapter and
        # ignore_exceptions let every answer be seen with its status and headers.
        return hvac.Client(
            url=settings.address,
            token="",
            cert=(),
            verify=True,
            timeout=settings.timeout,
            session=self._session,
            adapter=RawAdapter,
            namespace=settings.namespace,
            ignore_exceptions=True,
        )

    def _log_in(self, client: Any) -> str:
        login = self._settings.login
        if isinstance(login, TokenInVariable):
            token = _checked(login.token, "The token in VAULT_TOKEN", "Correct VAULT_TOKEN.")
        elif isinstance(login, TokenInFile):
            token = self._token_of_file(login.path)
        elif isinstance(login, AppRole):
            token = self._log_in_with_app_role(client, login)
        else:
            token = self._log_in_with_kubernetes(client, login)
        self._secrets = (*self._secrets, token)[-3:]
        return token

    def _token_of_file(self, path: Path) -> str:
        try:
            return _text_of(path, "The token", "Log in to Vault with `bao login` or `vault login`.")
        except FileNotFoundError:
            raise no_login() from None

    def _log_in_with_app_role(self, client: Any, login: AppRole) -> str:
        secret_id, hint = login.secret_id, "Check VAULT_ROLE_ID, VAULT_SECRET_ID_FILE and VAULT_APPROLE_MOUNT_POINT."
        if login.secret_id_file is not None:
            secret_id = _required(login.secret_id_file, "The secret id", "Correct VAULT_SECRET_ID_FILE.")
        secrets = (login.role_id, secret_id or "")
        return self._token_of(
            lambda: client.auth.approle.login(
                login.role_id, secret_id=secret_id, use_token=False, mount_point=login.mount
            ),
            f"the AppRole at auth/{login.mount}",
            secrets,
            hint,
        )

    def _log_in_with_kubernetes(self, client: Any, login: Kubernetes) -> str:
        jwt = _required(
            login.token_file, "The token of the service account", "Set VAULT_K8S_TOKEN_FILE to the file that has it."
        )
        return self._token_of(
            lambda: client.auth.kubernetes.login(login.role, jwt, use_token=False, mount_point=login.mount),
            f"the service account with role {printable(login.role, 80)!r} at auth/{login.mount}",
            (jwt,),
            "Check VAULT_K8S_ROLE and VAULT_K8S_MOUNT_POINT, and which service accounts the role is bound to.",
        )

    def _token_of(self, log_in: Callable[[], Any], who: str, secrets: tuple[str, ...], hint: str) -> str:
        """The token that a login gives."""
        from webex_token_cli.store.vault import failures

        place = self._settings.place
        answer = log_in()
        if answer.status_code in {400, 403, 404} and (errors := failures.errors_of(answer)) is not None:
            said = printable(scrub("; ".join(errors), [each for each in secrets if each]))
            raise StoreUnavailable(f"{place} does not accept {who} ({said or f'HTTP {answer.status_code}'}).", hint)
        if answer.status_code != 200:
            raise failures.failure(place, answer, secrets)
        token = failures.object_in(answer, "auth").get("client_token")
        if not isinstance(token, str):
            raise failures.unexpected(place, answer)
        if not token:
            raise StoreUnavailable(
                f"{place} wants a second factor for {who}.", "Use a role that needs none, because nobody can enter it."
            )
        return token


def _required(path: Path, what: str, hint: str) -> str:
    try:
        return _text_of(path, what, hint)
    except FileNotFoundError:
        raise ConfigurationError(f"{what} is missing: there is no file {path}.", hint) from None


def _text_of(path: Path, what: str, hint: str) -> str:
    """The text of a file that has a secret. Raises FileNotFoundError, and ConfigurationError if it is unusable."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST_FILE).strip()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(f"{what} in {path} cannot be read ({why}).", hint) from None
    return _checked(text, f"{what} in {path}", hint)


def _checked(text: str, what: str, hint: str) -> str:
    """Return ``text`` if it can be sent in a header."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError(f"{what} is {'unusable' if text else 'empty'}.", hint)
    return text
