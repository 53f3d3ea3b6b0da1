"""The HTTP session for Vault: its certificates, proxies and redirects, and which state it wants to see.

Since OpenBao 2.5, and in Vault Enterprise, a standby node answers reads itself, perhaps before the last write has
arrived there. From OpenBao 2.7 on, the answer to a write names the state after it (X-Vault-Index). A session sends the
last such name with each request, and a node without that state passes the request on to the active node
(https://openbao.org/docs/concepts/consistency/).
"""

import ssl
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter

from webex_token_cli._version import __version__
from webex_token_cli.config.settings import is_loopback
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.store.vault.environment import Certificates

# A standby node that cannot pass a request on sends the client to the active node, which answers.
_MAX_REDIRECTS = 2


def new_session(address: str, certificates: Certificates) -> requests.Session:
    """A session for Vault at ``address``. Raises ConfigurationError if a file of ``certificates`` is unusable.

    requests would send even a request for http://127.0.0.1, tokens included, through HTTP_PROXY, so a Vault on
    loopback is asked without a proxy.
    """
    authorities = _authorities(certificates)
    session = _Session(uses_proxies=not is_loopback(urlsplit(address).hostname or ""))
    if authorities is not None or certificates.client is not None:
        session.mount("https://", _Adapter(_context(certificates, authorities), authorities is not None))
    session.headers["User-Agent"] = f"webex-token/{__version__}"
    session.max_redirects = _MAX_REDIRECTS
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


class _Session(requests.Session):
    """A session that follows only redirects that are safe for tokens, and uses proxies only if ``uses_proxies``."""

    def __init__(self, uses_proxies: bool) -> None:
        super().__init__()
        self._uses_proxies = uses_proxies
        self._index = ""
        # Without this, requests reads ~/.netrc and sends what it finds there as the Authorization header.
        self.auth = self._with_index

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send ``request``, and remember the state that the answer names."""
        response = super().send(request, **kwargs)
        self._index = response.headers.get("X-Vault-Index") or self._index
        return response

    def _with_index(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._index:
            request.headers["X-Vault-Index"] = self._index
            request.headers["X-Vault-Inconsistent"] = "forward-active-node"
        return request

    def merge_environment_settings(self, *args: Any, **kwargs: Any) -> Any:
        """Proxies and certificate authorities as the environment has them."""
        settings = super().merge_environment_settings(*args, **kwargs)
        if not self._uses_proxies:
            settings["proxies"] = {}
        return settings

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where to send the same request. Only 307 and 308 leave its method and body (RFC 9110 section 15.4)."""
        target = super().get_redirect_target(resp)
        if target is None or resp.status_code not in {307, 308}:
            return None
        here, there = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
        if there.scheme == "https" or (there.scheme == here.scheme == "http" and is_loopback(there.hostname or "")):
            return target
        return None


class _Adapter(HTTPAdapter):
    """An adapter with a TLS context of its own. With ``has_authorities``, no other authority is trusted."""

    def __init__(self, context: ssl.SSLContext, has_authorities: bool) -> None:
        self._context = context
        self._has_authorities = has_authorities
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        """The pools of connections through ``proxy``."""
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave out the authorities that requests adds to the context: its own, or those in REQUESTS_CA_BUNDLE."""
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        if self._has_authorities:
            conn.ca_certs = conn.ca_cert_dir = None


def _authorities(certificates: Certificates) -> str | None:
    """The certificates of authorities in PEM form. One file goes before a text, and a text before a folder."""
    if certificates.authority is not None:
        return _text_of(certificates.authority, "VAULT_CACERT")
    if certificates.authority_text is not None:
        return certificates.authority_text
    if certificates.authorities is None:
        return None
    try:
        files = sorted(each for each in certificates.authorities.iterdir() if each.is_file())
    except OSError as error:
        raise _unreadable(certificates.authorities, "VAULT_CAPATH", error) from None
    return "\n".join(_text_of(each, "VAULT_CAPATH") for each in files)


def _context(certificates: Certificates, authorities: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authorities is not None:
        try:
            context.load_verify_locations(cadata=authorities)
        except (ssl.SSLError, ValueError):
            raise ConfigurationError(
                "The certificates of authorities for Vault are not in PEM form.",
                "Correct VAULT_CACERT, VAULT_CACERT_BYTES or VAULT_CAPATH.",
            ) from None
    if certificates.client is not None and certificates.client_key is not None:
        _load_client_certificate(context, certificates.client, certificates.client_key)
    return context


def _load_client_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    def passphrase() -> str:
        raise ConfigurationError(
            f"The key {key} of the client certificate for Vault is protected by a passphrase.",
            "Name a key without one in VAULT_CLIENT_KEY.",
        )

    try:
        context.load_cert_chain(certificate, key, password=passphrase)
    except ssl.SSLError:
        raise ConfigurationError(
            f"{certificate} and {key} are not a TLS certificate and its key in PEM form.",
            "Correct VAULT_CLIENT_CERT and VAULT_CLIENT_KEY.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"The client certificate {certificate} or its key {key} cannot be read ({error.strerror}).",
            "Name PEM files that you may read in VAULT_CLIENT_CERT and VAULT_CLIENT_KEY.",
        ) from None


def _text_of(path: Path, variable: str) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise _unreadable(path, variable, error) from None


def _unreadable(path: Path, variable: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The certificates of authorities in {path} cannot be read ({error.strerror}).", f"Correct {variable}."
    )
