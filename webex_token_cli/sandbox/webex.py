"""Webex in memory: one integration, its people, and everything that was granted. It uses no sockets.

Where Webex's documentation is precise, the sandbox behaves as documented. Where it is not, the sandbox is strict,
so that a client that works with the sandbox should also work with Webex.
"""

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from webex_token_cli.sandbox.accounts import Accounts
from webex_token_cli.sandbox.admin import Admin
from webex_token_cli.sandbox.authorization import Authorization, AuthorizationRequests
from webex_token_cli.sandbox.device import DEVICE_CODE_GRANT, DeviceRequests
from webex_token_cli.sandbox.people import ada
from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.rules import Rules, sufficient_scopes
from webex_token_cli.sandbox.secret_names import SecretNames
from webex_token_cli.sandbox.service_apps import SERVICE_APP_SCOPE, ServiceApp, ServiceApps
from webex_token_cli.sandbox.sign_ins import SignIns
from webex_token_cli.sandbox.tokens import Grant, TokenIssuer

# Either of these allows /people/me.
_PERSON_SCOPES = frozenset({"spark:all", "spark:people_read"})

# The end of the year 9998 in UTC epoch seconds. Python knows no year after 9999, in which a token may expire.
_LAST_MOMENT = 253_370_764_800

# Only admins have these. The sandbox requires both, for listing as well as for revoking.
_TOKENS_SCOPES = frozenset({"identity:tokens_read", "identity:tokens_write"})


@dataclass(slots=True)
class Webex:
    """The state and the behaviour of the sandbox. Safe to use from several threads.

    ``clock`` gives UTC epoch seconds, and ``advanced`` is how many seconds the sandbox is ahead of it. ``people`` have
    an account; the first of them signs in where nobody is chosen.
    """

    rules: Rules = field(default_factory=Rules)
    clock: Callable[[], float] = time.time
    client_id: str = field(default_factory=lambda: "C" + secrets.token_hex(32))
    client_secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    advanced: float = 0.0
    people: list[dict[str, Any]] = field(default_factory=lambda: [ada()])
    _tokens: TokenIssuer = field(init=False, repr=False)
    _accounts: Accounts = field(init=False, repr=False)
    _authorizations: AuthorizationRequests = field(init=False, repr=False)
    _devices: DeviceRequests = field(init=False, repr=False)
    _admin: Admin = field(init=False, repr=False)
    service_apps: ServiceApps = field(init=False, repr=False)
    sign_ins: SignIns = field(init=False, repr=False)
    _first_app: ServiceApp | None = field(init=False, default=None, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        self._tokens = TokenIssuer(self.now, lambda: self.person["id"], self.client_id)
        self._tokens.names.add("client secret", self.client_secret)
        self._accounts = Accounts(self.people, self.now, self._tokens.names)
        self._authorizations = AuthorizationRequests(self._tokens)
        self._devices = DeviceRequests(self._tokens)
        self.sign_ins = SignIns(
            lambda: self.rules, self.client_id, self._accounts, self._authorizations, self._devices, self._lock
        )
        self.service_apps = ServiceApps(self._tokens.names)
        self._admin = Admin(self._tokens, self._accounts, self.service_apps)
        if self.rules.service_app:
            # Its id and its secret outlast a reset, because whoever started the sandbox was told them.
            self._first_app = self.service_apps.register(like=self._first_app)
            self._first_app.authorized = True

    def now(self) -> float:
        """The time in the sandbox, in UTC epoch seconds."""
        return self.clock() + self.advanced

    # -- for the owner of the sandbox -------------------------------------------------------------

    @property
    def person(self) -> dict[str, Any]:
        """The first of the people."""
        return self._accounts.first

    @property
    def grants(self) -> list[Grant]:
        """Every grant that was ever made, oldest first."""
        return self._tokens.grants

    @property
    def secret_names(self) -> SecretNames:
        """The name of every code, code verifier, token and client secret that was issued or redeemed here."""
        return self._tokens.names

    def advance(self, seconds: float) -> None:
        """Set the sandbox's clock forward by ``seconds``. Raises ValueError if the calendar ends before."""
        with self._lock:
            if self.now() + seconds > _LAST_MOMENT:
                raise ValueError("The sandbox's clock ends with the year 9998.")
            self.advanced += seconds

    def freeze(self) -> None:
        """Stop the clock: from now on, only ``advance`` moves it."""
        moment = self.clock()
        self.clock = lambda: moment

    def reset(self) -> None:
        """Forget every grant, sign-in, Service App and advance of the clock. The integration and the people stay."""
        with self._lock:
            self.advanced = 0.0
            self.__post_init__()

    def revoke_everything(self) -> None:
        """Revoke every grant, as an admin or the person can do at any time."""
        with self._lock:
            for grant in self.grants:
                grant.revoked = True

    def revoke_grant(self, grant_id: str) -> None:
        """Revoke the grant with that id. Raises Problem (404) if there is none."""
        with self._lock:
            for grant in self.grants:
                if grant.id == grant_id:
                    grant.revoked = True
                    return
        raise Problem(404, "not_found", "There is no grant with that id")

    def issue_token_response(
        self,
        scopes: tuple[str, ...],
        expires_in: float | None = None,
        self_contained: bool = False,
        person_id: str = "",
    ) -> dict[str, Any]:
        """The token response for a new sign-in with ``scopes``, without a browser or a code.

        ``expires_in`` is how many seconds this access token lives, in place of the rules. If that is shorter, the token
        is as old as one that has so much left: a refresh renews it. ``person_id`` tells who signs in; without it, the
        first person does.
        """
        rules = self.rules if expires_in is None else replace(self.rules, access_ttl=expires_in)
        with self._lock:
            grant = self._tokens.new_grant(scopes, rules, person_id, self_contained)
            grant.access_made_at -= max(0.0, self.rules.access_ttl - rules.access_ttl)
            return self._tokens.response(grant)

    def accept_pending_authorization(self) -> Authorization:
        """Press Accept for the request that has waited longest. Raises StopIteration if no request waits."""
        with self._lock:
            return self._authorizations.accept_oldest()

    def latest_authorization(self) -> Authorization:
        """The authorization request that was accepted last. Raises IndexError if none was accepted."""
        with self._lock:
            return self._authorizations.latest_accepted()

    # -- for the client -------------------------------------------------------------------------------

    def begin_device(self, form: Mapping[str, str], verification_uri: str) -> dict[str, Any]:
        """See ``DeviceRequests.begin``."""
        with self._lock:
            return self._devices.begin(form, self.rules, verification_uri)

    def poll_device(
        self, form: Mapping[str, str], basic: tuple[str, str] | None, rules: Rules | None = None
    ) -> dict[str, Any]:
        """The answer to a device's poll: a token response once the person has accepted. Raises Problem until then.

        ``basic`` is the client id and client secret from HTTP Basic, which this endpoint requires. ``rules`` are those
        for this request alone.
        """
        if basic is None:
            raise Problem(401, "invalid_client", "The client id and client secret must be sent by HTTP Basic here")
        self._authenticate(*basic)
        if form.get("grant_type") != DEVICE_CODE_GRANT:
            raise Problem(400, "unsupported_grant_type", "The grant_type is not known here")
        if form.get("client_id") != self.client_id:
            raise Problem(400, "invalid_request", "The client_id is not the one that HTTP Basic names")
        self_contained = form.get("self_contained_token") == "true"
        with self._lock:
            grant = self._devices.poll(form.get("device_code", ""), rules or self.rules, self_contained)
            return self._tokens.response(grant)

    def token(
        self, form: Mapping[str, str], basic: tuple[str, str] | None, rules: Rules | None = None
    ) -> tuple[dict[str, Any], str]:
        """The answer to a token request, and what the journal says of it. Raises Problem.

        ``basic`` is the client id and client secret from HTTP Basic; without it, ``form`` must contain them. ``rules``
        are those for this request alone.
        """
        rules = rules or self.rules
        client_id = self._authenticate(*(basic or (form.get("client_id", ""), form.get("client_secret", ""))))
        with self._lock:
            match form.get("grant_type"):
                case "authorization_code" if client_id == self.client_id:
                    return self._tokens.response(self._authorizations.exchange(form, rules)), "signed in"
                case "refresh_token":
                    grant, renewed = self._tokens.refresh(form.get("refresh_token", ""), rules, client_id)
                    return self._tokens.response(grant), "renewed" if renewed else "unchanged"
                case _:
                    raise Problem(400, "unsupported_grant_type", "The grant_type is not known")

    def check_scope(self, access_token: str, scope: str) -> None:
        """Raise Problem (401 or 403) unless the access token is valid and has ``scope`` or one that includes it."""
        if sufficient_scopes(scope).isdisjoint(self._scopes_of(access_token)):
            raise Problem(403, "insufficient_scope", f"The access token lacks the scope {scope}")

    def person_of(self, access_token: str) -> dict[str, Any]:
        """The person whom the access token acts for. Raises Problem (401 or 403)."""
        with self._lock:
            grant = self._tokens.grant_of(access_token)
            if not _PERSON_SCOPES.intersection(grant.scopes):
                raise Problem(403, "insufficient_scope", "The access token lacks the scope spark:people_read")
            return self._accounts.person_with_id(grant.person_id)

    def token_expiry(self, access_token: str) -> dict[str, int]:
        """When the calling access token ends, in epoch milliseconds. Raises Problem (401).

        Which scope the endpoint requires is not documented, so any access token may ask.
        """
        with self._lock:
            return {"exp": int(self._tokens.access_expiry(access_token) * 1000)}

    def authorizations(self, access_token: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """See ``Admin.authorizations``. Raises Problem (401 or 403) unless an admin asks."""
        self._check_admin(access_token)
        with self._lock:
            return self._admin.authorizations(query)

    def revoke(self, access_token: str, query: Mapping[str, str]) -> None:
        """See ``Admin.revoke``: it revokes that of ``access_token`` too. Raises Problem (401, 403 or 404)."""
        self._check_admin(access_token)
        with self._lock:
            self._admin.revoke(query)

    def revoke_authorization(self, access_token: str, authorization_id: str) -> None:
        """See ``Admin.revoke_one``. Raises Problem (401, 403 or 404)."""
        self._check_admin(access_token)
        with self._lock:
            self._admin.revoke_one(authorization_id)

    def revoke_access_token(self, form: Mapping[str, str], basic: tuple[str, str] | None) -> None:
        """Revoke the access token in ``form``, as any client may (RFC 7009). Raises Problem (400 or 401).

        ``basic`` is the client id and client secret from HTTP Basic, which the endpoint requires.
        """
        if basic is None:
            raise Problem(401, "invalid_client", "The client id and client secret must be sent by HTTP Basic here")
        client_id = self._authenticate(*basic)
        if form.get("token_type_hint", "access_token") != "access_token":
            raise Problem(400, "unsupported_token_type", "Only access tokens can be revoked here")
        with self._lock:
            self._tokens.revoke_access_token(form.get("token", ""), client_id)

    def service_app_tokens(self, access_token: str, application_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The first pair of tokens of a Service App, for a person with the scope. Raises Problem (400 to 404)."""
        if SERVICE_APP_SCOPE not in self._scopes_of(access_token):
            raise Problem(403, "insufficient_scope", f"The access token lacks the scope {SERVICE_APP_SCOPE}")
        with self._lock:
            app = self.service_apps.permitted(application_id, asked, self.person["orgId"])
            return self._tokens.response(self._tokens.new_grant(app.scopes, self.rules, client_id=app.client_id))

    def revoke_service_app(self, app: ServiceApp) -> None:
        """Take the admin's authorization of the Service App back, which revokes all its tokens."""
        with self._lock:
            app.authorized = False
            self._admin.revoke({"clientId": app.client_id})

    # -- checks ---------------------------------------------------------------------------------------

    def _authenticate(self, client_id: str, client_secret: str) -> str:
        """The client id, if the secret is that of the integration or the Service App. Raises Problem (401) if not."""
        app = self.service_apps.of_client(client_id)
        known_id, known_secret = (app or self).client_id, (app or self).client_secret
        known = hmac.compare_digest(client_id.encode(), known_id.encode())
        if not known or not hmac.compare_digest(client_secret.encode(), known_secret.encode()):
            raise Problem(401, "invalid_client", "The client id and client secret do not match an integration")
        return client_id

    def _scopes_of(self, access_token: str) -> tuple[str, ...]:
        with self._lock:
            return self._tokens.grant_of(access_token).scopes

    def _check_admin(self, access_token: str) -> None:
        if not _TOKENS_SCOPES.issubset(self._scopes_of(access_token)):
            raise Problem(
                403,
                "insufficient_scope",
                "The access token lacks the scopes identity:tokens_read and identity:tokens_write of an admin",
            )
