"""Webex over HTTP: authorization URL, token endpoints, ``people/me`` and revocation.

The facts come from https://developer.webex.com/docs/integrations and RFC 6749. ``responses.py`` reads the answers.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import requests

from webex_token_cli.config.settings import ServiceApp
from webex_token_cli.config.sites import Site, site_of
from webex_token_cli.errors import ClientRefused, ConfigurationError, TemporaryFailure
from webex_token_cli.system.timeouts import ReusedThreads, TimeoutExceeded, with_timeout
from webex_token_cli.text import printable
from webex_token_cli.token_response import DeviceCode, Pending, TokenResponse
from webex_token_cli.tokens import Person, TokenRecord
from webex_token_cli.webex.connections import Exchange
from webex_token_cli.webex.http import Authorization, read_body, unreachable
from webex_token_cli.webex.issuer import checked_issuer
from webex_token_cli.webex.responses import (
    Answer,
    device_answer,
    epoch_seconds,
    failure,
    http_date,
    revocation_refused,
    service_app_refused,
    token_refused,
    unexpected_answer,
)

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0

# The fields of requests that no message may repeat.
_SECRET_FIELDS = frozenset(
    {"client_secret", "clientSecret", "code", "code_verifier", "device_code", "refresh_token", "token"}
)


def authorization_url(
    api_url: str,
    *,
    client_id: str,
    redirect_uri: str,
    scopes: Iterable[str],
    state: str,
    code_challenge: str,
    account: Mapping[str, str] | None = None,
) -> str:
    """The URL at which the person signs in (RFC 6749 section 4.1.1, RFC 7636 section 4.3).

    ``account`` has the parameters that say which account is wanted.
    """
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
        **(account or {}),
    }
    return f"{api_url}/authorize?{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class WebexClient:
    """Webex at one base URL.

    ``trace`` is called with a line for each request: method, path, status, tracking ID and seconds, but never a
    header, a body or a query. ``answered`` is called with the status of each answer, and with None for a request that
    got none. ``timeout`` is how long to wait for a connection and for an answer, in seconds. Every method raises
    TemporaryFailure if Webex cannot be reached or cannot answer now, and ClientRefused, GrantRefused,
    ConfigurationError or RequestRefused as ``responses.failure`` decides.
    """

    api_url: str
    session: requests.Session = field(repr=False)
    trace: Callable[[str], None] = field(default=lambda _: None, repr=False)
    answered: Callable[[int | None], None] = field(default=lambda _: None, repr=False)
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    timeout: tuple[float, float] = (CONNECT_TIMEOUT, READ_TIMEOUT)
    _threads: ReusedThreads = field(default_factory=ReusedThreads, repr=False)

    @property
    def site(self) -> Site:
        """The pages that belong to this Webex, for hints."""
        return site_of(self.api_url)

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
            error = failure(answer, self.clock(), site=self.site)
            if isinstance(error, ConfigurationError | ClientRefused):
                raise error

    def server_time(self) -> float | None:
        """The time at Webex in UTC epoch seconds, from the ``Date`` of the discovery document; None if it has none.

        ``Date`` has whole seconds. Raises TemporaryFailure if the answer did not come from Webex.
        """
        return http_date(self._discovery().header("date"))

    def issuer(self) -> str:
        """The identity service of this Webex, from the discovery document; its own default if that names none.

        Raises RequestRefused if a client secret must not be sent to the one that it names (``issuer.checked_issuer``).
        """
        answer = self._discovery()
        named = (answer.json or {}).get("issuer") if answer.status == 200 else None
        return checked_issuer(named if isinstance(named, str) else None, self.api_url)

    def _discovery(self) -> Answer:
        """The answer to a request for the discovery document. Raises TemporaryFailure if Webex did not send it."""
        answer = self._send("GET", "/.well-known/openid-configuration", timeout=(5.0, 10.0))
        if answer.status != 200 or answer.json is None:
            error = failure(answer, self.clock())
            if isinstance(error, TemporaryFailure):
                raise error
            # A Webex without a discovery document was still reached, which its tracking ID shows.
            if not answer.tracking_id:
                raise unexpected_answer(answer)
        return answer

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
            raise failure(answer, self.clock(), scopes=scopes, site=self.site)
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
            "POST", "/device/token", form=form, authorization=Authorization.basic(client_id, client_secret)
        )
        if _succeeded(answer):
            return _token_response(answer)
        outcome = device_answer(answer, self.clock(), site=self.site)
        if isinstance(outcome, Pending):
            return outcome
        raise outcome

    def person(self, access_token: str) -> Person | None:
        """The person whom the token acts for; None if its scopes do not allow the question (403)."""
        answer = self._send("GET", "/people/me", authorization=Authorization.bearer(access_token))
        if answer.status == 403:
            return None
        if answer.status == 401:
            raise token_refused(answer)
        if answer.status != 200:
            raise failure(answer, self.clock())
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

    def token_expiry(self, access_token: str) -> int | None:
        """When the access token expires, in UTC epoch seconds; None if Webex does not tell it to this token.

        Which scope the endpoint requires is not documented, so a 403 is no failure, and neither is a 404 of a Webex
        that does not have it. Raises GrantRefused if Webex does not accept the access token.
        """
        answer = self._send("GET", "/authorizations/tokenExpiry", authorization=Authorization.bearer(access_token))
        if answer.status in {403, 404}:
            return None
        if answer.status == 401:
            raise token_refused(answer)
        if answer.status != 200:
            raise failure(answer, self.clock(), site=self.site)
        if answer.json is None:
            raise unexpected_answer(answer)
        return epoch_seconds(answer.json.get("exp"))

    def service_app_tokens(
        self, access_token: str, app: ServiceApp, *, client_id: str, client_secret: str
    ) -> TokenResponse:
        """Get a new pair of tokens for the Service App, with a person's ``access_token``.

        Raises GrantRefused if Webex does not accept that access token, ServiceAppRefused and ClientRefused.
        """
        answer = self._send(
            "POST",
            f"/applications/{quote(app.application_id, safe='')}/token",
            document={"clientId": client_id, "clientSecret": client_secret, "targetOrgId": app.org_id},
            authorization=Authorization.bearer(access_token),
        )
        if not _succeeded(answer):
            raise service_app_refused(answer, self.clock(), site=self.site)
        return _token_response(answer)

    def revoke(self, access_token: str, client_id: str) -> None:
        """Revoke what was granted to the integration ``client_id``. This needs an admin's scopes.

        Raises GrantRefused if Webex does not accept the access token, RequestRefused if it refuses for another
        reason.
        """
        answer = self._send(
            "DELETE",
            "/authorizations",
            params=urlencode({"clientId": client_id}),
            authorization=Authorization.bearer(access_token),
        )
        if _revoked(answer):
            return
        if answer.status == 401:
            raise token_refused(answer)
        raise revocation_refused(answer, self.clock())

    def revoke_access_token(self, access_token: str, *, client_id: str, client_secret: str) -> None:
        """Revoke one access token, as anybody may (RFC 7009). ``api_url`` is that of an ``issuer``, not of the API.

        Webex's JavaScript SDK asks in this way when a person logs out. The endpoint takes access tokens only, so the
        refresh token stays valid. Raises RequestRefused if Webex refuses.
        """
        answer = self._send(
            "POST",
            "/oauth2/v1/revoke",
            form={"token": access_token, "token_type_hint": "access_token"},
            authorization=Authorization.basic(client_id, client_secret),
        )
        if not _revoked(answer):
            raise revocation_refused(answer, self.clock())

    def _token_request(self, form: dict[str, str]) -> TokenResponse:
        answer = self._send("POST", "/access_token", form=form)
        if not _succeeded(answer):
            raise failure(answer, self.clock(), refreshing="refresh_token" in form, site=self.site)
        return _token_response(answer)

    def _send(
        self,
        method: str,
        path: str,
        *,
        form: dict[str, str] | None = None,
        document: dict[str, str] | None = None,
        params: str | None = None,
        authorization: Authorization | None = None,
        timeout: tuple[float, float] | None = None,
    ) -> Answer:
        timeout = timeout or self.timeout
        authorization = authorization or Authorization()
        exchange = Exchange()
        fields = form or document or {}
        secrets = (*authorization.secrets, *(value for name, value in fields.items() if name in _SECRET_FIELDS))

        def request() -> Answer:
            with (
                exchange,
                self.session.request(
                    method,
                    self.api_url + path,
                    data=form,
                    json=document,
                    params=params,
                    auth=authorization,
                    timeout=timeout,
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                return Answer(response.status_code, dict(response.headers), read_body(response), secrets)

        started = self.monotonic()
        try:
            answer = with_timeout(request, sum(timeout), abort=exchange.abort, run=self._threads.run)
            if exchange.aborted and answer.json is None:
                raise TimeoutExceeded
        except (OSError, ValueError, TimeoutExceeded) as error:
            self.answered(None)
            self.trace(f"{method} {path} failed after {self.monotonic() - started:.2f} s: {type(error).__name__}")
            raise unreachable(self.api_url, error) from None
        self.answered(answer.status)
        tracking = f" trackingId={answer.tracking_id}" if answer.tracking_id else ""
        self.trace(f"{method} {path} {answer.status}{tracking} {self.monotonic() - started:.2f} s")
        return answer


def _succeeded(answer: Answer) -> bool:
    """Whether the status says success. RFC 6749 section 5.1 asks for 200, but tokens with a 201 are tokens too."""
    return 200 <= answer.status < 300


def _revoked(answer: Answer) -> bool:
    """Whether the answer confirms a revocation. A page of a captive portal must not be taken for one."""
    return answer.status in {200, 202, 204} and (answer.json is not None or not answer.body.strip())


def _token_response(answer: Answer) -> TokenResponse:
    try:
        return TokenResponse.parse(answer.json)
    except ValueError:
        raise unexpected_answer(answer) from None


def _text(value: object) -> str:
    """Somebody's words, fit to be shown: people choose their own names."""
    return printable(value) if isinstance(value, str) else ""
