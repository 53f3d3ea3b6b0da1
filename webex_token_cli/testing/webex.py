"""``Webex``: a sandbox with a folder for sign-ins, so that the program and its sandbox can be used together."""

import contextlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from webex_token_cli.application import Application
from webex_token_cli.config.names import check_profile_name
from webex_token_cli.config.settings import Overrides
from webex_token_cli.errors import DamagedEntry
from webex_token_cli.sandbox import Answer, Fault, Rules, Sandbox
from webex_token_cli.sandbox.durations import seconds
from webex_token_cli.system.ports import free_port
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import Person, TokenRecord
from webex_token_cli.transfer.documents import Export
from webex_token_cli.transfer.imports import import_export, settings_for_export

# The program that `login` opens as the browser: it accepts on the sandbox's consent page. BROWSER is read as a shell
# would read it, so the path of a program has slashes on Windows too.
_BROWSER = f'"{Path(sys.executable).as_posix()}" -m webex_token_cli.sandbox.accepting_browser %s'


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that was stored: its facts, without the tokens. Times are UTC epoch seconds by the machine's clock."""

    profile: str
    display_name: str
    email: str
    person_id: str
    scopes: tuple[str, ...]
    access_token_expires_at: int
    refresh_token_expires_at: int


class Webex(Sandbox):
    """A sandbox, and a folder in which ``webex-token`` and ``webex_token_cli`` have sign-ins to it.

    Everything that ``Sandbox`` has is here as well: ``requests``, ``journal``, ``grants``, ``people``, ``revoke``,
    ``rules``, ``token_response`` and the rest. ``home`` is a folder that nobody else uses. Without ``rules`` that name
    a redirect URI, the redirect URI has a free port, so that several tests can sign in at one time.
    Use it as a context; in it, ``environment`` are the variables that a program needs.
    """

    def __init__(self, home: Path, rules: Rules | None = None, people: Sequence[dict[str, Any]] = ()) -> None:
        rules = rules or Rules()
        if not rules.redirect_uris:
            rules = replace(rules, redirect_uris=(f"http://localhost:{free_port()}/oauth",))
        super().__init__(rules, people=people)
        self.home = home
        self._optional: list[Fault | Answer] = []

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead ``webex-token`` to this sandbox and this folder, and to no browser or keyring."""
        return {
            **super().environment,
            "WEBEX_TOKEN_HOME": str(self.home),
            "WEBEX_TOKEN_STORE": "file",
            "BROWSER": _BROWSER,
            # Even with --store keyring, no program reaches the developer's keyring.
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }

    # -- sign-ins and tokens ----------------------------------------------------------------------------

    def sign_in(
        self,
        profile: str = "default",
        scopes: str | Sequence[str] = "spark:all",
        expires_in: str | float | None = None,
        person: str | None = None,
    ) -> SignedIn:
        """Store a sign-in in the folder, as ``webex-token import`` stores one that ``export`` printed.

        It sends no request, so that ``requests`` has those of the program alone. ``scopes`` are separated by blanks, or
        a sequence. ``expires_in`` is how long this access token lives, such as ``10m`` or a number of seconds; without
        it, as the rules say. A token that lives shorter than they say counts as an old one, and a refresh renews it.
        ``person`` is the e-mail address of one of the people; without it, the first signs in.
        Raises ValueError if nobody has that address, or ``expires_in`` is no duration, and ConfigurationError if
        ``profile`` cannot be the name of one.
        """
        whose = self._person_with(person)
        response = self.token_response(_words(scopes), expires_in, person=whose)
        record = TokenRecord.signed_in(
            TokenResponse.parse(response), self.client_id, self.client_secret, time.time()
        ).belonging_to(_described(whose))
        settings = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scopes": " ".join(_words(scopes)),
            "api_url": self.api_url,
        }
        self._store(check_profile_name(profile), Export(settings, record))
        return SignedIn(
            profile,
            whose["displayName"],
            whose["emails"][0],
            whose["id"],
            record.scopes or (),
            record.access_expires_at or 0,
            record.refresh_expires_at or 0,
        )

    def token(
        self,
        scopes: str | Sequence[str] = "spark:all",
        expires_in: str | float | None = None,
        person: str | None = None,
    ) -> str:
        """An access token that the sandbox accepts, of a sign-in that is stored nowhere.

        The arguments are those of ``sign_in``. Raises ValueError.
        """
        response = self.token_response(_words(scopes), expires_in, person=self._person_with(person))
        return str(response["access_token"])

    def _store(self, profile: str, export: Export) -> None:
        application = self._application()
        section = settings_for_export(application, profile, export, Overrides(store="file"))
        import_export(application, section, export, Overrides(), lambda _: None)

    def _person_with(self, address: str | None) -> dict[str, Any]:
        if address is None:
            return self.person
        for person in self.people:
            if address in person["emails"]:
                return person
        known = ", ".join(person["emails"][0] for person in self.people)
        raise ValueError(f"Nobody in the sandbox has the address {address!r}. The addresses are {known}.")

    def _application(self) -> Application:
        return Application(self.environment)

    # -- time -------------------------------------------------------------------------------------------

    def advance(self, duration: str | float) -> None:
        """Let ``duration`` pass, such as ``13d`` or a number of seconds, without waiting.

        The sandbox's clock goes forward. Each sign-in that is stored in the folder becomes older by as much, so that
        programs, also those that run already, find it as they would after that time. The machine's clock does not
        move. Raises ValueError if it is no duration.
        """
        elapsed = seconds(duration)
        super().advance(elapsed)
        application = self._application()
        store = application.store("file")
        for profile in application.names():
            with contextlib.suppress(DamagedEntry), store.changing(profile):
                record = store.load(profile)
                if record is not None:
                    store.save(profile, record.older(round(elapsed)))

    # -- faults -----------------------------------------------------------------------------------------

    def fault(self, words: str, required: bool = True) -> Fault:
        """Order a fault such as ``refresh=503*2``, and return it. See ``Fault.parse``, which raises ValueError.

        With the fixture, a test fails if a fault never came. One that is not ``required`` need not come.
        """
        fault = super().fault(words)
        self._remember(fault, required)
        return fault

    def order(self, fault: Fault | Answer, required: bool = True) -> None:
        """Order a fault, or an answer of one's own for the next requests for its path. ``required`` as in ``fault``."""
        super().order(fault)
        self._remember(fault, required)

    @property
    def missed_faults(self) -> list[Fault | Answer]:
        """The required faults that no request has met, oldest first."""
        optional = {id(fault) for fault in self._optional}
        return [fault for fault in self.faults if not fault.came and id(fault) not in optional]

    def _remember(self, fault: Fault | Answer, required: bool) -> None:
        if not required:
            self._optional.append(fault)


def _words(scopes: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(scopes.split() if isinstance(scopes, str) else scopes)


def _described(person: dict[str, Any]) -> Person:
    return Person(person["id"], person["displayName"], tuple(person["emails"]), person["orgId"], person["type"])
