"""The authorization code grant with PKCE (RFC 6749 section 4.1, RFC 7636): requests, consent and codes."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.rules import MINUTE, Rules
from webex_token_cli.sandbox.tokens import Grant, TokenIssuer, base64url

# The values of ``prompt`` that Webex documents.
_PROMPTS = frozenset({"", "none", "select_account"})

# The values of ``code_challenge_method`` that Webex documents.
_CHALLENGE_METHODS = frozenset({"plain", "S256"})

# RFC 7636 section 4.1.
_CODE_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")

# RFC 6749 section 4.1.2 recommends a lifetime of ten minutes at most.
CODE_LIFETIME = 10 * MINUTE


@dataclass(slots=True)
class Authorization:
    """A request that a person is asked to consent to.

    ``code_challenge`` is empty if the client does not use PKCE, which Webex supports and does not require.
    ``prompt``, ``login_hint`` and ``max_age`` (seconds) say who should sign in, and how; they may be empty or None.
    ``person_id`` is set when it is known who signs in. ``code`` and ``expires_at`` (UTC epoch seconds) are set when the
    person accepts, and ``grant`` when the code is redeemed.
    """

    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    code_challenge: str
    code_challenge_method: str
    prompt: str = ""
    login_hint: str = ""
    max_age: int | None = None
    person_id: str = ""
    code: str = field(default="", repr=False)
    expires_at: float = 0.0
    grant: Grant | None = None

    def is_proved_by(self, code_verifier: str) -> bool:
        """Whether the verifier belongs to the challenge (RFC 7636 section 4.6).

        Without a challenge, there must be no verifier: somebody may have removed the challenge (RFC 9700 section 4.8).
        """
        if not self.code_challenge:
            return not code_verifier
        if not _CODE_VERIFIER.fullmatch(code_verifier):
            return False
        if self.code_challenge_method == "S256":
            code_verifier = base64url(hashlib.sha256(code_verifier.encode()).digest())
        return hmac.compare_digest(code_verifier.encode(), self.code_challenge.encode())


@dataclass(slots=True)
class AuthorizationRequests:
    """The requests that wait for the person's decision, and the codes of those that were accepted."""

    tokens: TokenIssuer
    _pending: dict[str, Authorization] = field(default_factory=dict, repr=False)
    _by_code: dict[str, Authorization] = field(default_factory=dict, repr=False)

    def begin(self, query: Mapping[str, str], rules: Rules) -> tuple[str, Authorization]:
        """Accept an authorization request for a decision: the ticket that the decision must name, and the request.

        Raises Problem if the request is wrong. The redirect URI has been checked before.
        """
        if query.get("response_type") != "code":
            raise Problem(400, "unsupported_response_type", "response_type must be code")
        challenge = query.get("code_challenge", "")
        method = query.get("code_challenge_method", "plain" if challenge else "")
        if method not in (_CHALLENGE_METHODS if challenge else {""}):
            raise Problem(
                400, "invalid_request", "The code_challenge_method is not known here, or it has no code_challenge"
            )
        scopes = rules.check_scopes(query.get("scope", ""))
        prompt, max_age = query.get("prompt", ""), query.get("max_age", "0")
        if prompt not in _PROMPTS:
            raise Problem(400, "invalid_request", "The prompt is not one that is known here")
        if not max_age.isascii() or not max_age.isdigit():
            raise Problem(400, "invalid_request", "The max_age is not a number of seconds")
        authorization = Authorization(
            query["redirect_uri"],
            scopes,
            query.get("state", ""),
            challenge,
            method,
            prompt,
            query.get("login_hint", ""),
            int(max_age) if "max_age" in query else None,
        )
        ticket = secrets.token_urlsafe(16)
        self._pending[ticket] = authorization
        return ticket, authorization

    def waiting(self, ticket: str) -> Authorization:
        """The request that waits with that ticket. Raises Problem if none does."""
        if ticket not in self._pending:
            raise Problem(400, "invalid_request", "This page has been answered before")
        return self._pending[ticket]

    def decide(self, ticket: str, accept: bool) -> tuple[Authorization, dict[str, str]]:
        """Record the person's decision: the request, and the query of the redirect that answers it.

        Raises Problem if the ticket is unknown or was used before.
        """
        authorization = self.waiting(ticket)
        del self._pending[ticket]
        if not accept:
            return authorization, {
                "error": "access_denied",
                "error_description": "The resource owner denied the request",
                "state": authorization.state,
            }
        authorization.code = self.tokens.new_code()
        authorization.expires_at = self.tokens.now() + CODE_LIFETIME
        self._by_code[authorization.code] = authorization
        return authorization, {"code": authorization.code, "state": authorization.state}

    def accept_oldest(self) -> Authorization:
        """Accept the request that has waited longest. Raises StopIteration if no request waits."""
        return self.decide(next(iter(self._pending)), accept=True)[0]

    def latest_accepted(self) -> Authorization:
        """The request that was accepted last. Raises IndexError if none was accepted."""
        return list(self._by_code.values())[-1]

    def exchange(self, form: Mapping[str, str], rules: Rules) -> Grant:
        """Redeem the code in ``form`` for a new grant. Raises Problem if the code or its verifier is not valid."""
        authorization = self._by_code.get(form.get("code", ""))
        if authorization is None:
            raise Problem(400, "invalid_grant", "The authorization code is not known")
        if authorization.grant is not None:
            # RFC 6749 section 4.1.2: somebody else may have redeemed the code first, so its tokens are revoked.
            authorization.grant.revoked = True
            raise Problem(400, "invalid_grant", "The authorization code has been used before")
        if form.get("redirect_uri") != authorization.redirect_uri:
            raise Problem(400, "invalid_request", "The redirect_uri is not the one of the authorization request")
        code_verifier = form.get("code_verifier", "")
        if not authorization.is_proved_by(code_verifier):
            raise Problem(400, "invalid_grant", "The code_verifier does not match the code challenge")
        if self.tokens.now() > authorization.expires_at:
            raise Problem(400, "invalid_grant", "The authorization code has expired")
        if code_verifier:
            self.tokens.names.add("code verifier", code_verifier)
        authorization.grant = self.tokens.new_grant(authorization.scopes, rules, authorization.person_id)
        return authorization.grant
