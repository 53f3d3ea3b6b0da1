"""What a person does in a browser at Webex: sign in, consent, and enter the code that a device shows."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webex_token_cli.sandbox.accounts import Accounts
from webex_token_cli.sandbox.authorization import Authorization, AuthorizationRequests
from webex_token_cli.sandbox.device import DeviceRequest, DeviceRequests
from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.rules import Rules


@dataclass(frozen=True, slots=True)
class SignIns:
    """Answers the requests of browsers. Safe to use from several threads: ``lock`` is that of ``Webex``.

    ``rules`` gives the rules that are in force. ``client_id`` is that of the integration.
    """

    rules: Callable[[], Rules]
    client_id: str
    accounts: Accounts
    authorizations: AuthorizationRequests
    devices: DeviceRequests
    lock: threading.RLock = field(repr=False)

    def check_client_and_redirect(self, query: Mapping[str, str]) -> None:
        """Raise Problem for the errors that must not be reported by a redirect (RFC 6749 section 4.1.2.1)."""
        if query.get("client_id") != self.client_id:
            raise Problem(401, "invalid_client", "Unknown client id")
        if query.get("redirect_uri") not in self.rules().redirect_uris:
            raise Problem(400, "invalid_request", "The redirect_uri does not match one registered with the integration")

    def begin_authorization(self, query: Mapping[str, str]) -> tuple[str, Authorization]:
        """See ``AuthorizationRequests.begin``. A Problem from here is reported to the redirect URI."""
        with self.lock:
            return self.authorizations.begin(query, self.rules())

    def person_for(self, authorization: Authorization, cookies: str) -> dict[str, Any] | None:
        """See ``Accounts.person_for``. With ``auto_approve``, nobody is asked who signs in."""
        with self.lock:
            person = self.accounts.person_for(authorization, cookies)
            if person is None and self.rules().auto_approve:
                person = self.accounts.signed_in(cookies) or self.accounts.hinted(authorization) or self.accounts.first
            authorization.person_id = "" if person is None else person["id"]
            return person

    def choose_account(self, ticket: str, person_id: str) -> tuple[Authorization, dict[str, Any], str]:
        """Sign the chosen person in: the request that waits, the person, and the Set-Cookie header. Raises Problem."""
        with self.lock:
            authorization = self.authorizations.waiting(ticket)
            person = self.accounts.person_with_id(person_id)
            authorization.person_id = person_id
            return authorization, person, self.accounts.sign_in(person)

    def needs_no_page(self, person: dict[str, Any], authorization: Authorization, cookies: str) -> bool:
        """See ``Accounts.needs_no_page``."""
        with self.lock:
            return self.accounts.needs_no_page(person, authorization, cookies)

    def has_consented(self, person: dict[str, Any], authorization: Authorization) -> bool:
        """See ``Accounts.has_consented``."""
        with self.lock:
            return self.accounts.has_consented(person, authorization)

    def decide_authorization(
        self, ticket: str, accept: bool, cookies: str
    ) -> tuple[Authorization, dict[str, str], str]:
        """Record the decision of the person who signs in: the request, and the query of the redirect that answers it.

        The last of the three is a Set-Cookie header; it is empty if the person was signed in before. Raises Problem.
        """
        with self.lock:
            person = self.accounts.person_with_id(self.authorizations.waiting(ticket).person_id)
            authorization, answer = self.authorizations.decide(ticket, accept)
            if not accept:
                return authorization, answer, ""
            is_signed_in = self.accounts.signed_in(cookies, authorization.max_age) is person
            self.accounts.consent(person, authorization)
            return authorization, answer, "" if is_signed_in else self.accounts.sign_in(person)

    def find_device(self, user_code: str) -> DeviceRequest:
        """See ``DeviceRequests.find``."""
        with self.lock:
            return self.devices.find(user_code)

    def person_of_browser(self, cookies: str) -> dict[str, Any]:
        """The person who is signed in in the browser that sends ``cookies``, else the first."""
        with self.lock:
            return self.accounts.signed_in(cookies) or self.accounts.first

    def decide_device(self, ticket: str, accept: bool, cookies: str) -> None:
        """See ``DeviceRequests.decide``."""
        with self.lock:
            self.devices.decide(ticket, accept, self.person_of_browser(cookies)["id"])
