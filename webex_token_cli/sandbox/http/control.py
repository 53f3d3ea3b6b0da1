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
from webex_token_cli.sandbox.faults import CONTROL_ROOT, Answer, Fault, FaultQueue
from webex_token_cli.sandbox.http.json_fields import COUNT, DURATION, FLAG, HEADERS, OBJECT, TEXT, TEXTS, checked
from webex_token_cli.sandbox.http.replies import Reply, json_reply
from webex_token_cli.sandbox.http.request import Request
from webex_token_cli.sandbox.journal import Journal, marked
from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.quoting import quoted
from webex_token_cli.sandbox.service_apps import ServiceApp
from webex_token_cli.sandbox.tokens import Grant
from webex_token_cli.sandbox.webex import Webex

VERSION = 1
_HEALTH = f"{CONTROL_ROOT}healthz"
CONTROL_BASE = f"{CONTROL_ROOT}v{VERSION}"
_GRANTS = f"{CONTROL_BASE}/grants"

# Answers with tokens are not to be stored, and none of them is to be run as a script.
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Control:
    """Answers the requests that control a sandbox."""

    webex: Webex
    faults: FaultQueue
    journal: Journal

    def answer(self, request: Request) -> Reply:
        """The answer to ``request``, whose path begins with ``CONTROL_ROOT``. An error is JSON with a ``message``."""
        if request.path == _HEALTH and request.method in {"GET", "HEAD"}:
            return _reply(200, {"status": "ok", "version": VERSION})
        try:
            _check_caller(request)
            return _reply(200, self._respond(request))
        except Problem as problem:
            return _reply(problem.status, {"message": problem.description})
        except (ValueError, TypeError) as error:
            return _reply(400, {"message": f"The request could not be understood: {error}"})

    def reset(self) -> None:
        """Forget grants, sign-ins, faults, journal and the advance of the clock."""
        self.webex.reset()
        self.faults.clear()
        self.journal.clear()

    def _respond(self, request: Request) -> dict[str, Any]:
        if request.method == "DELETE" and request.path.startswith(f"{_GRANTS}/"):
            checked(request.json())
            self.webex.revoke_grant(request.path.removeprefix(f"{_GRANTS}/"))
            return {}
        responses: dict[tuple[str, str], Callable[[dict[str, Any]], dict[str, Any]]] = {
            ("GET", f"{CONTROL_BASE}/faults"): self._list_faults,
            ("POST", f"{CONTROL_BASE}/faults"): self._order,
            ("DELETE", f"{CONTROL_BASE}/faults"): self._clear_faults,
            ("POST", f"{CONTROL_BASE}/advance"): self._advance,
            ("GET", f"{CONTROL_BASE}/journal"): self._list_journal,
            ("GET", _GRANTS): self._list_grants,
            ("DELETE", _GRANTS): self._revoke_all,
            ("POST", f"{CONTROL_BASE}/tokens"): self._issue_tokens,
            ("POST", f"{CONTROL_BASE}/service-apps"): self._change_service_app,
            ("POST", f"{CONTROL_BASE}/reset"): self._reset,
        }
        respond = responses.get((request.method, request.path))
        if respond is None:
            raise Problem(404, "", f"There is no {request.method} {request.path}")
        return respond(request.json())

    def _list_faults(self, asked: dict[str, Any]) -> dict[str, Any]:
        checked(asked)
        return {"faults": [_described_fault(each) for each in self.faults.ordered()]}

    def _order(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Order the ``fault`` in words, or the ``answer`` that is described by its fields."""
        asked = checked(asked, fault=TEXT, answer=OBJECT)
        if len(asked) != 1:
            raise ValueError("Give either a fault, such as refresh=503*2, or an answer.")
        fault = _answer(asked["answer"]) if "answer" in asked else Fault.parse(asked["fault"])
        self.faults.order(fault)
        return _described_fault(fault)

    def _clear_faults(self, asked: dict[str, Any]) -> dict[str, Any]:
        checked(asked)
        self.faults.clear()
        return {}

    def _advance(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.webex.advance(seconds(checked(asked, ("duration",), duration=DURATION)["duration"]))
        return {"now": self.webex.now()}

    def _list_journal(self, asked: dict[str, Any]) -> dict[str, Any]:
        checked(asked)
        return {"entries": [marked(entry, self.webex.secret_names) for entry in list(self.journal.entries)]}

    def _list_grants(self, asked: dict[str, Any]) -> dict[str, Any]:
        checked(asked)
        return {"grants": [self._described(grant) for grant in self.webex.grants]}

    def _revoke_all(self, asked: dict[str, Any]) -> dict[str, Any]:
        checked(asked)
        self.webex.revoke_everything()
        return {}

    def _issue_tokens(self, asked: dict[str, Any]) -> dict[str, Any]:
        asked = checked(asked, scopes=TEXTS, expires_in=DURATION, person=TEXT)
        lifetime = None if "expires_in" not in asked else seconds(asked["expires_in"])
        whose = self._person_id(asked["person"]) if "person" in asked else ""
        return self.webex.issue_token_response(self._scopes(asked), lifetime, person_id=whose)

    def _change_service_app(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Register a Service App, or let an admin authorize or revoke the one whose ``id`` is given."""
        asked = checked(asked, id=TEXT, scopes=TEXTS, authorized=FLAG)
        if "id" in asked and "scopes" in asked:
            raise ValueError("The scopes of a Service App are those with which it was registered.")
        apps = self.webex.service_apps
        app = apps.find(asked["id"]) if "id" in asked else apps.register(self._scopes(asked))
        if asked.get("authorized") is True:
            app.authorized = True
        if asked.get("authorized") is False:
            self.webex.revoke_service_app(app)
        return self._described_app(app)

    def _person_id(self, address: str) -> str:
        """The id of the person with that e-mail address. Raises ValueError."""
        for person in self.webex.people:
            if address in person["emails"]:
                return str(person["id"])
        raise ValueError(f"Nobody has the address {quoted(address)}.")

    def _scopes(self, asked: dict[str, Any]) -> tuple[str, ...]:
        """The scopes that were asked for. Raises Problem (400) if the integration has not all of them."""
        return self.webex.rules.check_scopes(" ".join(asked.get("scopes", ["spark:all"])))

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

    def _reset(self, asked: dict[str, Any]) -> dict[str, Any]:
        checked(asked)
        self.reset()
        return {}


def _reply(status: int, body: dict[str, Any]) -> Reply:
    return json_reply(status, body, headers=_HEADERS)


def _answer(asked: dict[str, Any]) -> Answer:
    """The answer that the fields describe. Raises ValueError."""
    fields = checked(
        asked,
        ("path", "status"),
        path=TEXT,
        status=COUNT,
        headers=HEADERS,
        body=TEXT,
        times=COUNT,
        delay=DURATION,
        after_requests=COUNT,
        scope=TEXT,
    )
    return Answer(**{**fields, "delay": seconds(fields.get("delay", 0))})


def _described_fault(fault: Fault | Answer) -> dict[str, Any]:
    return {"fault": str(fault), "times": fault.times, "came": fault.came}


def _check_caller(request: Request) -> None:
    """Raise Problem (403) unless the caller is a program on this machine.

    A browser sends Origin with each request that could change something, and Sec-Fetch-Site with every one.
    """
    if not _is_loopback(request.peer[0]):
        raise Problem(403, "", "The sandbox is controlled from its own machine only")
    if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
        raise Problem(403, "", "The sandbox is not controlled by pages in a browser")
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    if host != "localhost" and not _is_loopback(host):
        raise Problem(403, "", "The sandbox is controlled by the name localhost or a loopback address only")


def _is_loopback(host: str) -> bool:
    """Whether ``host`` is a loopback address. A socket for both versions of IP writes IPv4 as ``::ffff:127.0.0.1``."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
