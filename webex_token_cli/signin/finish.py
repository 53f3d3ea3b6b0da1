"""From tokens to a stored record: exchange the code, look up the person, store the record, remember the settings."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from webex_token_cli.config.settings import Profile
from webex_token_cli.errors import GrantRefused, SignInNotCompleted, WebexTokenError
from webex_token_cli.signin.account import AccountRequest
from webex_token_cli.signin.authorization import Proof
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.token_response import TokenResponse
from webex_token_cli.tokens import Person, TokenRecord
from webex_token_cli.webex.client import WebexClient, authorization_url


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in to one integration, in any flow: its requests to Webex, and where the tokens are stored.

    ``section`` is what is remembered of the settings, by ``remember``, for the next time. ``changing`` opens a context
    in which no other process changes the profile. ``warn`` shows a line to the person, ``clock`` gives UTC epoch
    seconds. ``defer_signals`` is a context in which no signal interrupts. ``account`` says which account is wanted, and
    ``check_person`` raises SignInNotCompleted if the person who came must not replace the one whom the profile had.
    """

    client: WebexClient
    store: CredentialStore
    section: Profile
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scopes: tuple[str, ...]
    changing: Callable[[], AbstractContextManager[None]] = field(repr=False)
    remember: Callable[[Profile], None] = field(repr=False)
    warn: Callable[[str], None] = field(repr=False)
    clock: Callable[[], float] = time.time
    defer_signals: Callable[[], AbstractContextManager[object]] = nullcontext
    account: AccountRequest = field(default=AccountRequest(), repr=False)
    check_person: Callable[[Person | None], None] = field(default=lambda _: None, repr=False)

    @property
    def profile(self) -> str:
        """The name of the profile."""
        return self.section.name

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
            account=self.account.parameters,
        )
        self.client.check_authorization(url)
        return url

    def exchange(self, code: str, proof: Proof) -> TokenRecord:
        """Exchange the authorization code for tokens, and store them.

        The code can be exchanged once, so this waits for the locks first, and fails without having sent the code if
        they are not free in time. Raises StoreUnavailable then, SignInNotCompleted when Webex does not accept the
        code, and what the client and ``keep`` raise.
        """
        with self.changing():
            return self.keep(self._tokens(code, proof))

    def _tokens(self, code: str, proof: Proof) -> TokenResponse:
        try:
            return self.client.exchange_code(
                code,
                client_id=self.client_id,
                client_secret=self.client_secret,
                redirect_uri=self.redirect_uri,
                code_verifier=proof.code_verifier,
            )
        except GrantRefused as error:
            raise SignInNotCompleted(
                f"Webex does not accept the code that the browser came back with: {error.message}",
                "It may belong to another sign-in, be too old, or be mistyped. Run `webex-token login` again.",
            ) from error

    def keep(self, response: TokenResponse) -> TokenRecord:
        """Look up the person, store the tokens, remember the settings, and return the stored record.

        Callers hold ``changing`` since before the tokens were given. Ctrl-C cancels until the storing begins; after
        that the sign-in succeeds. Raises GrantRefused when Webex does not accept the new token, SignInNotCompleted when
        another person came, StoreUnavailable, ConfigurationError.
        """
        record = TokenRecord.signed_in(response, self.client_id, self.client_secret, self.clock())
        record = record.belonging_to(person_of(record, self.client, self.warn))
        self.check_person(record.person)
        stored = False
        try:
            # NOTE: A signal between the two writes would leave tokens in the store that no profile refers to.
            with self.defer_signals():
                keep(record, self.store, self.section, self.remember)
                stored = True
        except KeyboardInterrupt:
            # The Ctrl-C was deferred until everything was stored. "Interrupted" would now be untrue.
            if not stored:
                raise
        return record


def person_of(record: TokenRecord, client: WebexClient, warn: Callable[[str], None]) -> Person | None:
    """The person whom the new tokens act for; None, after a warning, when Webex cannot say.

    Raises GrantRefused when Webex does not accept the access token.
    """
    try:
        return client.person(record.access_token)
    except GrantRefused:
        raise
    except WebexTokenError as error:
        warn(f"Warning: The person who signed in could not be looked up. {error.message}")
        return None


def keep(record: TokenRecord, store: CredentialStore, section: Profile, remember: Callable[[Profile], None]) -> None:
    """Store ``record``, then ``remember`` the settings, so that no profile refers to a record that is not there.

    Callers hold the lock around both. Raises StoreUnavailable, ConfigurationError.
    """
    store.save(section.name, record, section)
    remember(section)
