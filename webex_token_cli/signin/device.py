"""The device flow (RFC 8628): a person enters a code on any machine, and the program polls until they have."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from webex_token_cli.config.sites import WEBEX, Site
from webex_token_cli.errors import ConfigurationError, RequestRefused, SignInNotCompleted, TemporaryFailure
from webex_token_cli.times import duration_in_words
from webex_token_cli.token_response import DeviceCode, Pending, TokenResponse

T = TypeVar("T")

# Seconds. Each slow_down answer adds this to the interval (RFC 8628 section 3.5).
_SLOW_DOWN = 5.0
# Seconds. After a failed poll, the wait doubles up to this; section 3.5 requires to poll less often then.
_LONGEST_RETRY = 60.0
# Seconds between two updates of the countdown, which shows seconds.
_TICK = 1.0

# Webex's device grant works only if the integration lists these as well (https://developer.webex.com/docs/login-with-webex).
HELPER_REDIRECT_URIS = tuple(
    f"https://oauth-helper-{letter}.wbx2.com/helperservice/v1/actions/device/callback" for letter in "adkr"
)


class DeviceEndpoints(Protocol):
    """Webex's two endpoints for the device flow. They raise what ``webex.client.WebexClient`` raises."""

    def authorize_device(self, *, client_id: str, scopes: tuple[str, ...]) -> DeviceCode: ...
    def poll_device(self, code: DeviceCode, *, client_id: str, client_secret: str) -> TokenResponse | Pending: ...


@dataclass(frozen=True, slots=True)
class DeviceFlow:
    """Signs a person in who enters a code on another machine.

    ``show`` presents the code. ``tick`` gets the seconds that are left, once a second, and None when the wait is over.
    ``timeout`` is in seconds and ends the wait if the code is valid for longer. Each poll runs in ``changing``, a
    context in which no other process changes the profile, because any poll may bring the tokens, which are given out
    once. ``site`` has the pages that hints name. ``clock`` is monotonic.
    """

    endpoints: DeviceEndpoints
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    show: Callable[[DeviceCode], None] = field(repr=False)
    tick: Callable[[float | None], None] = field(default=lambda _: None, repr=False)
    timeout: float = 300.0
    changing: Callable[[], AbstractContextManager[None]] = field(default=nullcontext, repr=False)
    site: Site = WEBEX
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def sign_in(self, keep: Callable[[TokenResponse], T]) -> T:
        """Wait until the person has accepted, and return what ``keep`` returns for the tokens.

        ``keep`` runs in the same ``changing`` as the poll that brought the tokens. Raises SignInNotCompleted if the
        person denied or did not enter the code in time, ConfigurationError if the integration is not set up for the
        device flow, ClientRefused, TemporaryFailure, and what ``changing`` and ``keep`` raise.
        """
        code = self._request_code()
        self.show(code)
        lifetime = min(float(code.expires_in), self.timeout)
        with ExitStack() as held:
            try:
                response = self._poll(code, self.clock() + lifetime, lifetime, held)
            finally:
                self.tick(None)
            return keep(response)

    def _request_code(self) -> DeviceCode:
        try:
            return self.endpoints.authorize_device(client_id=self.client_id, scopes=self.scopes)
        except (ConfigurationError, RequestRefused) as error:
            if "scope" in error.message:
                raise
            raise ConfigurationError(
                error.message,
                f"The device flow needs four more redirect URIs with the integration at {self.site.my_apps}:\n  "
                + "\n  ".join(HELPER_REDIRECT_URIS)
                + "\nAdd them, or sign in with --flow paste.",
            ) from error

    def _poll(self, code: DeviceCode, deadline: float, lifetime: float, held: ExitStack) -> TokenResponse:
        interval = wait = float(code.interval)
        last_failure: TemporaryFailure | None = None
        while True:
            self._wait(wait, deadline)
            if self.clock() >= deadline:
                raise last_failure or _not_entered(lifetime)
            try:
                answer = self._ask(code, held)
            except TemporaryFailure as error:
                last_failure = error
                wait = max(min(2 * wait, _LONGEST_RETRY), error.retry_after or 0.0)
                continue
            last_failure = None
            if isinstance(answer, TokenResponse):
                return answer
            if answer.too_fast:
                interval = max(interval + _SLOW_DOWN, answer.retry_after or 0.0)
            wait = interval

    def _ask(self, code: DeviceCode, held: ExitStack) -> TokenResponse | Pending:
        """Poll once in ``changing``. If that brings the tokens, ``held`` takes the open context over."""
        with ExitStack() as poll:
            poll.enter_context(self.changing())
            answer = self.endpoints.poll_device(code, client_id=self.client_id, client_secret=self.client_secret)
            if isinstance(answer, TokenResponse):
                held.push(poll.pop_all())
            return answer

    def _wait(self, seconds: float, deadline: float) -> None:
        """Sleep until the next poll or the deadline, and count down meanwhile."""
        moment = min(self.clock() + seconds, deadline)
        while (left := moment - self.clock()) > 0:
            self.tick(deadline - self.clock())
            self.sleep(min(_TICK, left))


def _not_entered(lifetime: float) -> SignInNotCompleted:
    return SignInNotCompleted(
        f"Nobody entered the code within {duration_in_words(lifetime)}.",
        "Run `webex-token login --flow device` again for a new code, or use --flow paste.",
    )
