"""An authorization request, and the redirect that answers it. Pure, except for the random numbers.

RFC 6749 section 4.1, RFC 7636 (PKCE), RFC 8252 (native apps), RFC 9700 section 2.1.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from webex_token_cli.config.settings import is_loopback
from webex_token_cli.config.sites import WEBEX, Site
from webex_token_cli.errors import (
    ConfigurationError,
    RequestRefused,
    SignInNotCompleted,
    TemporaryFailure,
    WebexTokenError,
)
from webex_token_cli.text import printable, scrub

# 256 bits, which RFC 7636 section 7.1 recommends for a code verifier. The state gets as many.
_ENTROPY_BYTES = 32

# A redirect has a state and a code, or a state and three parameters of an error. A server may add some of its own.
_MOST_PARAMETERS = 20

# The characters of a path (RFC 3986 section 3.3). Browsers escape or replace all others.
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", re.ASCII)

# Why a request with prompt=none failed (OpenID Connect Core 1.0 section 3.1.2.6).
_QUESTIONS = {
    "login_required": "nobody is signed in to Webex in this browser",
    "interaction_required": "Webex has something to ask in the browser",
    "consent_required": "the person has not consented to these scopes yet",
    "account_selection_required": "several accounts are signed in to Webex in this browser",
}

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class RedirectURI:
    """The URI that Webex redirects the browser to.

    ``uri`` is exactly as it was given, because Webex compares it character by character.
    """

    uri: str
    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, uri: str) -> "RedirectURI":
        """Parse ``uri``. Raises ConfigurationError if it cannot be used as a redirect URI."""
        try:
            parts = urlsplit(uri)
            host, port = parts.hostname or "", parts.port
            host.encode("idna")
        except ValueError:
            host, port = "", None
        if not host or not uri.isascii() or not uri.isprintable() or " " in uri:
            raise _unusable(uri, "is not a URI with a scheme and a host")
        if "?" in uri or "#" in uri or parts.username is not None:
            raise _unusable(uri, "has a query, a fragment or a user name, which a redirect URI here cannot have")
        if parts.scheme not in _DEFAULT_PORTS:
            raise _unusable(uri, "starts with neither http:// nor https://")
        if port == 0:
            raise _unusable(uri, "has port 0, which nothing can listen on")
        if not _PATH.fullmatch(parts.path) or {".", ".."} & set(parts.path.split("/")):
            raise _unusable(uri, "has a path that browsers rewrite")
        return cls(uri, parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], parts.path or "/")

    @property
    def is_local(self) -> bool:
        """Whether it leads to a loopback address, which is the browser's own machine (RFC 8252 section 7.3)."""
        return is_loopback(self.host)

    @property
    def hosts(self) -> frozenset[str]:
        """The Host headers, in lower case, that a browser may send when it follows the URI."""
        names = host_headers(self.host, self.port)
        return names if self.port == _DEFAULT_PORTS[self.scheme] else names - {_bracketed(self.host)}


def host_headers(host: str, port: int) -> frozenset[str]:
    """The Host headers, in lower case, of requests to ``host`` and ``port`` (RFC 9110 section 7.2)."""
    return frozenset({_bracketed(host), f"{_bracketed(host)}:{port}"})


def _bracketed(host: str) -> str:
    return f"[{host}]".lower() if ":" in host else host.lower()


def _unusable(uri: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The redirect URI {printable(uri, 200)!r} {why}.",
        "Register http://localhost:8000/oauth with the integration and use that.",
    )


@dataclass(frozen=True, slots=True)
class Proof:
    """The secrets that bind the redirect and the code exchange to this sign-in: ``state`` and PKCE code verifier."""

    state: str = field(repr=False)
    code_verifier: str = field(repr=False)

    @classmethod
    def fresh(cls) -> "Proof":
        """New random values, which nobody else can know."""
        return cls(secrets.token_urlsafe(_ENTROPY_BYTES), secrets.token_urlsafe(_ENTROPY_BYTES))

    @property
    def code_challenge(self) -> str:
        """The S256 code challenge of the code verifier (RFC 7636 section 4.2)."""
        digest = hashlib.sha256(self.code_verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """The person accepted. ``code`` is exchanged for tokens."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The redirect has an error instead of a code (RFC 6749 section 4.1.2.1)."""

    error: WebexTokenError


def read_redirect(
    query: str, state: str, scopes: Iterable[str] = (), site: Site = WEBEX
) -> AuthorizationCode | Refusal | None:
    """Read the ``query`` of a redirect. None if it does not answer the request that was sent with ``state``.

    ``scopes`` are those that were requested; the error names them if Webex refuses them, and the pages of ``site``. The
    state is compared first, in constant time. A redirect in which a parameter is missing or repeated is ignored (RFC
    6749 section 3.1: parameters must not be included more than once).
    """
    values = parameters(query)
    if not hmac.compare_digest(values.get("state", "").encode(), state.encode()):
        return None
    code, error = values.get("code"), values.get("error")
    if code and not error:
        return AuthorizationCode(code)
    if error and not code:
        return Refusal(_refused(error, values.get("error_description", ""), scopes, site))
    return None


def parameters(query: str) -> dict[str, str]:
    """The parameters of ``query``. Empty if the query is malformed or a parameter is repeated."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict")
    except ValueError:
        return {}
    values = dict(pairs)
    return values if len(values) == len(pairs) else {}


def _refused(error: str, description: str, scopes: Iterable[str], site: Site) -> WebexTokenError:
    reason = printable(scrub(f"{error}: {description}" if description else error, ()))
    if error == "access_denied":
        return SignInNotCompleted(
            "The sign-in was denied in the browser.",
            "Run `webex-token login` again and accept, if that was not meant.",
        )
    if error in _QUESTIONS:
        return SignInNotCompleted(
            f"Webex cannot sign anybody in without a question, because {_QUESTIONS[error]} ({reason}).",
            "Run `webex-token login` without --prompt none.",
        )
    if error == "invalid_scope":
        return ConfigurationError(
            f"Webex does not grant these scopes to this integration: {' '.join(scopes)} ({reason}).",
            f"Tick them at {site.my_apps}, or ask for fewer with --scope.",
        )
    if error in {"server_error", "temporarily_unavailable"}:
        return TemporaryFailure(f"Webex cannot sign anybody in now ({reason}).", "Try again later.")
    return RequestRefused(
        f"Webex refused the sign-in ({reason}).",
        f"Compare the integration at {site.my_apps} with your settings.",
    )
