"""The pages for a person's browser: who signs in, the consent, and the code that a device shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from webex_token_cli.sandbox.authorization import Authorization
from webex_token_cli.sandbox.http.replies import (
    Reply,
    account_page,
    another_account,
    page,
    redirect,
    verify_page,
)
from webex_token_cli.sandbox.http.request import Request
from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.webex import Webex


@dataclass(frozen=True, slots=True)
class SignInPages:
    """Answers the requests of a browser. Each method raises Problem for a refusal that no page reports."""

    webex: Webex

    def handler(self, request: Request) -> Callable[[Request], Reply] | None:
        """The method that answers ``request``; None if its path is none of these."""
        return {
            ("GET", "/v1/authorize"): self._authorize,
            ("POST", "/v1/authorize/decision"): self._decide,
            ("POST", "/v1/authorize/account"): self._choose_account,
            ("GET", "/verify"): self._verify,
            ("POST", "/verify/decision"): self._decide_device,
        }.get((request.method, request.path))

    def _authorize(self, request: Request) -> Reply:
        query = request.query
        try:
            self.webex.sign_ins.check_client_and_redirect(query)
        except Problem as problem:
            if "application/json" in request.headers.get("Accept", ""):
                raise
            values = {"description": problem.description, "tracking_id": request.tracking_id}
            return page(problem.status, problem.error, "refused.html", **values)
        try:
            ticket, authorization = self.webex.sign_ins.begin_authorization(query)
            person = self.webex.sign_ins.person_for(authorization, request.cookies)
        except Problem as problem:
            answer = {
                "error": problem.error,
                "error_description": problem.description,
                "state": query.get("state", ""),
            }
            return redirect(query["redirect_uri"], answer, problem.error)
        if person is None:
            return account_page(self.webex.people, ticket)
        if request.rules.auto_approve or self.webex.sign_ins.needs_no_page(person, authorization, request.cookies):
            return self._decided(request, ticket, accept=True)
        return self._ask_for_consent(ticket, authorization, person, query)

    def _choose_account(self, request: Request) -> Reply:
        ticket = request.form.get("ticket", "")
        authorization, person, cookie = self.webex.sign_ins.choose_account(ticket, request.form.get("person", ""))
        if self.webex.sign_ins.has_consented(person, authorization):
            reply = self._decided(request, ticket, accept=True)
        else:
            reply = self._ask_for_consent(ticket, authorization, person)
        reply.headers["Set-Cookie"] = cookie
        return reply

    def _ask_for_consent(
        self, ticket: str, authorization: Authorization, person: dict[str, Any], query: dict[str, str] | None = None
    ) -> Reply:
        """The consent page; with the ``query`` of the request, also a link to the choice of another account."""
        choice = f"/v1/authorize?{urlencode({**(query or {}), 'prompt': 'select_account'})}"
        return _consent_page(
            authorization.scopes,
            person,
            action="/v1/authorize/decision",
            ticket=ticket,
            label="It sends you back to",
            value=authorization.redirect_uri,
            markup=another_account(choice) if query and len(self.webex.people) > 1 else "",
        )

    def _decide(self, request: Request) -> Reply:
        return self._decided(request, request.form.get("ticket", ""), request.form.get("decision") == "accept")

    def _decided(self, request: Request, ticket: str, accept: bool) -> Reply:
        authorization, answer, cookie = self.webex.sign_ins.decide_authorization(ticket, accept, request.cookies)
        reply = redirect(authorization.redirect_uri, answer, "accepted" if accept else "denied")
        if cookie:
            reply.headers["Set-Cookie"] = cookie
        return reply

    def _verify(self, request: Request) -> Reply:
        user_code = request.query.get("userCode", "")
        if not user_code.strip():
            return verify_page(200, "code asked", "Type its six digits. Dashes and blanks make no difference.")
        try:
            device = self.webex.sign_ins.find_device(user_code)
        except Problem as problem:
            return verify_page(problem.status, problem.error, f"{problem.description}.")
        return _consent_page(
            device.scopes,
            self.webex.sign_ins.person_of_browser(request.cookies),
            action="/verify/decision",
            ticket=device.ticket,
            label="Your device should show this code. If it shows another, press Deny",
            value=device.user_code,
        )

    def _decide_device(self, request: Request) -> Reply:
        accept = request.form.get("decision") == "accept"
        try:
            self.webex.sign_ins.decide_device(request.form.get("ticket", ""), accept, request.cookies)
        except Problem as problem:
            return verify_page(problem.status, problem.error, f"{problem.description}.")
        if accept:
            heading, words = "You can go back to your device", "It continues by itself."
        else:
            heading, words = "You denied the request", "Your device will be told."
        return page(200, "accepted" if accept else "denied", "device-done.html", heading=heading, words=words)


def _consent_page(
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
