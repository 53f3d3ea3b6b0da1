"""What a sign-in or an import asks before it replaces a sign-in to another integration."""

import click

from webex_token_cli.application import Application
from webex_token_cli.config.settings import Integration, Profile, Settings
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.text import mask
from webex_token_cli.tokens import TokenRecord

replace_option = click.option(
    "--replace",
    "replace_other",
    is_flag=True,
    help="Replace a sign-in to another integration, or at another API URL, without asking.",
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
