"""The HTTP interface of the sandbox: which path and method leads to which behaviour of ``Webex``."""

import base64
import binascii
import contextlib
import json
import secrets
import time
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from webex_token_cli.sandbox.authorization import Authorization
from webex_token_cli.sandbox.device import DEVICE_CODE_GRANT
from webex_token_cli.sandbox.faults import FaultQueue, ordered_fault
from webex_token_cli.sandbox.journal import Entry, Journal, RecordedRequest
from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.replies import (
    Reply,
    account_page,
    another_account,
    json_reply,
    page,
    redirect,
    refusal,
    token_reply,
    verify_page,
)
from webex_token_cli.sandbox.service_apps import token_path_of
from webex_token_cli.sandbox.webex import Webex

# No request that the sandbox understands comes near this many bytes.
_LONGEST_FORM = 64 * 1024

# The paths whose errors have RFC 6749's shape if the rules say so.
_IN_EITHER_SHAPE = frozenset({"/v1/access_token", "/v1/device/authorize", "/v1/device/token"})

# The error codes that end a device's request. They always have RFC 6749's shape, because Webex's own shape
# carries no error code, and a device could not tell one end from another.
_ENDS_OF_A_DEVICE = frozenset({"access_denied", "expired_token", "invalid_grant"})


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection. ``Sandbox`` sets the class attributes in a subclass of its own."""

    webex: Webex
    journal: Journal
    faults: FaultQueue
    protocol_version = "HTTP/1.1"
    server_version = "webex-sandbox"
    sys_version = ""
    timeout = 30
    # An answer is sent in two pieces. With Nagle's algorithm, the second one waits for the client to acknowledge the
    # first, which takes 40 ms on Linux.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Called by the base class."""
        self._serve("GET")

    def do_POST(self) -> None:
        """Called by the base class."""
        self._serve("POST")

    def do_DELETE(self) -> None:
        """Called by the base class."""
        self._serve("DELETE")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Write nothing: the journal is the log."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The ``Date`` header of an answer, by the sandbox's clock."""
        return super().date_time_string(self.webex.now() if timestamp is None else timestamp)

    @property
    def _origin(self) -> str:
        assert isinstance(self.server, HTTPServer)  # noqa: S101 - the sandbox runs no other
        return f"http://127.0.0.1:{self.server.server_port}"

    def _serve(self, method: str) -> None:
        url = urlsplit(self.path)
        tracking_id = f"ROUTER_{secrets.token_hex(8).upper()}-{secrets.token_hex(2).upper()}"
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _LONGEST_FORM))
        self.journal.record_request(
            RecordedRequest(
                method,
                url.path,
                url.query,
                dict(self.headers),
                body.decode("utf-8", "replace"),
                self.client_address[1],
            )
        )
        fault = self.faults.take(url.path)
        if fault is not None:
            reply = Reply(fault.status, fault.body.encode(), "text/plain", "fault", fault.headers)
        else:
            reply = self._reply(method, url.path, dict(parse_qsl(url.query)), body, tracking_id)
        if self.webex.rules.latency:
            time.sleep(self.webex.rules.latency)
        self.journal.record(Entry(self.webex.now(), method, url.path, reply.status, reply.outcome))
        with contextlib.suppress(OSError):
            self._send(reply, tracking_id)

    def _reply(self, method: str, path: str, query: dict[str, str], body: bytes, tracking_id: str) -> Reply:
        webex = self.webex
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        try:
            match method, path:
                case "GET", "/v1/authorize":
                    return self._authorize(query, tracking_id)
                case "POST", "/v1/authorize/decision":
                    return self._decide(form.get("ticket", ""), form.get("decision") == "accept")
                case "POST", "/v1/authorize/account":
                    return self._choose_account(form.get("ticket", ""), form.get("person", ""))
                case "POST", "/v1/access_token":
                    return token_reply(*webex.token(form, self._basic()))
                case "POST", "/v1/device/authorize":
                    return token_reply(webex.begin_device(form, f"{self._origin}/verify"), "device asked")
                case "POST", "/v1/device/token":
                    return token_reply(webex.poll_device(form, self._basic()), "signed in")
                case "GET", "/verify":
                    return self._verify(query.get("userCode", ""))
                case "POST", "/verify/decision":
                    return self._decide_device(form.get("ticket", ""), form.get("decision") == "accept")
                case "GET", "/v1/.well-known/openid-configuration":
                    return json_reply(200, self._discovery())
                case "GET", "/v1/people/me":
                    return json_reply(200, webex.person_of(self._bearer()))
                case "GET", "/v1/authorizations/tokenExpiry":
                    return json_reply(200, webex.token_expiry(self._bearer()))
                case "GET", "/v1/authorizations":
                    return json_reply(200, {"items": webex.authorizations(self._bearer())})
                case "DELETE", "/v1/authorizations":
                    webex.revoke(self._bearer(), query.get("clientId", ""))
                    return Reply(204, b"", "", "revoked")
                case "POST", "/idb/oauth2/v1/revoke":
                    webex.revoke_access_token(form, self._basic())
                    return Reply(200, b"", "", "revoked")
                case "POST", _ if (application_id := token_path_of(path)) is not None:
                    tokens = webex.service_app_tokens(self._bearer(), application_id, json.loads(body))
                    return token_reply(tokens, "service app")
                case "POST", "/sandbox/service-app":
                    return json_reply(200, self._change_service_app(json.loads(body)), "service app changed")
                case "POST", "/sandbox/advance":
                    webex.advance(float(json.loads(body)["seconds"]))
                    return json_reply(200, {"now": webex.now()}, "advanced")
                case "POST", "/sandbox/fault":
                    self.faults.order(ordered_fault(json.loads(body)))
                    return json_reply(200, {}, "fault ordered")
                case "GET", "/sandbox/journal":
                    return json_reply(200, {"entries": [asdict(entry) for entry in self.journal.entries]})
                case _:
                    raise Problem(404, "not_found", "The requested resource could not be found")
        except Problem as problem:
            return refusal(problem, tracking_id, self._in_rfc_shape(path, problem.error))
        except (ValueError, TypeError, KeyError):
            return refusal(Problem(400, "invalid_request", "The request could not be read"), tracking_id, False)

    def _discovery(self) -> dict[str, Any]:
        """The provider's metadata (OpenID Connect Discovery 1.0 section 3)."""
        base = f"{self._origin}/v1"
        return {
            # Webex's issuer is its identity service, which is not below the API.
            "issuer": f"{self._origin}/idb",
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/access_token",
            "device_authorization_endpoint": f"{base}/device/authorize",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", DEVICE_CODE_GRANT],
            "code_challenge_methods_supported": ["S256"],
        }

    def _change_service_app(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Register a Service App, or let an admin authorize or revoke the one whose ``id`` is given."""
        apps = self.webex.service_apps
        app = apps.find(asked["id"]) if "id" in asked else apps.register(tuple(asked.get("scopes", ["spark:all"])))
        if asked.get("authorized") is True:
            app.authorized = True
        if asked.get("authorized") is False:
            self.webex.revoke_service_app(app)
        return {
            "id": app.application_id,
            "clientId": app.client_id,
            "clientSecret": app.client_secret,
            "orgId": self.webex.person["orgId"],
            "authorized": app.authorized,
        }

    def _in_rfc_shape(self, path: str, error: str) -> bool:
        if path == "/v1/device/token" and error in _ENDS_OF_A_DEVICE:
            return True
        return self.webex.rules.rfc_errors and path in _IN_EITHER_SHAPE

    def _authorize(self, query: dict[str, str], tracking_id: str) -> Reply:
        try:
            self.webex.check_client_and_redirect(query)
        except Problem as problem:
            if "application/json" in self.headers.get("Accept", ""):
                raise
            values = {"description": problem.description, "tracking_id": tracking_id}
            return page(problem.status, problem.error, "refused.html", **values)
        try:
            ticket, authorization = self.webex.begin_authorization(query)
            person = self.webex.person_for(authorization, self._cookies)
        except Problem as problem:
            answer = {
                "error": problem.error,
                "error_description": problem.description,
                "state": query.get("state", ""),
            }
            return redirect(query["redirect_uri"], answer, problem.error)
        if person is None:
            return account_page(self.webex.people, ticket)
        if self.webex.rules.auto_approve or self.webex.needs_no_page(person, authorization, self._cookies):
            return self._decide(ticket, accept=True)
        return self._ask_for_consent(ticket, authorization, person, query)

    def _choose_account(self, ticket: str, person_id: str) -> Reply:
        authorization, person, cookie = self.webex.choose_account(ticket, person_id)
        if self.webex.has_consented(person, authorization):
            reply = self._decide(ticket, accept=True)
        else:
            reply = self._ask_for_consent(ticket, authorization, person)
        reply.headers["Set-Cookie"] = cookie
        return reply

    def _ask_for_consent(
        self, ticket: str, authorization: Authorization, person: dict[str, Any], query: dict[str, str] | None = None
    ) -> Reply:
        """The consent page; with the ``query`` of the request, also a link to the choice of another account."""
        choice = f"/v1/authorize?{urlencode({**(query or {}), 'prompt': 'select_account'})}"
        return self._consent_page(
            authorization.scopes,
            person,
            action="/v1/authorize/decision",
            ticket=ticket,
            label="It sends you back to",
            value=authorization.redirect_uri,
            markup=another_account(choice) if query and len(self.webex.people) > 1 else "",
        )

    def _decide(self, ticket: str, accept: bool) -> Reply:
        authorization, answer, cookie = self.webex.decide_authorization(ticket, accept, self._cookies)
        reply = redirect(authorization.redirect_uri, answer, "accepted" if accept else "denied")
        if cookie:
            reply.headers["Set-Cookie"] = cookie
        return reply

    def _verify(self, user_code: str) -> Reply:
        if not user_code.strip():
            return verify_page(
                200, "code asked", "Type its eight letters. Capitals, dashes and blanks make no difference."
            )
        try:
            request = self.webex.find_device(user_code)
        except Problem as problem:
            return verify_page(problem.status, problem.error, f"{problem.description}.")
        return self._consent_page(
            request.scopes,
            self.webex.person_of_browser(self._cookies),
            action="/verify/decision",
            ticket=request.ticket,
            label="Your device should show this code. If it shows another, press Deny",
            value=request.user_code,
        )

    def _decide_device(self, ticket: str, accept: bool) -> Reply:
        try:
            self.webex.decide_device(ticket, accept, self._cookies)
        except Problem as problem:
            return verify_page(problem.status, problem.error, f"{problem.description}.")
        if accept:
            heading, words = "You can go back to your device", "It continues by itself."
        else:
            heading, words = "You denied the request", "Your device will be told."
        return page(200, "accepted" if accept else "denied", "device-done.html", heading=heading, words=words)

    def _consent_page(
        self,
        scopes: tuple[str, ...],
        person: dict[str, Any],
        *,
        action: str,
        ticket: str,
        label: str,
        value: str,
        markup: str = "",
    ) -> Reply:
        """The page that asks the person; ``label`` and ``value`` help them to recognize the request."""
        return page(
            200,
            "asked",
            "consent.html",
            markup,
            person=person["displayName"],
            scopes=" ".join(scopes),
            action=action,
            ticket=ticket,
            label=label,
            value=value,
        )

    @property
    def _cookies(self) -> str:
        """The cookies that the browser sends, as one header."""
        return str(self.headers.get("Cookie", ""))

    def _bearer(self) -> str:
        """The access token of the request, or an empty string."""
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""

    def _basic(self) -> tuple[str, str] | None:
        """The client id and client secret from HTTP Basic.

        The result is None without the header, and two empty strings if the header is malformed.
        """
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            name, _, password = base64.b64decode(value).decode().partition(":")
            return name, password
        return "", ""

    def _send(self, reply: Reply, tracking_id: str) -> None:
        self.send_response(reply.status)
        if reply.status != 204:  # A 204 has no content and must not have a Content-Length (RFC 9110 section 8.6).
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("trackingid", tracking_id)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
