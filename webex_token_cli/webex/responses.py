"""What an HTTP answer from Webex means. Pure.

Errors come in two shapes, Webex's own (``message``, ``errors``, ``trackingId``) and RFC 6749's (``error``,
``error_description``), and in a third that is not Webex's: a page of something between.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from webex_token_cli.errors import (
    ClientRefused,
    ConfigurationError,
    GrantRefused,
    RequestRefused,
    SignInNotCompleted,
    TemporaryFailure,
    TooManyRequests,
    WebexTokenError,
)
from webex_token_cli.text import printable, scrub
from webex_token_cli.tokens import Pending

# Not the answer to the question, but "not now": RFC 9110 sections 15.5.9, RFC 8470, RFC 6585.
_NOT_NOW = frozenset({408, 425, 429})

_NAMES_CLIENT = re.compile(r"client[ _-]?(id|secret|credential|authentication)|unknown client|invalid client")
_NAMES_SCOPE = re.compile(r"\bscopes?\b")
_NAMES_REDIRECT_URI = re.compile(r"redirect[ _-]?ur[il]")
_NAMES_GRANT = re.compile(r"refresh[ _-]?token|authorization[ _-]?code|code[ _-]?verifier")

# RFC 8628 section 3.5.
_DEVICE_CODES = ("authorization_pending", "slow_down", "access_denied", "expired_token")

_ERROR_CODES = {
    "invalid_client": _NAMES_CLIENT,
    "unauthorized_client": _NAMES_CLIENT,
    "invalid_scope": _NAMES_SCOPE,
    "invalid_grant": _NAMES_GRANT,
}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: its status, headers and body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @cached_property
    def json(self) -> dict[str, Any] | None:
        """The body, if it is a JSON object."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def tracking_id(self) -> str:
        """What Webex support asks for; empty where the answer has none."""
        found = (self.json or {}).get("trackingId") or self.header("trackingid")
        return printable(found, 100) if isinstance(found, str) else ""

    @property
    def error(self) -> str:
        """RFC 6749's error code; empty where the answer has none."""
        found = (self.json or {}).get("error")
        return found if isinstance(found, str) else ""

    @property
    def description(self) -> str:
        """What the answer says in words, in either shape."""
        body = self.json or {}
        words = [body.get("error_description"), body.get("message")]
        errors = body.get("errors")
        if isinstance(errors, list):
            words += [e.get("description") for e in errors if isinstance(e, dict)]
        distinct = dict.fromkeys(word.strip() for word in words if isinstance(word, str) and word.strip())
        return "; ".join(distinct)

    def header(self, name: str) -> str:
        """The header's value, however its name is capitalised; empty where there is none."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")


def retry_after(value: str, now: float) -> float | None:
    """Seconds to wait for a ``Retry-After`` of seconds or an HTTP date (RFC 9110 section 10.2.3)."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    moment = http_date(value)
    return None if moment is None else float(max(0, math.ceil(moment - now)))


def http_date(value: str) -> float | None:
    """The UTC epoch seconds of an HTTP date (RFC 9110 section 5.6.7); None where ``value`` is none."""
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def something_between(answer: Answer) -> TemporaryFailure:
    """The error for an answer that is not Webex's: nothing of it may be stored, and it may pass."""
    error = TemporaryFailure(
        f"An answer (HTTP {answer.status}) came that is not one of Webex's{_tracked(answer)}.",
        "A sign-in page of this network or a proxy may be in between; open a web page, then try again.",
    )
    error.tracking_id = answer.tracking_id
    return error


def token_refused(answer: Answer) -> GrantRefused:
    """The error for a 401 to a request with a bearer token (RFC 6750 section 3.1)."""
    error = GrantRefused(
        f"Webex does not accept the access token (HTTP {answer.status}{_tracked(answer)}).",
        "Renew it with `webex-token refresh`; if that is refused too, sign in again with `webex-token login`.",
    )
    error.tracking_id = answer.tracking_id
    return error


def device_answer(answer: Answer, now: float, secrets: Iterable[str | None] = ()) -> Pending | WebexTokenError:
    """What ``answer``, which holds no tokens, says to a device that polls (RFC 8628 section 3.5)."""
    # Webex's own shape has no field for the code, so it is looked for in the words.
    code = answer.error or next((code for code in _DEVICE_CODES if code in answer.description), "")
    if answer.status == 428 or code == "authorization_pending":
        return Pending()
    if answer.status == 429 or code == "slow_down":
        return Pending(too_fast=True, retry_after=retry_after(answer.header("retry-after"), now))
    if code == "access_denied":
        return SignInNotCompleted(
            "The sign-in was denied in the browser.",
            "Run `webex-token login` again and accept, if that was not meant.",
        )
    if code in {"expired_token", "invalid_grant"}:
        return SignInNotCompleted(
            f"The code was not entered in time (HTTP {answer.status}{_tracked(answer)}).",
            "Run `webex-token login --flow device` again for a new code, or use --flow paste.",
        )
    return failure(answer, now, secrets)


def failure(
    answer: Answer,
    now: float,
    secrets: Iterable[str | None] = (),
    *,
    refreshing: bool = False,
    scopes: Iterable[str] = (),
) -> WebexTokenError:
    """The error that ``answer``, which is not the one hoped for, stands for.

    ``now`` is in UTC epoch seconds; ``secrets`` are masked should the answer repeat them; ``refreshing``
    says that a refresh token was spent; ``scopes`` are those asked for.
    """
    error = _failure(answer, now, secrets, refreshing, scopes)
    error.tracking_id = answer.tracking_id
    return error


def _failure(
    answer: Answer, now: float, secrets: Iterable[str | None], refreshing: bool, scopes: Iterable[str]
) -> WebexTokenError:
    reply = _reply(answer, secrets)
    if answer.status in _NOT_NOW or answer.status >= 500:
        kind = TooManyRequests if answer.status == 429 else TemporaryFailure
        return kind(
            f"Webex cannot answer now ({reply}).",
            "Try again later.",
            retry_after(answer.header("retry-after"), now),
        )
    if answer.json is None or answer.status < 400:
        return something_between(answer)
    about = _ERROR_CODES.get(answer.error)
    if about is None and answer.status in {400, 401}:
        about = _about(answer.description.lower(), refreshing)
    if about is _NAMES_CLIENT:
        return ClientRefused(
            f"Webex does not accept the client id and client secret ({reply}).",
            "Compare them with the integration at developer.webex.com/my-apps, then sign in again with the right ones.",
        )
    if about is _NAMES_REDIRECT_URI:
        return ConfigurationError(
            f"Webex does not know the redirect URI for this integration ({reply}).",
            "Register it, to the letter, at developer.webex.com/my-apps, or give a registered one with --redirect-uri.",
        )
    if about is _NAMES_SCOPE:
        asked = " ".join(scopes)
        return ConfigurationError(
            f"Webex does not grant these scopes to this integration{f': {asked}' if asked else ''} ({reply}).",
            "Tick them at developer.webex.com/my-apps, or ask for fewer with --scope.",
        )
    if about is _NAMES_GRANT:
        return GrantRefused(
            f"Webex does not accept the grant any more ({reply}).", "Sign in again with `webex-token login`."
        )
    return _refused(reply)


def revocation_refused(answer: Answer, now: float, secrets: Iterable[str | None] = ()) -> WebexTokenError:
    """The error for an answer that says of no grant that it is revoked: TemporaryFailure, or RequestRefused.

    ``now`` is in UTC epoch seconds; ``secrets`` are masked should the answer repeat them.
    """
    error = failure(answer, now, secrets)
    # What is wrong with a request for tokens (client, scope, grant) would be misread into this one's words.
    return error if isinstance(error, TemporaryFailure) else _refused(_reply(answer, secrets))


def _refused(reply: str) -> RequestRefused:
    return RequestRefused(
        f"Webex refused the request ({reply}).", "Give Webex support the tracking ID, if there is one."
    )


def _reply(answer: Answer, secrets: Iterable[str | None]) -> str:
    """Status, words and tracking ID, for people."""
    said = printable(scrub(answer.description or answer.error, secrets))
    return f"HTTP {answer.status}{f', “{said}”' if said else ''}{_tracked(answer)}"


def _about(description: str, refreshing: bool) -> re.Pattern[str] | None:
    """Which part of the request the words blame. The most telling is looked for first.

    A refresh sends no redirect URI, so where its failure names one beside the token, the token is meant.
    """
    others = (_NAMES_REDIRECT_URI, _NAMES_CLIENT, _NAMES_SCOPE, _NAMES_GRANT)
    for pattern in (_NAMES_GRANT, *others) if refreshing else others:
        if pattern.search(description):
            return pattern
    return None


def _tracked(answer: Answer) -> str:
    return f", tracking ID {answer.tracking_id}" if answer.tracking_id else ""
