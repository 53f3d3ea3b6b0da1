"""``show``: where a profile stands, from what is stored."""

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    interval_setting,
    json_option,
    max_age_setting,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.errors import SignInNeeded, WebexTokenError
from webex_token_cli.refresh.schedule import State, Timing, due_at, state_of
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.text import as_json as to_json
from webex_token_cli.text import bar, fields, mask, shade, table
from webex_token_cli.times import distance_in_words, local_time, when
from webex_token_cli.tokens import TokenRecord

_DUE_READ = (
    "By WEBEX_TOKEN_INTERVAL and WEBEX_TOKEN_MAX_AGE, or EVENT_LOOP_SLEEP_SECONDS and EVENT_LOOP_DAYS, it is told when "
    "`watch` renews next."
)


@click.command("show", short_help="Tell where a profile stands.", epilog=f"{SETTINGS_READ} {_DUE_READ}")
@profile_option
@click.option("--all", "every", is_flag=True, help="Show every stored profile, a row each.")
@json_option
@click.option("--check", is_flag=True, help="Ask Webex whether it accepts the token.")
@verbosity_options
@pass_application
def command(application: Application, profile: str, every: bool, as_json: bool, check: bool) -> int:
    """Tell who is signed in, how long the tokens live, and when they are renewed next. Prints no secret.

    \b
    Example:
      webex-token show --all

    Exit status: 0; 3 sign-in needed; 5 the credential store is unavailable. With --check also 4, Webex
    cannot be asked now.
    """
    if every:
        return _show_all(application, as_json, check)
    store, record = application.stored(profile)
    timing = _timing(application)
    if as_json:
        click.echo(to_json({"profiles": {profile: _document(application, profile, store, record, timing)}}))
    else:
        click.echo(_sheet(application, profile, store, record, timing))
    status = _verdict(application, profile, record)
    if check and status == 0:
        _check(application, profile, record)
    return status


def _show_all(application: Application, as_json: bool, check: bool) -> int:
    status = 0
    rows: list[tuple[str, ...]] = []
    documents: dict[str, object] = {}
    records: dict[str, TokenRecord] = {}
    now, timing = application.clock(), _timing(application)
    for name in application.profiles():
        try:
            store, record = application.stored(name)
        except WebexTokenError as error:
            status = max(status, error.exit_status)
            documents[name] = {"error": error.message, "hint": error.hint, "exit_status": error.exit_status}
            rows.append((name, "unreadable", error.message, "", "", ""))
        else:
            records[name] = record
            documents[name] = _document(application, name, store, record, timing)
            rows.append(_row(name, record, timing, now))
    if as_json:
        click.echo(to_json({"profiles": documents}))
    else:
        _print_table(rows)
    for name, record in records.items():
        status = max(status, _told(application, name, record, check))
    return status


def _told(application: Application, name: str, record: TokenRecord, check: bool) -> int:
    """Say below the table what there is to see to; the exit status for it."""
    status = _verdict(application, name, record)
    if not check or status:
        return status
    try:
        _check(application, name, record)
    except WebexTokenError as error:
        application.say(f"Error: Profile {name}: {error.message}\n{error.hint}")
        return error.exit_status
    return 0


def _print_table(rows: list[tuple[str, ...]]) -> None:
    header = ("PROFILE", "STATE", "PERSON", "ACCESS ENDS", "REFRESH ENDS", "NEXT REFRESH")
    heading, *lines = table(header, rows).split("\n")
    click.echo(click.style(heading, bold=True))
    for line, (_, state, *_) in zip(lines, rows, strict=True):
        click.echo(click.style(line, fg=_COLOURS.get(state, "red")))


_COLOURS: dict[str, str | None] = {
    State.FRESH: None,
    State.DUE: None,
    State.RUNNING_OUT: "yellow",
    State.EXPIRED: "yellow",
}


def _row(name: str, record: TokenRecord, timing: Timing, now: float) -> tuple[str, ...]:
    """One line for a terminal: of the person the name, or what there is; of a refresh that is late that it is."""
    ends = "unknown" if record.refresh_expires_at is None else distance_in_words(record.refresh_expires_at, now)
    state, due = state_of(record, timing, now), due_at(record, timing)
    next_refresh = distance_in_words(due, now) if due > now else "due"
    return (
        name,
        state,
        "unknown" if record.person is None else record.person.display_name or record.person.label,
        distance_in_words(record.access_expires_at, now),
        "none" if record.refresh_token is None else ends,
        "" if state is State.NEEDS_SIGN_IN else next_refresh,
    )


def _timing(application: Application) -> Timing:
    """What a watch would do in this environment."""
    environment = application.environment
    return Timing(interval_setting(None, environment), max_age_setting(None, environment))


def _verdict(application: Application, profile: str, record: TokenRecord) -> int:
    """Say what the record needs, if anything; the exit status for it."""
    if not record.needs_sign_in(application.clock()):
        application.warn_if_refresh_token_low(profile, record)
        return 0
    application.say(f"Profile {profile} needs a new sign-in: `webex-token login --profile {profile}`.")
    return SignInNeeded.exit_status


def _check(application: Application, profile: str, record: TokenRecord) -> None:
    """Ask Webex about the token; raises what Webex's client raises when it is not accepted."""
    application.client(application.settings(profile).api_url).person(record.access_token)
    application.say(f"Webex accepts the access token of profile {profile}.")


def _sheet(application: Application, profile: str, store: CredentialStore, record: TokenRecord, timing: Timing) -> str:
    now = application.clock()
    due = due_at(record, timing)
    refresh = "unknown"
    if record.refresh_token is None:
        refresh = "none; only a new sign-in renews these tokens"
    elif record.refresh_expires_at is not None:
        refresh = _lifetime(record.refresh_expires_at, record.refreshed_at, now)
    return fields(
        [
            ("Profile", profile),
            ("Person", record.person.label if record.person else "unknown (no scope lets the token ask)"),
            ("Integration", mask(record.client_id)),
            ("Scopes", " ".join(record.scopes) if record.scopes else "unknown (Webex did not say)"),
            ("Access token", _lifetime(record.access_expires_at, record.changed_at, now)),
            ("Refresh token", refresh),
            ("Renewed", when(record.changed_at, now)),
            ("Refreshed", when(record.refreshed_at, now)),
            ("Next refresh", when(due, now) if due > now else f"due since {local_time(due)}"),
            ("Stored in", store.where(profile)),
        ]
    )


def _lifetime(expires_at: int, since: int, now: float) -> str:
    left, whole = max(0.0, expires_at - now), expires_at - since
    drawn = click.style(bar(left, whole), fg=shade(left, whole))
    return f"{drawn}  {'expires' if left else 'expired'} {when(expires_at, now)}"


def _document(
    application: Application, profile: str, store: CredentialStore, record: TokenRecord, timing: Timing
) -> dict[str, object]:
    now = application.clock()
    person = record.person
    return {
        "now": int(now),
        "state": state_of(record, timing, now).value,
        "person": None
        if person is None
        else {
            "id": person.id,
            "display_name": person.display_name,
            "emails": list(person.emails),
            "org_id": person.org_id,
            "type": person.type,
        },
        "client_id": mask(record.client_id),
        "scopes": None if record.scopes is None else list(record.scopes),
        "access_token_expires_at": record.access_expires_at,
        "refresh_token_expires_at": record.refresh_expires_at,
        "changed_at": record.changed_at,
        "refreshed_at": record.refreshed_at,
        "next_refresh_at": int(due_at(record, timing)),
        "stored_in": store.where(profile),
        "needs_sign_in": record.needs_sign_in(now),
        "refresh_token_low": record.refresh_token_low(now),
    }
