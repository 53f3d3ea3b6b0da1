"""What the stand-in knows: one integration, one person, devices, codes and tokens. No sockets here.

It behaves as Webex's documentation says where that is precise, and strictly where it is not: a client that
gets along with it should get along with Webex.
"""

import base64
import hashlib
import hmac
import json
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

MINUTE = 60
DAY = 24 * 60 * MINUTE

# How long an authorization code may lie around; RFC 6749 section 4.1.2 recommends ten minutes at most.
CODE_LIFETIME = 10 * MINUTE

DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

# What each slow_down adds to a device's interval; RFC 8628 section 3.5.
SLOW_DOWN = 5

# How much sooner than its interval a device may poll, for its clock is another.
_LENIENCE = 0.2

# RFC 8628 section 6.1: consonants alone spell no words, and none looks like a digit.
_USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"

KNOWN_SCOPES = frozenset(
    {
        "spark:all",
        "spark:kms",
        "spark:people_read",
        "spark:rooms_read",
        "spark:messages_read",
        "identity:tokens_read",
        "identity:tokens_write",
    }
)

_PERSON_SCOPES = frozenset({"spark:all", "spark:people_read"})

# Those of an admin; both are needed, to list as to revoke.
_TOKENS_SCOPES = frozenset({"identity:tokens_read", "identity:tokens_write"})


@dataclass(frozen=True, slots=True)
class Rules:
    """How this stand-in is set up. Lifetimes are in seconds.

    Within ``renew_after`` seconds of an access token's making, a refresh answers with the same one again.
    With ``rotate``, each refresh gives another refresh token, and showing an old one revokes the grant.
    ``rfc_errors`` chooses RFC 6749's shape for the token and device endpoints' errors instead of Webex's own.
    ``device_ttl`` is how long a device's code waits for the person, ``device_interval`` how often it may poll.
    ``helper_redirects`` says that the integration lists the helper service's redirect URIs, as devices need.
    ``auto_approve`` consents without asking: at once, or at a device's second poll.
    ``latency`` is how long each answer takes to come.
    """

    access_ttl: float = 14 * DAY
    refresh_ttl: float = 90 * DAY
    renew_after: float = DAY
    rotate: bool = False
    auto_approve: bool = False
    rfc_errors: bool = False
    device_ttl: float = 5 * MINUTE
    device_interval: float = 2
    helper_redirects: bool = True
    redirect_uris: tuple[str, ...] = ("http://localhost:8000/oauth",)
    scopes: frozenset[str] = KNOWN_SCOPES
    latency: float = 0.0


@dataclass
class Problem(Exception):
    """A request that is refused: HTTP status, RFC 6749's error code, and words.

    ``said`` is a word for the journal where the error code is not it; ``retry_after`` is in seconds.
    """

    status: int
    error: str
    description: str
    said: str = ""
    retry_after: int = 0


@dataclass(slots=True)
class Authorization:
    """A request that a person is asked to consent to, and the code once they have."""

    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    code_challenge: str
    code: str = field(default="", repr=False)
    expires_at: float = 0.0
    used: bool = False
    grant: "Grant | None" = None


@dataclass(slots=True)
class DeviceRequest:
    """What a device asks for, and where it stands with the person: ``accepted`` is None until they answer."""

    user_code: str
    scopes: tuple[str, ...]
    expires_at: float
    interval: float
    ticket: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    polled_at: float | None = None
    accepted: bool | None = None
    used: bool = False


@dataclass(slots=True)
class Grant:
    """What a person consented to, and the tokens that stand for it now.

    The access token of a device's grant is ``self_contained``, any other is opaque.
    """

    scopes: tuple[str, ...]
    self_contained: bool = False
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    made_at: float = 0.0
    access_token: str = field(default="", repr=False)
    access_made_at: float = 0.0
    access_expires_at: float = 0.0
    refresh_token: str = field(default="", repr=False)
    refresh_expires_at: float = 0.0
    spent_refresh_tokens: set[str] = field(default_factory=set, repr=False)
    revoked: bool = False


@dataclass(slots=True)
class Webex:
    """The stand-in's memory and rules. Safe to use from several threads."""

    rules: Rules = field(default_factory=Rules)
    clock: Callable[[], float] = time.time
    client_id: str = field(default_factory=lambda: "C" + secrets.token_hex(32))
    client_secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    advanced: float = 0.0
    grants: list[Grant] = field(default_factory=list)
    issued: set[str] = field(default_factory=set, repr=False)
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "id": base64.urlsafe_b64encode(b"ciscospark://us/PEOPLE/3f1b7c1e-9d6e-4f0b-8a53-0c7c5b1de001").decode(),
            "emails": ["ada@example.com"],
            "displayName": "Ada Lovelace",
            "orgId": base64.urlsafe_b64encode(b"ciscospark://us/ORGANIZATION/7a2d2a54").decode(),
            "type": "person",
        }
    )
    _pending: dict[str, Authorization] = field(default_factory=dict, repr=False)
    _by_code: dict[str, Authorization] = field(default_factory=dict, repr=False)
    _by_device_code: dict[str, DeviceRequest] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def now(self) -> float:
        """The time here, in UTC epoch seconds: the machine's, and what it was advanced by."""
        return self.clock() + self.advanced

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        with self._lock:
            self.advanced += seconds

    def revoke_everything(self) -> None:
        """What an admin, or a person at their account page, can do at any time."""
        with self._lock:
            for grant in self.grants:
                grant.revoked = True

    # -- the browser's side ---------------------------------------------------------------------------

    def check_client_and_redirect(self, query: Mapping[str, str]) -> None:
        """Refuse what must not be answered with a redirect (RFC 6749 section 4.1.2.1). Raises Problem."""
        self._check_client_id(query)
        if query.get("redirect_uri") not in self.rules.redirect_uris:
            raise Problem(400, "invalid_request", "The redirect_uri does not match one registered with the integration")

    def begin(self, query: Mapping[str, str]) -> tuple[str, Authorization]:
        """Take an authorization request; its ticket and what to ask the person. Raises Problem.

        A Problem from here goes back to the redirect URI.
        """
        if query.get("response_type") != "code":
            raise Problem(400, "unsupported_response_type", "response_type must be code")
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            raise Problem(400, "invalid_request", "A code_challenge with code_challenge_method=S256 is required here")
        scopes = self._scopes(query)
        authorization = Authorization(query["redirect_uri"], scopes, query.get("state", ""), query["code_challenge"])
        ticket = secrets.token_urlsafe(16)
        with self._lock:
            self._pending[ticket] = authorization
        return ticket, authorization

    def decide(self, ticket: str, accept: bool) -> tuple[Authorization, dict[str, str]]:
        """The person's answer: the request, and what the redirect's query says. Raises Problem."""
        with self._lock:
            authorization = self._pending.pop(ticket, None)
            if authorization is None:
                raise Problem(400, "invalid_request", "This page has been answered before")
            if not accept:
                answer = {
                    "error": "access_denied",
                    "error_description": "The resource owner denied the request",
                }
                return authorization, {**answer, "state": authorization.state}
            authorization.code = self._new(secrets.token_hex(32))
            authorization.expires_at = self.now() + CODE_LIFETIME
            self._by_code[authorization.code] = authorization
            return authorization, {"code": authorization.code, "state": authorization.state}

    def _check_client_id(self, parameters: Mapping[str, str]) -> None:
        if parameters.get("client_id") != self.client_id:
            raise Problem(401, "invalid_client", "Unknown client id")

    def _scopes(self, parameters: Mapping[str, str]) -> tuple[str, ...]:
        scopes = tuple(parameters.get("scope", "").split())
        unknown = [scope for scope in scopes if scope not in self.rules.scopes]
        if unknown or not scopes:
            raise Problem(
                400,
                "invalid_scope",
                f"The scope is not one of the integration: {' '.join(unknown) or 'none'}",
            )
        return scopes

    # -- devices, and the page on which a person types their code (RFC 8628) --------------------------

    def begin_device(self, form: Mapping[str, str], verification_uri: str) -> dict[str, Any]:
        """Take a device authorization request; what the device is told. Raises Problem."""
        self._check_client_id(form)
        scopes = self._scopes(form)
        if not self.rules.helper_redirects:
            raise Problem(
                400,
                "invalid_request",
                "The redirect_uri of the device helper service is not registered with the integration",
            )
        with self._lock:
            device_code = self._new(secrets.token_hex(32))
            request = DeviceRequest(
                _user_code(), scopes, self.now() + self.rules.device_ttl, self.rules.device_interval
            )
            self._by_device_code[device_code] = request
        return {
            "device_code": device_code,
            "expires_in": max(1, int(self.rules.device_ttl)),
            "user_code": request.user_code,
            "verification_uri": verification_uri,
            "verification_uri_complete": f"{verification_uri}?{urlencode({'userCode': request.user_code})}",
            "interval": self.rules.device_interval,
        }

    def find_device(self, user_code: str) -> DeviceRequest:
        """The request that waits under the code a person typed, in whichever case. Raises Problem."""
        with self._lock:
            for request in self._waiting():
                if _letters(request.user_code) == _letters(user_code):
                    return request
        raise Problem(400, "invalid_request", "No device waits with that code; it may have expired")

    def decide_device(self, ticket: str, accept: bool) -> None:
        """The person's answer to a device's request. Raises Problem."""
        with self._lock:
            request = next((r for r in self._waiting() if r.ticket == ticket), None)
            if request is None:
                raise Problem(400, "invalid_request", "That page has been answered before, or its code has expired")
            request.accepted = accept

    def _waiting(self) -> Iterator[DeviceRequest]:
        now = self.now()
        return (r for r in self._by_device_code.values() if r.accepted is None and now < r.expires_at)

    def device_token(self, form: Mapping[str, str], basic: tuple[str, str] | None) -> dict[str, Any]:
        """Answer a device's poll: the response, once the person has accepted. Raises Problem."""
        if basic is None:
            raise Problem(401, "invalid_client", "The client id and client secret are to come by HTTP Basic here")
        self._authenticate(*basic)
        if form.get("grant_type") != DEVICE_CODE_GRANT:
            raise Problem(400, "unsupported_grant_type", "The grant_type is not known here")
        if form.get("client_id") != self.client_id:
            raise Problem(400, "invalid_request", "The client_id is not the one that HTTP Basic names")
        with self._lock:
            request = self._by_device_code.get(form.get("device_code", ""))
            if request is None:
                raise Problem(400, "invalid_grant", "The device code is not known")
            if request.used:
                raise Problem(400, "invalid_grant", "The device code has been used before")
            if self.now() >= request.expires_at:
                raise Problem(400, "expired_token", "The device code has expired")
            if request.accepted is None:
                self._keep_waiting(request)
            if not request.accepted:
                raise Problem(400, "access_denied", "The resource owner denied the request")
            request.used = True
            return self._response(self._new_grant(request.scopes, self_contained=True))

    def _keep_waiting(self, request: DeviceRequest) -> None:
        """Put the device off, at its own pace. Raises Problem, but at a second poll under ``auto_approve``."""
        before, request.polled_at = request.polled_at, self.now()
        if before is not None and request.polled_at - before < request.interval - _LENIENCE:
            request.interval += SLOW_DOWN
            raise Problem(
                400 if self.rules.rfc_errors else 429,
                "slow_down",
                "The device polls more often than it may",
                retry_after=math.ceil(request.interval),
            )
        if before is None or not self.rules.auto_approve:
            raise Problem(
                400 if self.rules.rfc_errors else 428,
                "authorization_pending",
                "The resource owner has not answered yet",
                said="pending",
            )
        request.accepted = True

    # -- the token endpoint ---------------------------------------------------------------------------

    def token(self, form: Mapping[str, str], basic: tuple[str, str] | None) -> tuple[dict[str, Any], str]:
        """Answer a token request: the response, and a word for the journal. Raises Problem."""
        self._authenticate(*(basic or (form.get("client_id", ""), form.get("client_secret", ""))))
        with self._lock:
            match form.get("grant_type"):
                case "authorization_code":
                    return self._exchange(form), "signed in"
                case "refresh_token":
                    return self._refresh(form)
                case _:
                    raise Problem(400, "unsupported_grant_type", "The grant_type is not known")

    def _authenticate(self, client_id: str, client_secret: str) -> None:
        known = hmac.compare_digest(client_id.encode(), self.client_id.encode())
        if not known or not hmac.compare_digest(client_secret.encode(), self.client_secret.encode()):
            raise Problem(401, "invalid_client", "The client id and client secret do not match an integration")

    def _exchange(self, form: Mapping[str, str]) -> dict[str, Any]:
        authorization = self._by_code.get(form.get("code", ""))
        if authorization is None:
            raise Problem(400, "invalid_grant", "The authorization code is not known")
        if authorization.used:
            # RFC 6749 section 4.1.2: whoever has the code may not be who signed in.
            if authorization.grant:
                authorization.grant.revoked = True
            raise Problem(400, "invalid_grant", "The authorization code has been used before")
        if form.get("redirect_uri") != authorization.redirect_uri:
            raise Problem(400, "invalid_request", "The redirect_uri is not the one of the authorization request")
        challenge = _base64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not hmac.compare_digest(challenge, authorization.code_challenge):
            raise Problem(400, "invalid_grant", "The code_verifier does not match the code challenge")
        if self.now() > authorization.expires_at:
            raise Problem(400, "invalid_grant", "The authorization code has expired")
        authorization.used = True
        self.issued.add(form["code_verifier"])
        authorization.grant = self._new_grant(authorization.scopes)
        return self._response(authorization.grant)

    def _refresh(self, form: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        presented = form.get("refresh_token", "")
        for grant in self.grants:
            if presented and presented in grant.spent_refresh_tokens:
                grant.revoked = True
                raise Problem(400, "invalid_grant", "The refresh token has been used before; the grant is revoked")
        found = next((g for g in self.grants if g.refresh_token == presented), None)
        if found is None or found.revoked or self.now() >= found.refresh_expires_at:
            raise Problem(400, "invalid_grant", "The refresh token is expired, revoked or not known")
        said = "unchanged"
        if self.now() - found.access_made_at >= self.rules.renew_after:
            self._renew_access(found)
            said = "renewed"
        if self.rules.rotate:
            found.spent_refresh_tokens.add(found.refresh_token)
            found.refresh_token = self._new(_opaque_token())
        found.refresh_expires_at = self.now() + self.rules.refresh_ttl
        return self._response(found), said

    def _new_grant(self, scopes: tuple[str, ...], self_contained: bool = False) -> Grant:
        grant = Grant(scopes, self_contained, made_at=self.now())
        self.grants.append(grant)
        self._renew_access(grant)
        grant.refresh_token = self._new(_opaque_token())
        grant.refresh_expires_at = self.now() + self.rules.refresh_ttl
        return grant

    def _renew_access(self, grant: Grant) -> None:
        grant.access_made_at = self.now()
        grant.access_expires_at = self.now() + self.rules.access_ttl
        grant.access_token = self._new(self._self_contained_token(grant) if grant.self_contained else _opaque_token())

    def _self_contained_token(self, grant: Grant) -> str:
        """Shaped as a JWT, about 2,000 characters in all; the signature is nobody's."""
        claims = {
            "sub": self.person["id"],
            "client_id": self.client_id,
            "scope": " ".join(grant.scopes),
            "iat": int(grant.access_made_at),
            "exp": int(grant.access_expires_at),
            "private": secrets.token_urlsafe(704),
        }
        parts = json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode()
        return ".".join(_base64url(part) for part in (*parts, secrets.token_bytes(256)))

    def _response(self, grant: Grant) -> dict[str, Any]:
        # Webex counts lifetimes in whole seconds, rounded down: a fresh token has 1209599.
        return {
            "access_token": grant.access_token,
            "expires_in": max(1, int(grant.access_expires_at - self.now() - 0.001)),
            "refresh_token": grant.refresh_token,
            "refresh_token_expires_in": max(1, int(grant.refresh_expires_at - self.now() - 0.001)),
            "token_type": "Bearer",
            "scope": " ".join(grant.scopes),
        }

    # -- the API --------------------------------------------------------------------------------------

    def person_of(self, access_token: str) -> dict[str, Any]:
        """Whom the access token acts for. Raises Problem, 401 or 403."""
        if not _PERSON_SCOPES.intersection(self._granted(access_token).scopes):
            raise Problem(403, "insufficient_scope", "The access token lacks the scope spark:people_read")
        return self.person

    def authorizations(self, access_token: str) -> list[dict[str, Any]]:
        """The person's grants that hold. Raises Problem, 401 or 403."""
        self._check_tokens_scopes(access_token)
        with self._lock:
            return [
                {
                    "id": grant.id,
                    "clientId": self.client_id,
                    "personId": self.person["id"],
                    "created": datetime.fromtimestamp(grant.made_at, UTC).isoformat(timespec="seconds"),
                    "type": "refresh",
                }
                for grant in self.grants
                if not grant.revoked and self.now() < grant.refresh_expires_at
            ]

    def revoke(self, access_token: str, client_id: str) -> None:
        """Revoke every grant to the integration, the asking one too. Raises Problem, 401, 403 or 404."""
        self._check_tokens_scopes(access_token)
        if client_id != self.client_id:
            raise Problem(404, "not_found", "No authorization of that client id was found")
        self.revoke_everything()

    def _check_tokens_scopes(self, access_token: str) -> None:
        if not _TOKENS_SCOPES.issubset(self._granted(access_token).scopes):
            raise Problem(
                403,
                "insufficient_scope",
                "The access token lacks the scopes identity:tokens_read and identity:tokens_write of an admin",
            )

    def _granted(self, access_token: str) -> Grant:
        """The grant that the access token stands for now. Raises Problem, 401."""
        with self._lock:
            grant = next((g for g in self.grants if access_token and g.access_token == access_token), None)
        if grant is None or grant.revoked or self.now() >= grant.access_expires_at:
            raise Problem(
                401,
                "invalid_token",
                "The request requires a valid access token set in the Authorization header",
            )
        return grant

    def _new(self, secret: str) -> str:
        self.issued.add(secret)
        return secret


def _opaque_token() -> str:
    """Shaped as Webex's: 64 characters of base64, a marker, an organisation's UUID; 106 in all."""
    start = base64.urlsafe_b64encode(secrets.token_bytes(48)).decode()
    return f"{start}_PF84_7a2d2a54-6f3e-4c0d-9a1b-2f0e6c5d4b3a"


def _user_code() -> str:
    """Eight letters that are easy to read aloud, in two halves."""
    letters = "".join(secrets.choice(_USER_CODE_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def _letters(user_code: str) -> str:
    """What counts of a code that a person typed: not case, not dashes, not blanks."""
    return "".join(filter(str.isalnum, user_code)).upper()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
