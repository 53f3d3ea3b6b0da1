"""Which account a sign-in asks Webex for. Pure.

OpenID Connect Core 1.0 section 3.1.2.1 describes the parameters. Webex's documentation has ``login_hint``, ``prompt``
and ``max_age`` of them.
"""

import math
from dataclasses import dataclass, replace

from webex_token_cli.config.names import DEFAULT_PROFILE
from webex_token_cli.tokens import Person

# One of the values of ``prompt`` that Webex documents. The other, ``none``, comes from a person only.
SELECT_ACCOUNT = "select_account"


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """What an authorization request says about the account. ``max_age`` is in seconds; None leaves a parameter out.

    ``login_hint`` is an e-mail address. ``prompt`` asks for the choice of an account, or for no page at all. A person
    who signed in at Webex longer than ``max_age`` ago has to sign in there again.
    """

    login_hint: str | None = None
    prompt: str | None = None
    max_age: float | None = None

    def with_defaults(self, profile: str, known: Person | None) -> "AccountRequest":
        """This request, with what follows from the profile if it does not say itself which account is wanted.

        A browser that is signed in at Webex gives its account without a question. So a profile of which ``known``, the
        person, is stored hints at that person, and any other but the default one asks for the choice of an account.
        """
        if self.login_hint is not None or self.prompt == SELECT_ACCOUNT:
            return self
        if known is not None:
            return replace(self, login_hint=known.emails[0] if known.emails else None)
        if profile != DEFAULT_PROFILE and self.prompt is None:
            return replace(self, prompt=SELECT_ACCOUNT)
        return self

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the authorization request."""
        values = {
            "login_hint": self.login_hint,
            "prompt": self.prompt,
            "max_age": None if self.max_age is None else str(math.ceil(self.max_age)),
        }
        return {name: value for name, value in values.items() if value}
