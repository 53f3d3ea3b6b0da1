"""The device grant (RFC 8628): what a device asks for, the code that the person types, and the device's polls."""

import math
import secrets
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.rules import Rules
from webex_token_cli.sandbox.tokens import Grant, TokenIssuer

DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

# RFC 8628 section 3.5: each slow_down lengthens the device's interval by five seconds.
SLOW_DOWN = 5

# A device may poll this many seconds early, because its clock and timers differ from those here.
_POLL_TOLERANCE = 0.2

# Webex's message for each error of a device authorization request; the description says which one it is.
_MALFORMED = "The request could not be understood by the server due to malformed syntax."


@dataclass(slots=True)
class DeviceRequest:
    """A device's request for tokens. ``accepted`` is None until the person decides.

    ``user_code`` is what the person types. ``code_hash`` replaces it in a link, which therefore does not tell the code:
    Webex's hash is not a plain one of the six digits either, or trying a million of them would find the code.
    ``expires_at`` and ``polled_at`` are UTC epoch seconds; ``interval`` is the shortest time between polls in seconds.
    """

    user_code: str
    scopes: tuple[str, ...]
    expires_at: float
    interval: float
    code_hash: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    ticket: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    polled_at: float | None = None
    accepted: bool | None = None
    person_id: str = ""
    used: bool = False


@dataclass(slots=True)
class DeviceRequests:
    """The requests of all devices, by device code."""

    tokens: TokenIssuer
    _by_device_code: dict[str, DeviceRequest] = field(default_factory=dict, repr=False)

    def begin(self, form: Mapping[str, str], rules: Rules, verification_uri: str) -> dict[str, Any]:
        """Accept a device authorization request: the response of RFC 8628 section 3.2. Raises Problem."""
        try:
            scopes = self._scopes_asked_for(form, rules)
        except Problem as problem:
            problem.message = _MALFORMED
            raise
        device_code = self.tokens.names.add("device code", str(uuid.uuid4()))
        expires_at = self.tokens.now() + rules.device_ttl
        request = DeviceRequest(self._new_user_code(), scopes, expires_at, rules.device_interval)
        self._by_device_code[device_code] = request
        return {
            "device_code": device_code,
            "expires_in": max(1, int(rules.device_ttl)),
            "user_code": request.user_code,
            "verification_uri": verification_uri,
            "verification_uri_complete": f"{verification_uri}?{urlencode({'userCode': request.code_hash})}",
            "interval": rules.device_interval,
        }

    def find(self, user_code: str) -> DeviceRequest:
        """The waiting request whose code the person typed, or whose link they opened. Raises Problem if none waits."""
        typed = "".join(filter(str.isalnum, user_code))
        for request in self._waiting():
            if typed in {request.user_code, request.code_hash}:
                return request
        raise Problem(400, "invalid_request", "No device waits with that code; it may have expired")

    def decide(self, ticket: str, accept: bool, person_id: str) -> None:
        """Record the decision of that person. Raises Problem if no request waits with that ticket."""
        request = next((each for each in self._waiting() if each.ticket == ticket), None)
        if request is None:
            raise Problem(400, "invalid_request", "That page has been answered before, or its code has expired")
        request.accepted, request.person_id = accept, person_id

    def poll(self, device_code: str, rules: Rules, self_contained: bool = False) -> Grant:
        """Redeem a device code for a new grant. Raises Problem, also while the person has not decided.

        The access tokens of the grant are JWTs if the device asked for ``self_contained`` ones.
        """
        request = self._by_device_code.get(device_code)
        if request is None:
            raise Problem(400, "invalid_grant", "The device code is not known")
        if request.used:
            raise Problem(400, "invalid_grant", "The device code has been used before")
        if self.tokens.now() >= request.expires_at:
            raise Problem(400, "expired_token", "The device code has expired")
        if request.accepted is None:
            self._poll_undecided(request, rules)
        if not request.accepted:
            raise Problem(400, "access_denied", "The resource owner denied the request")
        request.used = True
        return self.tokens.new_grant(
            request.scopes, rules, request.person_id, self_contained=self_contained or rules.devices_get_jwts
        )

    def _scopes_asked_for(self, form: Mapping[str, str], rules: Rules) -> tuple[str, ...]:
        """The scopes of a device authorization request. Raises Problem if anything in the request is wrong."""
        if form.get("client_id") != self.tokens.client_id:
            raise Problem(400, "invalid_client", "Client Id is invalid")
        scopes = rules.check_scopes(form.get("scope", ""))
        if not rules.helper_redirects:
            raise Problem(
                400,
                "invalid_request",
                "The redirect_uri of the device helper service is not registered with the integration",
            )
        return scopes

    def _poll_undecided(self, request: DeviceRequest, rules: Rules) -> None:
        """Tell the device to wait, by raising Problem. With ``auto_approve``, the second poll accepts instead."""
        before, request.polled_at = request.polled_at, self.tokens.now()
        if before is not None and request.polled_at - before < request.interval - _POLL_TOLERANCE:
            request.interval += SLOW_DOWN
            raise Problem(
                400 if rules.rfc_errors else 429,
                "slow_down",
                "The device polls more often than it may",
                retry_after=math.ceil(request.interval),
            )
        if before is None or not rules.auto_approve:
            raise Problem(
                400 if rules.rfc_errors else 428,
                "authorization_pending",
                "The resource owner has not answered yet",
                outcome="pending",
            )
        request.accepted = True

    def _waiting(self) -> Iterator[DeviceRequest]:
        now = self.tokens.now()
        return (each for each in self._by_device_code.values() if each.accepted is None and now < each.expires_at)

    def _new_user_code(self) -> str:
        """Six digits that no other device shows now."""
        taken = {request.user_code for request in self._waiting()}
        while (code := f"{secrets.randbelow(1_000_000):06}") in taken:
            pass
        return code
