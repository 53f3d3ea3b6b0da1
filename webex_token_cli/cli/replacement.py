"""What a sign-in or an import asks before it replaces a sign-in to another integration, or of another person."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import click

from webex_token_cli.application import Application
from webex_token_cli.config.names import option_for
from webex_token_cli.config.settings import STORES, Integration, Profile, Settings
from webex_token_cli.config.sites import site_of
from webex_token_cli.errors import ConfigurationError, SignInNotCompleted, StoreUnavailable
from webex_token_cli.text import mask
from webex_token_cli.tokens import Person, TokenRecord

replace_option = click.option(
    "--replace",
    "replace_other",
    is_flag=True,
    help="Replace a sign-in to another integration, or at another API URL, without asking.",
)

replace_person_option = click.option(
    "--replace-person",
    is_flag=True,
    help="Replace the sign-in of another person without asking.",
)

_HOW_TO_GO_ON = "Choose another profile with --profile, or give --replace."


def confirm_replacement(
    application: Application, settings: Settings, before: TokenRecord | None, replace_other: bool
) -> None:
    """Ask, unless ``replace_other``, before ``settings`` replace the profile's sign-in to another integration.

    The old client secret would be lost, and Webex shows a secret only once. ``before`` is the record in the store of
    ``settings``, if there is one. Raises ConfigurationError if the person declines, or nobody can be asked.
    """
    old = _replaced(application.section(settings.profile, settings.store), settings, before)
    if old is None or replace_other:
        return
    message = (
        f"This would replace the sign-in of profile {settings.profile} to the integration {mask(old.client_id)} at "
        f"{old.api_url}, and its client secret, by one to {mask(settings.client_id or '')} at {settings.api_url}."
    )
    if not application.interactive:
        raise ConfigurationError(message, _HOW_TO_GO_ON)
    application.say(message)
    if not click.confirm("Replace it?", err=True):
        raise ConfigurationError(f"The sign-in of profile {settings.profile} was not replaced.", _HOW_TO_GO_ON)


def _replaced(section: Profile, settings: Settings, before: TokenRecord | None) -> Integration | None:
    """The other integration to which the profile is signed in; None if it is the same one, or there is no sign-in.

    A sign-in in another store is known from its ``section`` of config.ini alone, because that store may not answer.
    """
    client_id = section.client_id if section.store not in (None, settings.store) else None
    if before is not None:
        client_id = before.client_id
    if client_id is None:
        return None
    old = Integration(client_id, section.signed_in_at or settings.api_url)
    return None if old == Integration(settings.client_id or "", settings.api_url) else old


def person_before(application: Application, settings: Settings, before: TokenRecord | None) -> Person | None:
    """The person whose sign-in ``settings`` are about to replace; None if there is none, or nobody knows.

    ``before`` is the record in the store of ``settings``. Without one, the store that the profile used before is asked;
    one that does not answer now tells nothing. At another API URL, people have other ids, so nobody is known there.
    """
    used_before = application.config.load(settings.profile).store
    section = application.section(settings.profile, used_before or settings.store)
    if section.signed_in_at not in (None, settings.api_url):
        return None
    if before is None and section.store in STORES and section.store != settings.store:
        try:
            before = application.store(section.store, section.keyring).load(settings.profile)
        except StoreUnavailable as error:
            application.detail(f"Who was signed in before is not known. {error.message}")
    return None if before is None else before.person


def _confirm(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        # A sign-in takes any other exception for a failure that it has to show in the browser.
        raise KeyboardInterrupt from None


@dataclass(frozen=True, slots=True)
class PersonCheck:
    """Asks before the tokens of another person than ``known`` replace those of the profile of ``settings``.

    ``replace_person`` agrees beforehand. ``ask`` puts a question to the person and returns whether it was affirmed.
    """

    application: Application
    settings: Settings
    known: Person | None
    replace_person: bool
    ask: Callable[[str], bool] = field(default=_confirm, repr=False)

    @property
    def profile(self) -> str:
        """The name of the profile."""
        return self.settings.profile

    def asking(self, ask: Callable[[str], bool]) -> "PersonCheck":
        """The same check, with another way to ask."""
        return replace(self, ask=ask)

    def allows(self, person: Person) -> bool:
        """Whether the tokens of ``person`` may replace those of the profile without a question."""
        return self.replace_person or self.known is None or person.id == self.known.id

    def after_sign_in(self, person: Person | None) -> None:
        """Check who signed in. Raises SignInNotCompleted if that person must not replace the known one."""
        if person is None or self.allows(person):
            return
        message = f"{person.label} signed in, but profile {self.profile} is the sign-in of {self._known}."
        if self._may_replace(message):
            return
        raise SignInNotCompleted(
            f"{message} Nothing was stored.",
            f"Choose the account with `webex-token login{option_for(self.profile)} --prompt select_account`, choose "
            f"another profile with --profile, or give --replace-person. What {person.label} has just granted stays "
            f"with Webex until it is removed at {site_of(self.settings.api_url).tokens_page}.",
        )

    def before_import(self, person: Person | None) -> None:
        """Check whose tokens are imported. Raises ConfigurationError if they must not replace the known person's."""
        if person is None or self.allows(person):
            return
        message = self._mismatch(person)
        if not self._may_replace(message):
            raise ConfigurationError(
                f"{message} Nothing was changed.", "Choose another profile with --profile, or give --replace-person."
            )

    def imported_as(self, profile: str, person: Person) -> ConfigurationError:
        """The error for an import of the tokens of another person that were stored as ``profile`` instead."""
        named = option_for(profile)
        return ConfigurationError(
            f"{self._mismatch(person)} It was not changed. Webex has replaced the refresh token that was given, so the "
            f"new tokens are stored as profile {profile}.",
            f"Use them with{named}, or move them with `webex-token export{named} | webex-token "
            f"import{option_for(self.profile)} --replace-person`, then run `webex-token logout{named}`.",
        )

    def _mismatch(self, person: Person) -> str:
        return f"These are the tokens of {person.label}, but profile {self.profile} is the sign-in of {self._known}."

    @property
    def _known(self) -> str:
        return "" if self.known is None else self.known.label

    def _may_replace(self, message: str) -> bool:
        if not self.application.interactive:
            return False
        self.application.say(message)
        return self.ask(f"Replace the sign-in of {self._known}?")
