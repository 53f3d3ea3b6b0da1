"""Text from outside: which can be a token or a scope, and how it is shown, without secrets or control characters.

Pure.
"""

import re
from collections.abc import Iterable

ELLIPSIS = "…"

# Of a secret with fewer characters, the last four would give away too much.
_SHORTEST_SECRET_TO_HINT_AT = 16


def mask(secret: str) -> str:
    """The form of ``secret`` that may be shown: an ellipsis and its last four characters."""
    return ELLIPSIS + (secret[-4:] if len(secret) >= _SHORTEST_SECRET_TO_HINT_AT else "")


# Tokens, codes and secrets are this long; words of a language are not.
_OPAQUE = re.compile(r"[A-Za-z0-9._~+=-]{32,}", re.ASCII)


def scrub(text: str, secrets: Iterable[str | None]) -> str:
    """``text`` from outside this program, with ``secrets`` and everything that looks like a secret masked."""
    return _OPAQUE.sub(lambda found: mask(found[0]), masked(text, secrets))


def masked(text: str, secrets: Iterable[str | None]) -> str:
    """``text`` from outside this program with ``secrets`` masked, for text that looks like a secret itself."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(secret, mask(secret))
    return text


def printable(text: str, limit: int = 300) -> str:
    """``text`` from outside this program on one line, without control characters, of at most ``limit`` characters.

    A server must not be able to move the cursor or clear the screen of the person who reads its words.
    """
    shown = "".join(c if c.isprintable() else " " for c in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1] + ELLIPSIS


def is_encodable(text: str) -> bool:
    """Whether ``text`` can be written and sent: JSON can also hold half a pair of surrogates, which is no character."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


# RFC 6750 section 2.1. Nothing narrower: it is all that Webex's opaque tokens and its JWTs have in common.
_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)

# RFC 6749 appendix A.17: a refresh token is only ever sent in a form, so it may hold any printable ASCII character.
_REFRESH_TOKEN = re.compile(r"[\x20-\x7E]+", re.ASCII)

# RFC 6749 section 3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+", re.ASCII)


def is_bearer_token(text: str) -> bool:
    """Whether ``text`` can be sent as a token (RFC 6750 section 2.1)."""
    return _B64TOKEN.fullmatch(text) is not None


def is_refresh_token(text: str) -> bool:
    """Whether ``text`` can be a refresh token (RFC 6749 appendix A.17)."""
    return _REFRESH_TOKEN.fullmatch(text) is not None


def is_scope(text: str) -> bool:
    """Whether ``text`` can be the name of one scope (RFC 6749 section 3.3)."""
    return _SCOPE.fullmatch(text) is not None
