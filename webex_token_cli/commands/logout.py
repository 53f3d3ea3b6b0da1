"""``logout``: forget tokens, client secret and profile."""

import click

from webex_token_cli.commands.shared import (
    Invocation,
    pass_invocation,
    profile_option,
    verbosity_options,
)
from webex_token_cli.errors import SignInNeeded, WebexTokenError
from webex_token_cli.profiles import sign_in_hint


@click.command("logout", short_help="Forget a profile's tokens.")
@profile_option
@click.option("--all", "every", is_flag=True, help="Forget every stored profile.")
@verbosity_options
@pass_invocation
def command(invocation: Invocation, profile: str, every: bool) -> int:
    """Remove a profile's tokens and client secret from the store, and its section from config.ini.

    Webex is not told: until they run out, copies of the tokens elsewhere stay good.

    \b
    Example:
      webex-token logout --profile work

    Exit status: 0 forgotten; 3 nothing was stored; 5 the credential store is unavailable.
    """
    status = 0
    for name in invocation.profiles() if every else [profile]:
        try:
            if not _forget(invocation, name):
                raise SignInNeeded(f"Nobody is signed in as profile {name}; nothing to forget.", sign_in_hint(name))
            click.echo(f"{name}: forgotten.")
        except WebexTokenError as error:
            if not every:
                raise
            status = max(status, error.exit_status)
            invocation.say(f"Error: {error.message}\n{error.hint}")
    return status


def _forget(invocation: Invocation, profile: str) -> bool:
    # The environment may point at another store than the profile's own; a logout leaves neither.
    store_in_force = invocation.settings(profile).store
    stores = dict.fromkeys([store_in_force, invocation.config.load(profile).store or store_in_force])
    removed = False
    for name in stores:
        store = invocation.store(name)
        with store.lock(profile):
            removed |= store.delete(profile)
    return invocation.config.remove(profile) or removed
