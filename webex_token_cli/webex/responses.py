"""What an HTTP answer from Webex means. Pure.

Errors come in two shapes: Webex's own (``message``, ``errors``, ``trackingId``) and RFC 6749's (``error``,
``error_description``). Anything else was not sent by Webex, but by a proxy or a captive portal on the way.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cached_property
from typing import Any

from webex_token_cli.config.names import DEFAULT_PROFILE, token_refused_hint
from webex_token_cli.config.sites import WEBEX, Site
from webex_token_cli.errors import (
    ClientRefused,
    ConfigurationError,
    GrantRefused,
    RequestRefused,
    ServiceAppRefused,
    SignInNotCompleted,
    TemporaryFailure,
    TooManyRequests,
    WebexTokenError,
)
from webex_token_cli.text import masked, printable, scrub
from webex_token_cli.token_response import Pending

# Statuses that say nothing about the request and ask for another try: RFC 9110 section 15.5.9, RFC 8470, RFC 6585.
# Webex answers 423 if a resource is temporarily unavailable.
_TRY_AGAIN = frozenset({408, 423, 425, 429})

# The code of Webex's answer if too many access tokens of a person are valid.
_TOKEN_LIMIT = "tokenlimit_reached"  # noqa: S105 - an error code


# The end of the year 9999, which is the last that datetime can show.
_LATEST_MILLISECONDS = 253_402_300_799_000


class _Part(Enum):
    """The part of a token request that an error can blame."""

    CLIENT = "client"
    REDIRECT_URI = "redirect URI"
    SCOPE = "scope"
    GRANT = "grant"


# Webex's own error shape has no error code, so the part is found by the words of its description.
_DESCRIPTIONS = {
    _Part.REDIRECT_URI: re.compile(r"redirect[ _-]?ur[il]"),
    _Part.CLIENT: re.compile(r"client[ _-]?(id|secret|credential|authentication)|unknown client|invalid client"),
    _Part.SCOPE: re.compile(r"\bscopes?\b"),
    _Part.GRANT: re.compile(r"refresh[ _-]?token|authorization[ _-]?code|code[ _-]?verifier"),
}

# RFC 8628 section 3.5.
_DEVICE_CODES = ("authorization_pending", "slow_down", "access_denied", "expired_token")

# RFC 6749 section 5.2, and a code of Webex's own.
_ERROR_CODES = {
    "invalid_client": _Part.CLIENT,
    "unauthorized_client": _Part.CLIENT,
    "invalid_scope": _Part.SCOPE,
    "invalid_grant": _Part.GRANT,
    "invalid_refresh_token": _Part.GRANT,
}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: its status, headers and body.

    ``sent`` are the secrets in the request. They are masked wherever the answer repeats them.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    sent: tuple[str, ...] = field(default=(), repr=False)

    @cached_property
    def json(self) -> dict[str, Any] | None:
        """The body if it is a JSON object, else None."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def tracking_id(self) -> str:
        """The tracking ID that Webex support asks for; empty if the answer has none."""
        found = (self.json or {}).get("trackingId") or self.header("trackingid")
        return printable(masked(found, self.sent), 100) if isinstance(found, str) else ""

    @property
    def error(self) -> str:
        """The error code of RFC 6749 section 5.2; empty if the answer has none."""
        found = (self.json or {}).get("error")
        return found if isinstance(found, str) else ""

    @property
    def description(self) -> str:
        """The error's description in words, from either shape."""
        body = self.json or {}
        words = [body.get("error_description"), body.get("message")]
        errors = body.get("errors")
        if isinstance(errors, list):
            words += [e.get("description") for e in errors if isinstance(e, dict)]
        distinct = dict.fromkeys(word.strip() for word in words if isinstance(word, str) and word.strip())
        return "; ".join(distinct)

    def header(self, name: str) -> str:
        """The value of the header ``name`` (lower case); empty if there is none. Header names ignore case."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")


def retry_after(value: str, now: float) -> float | None:
    """The wait in seconds that ``Retry-After`` asks for, as a number or an HTTP date (RFC 9110 section 10.2.3)."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    moment = http_date(value)
    return None if moment is None else float(max(0, math.ceil(moment - now)))


def http_date(value: str) -> float | None:
    """The UTC epoch seconds of an HTTP date (RFC 9110 section 5.6.7); None if ``value`` is not a date."""
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def epoch_seconds(milliseconds: object) -> int | None:
    """The UTC epoch seconds of a point in time in ``milliseconds``; None if it is none that a calendar can show."""
    if isinstance(milliseconds, str) and milliseconds.isascii() and milliseconds.isdigit():
        milliseconds = float(milliseconds[:20])
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return int(milliseconds // 1000) if 0 < milliseconds < _LATEST_MILLISECONDS else None


def unexpected_answer(answer: Answer) -> TemporaryFailure:
    """The error for an answer that Webex did not send. It is temporary, and nothing of the answer may be stored."""
    error = TemporaryFailure(
        f"The answer (HTTP {answer.status}) did not come from Webex{_tracked(answer)}.",
        "This network may ask for a sign-in of its own, or a proxy may be in the way; open a web page, then try again.",
    )
    error.tracking_id = answer.tracking_id
    return error


def proxy_authentication_required() -> TemporaryFailure:
    """The error for 407 (RFC 9110 section 15.5.8).

    It is temporary, although only a person can correct it: a token that is still valid is used meanwhile, a watch goes
    on, and the next network may have no proxy.
    """
    return TemporaryFailure(
        "A proxy on the way to Webex requires authentication (HTTP 407).",
        "Give its user name and password in HTTPS_PROXY, as in http://NAME:PASSWORD@HOST:PORT, then try again.",
    )


def token_refused(answer: Answer) -> GrantRefused:
    """The error for a 401 to a request with a bearer token (RFC 6750 section 3.1)."""
    error = GrantRefused(
        f"Webex does not accept the access token (HTTP {answer.status}{_tracked(answer)}).",
        token_refused_hint(DEFAULT_PROFILE),
    )
    error.tracking_id = answer.tracking_id
    return error


def device_answer(answer: Answer, now: float, *, site: Site = WEBEX) -> Pending | WebexTokenError:
    """What an answer without tokens tells a device that polls (RFC 8628 section 3.5).

    Returns the error instead of raising it, so that the caller can go on polling. ``now`` is in UTC epoch seconds.
    ``site`` has the pages that hints name.
    """
    # Webex's own shape has no field for the error code, so the code is looked for in the description.
    code = answer.error or next((code for code in _DEVICE_CODES if code in answer.description), "")
    if answer.status == 428 or code == "authorization_pending":
        return Pending()
    if answer.status == 429 or code == "slow_down":
        return Pending(too_fast=True, retry_after=retry_after(answer.header("retry-after"), now))
    if code == "access_denied":
        return SignInNotCompleted(
            "The sign-in was denied in the browser.",
            "To sign in, run `webex-token login` again and accept.",
        )
    if code in {"expired_token", "invalid_grant"}:
        return SignInNotCompleted(
            f"The code was not entered in time (HTTP {answer.status}{_tracked(answer)}).",
            "Run `webex-token login --flow device` again for a new code, or use --flow paste.",
        )
    return failure(answer, now, site=site)


def failure(
    answer: Answer,
    now: float,
    *,
    refreshing: bool = False,
    scopes: Iterable[str] = (),
    site: Site = WEBEX,
) -> WebexTokenError:
    """The error for an answer that reports a failure.

    ``now`` is in UTC epoch seconds. ``refreshing`` says that the request redeemed a refresh token. ``scopes`` are the
    requested scopes, which the message names if they are refused. ``site`` has the pages that hints name.
    """
    error = _failure(answer, now, refreshing, scopes, site)
    error.tracking_id = answer.tracking_id
    return error


def _failure(answer: Answer, now: float, refreshing: bool, scopes: Iterable[str], site: Site) -> WebexTokenError:
    reply = _reply(answer)
    if answer.status in _TRY_AGAIN or answer.status >= 500:
        kind = TooManyRequests if answer.status == 429 else TemporaryFailure
        return kind(
            f"Webex cannot answer now ({reply}).",
            "Try again later.",
            retry_after(answer.header("retry-after"), now),
        )
    if answer.status == 407:
        return proxy_authentication_required()
    if answer.json is None or answer.status < 400:
        return unexpected_answer(answer)
    if _TOKEN_LIMIT in answer.error or _TOKEN_LIMIT in answer.description.lower():
        return TemporaryFailure(
            f"Webex issues no more access tokens to this person, because too many are valid ({reply}).",
            f"Revoke some at {site.tokens_page}, or wait until some have expired.",
            retry_after(answer.header("retry-after"), now),
        )
    blamed = _ERROR_CODES.get(answer.error)
    if blamed is None and answer.status in {400, 401}:
        blamed = _blamed_part(answer.description.lower(), refreshing)
    if blamed is _Part.GRANT:
        return GrantRefused(f"Webex no longer accepts the grant ({reply}).", "Sign in again with `webex-token login`.")
    return _refused(reply) if blamed is None else _wrong_integration(blamed, reply, scopes, site)


def _wrong_integration(blamed: _Part, reply: str, scopes: Iterable[str], site: Site) -> WebexTokenError:
    """The error for a request that does not agree with the integration in the ``blamed`` part, which is no grant."""
    if blamed is _Part.CLIENT:
        return ClientRefused(
            f"Webex does not accept the client id and client secret ({reply}).",
            f"Compare them with the integration at {site.my_apps}, then sign in again with the correct ones.",
        )
    if blamed is _Part.REDIRECT_URI:
        return ConfigurationError(
            f"Webex does not know the redirect URI for this integration ({reply}).",
            f"Register exactly this URI at {site.my_apps}, or give a registered one with --redirect-uri.",
        )
    asked = " ".join(scopes)
    return ConfigurationError(
        f"Webex does not grant these scopes to this integration{f': {asked}' if asked else ''} ({reply}).",
        f"Tick them at {site.my_apps}, or ask for fewer with --scope.",
    )


def revocation_refused(answer: Answer, now: float) -> WebexTokenError:
    """The error for a revocation that Webex did not do: TemporaryFailure or RequestRefused.

    ``now`` is in UTC epoch seconds.
    """
    error = failure(answer, now)
    # ``failure`` reads descriptions as those of a token request, so its other errors would mislead here.
    return error if isinstance(error, TemporaryFailure) else _refused(_reply(answer))


def service_app_refused(answer: Answer, now: float, *, site: Site = WEBEX) -> WebexTokenError:
    """The error for a Service App that got no tokens. A person's access token is not accepted: GrantRefused.

    ``now`` is in UTC epoch seconds. ``site`` has the pages that hints name.
    """
    error, reply = failure(answer, now, site=site), _reply(answer)
    if isinstance(error, TemporaryFailure | ClientRefused):
        return error
    if answer.status == 401:
        return token_refused(answer)
    if answer.status == 403:
        error = ServiceAppRefused(
            f"Webex gives no tokens for this Service App ({reply}).",
            "A Full Admin of the organization has to authorize it in Control Hub, under Apps, Service Apps; then try "
            "again. --org must name that organization.",
        )
    elif answer.status == 404:
        error = ServiceAppRefused(
            f"Webex knows no application with this id ({reply}).",
            f"Compare --app with the application id of the Service App at {site.my_apps}.",
        )
    else:
        error = _refused(reply)
    error.tracking_id = answer.tracking_id
    return error


def _refused(reply: str) -> RequestRefused:
    return RequestRefused(
        f"Webex refused the request ({reply}).", "If the message has a tracking ID, give it to Webex support."
    )


def _reply(answer: Answer) -> str:
    """The status, description and tracking ID, for a message."""
    words = printable(scrub(answer.description or answer.error, answer.sent))
    return f"HTTP {answer.status}{f', “{words}”' if words else ''}{_tracked(answer)}"


def _blamed_part(description: str, refreshing: bool) -> _Part | None:
    """The part of the request that ``description`` blames, or None.

    A refresh sends no redirect URI: if its description names both a redirect URI and a token, the token is to blame.
    """
    # Webex's own shape has no field for the error code, so the code may be in the description.
    code = next((code for code in _ERROR_CODES if code in description), None)
    if code is not None:
        return _ERROR_CODES[code]
    parts = (_Part.GRANT, *_DESCRIPTIONS) if refreshing else tuple(_DESCRIPTIONS)
    return next((part for part in parts if _DESCRIPTIONS[part].search(description)), None)


def _tracked(answer: Answer) -> str:
    return f", tracking ID {answer.tracking_id}" if answer.tracking_id else ""
