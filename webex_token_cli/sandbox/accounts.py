"""Who is signed in in which browser, and which of the people an authorization request concerns.

OpenID Connect Core 1.0 section 3.1.2.1 describes ``prompt``, ``login_hint`` and ``max_age``.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any

from webex_token_cli.sandbox.authorization import Authorization
from webex_token_cli.sandbox.problem import Problem
from webex_token_cli.sandbox.rules import DAY
from webex_token_cli.sandbox.secret_names import SecretNames

# Browsers do not tell ports apart when they send a cookie, so the name says whose it is.
_COOKIE = "webex-sandbox-session"


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in in one browser, since a moment in UTC epoch seconds."""

    person: dict[str, Any]
    since: float


@dataclass(slots=True)
class Accounts:
    """The people, the browsers in which they are signed in, and what they have consented to.

    ``now`` gives the time in UTC epoch seconds. Not safe for several threads: ``Webex`` holds its lock around each
    call.
    """

    people: list[dict[str, Any]]
    now: Callable[[], float]
    names: SecretNames = field(default_factory=SecretNames, repr=False)
    _sessions: dict[str, Session] = field(default_factory=dict, repr=False)
    _consents: set[tuple[str, str]] = field(default_factory=set, repr=False)

    @property
    def first(self) -> dict[str, Any]:
        """The person who signs in where nobody is chosen."""
        return self.people[0]

    def person_with_id(self, person_id: str) -> dict[str, Any]:
        """The person with that id. Raises Problem if there is none."""
        for person in self.people:
            if person["id"] == person_id:
                return person
        raise Problem(400, "invalid_request", "There is no such account")

    def signed_in(self, cookies: str, max_age: int | None = None) -> dict[str, Any] | None:
        """The person who is signed in in the browser that sends ``cookies``; None if nobody is.

        A sign-in longer than ``max_age`` seconds ago does not count.
        """
        try:
            cookie = SimpleCookie(cookies).get(_COOKIE)
        except CookieError:
            return None
        session = None if cookie is None else self._sessions.get(cookie.value)
        if session is None or (max_age is not None and self.now() - session.since > max_age):
            return None
        return session.person

    def sign_in(self, person: dict[str, Any]) -> str:
        """Sign ``person`` in in a browser, and return the Set-Cookie header for it."""
        session = self.names.add("session", secrets.token_urlsafe(16))
        self._sessions[session] = Session(person, self.now())
        return f"{_COOKIE}={session}; Path=/; Max-Age={DAY}; HttpOnly; SameSite=Lax"

    def person_for(self, request: Authorization, cookies: str) -> dict[str, Any] | None:
        """The person whom ``request`` concerns; None if that has to be chosen.

        A person who is signed in comes before one whom ``login_hint`` names: it is no more than a hint, and a client
        has to check who came back. Raises Problem if ``prompt=none`` forbids a question that would be needed.
        """
        person = self.signed_in(cookies, request.max_age)
        if request.prompt == "none":
            if person is None:
                raise Problem(400, "login_required", "Nobody is signed in in this browser")
            if not self.has_consented(person, request):
                raise Problem(400, "consent_required", "The person has not consented to these scopes")
            return person
        if len(self.people) == 1:
            return self.first
        return None if request.prompt == "select_account" else person or self.hinted(request)

    def hinted(self, request: Authorization) -> dict[str, Any] | None:
        """The person whose address is the request's ``login_hint``."""
        hint = request.login_hint.lower()
        return next((person for person in self.people if hint in map(str.lower, person["emails"])), None)

    def needs_no_page(self, person: dict[str, Any], request: Authorization, cookies: str) -> bool:
        """Whether ``person`` is signed in in that browser and has consented, so that there is nothing to ask."""
        return self.signed_in(cookies, request.max_age) is person and self.has_consented(person, request)

    def has_consented(self, person: dict[str, Any], request: Authorization) -> bool:
        """Whether ``person`` has consented to the request's scopes before."""
        return all((person["id"], scope) in self._consents for scope in request.scopes)

    def consent(self, person: dict[str, Any], request: Authorization) -> None:
        """Remember that ``person`` has consented to the request's scopes."""
        self._consents |= {(person["id"], scope) for scope in request.scopes}
