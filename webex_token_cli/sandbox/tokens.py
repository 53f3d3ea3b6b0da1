"""Grants and their tokens: issuing, renewing, rotating, and noticing that an old refresh token is used again.

The classes here, in ``authorization.py`` and in ``device.py`` are not safe for several threads:
``Webex`` holds its lock around each call.
"""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.secret_names import SecretNames


@dataclass(slots=True)
class Grant:
    """What a person consented to, and the tokens that are valid for it now. Times are UTC epoch seconds.

    ``person_id`` tells who consented. The access token is a JWT if the grant is ``self_contained``, as a device can ask
    for, and opaque if not. ``access_token`` is the newest one; those before it stay valid until they expire.
    ``client_id`` is the integration or Service App that it was granted to.
    """

    scopes: tuple[str, ...]
    person_id: str
    self_contained: bool = False
    client_id: str = ""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    made_at: float = 0.0
    access_token: str = field(default="", repr=False)
    access_made_at: float = 0.0
    access_expires_at: float = 0.0
    refresh_token: str = field(default="", repr=False)
    refresh_expires_at: float = 0.0
    revoked: bool = False


@dataclass(slots=True)
class TokenIssuer:
    """Makes every secret that the sandbox hands out, and remembers each of them in ``names``.

    ``now`` gives the time in UTC epoch seconds; ``client_id`` is a claim of the JWTs.
    ``default_person_id`` gives the person of a grant that is made without naming one.
    """

    now: Callable[[], float]
    default_person_id: Callable[[], str]
    client_id: str
    grants: list[Grant] = field(default_factory=list)
    names: SecretNames = field(default_factory=SecretNames, repr=False)
    # The grant of each token that was ever issued, so that one of ten thousand is found without a search.
    _grant_of_refresh_token: dict[str, Grant] = field(default_factory=dict, repr=False)
    # The same of each access token that was not revoked, with its expiry in UTC epoch seconds.
    _access_tokens: dict[str, tuple[Grant, float]] = field(default_factory=dict, repr=False)

    def new_code(self) -> str:
        """A new authorization code, which has the shape of an opaque token at Webex."""
        return self.names.add("authorization code", _opaque_token())

    def new_grant(
        self,
        scopes: tuple[str, ...],
        rules: Rules,
        person_id: str = "",
        self_contained: bool = False,
        client_id: str = "",
    ) -> Grant:
        """Issue the first pair of tokens for what a person has just consented to.

        ``client_id`` is that of a Service App; without it, the grant is the integration's.
        """
        whose, to = person_id or self.default_person_id(), client_id or self.client_id
        grant = Grant(scopes, whose, self_contained, to, made_at=self.now())
        self.grants.append(grant)
        self._renew_access(grant, rules)
        self._issue_refresh_token(grant)
        grant.refresh_expires_at = self.now() + rules.refresh_ttl
        return grant

    def refresh(self, presented: str, rules: Rules, client_id: str) -> tuple[Grant, bool]:
        """Redeem the refresh token ``presented``: its grant, and whether the access token is a new one.

        Raises Problem if the token is expired, revoked, unknown, of another client or was rotated away. The last also
        revokes the grant, because either the client or a thief still has the old token (RFC 9700 section 4.14.2).
        """
        found = self._grant_of_refresh_token.get(presented)
        if found is not None and found.client_id != client_id:
            found = None
        if found is not None and found.refresh_token != presented:
            found.revoked = True
            raise Problem(400, "invalid_grant", "The refresh token has been used before; the grant is revoked")
        if found is None or found.revoked or self.now() >= found.refresh_expires_at:
            raise Problem(400, "invalid_grant", "The refresh token is expired, revoked or not known")
        is_due = self.now() >= min(found.access_made_at + rules.renew_after, found.access_expires_at)
        renewed = not found.access_token or is_due
        if renewed:
            self._renew_access(found, rules)
        if rules.rotate:
            self._issue_refresh_token(found)
        if rules.extends_refresh_token:
            found.refresh_expires_at = self.now() + rules.refresh_ttl
        return found, renewed

    def response(self, grant: Grant) -> dict[str, Any]:
        """The token response (RFC 6749 section 5.1) with the current tokens of ``grant``."""
        # Webex counts lifetimes in whole seconds, rounded down: a fresh token has 1209599.
        return {
            "access_token": grant.access_token,
            "expires_in": max(1, int(grant.access_expires_at - self.now() - 0.001)),
            "refresh_token": grant.refresh_token,
            "refresh_token_expires_in": max(1, int(grant.refresh_expires_at - self.now() - 0.001)),
            "token_type": "Bearer",
            "scope": " ".join(grant.scopes),
        }

    def grant_of(self, access_token: str) -> Grant:
        """The grant for which ``access_token`` is valid now. Raises Problem (401) if there is none."""
        return self._valid(access_token)[0]

    def access_expiry(self, access_token: str) -> float:
        """When ``access_token`` expires, in UTC epoch seconds. Raises Problem (401) if it is not valid now."""
        return self._valid(access_token)[1]

    def _valid(self, access_token: str) -> tuple[Grant, float]:
        grant, expires_at = self._access_tokens.get(access_token, (None, 0.0))
        if grant is None or grant.revoked or self.now() >= expires_at:
            raise Problem(
                401, "invalid_token", "The request requires a valid access token set in the Authorization header"
            )
        return grant, expires_at

    def revoke_access_token(self, token: str, client_id: str) -> None:
        """Revoke the access token, if it is one of the client (RFC 7009 section 2.1). Its refresh token stays valid.

        Raises Problem for a refresh token, which this endpoint of Webex does not take.
        """
        if token in self._grant_of_refresh_token:
            raise Problem(400, "unsupported_token_type", "Only access tokens can be revoked here")
        grant, _ = self._access_tokens.get(token, (None, 0.0))
        if grant is None or grant.client_id != client_id:
            return
        del self._access_tokens[token]
        if grant.access_token == token:
            grant.access_token = ""

    def living_grants(self) -> list[Grant]:
        """The grants that are neither revoked nor expired."""
        return [grant for grant in self.grants if not grant.revoked and self.now() < grant.refresh_expires_at]

    def _issue_refresh_token(self, grant: Grant) -> None:
        grant.refresh_token = self.names.add("refresh token", _opaque_token())
        self._grant_of_refresh_token[grant.refresh_token] = grant

    def _renew_access(self, grant: Grant, rules: Rules) -> None:
        grant.access_made_at = self.now()
        grant.access_expires_at = self.now() + rules.access_ttl
        token = self._jwt(grant) if grant.self_contained else _opaque_token()
        grant.access_token = self.names.add("access token", token)
        self._access_tokens[token] = grant, grant.access_expires_at

    def _jwt(self, grant: Grant) -> str:
        """A token with the shape of a JWT and Webex's length of about 2,000 characters; its signature is random."""
        claims = {
            "sub": grant.person_id,
            "client_id": grant.client_id,
            "scope": " ".join(grant.scopes),
            "iat": int(grant.access_made_at),
            "exp": int(grant.access_expires_at),
            "private": secrets.token_urlsafe(704),
        }
        parts = json.dumps({"alg": "RS256", "typ": "JWT"}).encode(), json.dumps(claims).encode()
        return ".".join(base64url(part) for part in (*parts, secrets.token_bytes(256)))


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7636 appendix A)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _opaque_token() -> str:
    """A token with the shape of Webex's: 64 characters of base64, a marker and an organisation's UUID, 106 in all."""
    start = base64.urlsafe_b64encode(secrets.token_bytes(48)).decode()
    return f"{start}_PF84_7a2d2a54-6f3e-4c0d-9a1b-2f0e6c5d4b3a"
