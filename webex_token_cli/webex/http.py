"""HTTP sessions for Webex, and their errors in our own words. Only this package and store/vault use requests."""

import base64
import re
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from webex_token_cli._version import __version__
from webex_token_cli.config.settings import is_loopback
from webex_token_cli.errors import ConfigurationError, RequestRefused, TemporaryFailure, WebexTokenError
from webex_token_cli.system.libraries import how_to_add
from webex_token_cli.system.timeouts import TimeoutExceeded
from webex_token_cli.webex.connections import AbortableAdapter
from webex_token_cli.webex.responses import proxy_authentication_required

# The longest answer that is read, in bytes. A token response is under 10 KB; a captive portal may send anything.
_LONGEST_ANSWER = 1024 * 1024

# Connections that stay open for the next requests: as many as a watch has requests at one time. Others are closed after
# each request, and a new one costs a TLS handshake.
POOL_SIZE = 16

# The number of bytes that are read at once: gzip expands them to a thousand times as many at most.
_PIECE = 1024


class Authorization(AuthBase):
    """Sends exactly this Authorization header, or none. ``secrets`` are those in it.

    Without an ``auth`` object, requests reads ~/.netrc and may send what it finds there instead of our header.
    """

    def __init__(self, value: str | None = None, *secrets: str) -> None:
        self._value = value
        self.secrets = secrets

    @classmethod
    def bearer(cls, access_token: str) -> "Authorization":
        """RFC 6750 section 2.1."""
        return cls(f"Bearer {access_token}", access_token)

    @classmethod
    def basic(cls, client_id: str, client_secret: str) -> "Authorization":
        """RFC 7617. Webex's client ids and secrets hold no character that RFC 6749 section 2.3.1 would encode."""
        encoded = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode("ascii")
        return cls(f"Basic {encoded}", client_secret, encoded)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request


class _Session(requests.Session):
    """A session that treats a redirect like any other answer, and uses proxies only if ``uses_proxies``.

    Webex's API sends no redirects, but a captive portal does. Even with ``allow_redirects=False``, requests reads a
    redirect's whole body, however long, and parses its Location.
    """

    def __init__(self, uses_proxies: bool) -> None:
        super().__init__()
        self._uses_proxies = uses_proxies

    def merge_environment_settings(self, *args: Any, **kwargs: Any) -> Any:
        """Proxies and certificate authorities as the environment has them.

        With ``trust_env`` off, requests would leave out both.
        """
        settings = super().merge_environment_settings(*args, **kwargs)
        return settings if self._uses_proxies else {**settings, "proxies": {}}

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - the overridden signature
        return None


def new_session(api_url: str) -> requests.Session:
    """An HTTP session for ``api_url`` that obeys the user's proxies and certificate authorities.

    requests would send even a request for http://127.0.0.1, tokens included, through HTTP_PROXY, so an API on loopback
    is asked without a proxy.
    """
    session = _Session(uses_proxies=not is_loopback(urlsplit(api_url).hostname or ""))
    for scheme in ("https://", "http://"):
        session.mount(scheme, AbortableAdapter(pool_maxsize=POOL_SIZE))
    session.headers["User-Agent"] = f"webex-token/{__version__}"
    session.headers["Accept"] = "application/json"
    # One session serves several people, so a cookie set for one of them must not be sent for another.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def read_body(response: requests.Response) -> bytes:
    """The body. Raises ContentDecodingError if it is longer than any answer of Webex."""
    body = bytearray()
    for chunk in response.iter_content(_PIECE):
        body += chunk
        if len(body) > _LONGEST_ANSWER:
            raise requests.exceptions.ContentDecodingError("the answer is too long")
    return bytes(body)


def _proxy_failed(host: str, error: requests.exceptions.ProxyError) -> TemporaryFailure:
    # http.client tells the status of the answer to CONNECT in words only.
    refused = re.search(r"Tunnel connection failed: ([0-9]{3})", str(error))
    if refused is None:
        return TemporaryFailure(f"The proxy on the way to {host} did not answer.", "Check HTTPS_PROXY, then try again.")
    if refused[1] == "407":
        return proxy_authentication_required()
    return TemporaryFailure(
        f"The proxy on the way to {host} made no connection (HTTP {refused[1]}).",
        f"Check HTTPS_PROXY, and whether the proxy allows {host}, then try again.",
    )


def unreachable(api_url: str, error: Exception) -> WebexTokenError:
    """The error in our own words. The messages of requests hold URLs and addresses of objects."""
    host = urlsplit(api_url).netloc
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return ConfigurationError(
            "The proxy URL is invalid.", "Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or unset it."
        )
    if isinstance(error, requests.exceptions.InvalidSchema):
        return ConfigurationError(
            "This kind of proxy is not supported; a SOCKS proxy needs the package PySocks.",
            f"{how_to_add('pysocks')} Or correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY.",
        )
    if isinstance(error, requests.exceptions.InvalidURL):
        return ConfigurationError(
            f"The URL of {host}, or of the proxy on the way there, is invalid.",
            "Correct the API base URL, or HTTPS_PROXY, HTTP_PROXY or ALL_PROXY.",
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return _proxy_failed(host, error)
    if isinstance(error, requests.exceptions.SSLError):
        return TemporaryFailure(
            f"No trusted TLS connection to {host} could be made.",
            "This network may ask for a sign-in of its own. If a proxy inspects TLS, name its certificate in "
            "REQUESTS_CA_BUNDLE. Then try again.",
        )
    if isinstance(error, requests.exceptions.Timeout | TimeoutExceeded):
        return TemporaryFailure(f"{host} did not answer in time.", "Try again later.")
    if isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return TemporaryFailure(f"{host} could not be reached.", "Check the network, then try again.")
    if isinstance(error, ValueError | requests.exceptions.ContentDecodingError):
        return TemporaryFailure(f"{host} sent an answer that cannot be read.", "Try again later.")
    if not isinstance(error, requests.RequestException):
        return ConfigurationError(
            f"The certificate authorities for {host} could not be loaded ({type(error).__name__}).",
            "Correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, or unset it.",
        )
    return RequestRefused(
        f"The request to {host} could not be sent ({type(error).__name__}).",
        "Run again with --debug to see where.",
    )
