"""The control of a sandbox over HTTP, for tests in any language: faults, time, journal, grants and a new start.

Version 1 lies below ``/sandbox/v1``. Only programs on this machine are let in. A page in a browser is refused, also one
whose host name was made to lead here (DNS rebinding): it could act in the name of whoever looks at it.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from webex_token_cli.sandbox.durations import seconds
from webex_token_cli.sandbox.faults import Answer, Fault, FaultQueue
from webex_token_cli.sandbox.http.replies import Reply, json_reply
from webex_token_cli.sandbox.http.request import Request
from webex_token_cli.sandbox.journal import Journal, marked
from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.service_apps import ServiceApp
from webex_token_cli.sandbox.tokens import Grant
from webex_token_cli.sandbox.webex import Webex

VERSION = 1
ROOT = "/sandbox/"
_BASE = f"/sandbox/v{VERSION}"
_GRANTS = f"{_BASE}/grants"


@dataclass(frozen=True, slots=True)
class Control:
    """Answers the requests that control a sandbox."""

    webex: Webex
    faults: FaultQueue
    journal: Journal

    def answer(self, request: Request) -> Reply:
        """The answer to ``request``, whose path begins with ``ROOT``. An error is JSON with a ``message``."""
        if (request.method, request.path) == ("GET", "/sandbox/healthz"):
            return json_reply(200, {"status": "ok", "version": VERSION})
        try:
            _check_caller(request)
            return json_reply(200, self._respond(request))
        except Problem as problem:
            return json_reply(problem.status, {"message": problem.description})
        except (ValueError, TypeError, KeyError) as error:
            return json_reply(400, {"message": f"The request could not be understood: {error}"})

    def reset(self) -> None:
        """Forget grants, sign-ins, faults, journal and the advance of the clock."""
        self.webex.reset()
        self.faults.clear()
        self.journal.clear()

    def _respond(self, request: Request) -> dict[str, Any]:
        if request.method == "DELETE" and request.path.startswith(f"{_GRANTS}/"):
            self.webex.revoke_grant(request.path.removeprefix(f"{_GRANTS}/"))
            return {}
        responses: dict[tuple[str, str], Callable[[dict[str, Any]], dict[str, Any]]] = {
            ("GET", f"{_BASE}/faults"): self._list_faults,
            ("POST", f"{_BASE}/faults"): self._order,
            ("DELETE", f"{_BASE}/faults"): self._clear_faults,
            ("POST", f"{_BASE}/advance"): self._advance,
            ("GET", f"{_BASE}/journal"): self._list_journal,
            ("GET", _GRANTS): self._list_grants,
            ("DELETE", _GRANTS): self._revoke_all,
            ("POST", f"{_BASE}/tokens"): self._issue_tokens,
            ("POST", f"{_BASE}/service-apps"): self._change_service_app,
            ("POST", f"{_BASE}/reset"): self._reset,
        }
        respond = responses.get((request.method, request.path))
        if respond is None:
            raise Problem(404, "", f"There is no {request.method} {request.path}")
        return respond(request.json())

    def _list_faults(self, _: dict[str, Any]) -> dict[str, Any]:
        ordered = self.faults.ordered()
        return {"faults": [{"fault": str(each), "times": each.times, "came": each.came} for each in ordered]}

    def _order(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Order the ``fault`` in words, or the ``answer`` that is described by its fields."""
        fault = Answer(**asked["answer"]) if "answer" in asked else Fault.parse(asked["fault"])
        self.faults.order(fault)
        return {"fault": str(fault)}

    def _clear_faults(self, _: dict[str, Any]) -> dict[str, Any]:
        self.faults.clear()
        return {}

    def _advance(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.webex.advance(seconds(asked["duration"]))
        return {"now": self.webex.now()}

    def _list_journal(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"entries": [marked(entry, self.webex.secret_names) for entry in list(self.journal.entries)]}

    def _list_grants(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"grants": [self._described(grant) for grant in self.webex.grants]}

    def _revoke_all(self, _: dict[str, Any]) -> dict[str, Any]:
        self.webex.revoke_everything()
        return {}

    def _issue_tokens(self, asked: dict[str, Any]) -> dict[str, Any]:
        lifetime = None if "expires_in" not in asked else seconds(asked["expires_in"])
        return self.webex.issue_token_response(tuple(asked.get("scopes", ["spark:all"])), lifetime)

    def _change_service_app(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Register a Service App, or let an admin authorize or revoke the one whose ``id`` is given."""
        apps = self.webex.service_apps
        app = apps.find(asked["id"]) if "id" in asked else apps.register(tuple(asked.get("scopes", ["spark:all"])))
        if asked.get("authorized") is True:
            app.authorized = True
        if asked.get("authorized") is False:
            self.webex.revoke_service_app(app)
        return self._described_app(app)

    def _described_app(self, app: ServiceApp) -> dict[str, Any]:
        return {
            "id": app.application_id,
            "clientId": app.client_id,
            "clientSecret": app.client_secret,
            "orgId": self.webex.person["orgId"],
            "authorized": app.authorized,
        }

    def _described(self, grant: Grant) -> dict[str, Any]:
        """A grant without its tokens, which have names instead."""
        name = self.webex.secret_names.name
        return {
            "id": grant.id,
            "client_id": grant.client_id,
            "person_id": grant.person_id,
            "scopes": list(grant.scopes),
            "made_at": grant.made_at,
            "access_token": name(grant.access_token),
            "access_token_expires_at": grant.access_expires_at,
            "refresh_token": name(grant.refresh_token),
            "refresh_token_expires_at": grant.refresh_expires_at,
            "revoked": grant.revoked,
        }

    def _reset(self, _: dict[str, Any]) -> dict[str, Any]:
        self.reset()
        return {}


def _check_caller(request: Request) -> None:
    """Raise Problem (403) unless the caller is a program on this machine.

    A browser sends Origin with each request that could change something, and Sec-Fetch-Site with every one.
    """
    if not ipaddress.ip_address(request.peer[0]).is_loopback:
        raise Problem(403, "", "The sandbox is controlled from its own machine only")
    if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
        raise Problem(403, "", "The sandbox is not controlled by pages in a browser")
    if not _is_loopback_name(urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""):
        raise Problem(403, "", "The sandbox is controlled by the name localhost or a loopback address only")


def _is_loopback_name(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
