"""Webex's paths for programs: tokens, devices, people, grants and Service Apps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from webex_token_cli.sandbox.device import DEVICE_CODE_GRANT
from webex_token_cli.sandbox.faults import DEVICE_TOKEN_PATH, TOKEN_PATH
from webex_token_cli.sandbox.http.replies import Reply, json_reply, token_reply
from webex_token_cli.sandbox.http.request import Request
from webex_token_cli.sandbox.service_apps import token_path_of
from webex_token_cli.sandbox.webex import Webex

# The path before the id of a grant.
_ONE_GRANT = "/v1/authorizations/"


@dataclass(frozen=True, slots=True)
class WebexAPI:
    """Answers the requests that a client of Webex sends. Each method raises Problem for a refusal."""

    webex: Webex

    def handler(self, request: Request) -> Callable[[Request], Reply] | None:
        """The method that answers ``request``; None if its path is none of these."""
        if request.method == "POST" and token_path_of(request.path) is not None:
            return self._service_app_tokens
        if request.method == "DELETE" and request.path.startswith(_ONE_GRANT):
            return self._revoke_grant
        method = "GET" if request.method == "HEAD" else request.method
        return {
            ("POST", TOKEN_PATH): self._token,
            ("POST", "/v1/device/authorize"): self._begin_device,
            ("POST", DEVICE_TOKEN_PATH): self._poll_device,
            ("GET", "/v1/.well-known/openid-configuration"): self._discovery,
            ("GET", "/v1/people/me"): self._person,
            ("GET", "/v1/authorizations/tokenExpiry"): self._token_expiry,
            ("GET", "/v1/authorizations"): self._authorizations,
            ("DELETE", "/v1/authorizations"): self._revoke_grants,
            ("POST", "/idb/oauth2/v1/revoke"): self._revoke_access_token,
        }.get((method, request.path))

    def _token(self, request: Request) -> Reply:
        return token_reply(*self.webex.token(request.form, request.basic, request.rules))

    def _begin_device(self, request: Request) -> Reply:
        return token_reply(self.webex.begin_device(request.form, f"{request.origin}/verify"), "device asked")

    def _poll_device(self, request: Request) -> Reply:
        return token_reply(self.webex.poll_device(request.form, request.basic, request.rules), "signed in")

    def _person(self, request: Request) -> Reply:
        return json_reply(200, self.webex.person_of(request.bearer))

    def _token_expiry(self, request: Request) -> Reply:
        return json_reply(200, self.webex.token_expiry(request.bearer))

    def _authorizations(self, request: Request) -> Reply:
        return json_reply(200, {"items": self.webex.authorizations(request.bearer, request.query)})

    def _revoke_grants(self, request: Request) -> Reply:
        self.webex.revoke(request.bearer, request.query)
        return Reply(204, b"", "", "revoked")

    def _revoke_grant(self, request: Request) -> Reply:
        self.webex.revoke_authorization(request.bearer, unquote(request.path.removeprefix(_ONE_GRANT)))
        return Reply(204, b"", "", "revoked")

    def _revoke_access_token(self, request: Request) -> Reply:
        self.webex.revoke_access_token(request.form, request.basic)
        return Reply(200, b"", "", "revoked")

    def _service_app_tokens(self, request: Request) -> Reply:
        application_id = token_path_of(request.path) or ""
        return token_reply(self.webex.service_app_tokens(request.bearer, application_id, request.json()), "service app")

    def _discovery(self, request: Request) -> Reply:
        """The provider's metadata (OpenID Connect Discovery 1.0 section 3)."""
        base = f"{request.origin}/v1"
        metadata: dict[str, Any] = {
            # Webex's issuer is its identity service, which is not below the API.
            "issuer": f"{request.origin}/idb",
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/access_token",
            "device_authorization_endpoint": f"{base}/device/authorize",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", DEVICE_CODE_GRANT],
            "code_challenge_methods_supported": ["plain", "S256"],
            # RFC 8414 section 2: without this, a client may use HTTP Basic only.
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        return json_reply(200, metadata)
