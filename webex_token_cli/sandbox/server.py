"""A running sandbox: Webex in memory behind a real socket. ``Sandbox`` is all that a test needs.

Besides Webex's paths below ``/v1``, its identity service below ``/idb`` and the page ``/verify`` for the code that a
device shows, it serves ``/sandbox/``, by which programs in any language control it.
"""

import ipaddress
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self
from urllib.parse import urlsplit

from webex_token_cli.sandbox.authorization import Authorization
from webex_token_cli.sandbox.durations import seconds
from webex_token_cli.sandbox.faults import TOKEN_PATH, Answer, Fault, FaultQueue
from webex_token_cli.sandbox.http.control import CONTROL_BASE, Control
from webex_token_cli.sandbox.http.handler import Delays, Handler
from webex_token_cli.sandbox.http.listener import Listener
from webex_token_cli.sandbox.journal import Entry, Journal, RecordedRequest, marked
from webex_token_cli.sandbox.people import ada
from webex_token_cli.sandbox.proxies import reached_directly
from webex_token_cli.sandbox.rules import DEFAULT_REDIRECT_URI, Rules
from webex_token_cli.sandbox.service_apps import ServiceApp, ServiceApps
from webex_token_cli.sandbox.tokens import Grant
from webex_token_cli.sandbox.webex import Webex


class Sandbox:
    """A sandbox that serves from a thread of its own while its context lasts.

    ``port`` 0 chooses a free port. ``report`` is called with each new entry of the journal. ``people`` have an account
    there; without any, one person has. ``clock`` gives UTC epoch seconds. ``listen`` is the IP address that it listens
    on. Raises OSError if it cannot listen there, ValueError if that is no IP address.
    """

    def __init__(
        self,
        rules: Rules | None = None,
        port: int = 0,
        report: Callable[[Entry], None] = lambda _: None,
        people: Sequence[dict[str, Any]] = (),
        clock: Callable[[], float] = time.time,
        listen: str = "127.0.0.1",
    ) -> None:
        self._webex = Webex(
            _with_redirect_uris(rules or Rules(), (DEFAULT_REDIRECT_URI,)), clock, people=list(people) or [ada()]
        )
        self._journal = Journal(report)
        self._faults = FaultQueue(self._webex.now)
        self._control = Control(self._webex, self._faults, self._journal)
        self._delays = Delays()
        address = ipaddress.ip_address(listen)

        class SandboxHandler(Handler):
            control = self._control
            delays = self._delays

        self._server = Listener(address, port, SandboxHandler)
        # No name but those of this machine leads to a loopback address.
        SandboxHandler.url, SandboxHandler.follows_host = self.url, not address.is_loopback
        self._thread = threading.Thread(target=self._server.serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._thread.join()
        self._server.server_close()
        self._delays.end()
        self._server.end_connections()

    # -- where it is, and who is there ------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The port that the sandbox listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL of everything for programs on this machine, without a slash at its end."""
        return f"http://{self._server.own_host}:{self.port}"

    @property
    def api_url(self) -> str:
        """The base URL that replaces ``https://webexapis.com/v1``."""
        return f"{self.url}/v1"

    @property
    def verification_uri(self) -> str:
        """The page on which a person types the code that their device shows."""
        return f"{self.url}/verify"

    @property
    def control_url(self) -> str:
        """The base URL of the control over HTTP, without a slash at its end."""
        return f"{self.url}{CONTROL_BASE}"

    @property
    def client_id(self) -> str:
        """The client id of the integration."""
        return self._webex.client_id

    @property
    def client_secret(self) -> str:
        """The client secret of the integration."""
        return self._webex.client_secret

    @property
    def redirect_uri(self) -> str:
        """The first redirect URI of the integration."""
        return self.rules.redirect_uris[0]

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that make ``webex-token`` use this sandbox."""
        return {
            "WEBEX_TOKEN_API_URL": self.api_url,
            "WEBEX_CLIENT_ID": self.client_id,
            "WEBEX_CLIENT_SECRET": self.client_secret,
            "WEBEX_REDIRECT_URI": self.redirect_uri,
        }

    def reached_directly(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The variables that let programs reach the sandbox without the proxy that ``environment`` may name."""
        return reached_directly(environment, urlsplit(self.url).hostname or "", "localhost")

    @property
    def people(self) -> list[dict[str, Any]]:
        """The people who have an account, as ``/people/me`` describes them. The first signs in where nobody chooses."""
        return self._webex.people

    @property
    def person(self) -> dict[str, Any]:
        """The first of the people."""
        return self._webex.person

    @property
    def service_apps(self) -> ServiceApps:
        """The Service Apps, where more can be registered."""
        return self._webex.service_apps

    # -- how it behaves ---------------------------------------------------------------------------------

    @property
    def rules(self) -> Rules:
        """The rules in force. Others can be set at any time."""
        return self._webex.rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._webex.rules = _with_redirect_uris(rules, self.rules.redirect_uris)

    def now(self) -> float:
        """The time in the sandbox, in UTC epoch seconds."""
        return self._webex.now()

    def advance(self, duration: str | float) -> None:
        """Set the sandbox's clock forward by ``duration``, such as ``13d`` or a number of seconds."""
        self._webex.advance(seconds(duration))

    def set_back(self, duration: str | float) -> None:
        """Set the sandbox's clock back by ``duration``, to test programs whose machine has another time."""
        self._webex.advance(-seconds(duration))

    def freeze(self) -> None:
        """Stop the sandbox's clock: from now on, only ``advance`` moves it."""
        self._webex.freeze()

    def fault(self, words: str) -> Fault:
        """Order a fault such as ``refresh=503*2``, and return it. See ``Fault.parse``, which raises ValueError."""
        fault = Fault.parse(words)
        self._faults.order(fault)
        return fault

    def order(self, fault: Fault | Answer) -> None:
        """Order a fault, or an answer of one's own for the next requests for its path.

        Raises ValueError with a sentence if no request could meet it.
        """
        self._faults.order(fault)

    @property
    def faults(self) -> list[Fault | Answer]:
        """Everything that was ordered, oldest first. ``came`` of each is the number of requests that it has met."""
        return self._faults.ordered()

    def reset(self) -> None:
        """Forget grants, sign-ins, Service Apps, faults, journal and the advance of the clock."""
        self._control.reset()

    # -- what was granted -------------------------------------------------------------------------------

    @property
    def grants(self) -> list[Grant]:
        """Every grant that was made, oldest first, with its tokens of now."""
        return self._webex.grants

    def token_response(
        self,
        scopes: Sequence[str] = ("spark:all",),
        expires_in: str | float | None = None,
        self_contained: bool = False,
        person: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The token response for a new sign-in of ``person``, or of the first of the people, without browser or code.

        ``expires_in`` is how long this access token lives, such as ``10m`` or a number of seconds; without it, as the
        rules say. If that is shorter than the rules say, it counts as an old token, and a refresh renews it. A
        ``self_contained`` access token is a JWT, as a device can ask for.
        """
        lifetime = None if expires_in is None else seconds(expires_in)
        whose = (person or self.person)["id"]
        return self._webex.issue_token_response(tuple(scopes), lifetime, self_contained, whose)

    def revoke(self, grant: Grant | None = None) -> None:
        """Revoke ``grant``, or every grant, as an admin or the person can do at any time."""
        if grant is None:
            self._webex.revoke_everything()
        else:
            self._webex.revoke_grant(grant.id)

    def revoke_service_app(self, app: ServiceApp) -> None:
        """Take the admin's authorization of the Service App back, which revokes all its tokens."""
        self._webex.revoke_service_app(app)

    def person_of(self, access_token: str) -> dict[str, Any]:
        """The person for whom ``access_token`` is valid now. Raises Problem if it is not, or not for this."""
        return self._webex.person_of(access_token)

    def accept_pending_authorization(self) -> Authorization:
        """Press Accept for the request that has waited longest. Raises StopIteration if no request waits."""
        return self._webex.accept_pending_authorization()

    def latest_authorization(self) -> Authorization:
        """The authorization request that was accepted last. Raises IndexError if none was accepted."""
        return self._webex.latest_authorization()

    @property
    def issued(self) -> frozenset[str]:
        """Every secret that was ever issued or redeemed here: codes, code verifiers, tokens and client secrets."""
        return self._webex.secret_names.secrets

    # -- what happened ----------------------------------------------------------------------------------

    @property
    def journal(self) -> list[Entry]:
        """The answered requests, oldest first, which show no secret unless they are asked for it."""
        return self._journal.entries

    def marked(self, entry: Entry) -> dict[str, Any]:
        """``entry`` as a JSON object, with its headers and bodies, and each secret in them replaced by its name."""
        return marked(entry, self._webex.secret_names)

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests as they arrived, oldest first, with their secrets."""
        return self._journal.requests

    def outcomes(self, path: str = TOKEN_PATH) -> list[str]:
        """The outcome of each request for ``path``, oldest first, such as ``renewed``."""
        return self._journal.outcomes(path)

    @property
    def client_ports(self) -> list[int]:
        """The client's port of each accepted TCP connection, oldest first, also of those without a request."""
        return list(self._server.client_ports)

    @property
    def in_flight(self) -> int:
        """The number of requests that wait for the delay of their fault now."""
        return self._delays.in_flight


def _with_redirect_uris(rules: Rules, usual: tuple[str, ...]) -> Rules:
    """``rules``, with the ``usual`` redirect URIs where they name none."""
    return rules if rules.redirect_uris else replace(rules, redirect_uris=usual)
