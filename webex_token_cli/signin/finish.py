"""From tokens to a stored record: whom they act for, the entry in the store, and what is remembered."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from webex_token_cli.errors import GrantRefused, SignInNotCompleted, WebexTokenError
from webex_token_cli.signin.authorization import Proof
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.tokens import Person, TokenRecord, TokenResponse
from webex_token_cli.webex.client import WebexClient, authorization_url


class Commitment:
    """Either the tokens are stored or the sign-in is called off: whoever comes first decides."""

    def __init__(self) -> None:
        self._decided = threading.Lock()

    def first(self) -> bool:
        """Whether nobody has decided before."""
        return self._decided.acquire(blocking=False)


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in to one integration, whatever the flow: its requests to Webex, and where the result goes.

    ``remember`` keeps the settings for the next time, ``warn`` shows a line to the person. ``commitment`` is
    decided before anything is stored.
    """

    client: WebexClient
    store: CredentialStore
    profile: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scopes: tuple[str, ...]
    remember: Callable[[], None] = field(repr=False)
    warn: Callable[[str], None] = field(repr=False)
    clock: Callable[[], float] = time.time
    uninterrupted: Callable[[], AbstractContextManager[object]] = nullcontext
    commitment: Commitment = field(default_factory=Commitment, repr=False)

    def page(self, proof: Proof) -> str:
        """The URL of the sign-in page, which Webex is asked for once.

        Raises ConfigurationError or ClientRefused when Webex would show an error to the person there.
        """
        url = authorization_url(
            self.client.api_url,
            client_id=self.client_id,
            redirect_uri=self.redirect_uri,
            scopes=self.scopes,
            state=proof.state,
            code_challenge=proof.code_challenge,
        )
        self.client.check_authorization(url)
        return url

    def exchange(self, code: str, proof: Proof) -> TokenRecord:
        """Swap the authorization code for tokens and keep them.

        Raises SignInNotCompleted when Webex does not accept the code, and what the client and ``keep`` raise.
        """
        try:
            response = self.client.exchange_code(
                code,
                client_id=self.client_id,
                client_secret=self.client_secret,
                redirect_uri=self.redirect_uri,
                code_verifier=proof.code_verifier,
            )
        except GrantRefused as error:
            raise SignInNotCompleted(
                f"Webex does not accept the code that the browser came back with: {error.message}",
                "It may be another sign-in's, or too old, or mistyped: run `webex-token login` again.",
            ) from error
        return self.keep(response)

    def keep(self, response: TokenResponse) -> TokenRecord:
        """Store the tokens, with whom they act for, and remember the settings.

        Raises GrantRefused when Webex does not accept the new token, SignInNotCompleted when it was called off
        meanwhile, StoreUnavailable, ConfigurationError.
        """
        record = TokenRecord.signed_in(response, self.client_id, self.client_secret, self.clock())
        record = record.belonging_to(person_of(record, self.client, self.warn))
        if not self.commitment.first():
            raise SignInNotCompleted(
                "The sign-in was interrupted.", "Nothing was stored; run `webex-token login` again."
            )
        # A signal that comes now waits: what is half done would be told as if nothing had been.
        with self.uninterrupted():
            keep(record, self.store, self.profile, self.remember)
        return record


def person_of(record: TokenRecord, client: WebexClient, warn: Callable[[str], None]) -> Person | None:
    """Whom the new tokens act for. Not knowing it is no reason to throw good tokens away: ``warn`` says so.

    Raises GrantRefused when Webex does not accept the access token.
    """
    try:
        return client.person(record.access_token)
    except GrantRefused:
        raise
    except WebexTokenError as error:
        warn(f"Warning: who signed in could not be asked. {error.message}")
        return None


def keep(record: TokenRecord, store: CredentialStore, profile: str, remember: Callable[[], None]) -> None:
    """Store ``record``, then ``remember`` the settings: a profile's section never leads to nothing new.

    Raises StoreUnavailable, ConfigurationError.
    """
    with store.lock(profile):
        store.save(profile, record)
    remember()
