"""Webex over HTTP: authorization URL, token endpoints, ``people/me`` and revocation. The only user of requests.

The facts come from https://developer.webex.com/docs/integrations and RFC 6749. ``responses.py`` reads the answers.
"""

import base64
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlencode, urlsplit

import requests
from requests.auth import AuthBase

from webex_token_cli._version import __version__
from webex_token_cli.config.settings import is_loopback
from webex_token_cli.errors import ClientRefused, ConfigurationError, RequestRefused, TemporaryFailure, WebexTokenError
from webex_token_cli.system.timeouts import TimeoutExceeded, with_timeout
from webex_token_cli.text import printable
from webex_token_cli.tokens import DeviceCode, Pending, Person, TokenRecord, TokenResponse
from webex_token_cli.webex.responses import (
    Answer,
    device_answer,
    failure,
    http_date,
    revocation_refused,
    token_refused,
    unexpected_answer,
)

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0

# The longest answer that is read, in bytes. A token response is under 10 KB; a captive portal may send anything.
_LONGEST_ANSWER = 1024 * 1024


class _Authorization(AuthBase):
    """Sends exactly this Authorization header, or none.

    Without an ``auth`` object, requests reads ~/.netrc and may send what it finds there instead of our header.
    """

    def __init__(self, value: str | None = None) -> None:
        self._value = value

    @classmethod
    def bearer(cls, access_token: str) -> "_Authorization":
        """RFC 6750 section 2.1."""
        return cls(f"Bearer {access_token}")

    @classmethod
    def basic(cls, client_id: str, client_secret: str) -> "_Authorization":
        """RFC 7617. Webex's client ids and secrets hold no character that RFC 6749 section 2.3.1 would encode."""
        return cls(f"Basic {base64.b64encode(f'{client_id}:{client_secret}'.encode()).decode('ascii')}")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request


def authorization_url(
    api_url: str, *, client_id: str, redirect_uri: str, scopes: Iterable[str], state: str, code_challenge: str
) -> str:
    """The URL at which the person signs in (RFC 6749 section 4.1.1, RFC 7636 section 4.3)."""
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
    }
    return f"{api_url}/authorize?{urlencode(query)}"


class _Session(requests.Session):
    """A session that treats a redirect like any other answer.

    Webex's API sends no redirects, but a captive portal does. Even with ``allow_redirects=False``, requests reads a
    redirect's whole body, however long, and parses its Location.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - the overridden signature
        return None


def new_session(api_url: str) -> requests.Session:
    """An HTTP session for ``api_url`` that obeys the user's proxies and certificate authorities."""
    session = _Session()
    session.headers["User-Agent"] = f"webex-token/{__version__}"
    session.headers["Accept"] = "application/json"
    # One session serves several people, so a cookie set for one of them must not be sent for another.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    if is_loopback(urlsplit(api_url).hostname or ""):
        # requests would send even a request for http://127.0.0.1, tokens included, through HTTP_PROXY.
        session.trust_env = False
    return session


@dataclass(frozen=True, slots=True)
class WebexClient:
    """Webex at one base URL.

    ``trace`` is called with a line for each request: method, path, status, tracking ID and seconds, but never a
    header, a body or a query. ``timeout`` is how long to wait for a connection and for an answer, in seconds. Every
    method raises TemporaryFailure if Webex cannot be reached or cannot answer now, and ClientRefused, GrantRefused,
    ConfigurationError or RequestRefused as ``responses.failure`` decides.
    """

    api_url: str
    session: requests.Session = field(repr=False)
    trace: Callable[[str], None] = field(default=lambda _: None, repr=False)
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    timeout: tuple[float, float] = (CONNECT_TIMEOUT, READ_TIMEOUT)

    def close_connections(self) -> None:
        """Close the idle connections. They would be dead by the time of a next request that is hours away."""
        self.session.close()

    def check_authorization(self, url: str) -> None:
        """Request the authorization ``url`` once, before a person is sent there.

        Webex reports an unregistered redirect URI, an unknown client id or a refused scope on a page in the browser,
        and this program would then wait for a redirect that never comes. Raises ConfigurationError or ClientRefused
        on such a refusal only; after any other answer, or none, the browser may try.
        """
        try:
            answer = self._send("GET", "/authorize", params=url.partition("?")[2], timeout=(5.0, 10.0))
        except TemporaryFailure:
            return
        if answer.status in {400, 401}:
            error = failure(answer, self.clock())
            if isinstance(error, ConfigurationError | ClientRefused):
                raise error

    def server_time(self) -> float | None:
        """The time at Webex in UTC epoch seconds, from the ``Date`` of the discovery document; None if it has none.

        ``Date`` has whole seconds. Raises TemporaryFailure if the answer did not come from Webex.
        """
        answer = self._send("GET", "/.well-known/openid-configuration", timeout=(5.0, 10.0))
        if answer.status != 200 or answer.json is None:
            error = failure(answer, self.clock())
            if isinstance(error, TemporaryFailure):
                raise error
            # A Webex without a discovery document was still reached, which its tracking ID shows.
            if not answer.tracking_id:
                raise unexpected_answer(answer)
        return http_date(answer.header("date"))

    def exchange_code(
        self, code: str, *, client_id: str, client_secret: str, redirect_uri: str, code_verifier: str
    ) -> TokenResponse:
        """Exchange the authorization code for tokens (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
        return self._token_request(
            {
                "grant_type": "authorization_code",
                "client_id": client_id,
                "client_secret": client_secret,
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": code_verifier,
            }
        )

    def refresh(self, record: TokenRecord) -> TokenResponse:
        """Redeem the record's refresh token (RFC 6749 section 6)."""
        return self._token_request(
            {
                "grant_type": "refresh_token",
                "client_id": record.client_id,
                "client_secret": record.client_secret,
                "refresh_token": record.refresh_token or "",
            }
        )

    def authorize_device(self, *, client_id: str, scopes: tuple[str, ...]) -> DeviceCode:
        """Start a device authorization (RFC 8628 section 3.1)."""
        answer = self._send("POST", "/device/authorize", form={"client_id": client_id, "scope": " ".join(scopes)})
        if answer.status != 200:
            raise failure(answer, self.clock(), scopes=scopes)
        try:
            return DeviceCode.parse(answer.json)
        except ValueError:
            raise unexpected_answer(answer) from None

    def poll_device(self, code: DeviceCode, *, client_id: str, client_secret: str) -> TokenResponse | Pending:
        """Ask once whether the person has consented (RFC 8628 section 3.4).

        Webex requires HTTP Basic here. Raises SignInNotCompleted if the person denied or was too late.
        """
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
            "device_code": code.device_code,
            "client_id": client_id,
        }
        answer = self._send(
            "POST", "/device/token", form=form, authorization=_Authorization.basic(client_id, client_secret)
        )
        if answer.status == 200:
            return _token_response(answer)
        outcome = device_answer(answer, self.clock(), (code.device_code, client_secret))
        if isinstance(outcome, Pending):
            return outcome
        raise outcome

    def person(self, access_token: str) -> Person | None:
        """The person whom the token acts for; None if its scopes do not allow the question (403)."""
        answer = self._send("GET", "/people/me", authorization=_Authorization.bearer(access_token))
        if answer.status == 403:
            return None
        if answer.status == 401:
            raise token_refused(answer)
        if answer.status != 200:
            raise failure(answer, self.clock(), (access_token,))
        body = answer.json
        if body is None or not isinstance(body.get("id"), str):
            raise unexpected_answer(answer)
        emails = body.get("emails")
        return Person(
            id=_text(body["id"]),
            display_name=_text(body.get("displayName")),
            emails=tuple(map(_text, emails)) if isinstance(emails, list) else (),
            org_id=_text(body.get("orgId")),
            type=_text(body.get("type")),
        )

    def revoke(self, access_token: str, client_id: str) -> None:
        """Revoke what was granted to the integration ``client_id``. This needs an admin's scopes.

        Raises GrantRefused if Webex does not accept the access token, RequestRefused if it refuses for another
        reason.
        """
        answer = self._send(
            "DELETE",
            "/authorizations",
            params=urlencode({"clientId": client_id}),
            authorization=_Authorization.bearer(access_token),
        )
        # A page of a captive portal must not be taken for a revocation.
        if answer.status in {200, 202, 204} and (answer.json is not None or not answer.body.strip()):
            return
        if answer.status == 401:
            raise token_refused(answer)
        raise revocation_refused(answer, self.clock(), (access_token,))

    def _token_request(self, form: dict[str, str]) -> TokenResponse:
        answer = self._send("POST", "/access_token", form=form)
        secrets = [form.get(key) for key in ("client_secret", "code", "code_verifier", "refresh_token")]
        if answer.status != 200:
            raise failure(answer, self.clock(), secrets, refreshing="refresh_token" in form)
        return _token_response(answer)

    def _send(
        self,
        method: str,
        path: str,
        *,
        form: dict[str, str] | None = None,
        params: str | None = None,
        authorization: _Authorization | None = None,
        timeout: tuple[float, float] | None = None,
    ) -> Answer:
        timeout = timeout or self.timeout

        def request() -> Answer:
            with self.session.request(
                method,
                self.api_url + path,
                data=form,
                params=params,
                auth=authorization or _Authorization(),
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                return Answer(response.status_code, dict(response.headers), _read(response))

        started = self.monotonic()
        try:
            # The timeout of requests applies to each read, so a server that sends a byte a second could go on for ever.
            answer = with_timeout(request, sum(timeout))
        except (OSError, ValueError, TimeoutExceeded) as error:
            self.trace(f"{method} {path} failed after {self.monotonic() - started:.2f} s: {type(error).__name__}")
            raise _unreachable(self.api_url, error) from None
        tracking = f" trackingId={answer.tracking_id}" if answer.tracking_id else ""
        self.trace(f"{method} {path} {answer.status}{tracking} {self.monotonic() - started:.2f} s")
        return answer


def _token_response(answer: Answer) -> TokenResponse:
    try:
        return TokenResponse.parse(answer.json)
    except ValueError:
        raise unexpected_answer(answer) from None


def _read(response: requests.Response) -> bytes:
    """The body. Raises ContentDecodingError if it is longer than any answer of Webex."""
    body = bytearray()
    for chunk in response.iter_content(16 * 1024):
        body += chunk
        if len(body) > _LONGEST_ANSWER:
            raise requests.exceptions.ContentDecodingError("the answer is too long")
    return bytes(body)


def _unreachable(api_url: str, error: Exception) -> WebexTokenError:
    """The error in our own words. The messages of requests hold URLs and addresses of objects."""
    host = urlsplit(api_url).netloc
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return ConfigurationError(
            "The proxy URL is invalid.", "Correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or unset it."
        )
    if isinstance(error, requests.exceptions.InvalidSchema):
        return ConfigurationError(
            "This kind of proxy is not supported; a SOCKS proxy needs the package PySocks.",
            "Install it (`pipx inject webex-token-cli pysocks`), or correct HTTPS_PROXY, HTTP_PROXY or ALL_PROXY.",
        )
    if isinstance(error, requests.exceptions.InvalidURL):
        return ConfigurationError(
            f"The URL of {host}, or of the proxy on the way there, is invalid.",
            "Correct the API base URL, or HTTPS_PROXY, HTTP_PROXY or ALL_PROXY.",
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return TemporaryFailure(f"The proxy on the way to {host} did not answer.", "Check HTTPS_PROXY, then try again.")
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


def _text(value: object) -> str:
    """Somebody's words, fit to be shown: people choose their own names."""
    return printable(value) if isinstance(value, str) else ""
