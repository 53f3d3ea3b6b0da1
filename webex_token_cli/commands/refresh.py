"""``refresh``: renew now, and say which of renewed, unchanged and not due it was."""

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    Duration,
    json_option,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.errors import WebexTokenError
from webex_token_cli.refresh.refresher import Outcome, Result
from webex_token_cli.text import as_json
from webex_token_cli.times import when


@click.command("refresh", short_help="Renew the tokens now.", epilog=SETTINGS_READ)
@profile_option
@click.option("--all", "every", is_flag=True, help="Refresh every stored profile.")
@click.option(
    "--if-older-than",
    type=Duration(),
    metavar="DURATION",
    help="Only if the last refresh is older than this.",
)
@json_option
@verbosity_options
@pass_application
def command(application: Application, profile: str, every: bool, if_older_than: float | None, as_json: bool) -> int:
    """Renew the tokens now, and say what came of it.

    Webex renews an access token at most once in 24 hours: a refresh before that answers with the same
    token and the same expiry, which is said, and is no error. It still gives the refresh token its full
    life again.

    \b
    Example:
      webex-token refresh --if-older-than 1d

    Exit status: 0 renewed, unchanged or not due; 3 sign-in needed; 4 Webex cannot be asked now; 5 the
    credential store is unavailable. With --all, the worst of them.
    """
    if not every:
        outcome = _refresh(application, profile, if_older_than)
        click.echo(_document({profile: outcome}, application) if as_json else _sentence(profile, outcome, application))
        application.warn_if_refresh_token_low(profile, outcome.record)
        return 0
    status = 0
    outcomes: dict[str, Outcome | WebexTokenError] = {}
    for name in application.profiles():
        try:
            outcomes[name] = outcome = _refresh(application, name, if_older_than)
        except WebexTokenError as error:
            outcomes[name] = error
            status = max(status, error.exit_status)
            application.say(f"Error: {error.message}\n{error.hint}")
        else:
            if not as_json:
                click.echo(_sentence(name, outcome, application))
            application.warn_if_refresh_token_low(name, outcome.record)
    if as_json:
        click.echo(_document(outcomes, application))
    return status


def _refresh(application: Application, profile: str, if_older_than: float | None) -> Outcome:
    refresher = application.refresher(application.settings(profile))
    if if_older_than is None:
        return refresher.refresh(profile)
    return refresher.refresh(profile, lambda record: application.clock() - record.refreshed_at >= if_older_than)


def _sentence(profile: str, outcome: Outcome, application: Application) -> str:
    now = application.clock()
    expiry = when(outcome.record.access_expires_at, now)
    match outcome.result:
        case Result.RENEWED:
            return f"{profile}: renewed; the new access token expires {expiry}."
        case Result.UNCHANGED:
            return (
                f"{profile}: unchanged; Webex renews at most once in 24 hours and answered with the same access "
                f"token, which expires {expiry}."
            )
        case Result.NOT_DUE:
            return f"{profile}: not due; last refreshed {when(outcome.record.refreshed_at, now)}, expires {expiry}."
        case Result.SUPERSEDED:
            return f"{profile}: another webex-token refreshed it in the meantime; it expires {expiry}."


def _document(outcomes: "dict[str, Outcome | WebexTokenError] | dict[str, Outcome]", application: Application) -> str:
    now = application.clock()
    return as_json(
        {
            "now": int(now),
            "profiles": {name: _entry(outcome) for name, outcome in outcomes.items()},
        }
    )


def _entry(outcome: Outcome | WebexTokenError) -> dict[str, object]:
    if isinstance(outcome, WebexTokenError):
        return {
            "result": "failed",
            "error": outcome.message,
            "hint": outcome.hint,
            "exit_status": outcome.exit_status,
        }
    return {
        "result": outcome.result.value,
        "access_token_expires_at": outcome.record.access_expires_at,
        "refresh_token_expires_at": outcome.record.refresh_expires_at,
        "refreshed_at": outcome.record.refreshed_at,
    }
