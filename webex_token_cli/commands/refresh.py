"""``refresh``: refresh now, and say whether the tokens were renewed, unchanged or not due."""

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.documents import error_document, expiry_document, to_json
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    Duration,
    all_option,
    json_option,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.errors import WebexTokenError
from webex_token_cli.refresh.refresher import Outcome, Result
from webex_token_cli.times import when
from webex_token_cli.tokens import TokenRecord


@click.command("refresh", short_help="Refresh the tokens now.", epilog=SETTINGS_READ)
@profile_option
@all_option("Refresh every stored profile.")
@click.option(
    "--if-older-than",
    type=Duration(),
    metavar="DURATION",
    help="Refresh only if the last refresh was at least this long ago.",
)
@json_option
@verbosity_options
@pass_application
def command(application: Application, profile: str, every: bool, if_older_than: float | None, as_json: bool) -> int:
    """Refresh the tokens now, and say whether Webex renewed them.

    Webex renews an access token at most once in 24 hours. A refresh before that returns the same token with
    the same expiry. This is not an error, and it still extends the life of the refresh token.

    \b
    Example:
      webex-token refresh --if-older-than 1d

    Exit status: 0 if the tokens are renewed, unchanged or not due; 2 if the usage or a setting is wrong; 3 if
    a sign-in is needed; 4 if Webex cannot be reached now; 5 if the credential store is unavailable. With
    --all, the highest of them.
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

    def is_old(record: TokenRecord) -> bool:
        now = application.clock()
        return now - record.refreshed_at >= if_older_than or record.is_from_the_future(now)

    return refresher.refresh(profile, is_old)


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
        case Result.NEW_PAIR:
            return (
                f"{profile}: new pair; Webex no longer accepted the refresh token and gave the Service App new tokens; "
                f"the new access token expires {expiry}."
            )
        case Result.NOT_DUE:
            refreshed = when(outcome.record.refreshed_at, now)
            return f"{profile}: not due; it was last refreshed {refreshed} and expires {expiry}."
        case Result.SUPERSEDED:
            return f"{profile}: another webex-token process refreshed it in the meantime; it expires {expiry}."


def _document(outcomes: "dict[str, Outcome | WebexTokenError] | dict[str, Outcome]", application: Application) -> str:
    now = application.clock()
    return to_json(
        {
            "now": int(now),
            "profiles": {name: _entry(outcome) for name, outcome in outcomes.items()},
        }
    )


def _entry(outcome: Outcome | WebexTokenError) -> dict[str, object]:
    if isinstance(outcome, WebexTokenError):
        return {"result": "failed", **error_document(outcome)}
    return {"result": outcome.result.value, **expiry_document(outcome.record)}
