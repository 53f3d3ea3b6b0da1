"""``TokenAuth``: one object that authenticates the requests of the libraries requests and httpx."""

import functools
import logging
import time
from collections.abc import AsyncGenerator, Callable, Generator, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from webex_token_cli.config.names import check_profile_name
from webex_token_cli.config.settings import is_loopback
from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.programs import LOGGER, OneInEachProcess, TokenSource, application, check_min_valid

if TYPE_CHECKING:
    from httpx import Auth as _Base
    from httpx import Request, Response
else:
    # httpx knows its authentication classes by their base, and requests takes every callable. This module is imported
    # when a program first asks for TokenAuth, and a program without httpx does not need the base.
    try:
        from httpx import Auth as _Base
    except ImportError:
        _Base = object

_UNAUTHORIZED = 401
_BEARER = "Bearer "


class _Prepared(Protocol):
    """What is used of ``requests.PreparedRequest``."""

    headers: Any
    url: Any
    body: Any

    def register_hook(self, event: Any, hook: Any) -> None: ...


R = TypeVar("R", bound=_Prepared)


class TokenAuth(_Base):
    """Authenticates the requests of a program that runs longer than a token lives.

    It is the ``auth`` of a request, a session or a client, for requests and for httpx, sync and async::

        requests.get("https://webexapis.com/v1/people/me", auth=TokenAuth())
        httpx.AsyncClient(auth=TokenAuth(profile="work"))

    Each request carries the access token of the stored sign-in ``profile``, as ``access_token(profile, min_valid)``
    would return it: refreshed first if it expires within ``min_valid`` seconds. The token is looked up at most once a
    minute. If Webex answers 401, it is looked up once more, refreshed if the store has no other, and the request is
    sent again, once. A request whose body cannot be sent again, such as a generator, is not; the program gets the 401.

    The token is sent over https only, or to a loopback address, and it is never in the object's repr. ``clock`` gives
    UTC epoch seconds. Any thread may use the object, also for several sessions at once, and so may a process that is
    forked from this one, as the workers of gunicorn and multiprocessing are. Such a process looks the token up itself.

    A request raises an error of ``webex_token_cli.errors`` if there is no valid token, as ``access_token`` does. If the
    store fails while the last token is valid for ``min_valid`` seconds still, that one is sent. After a 401, an error
    is logged by ``logging.getLogger("webex_token_cli")``, as a failure of the store is, and the 401 is the answer.
    """

    def __init__(
        self, profile: str = "default", min_valid: float = 300, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises ConfigurationError if ``profile`` or ``min_valid`` is wrong. Nothing is read before a request."""
        self._profile = check_profile_name(profile)
        check_min_valid(min_valid)
        self._sources = OneInEachProcess(lambda: TokenSource(application(clock), profile, min_valid, clock))

    def __repr__(self) -> str:
        return f"TokenAuth(profile={self._profile!r})"

    @property
    def _source(self) -> TokenSource:
        return self._sources()

    # -- requests -------------------------------------------------------------------------------------

    def __call__(self, request: R) -> R:
        """Authenticate a ``requests.PreparedRequest``."""
        _check_encrypted(str(request.url))
        _set_token(request.headers, self._source.token())
        request.register_hook("response", functools.partial(self._answered, _Body(request.body)))
        return request

    def _answered(self, body: "_Body", response: Any, **how: Any) -> Any:
        """The answer to a request that was sent again with another token, or ``response`` itself."""
        refused = _token_in(response.request.headers)
        connection = getattr(response, "connection", None)
        if response.status_code != _UNAUTHORIZED or not refused or connection is None or not body.can_be_sent_again:
            return response
        token = self._token_after_refusal(refused)
        if token is None:
            return response
        _ = response.content  # so that the connection can be used again
        response.close()
        request = response.request.copy()
        body.rewind()
        _set_token(request.headers, token)
        again = connection.send(request, **how)
        again.history.append(response)
        again.request = request
        return again

    # -- httpx ----------------------------------------------------------------------------------------

    def sync_auth_flow(self, request: "Request") -> "Generator[Request, Response, None]":
        """Authenticate a request of ``httpx.Client``."""
        _check_encrypted(str(request.url))
        token = self._source.token()
        _set_token(request.headers, token)
        response = yield request
        if _was_refused(response, token) and _can_be_sent_again(request):
            another = self._token_after_refusal(token)
            if another is not None:
                _set_token(request.headers, another)
                yield request

    async def async_auth_flow(self, request: "Request") -> "AsyncGenerator[Request, Response]":
        """Authenticate a request of ``httpx.AsyncClient``. The look-up waits in a thread, not in the event loop."""
        from anyio import to_thread  # httpx requires it, for asyncio as for trio

        _check_encrypted(str(request.url))
        token = await to_thread.run_sync(self._source.token)
        _set_token(request.headers, token)
        response = yield request
        if _was_refused(response, token) and _can_be_sent_again(request):
            another = await to_thread.run_sync(self._token_after_refusal, token)
            if another is not None:
                _set_token(request.headers, another)
                yield request

    def _token_after_refusal(self, refused: str) -> str | None:
        try:
            return self._source.token_after_refusal(refused)
        except WebexTokenError as error:
            logging.getLogger(LOGGER).warning(
                "Webex does not accept the access token of profile %s. %s %s",
                self._profile,
                error.message,
                error.hint,
            )
            return None


class _Body:
    """The body of a request, and where a file in it began."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self._begins_at: int | None = None
        if hasattr(body, "seek") and hasattr(body, "tell"):
            try:
                self._begins_at = body.tell()
            except OSError:  # a pipe
                self._begins_at = None

    @property
    def can_be_sent_again(self) -> bool:
        """Whether all of the body is there still, once it has been sent."""
        return self._body is None or isinstance(self._body, bytes | str) or self._begins_at is not None

    def rewind(self) -> None:
        """Go back to where the body began."""
        if self._begins_at is not None:
            self._body.seek(self._begins_at)


def _check_encrypted(url: str) -> None:
    """Raise ConfigurationError unless the token goes over TLS, or stays on this machine (RFC 6750 section 5.3)."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigurationError(
            f"An access token is not sent unencrypted to {parts.hostname}.", "Request an https:// address."
        )


def _set_token(headers: MutableMapping[str, str], token: str) -> None:
    headers["Authorization"] = f"{_BEARER}{token}"


def _token_in(headers: MutableMapping[str, str]) -> str:
    """The token that a request was sent with; empty if it had none, as after a redirect to another host."""
    value = headers.get("Authorization", "")
    return value.removeprefix(_BEARER) if isinstance(value, str) and value.startswith(_BEARER) else ""


def _was_refused(response: "Response", token: str) -> bool:
    return response.status_code == _UNAUTHORIZED and _token_in(response.request.headers) == token


def _can_be_sent_again(request: "Request") -> bool:
    from httpx import RequestNotRead

    try:
        _ = request.content
    except RequestNotRead:
        return False
    return True
