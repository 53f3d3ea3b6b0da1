"""``show``: who is signed in and how long the tokens are valid, from what is stored."""

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.documents import error_document, person_document, to_json
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    all_option,
    interval_setting,
    json_option,
    max_age_setting,
    pass_application,
    profile_option,
    verbosity_options,
)
from webex_token_cli.cli.tables import bar, bar_colour, fields, records, table, width_of
from webex_token_cli.cli.terminal import width_of_output
from webex_token_cli.config.names import clock_hint, option_for, sign_in_hint, token_refused_hint
from webex_token_cli.errors import GrantRefused, SignInNeeded, WebexTokenError
from webex_token_cli.refresh.schedule import State, Timing, next_refresh_at, state_of
from webex_token_cli.store.credentials import CredentialStore
from webex_token_cli.text import mask
from webex_token_cli.times import distance_in_words, local_time, when
from webex_token_cli.tokens import CLOCK_SLACK, TokenRecord

_WATCH_SETTINGS_READ = (
    "The time of the next refresh depends on WEBEX_TOKEN_INTERVAL and WEBEX_TOKEN_MAX_AGE (or EVENT_LOOP_SLEEP_SECONDS "
    "and EVENT_LOOP_DAYS), as for `watch`."
)

# Characters. The bar of a lifetime gives way to its words on a narrow terminal, but stays one.
_LONGEST_BAR, _SHORTEST_BAR = 20, 10
# The columns of the labels before a lifetime.
_LABELS = len("Refresh token  ")


@click.command(
    "show",
    short_help="Show who is signed in and how long the tokens are valid.",
    epilog=f"{SETTINGS_READ} {_WATCH_SETTINGS_READ}",
)
@profile_option
@all_option("Show a table of all stored profiles.")
@json_option
@click.option("--check", is_flag=True, help="Ask Webex whether it accepts the access token, and when that expires.")
@verbosity_options
@pass_application
def command(application: Application, profile: str, every: bool, as_json: bool, check: bool) -> int:
    """Show who is signed in, when the tokens expire, and when they are refreshed next. No secret is printed.

    \b
    Example:
      webex-token show --all

    Exit status: 0 if the profile is fine; 2 if the usage or a setting is wrong; 3 if a sign-in is needed; 5
    if the credential store is unavailable. With --check, also 4 if Webex cannot be reached now. With --all,
    the highest of them.
    """
    if every:
        return _show_all(application, as_json, check)
    store, record = application.stored(profile)
    timing = _timing(application)
    if as_json:
        click.echo(to_json({"profiles": {profile: _document(application, profile, store, record, timing)}}))
    else:
        click.echo(_sheet(application, profile, store, record, timing))
    status = _sign_in_status(application, profile, record)
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
            documents[name] = error_document(error)
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
        status = max(status, _reported(application, name, record, check))
    return status


def _reported(application: Application, name: str, record: TokenRecord, check: bool) -> int:
    """Say what the person has to do about the profile; the exit status for it."""
    status = _sign_in_status(application, name, record)
    if not check or status:
        return status
    try:
        _check(application, name, record)
    except WebexTokenError as error:
        application.say(f"Error: Profile {name}: {error.message}\n{error.hint}")
        return error.exit_status
    return 0


def _print_table(rows: list[tuple[str, ...]]) -> None:
    """Print the rows as a table, or below each other on a terminal that is too narrow for it."""
    header = ("PROFILE", "STATE", "PERSON", "ACCESS EXPIRES", "REFRESH EXPIRES", "NEXT REFRESH")
    # Only the state is coloured: on a light background, few colours are read as well as the terminal's own.
    rows = [(name, click.style(state, fg=_COLOURS.get(state, "red")), *rest) for name, state, *rest in rows]
    text, columns = table(header, rows), width_of_output()
    if columns is not None and max(map(width_of, text.split("\n"))) > columns:
        click.echo("\n\n".join(records(header, rows, columns)))
        return
    heading, lines = text.split("\n", 1)
    click.echo(f"{click.style(heading, bold=True)}\n{lines}")


_COLOURS: dict[str, str | None] = {
    State.FRESH: None,
    State.DUE: None,
    State.RUNNING_OUT: "yellow",
    State.EXPIRED: "yellow",
}


def _row(name: str, record: TokenRecord, timing: Timing, now: float) -> tuple[str, ...]:
    """The profile's row in the table. It names the person only, so that the row fits on a line."""
    refresh_expires = (
        "unknown" if record.refresh_expires_at is None else distance_in_words(record.refresh_expires_at, now)
    )
    state, due = state_of(record, timing, now), next_refresh_at(record, timing, now)
    next_refresh = distance_in_words(due, now) if due > now else "due"
    return (
        name,
        state,
        "unknown" if record.person is None else record.person.display_name or record.person.label,
        distance_in_words(record.access_expires_at, now),
        "none" if record.refresh_token is None else refresh_expires,
        "" if state is State.NEEDS_SIGN_IN else next_refresh,
    )


def _timing(application: Application) -> Timing:
    """The timing that a watch has in this environment."""
    environment = application.environment
    return Timing(interval_setting(None, environment), max_age_setting(None, environment))


def _sign_in_status(application: Application, profile: str, record: TokenRecord) -> int:
    """Say whether the profile needs a sign-in, or will soon; the exit status for it."""
    if not record.needs_sign_in(application.clock()):
        application.warn_if_from_the_future(profile, record)
        application.warn_if_refresh_token_low(profile, record)
        return 0
    app = application.settings(profile).service_app
    if app is not None:
        application.say(
            f"Both tokens of profile {profile} have expired. `webex-token refresh{option_for(profile)}` gets the "
            f"Service App new ones with profile {app.with_profile}."
        )
        return 0
    application.say(f"Profile {profile} needs a new sign-in. {sign_in_hint(profile)}")
    return SignInNeeded.exit_status


def _check(application: Application, profile: str, record: TokenRecord) -> None:
    """Ask Webex whether it accepts the access token. Raises what ``WebexClient.person`` raises if it does not."""
    settings = application.settings(profile)
    application.warn_of_other_api_url(settings)
    client = application.client(settings.api_url)
    try:
        client.person(record.access_token)
    except GrantRefused as error:
        error.hint = token_refused_hint(profile)
        raise
    told = client.token_expiry(record.access_token)
    application.say(f"Webex accepts the access token of profile {profile}.")
    _compare_expiry(application, profile, record, told)


def _compare_expiry(application: Application, profile: str, record: TokenRecord, told: int | None) -> None:
    """Say so if the access token expires at another time than is stored: ``told`` by Webex, None if it did not."""
    known = record.access_expires_at
    if told is None or (known is not None and abs(told - known) <= CLOCK_SLACK):
        return
    stored = "which was not known here" if known is None else f"but {local_time(known)} is stored"
    application.say(
        f"Warning: by Webex's clock the access token of profile {profile} expires {when(told, application.clock())}, "
        f"{stored}. {clock_hint(profile)}"
    )


def _sheet(application: Application, profile: str, store: CredentialStore, record: TokenRecord, timing: Timing) -> str:
    now = application.clock()
    due, columns = next_refresh_at(record, timing, now), width_of_output()
    access, refresh, sign_in_by = "unknown (Webex did not say when it expires)", "unknown", []
    if record.access_expires_at is not None:
        access = _lifetime(record.access_expires_at, record.changed_at, now, columns)
    if record.refresh_token is None:
        refresh = "none; these tokens can only be replaced by a new sign-in"
    elif record.refresh_expires_at is not None:
        refresh = _lifetime(record.refresh_expires_at, record.refresh_lifetime_began, now, columns)
    if record.sign_in_by is not None and record.can_refresh(now):
        sign_in_by = [("", f"Webex does not extend it: sign in again by {local_time(record.sign_in_by)}.")]
    return fields(
        [
            ("Profile", profile),
            ("Person", record.person.label if record.person else "unknown (the scopes do not let the token ask)"),
            ("Integration", mask(record.client_id)),
            ("Scopes", " ".join(record.scopes) if record.scopes else "unknown (Webex did not say)"),
            *_asked_for(record, _requested_scopes(application, profile)),
            ("Access token", access),
            ("Refresh token", refresh),
            *sign_in_by,
            ("Renewed", when(record.changed_at, now)),
            ("Refreshed", when(record.refreshed_at, now)),
            ("Next refresh", _next_refresh(due, now)),
            ("Stored in", store.where(profile)),
        ],
        columns,
    )


def _requested_scopes(application: Application, profile: str) -> list[str] | None:
    """The scopes that a sign-in of the profile asks for; None if its settings have none of them."""
    scopes = application.section(profile).scopes
    return None if scopes is None else scopes.split()


def _asked_for(record: TokenRecord, requested: list[str] | None) -> list[tuple[str, str]]:
    """The row with the scopes that were asked for, if Webex granted others."""
    if requested is None or record.scopes is None or set(requested) == set(record.scopes):
        return []
    missing = record.scopes_not_granted(requested)
    words = f" (Webex did not grant {' '.join(missing)})" if missing else ""
    return [("Asked for", " ".join(requested) + words)]


def _next_refresh(due: float, now: float) -> str:
    if due > now:
        return when(due, now)
    return f"due since {local_time(due)}" if due < now else "due now"


def _lifetime(expires_at: int, since: int, now: float, columns: int | None) -> str:
    left, whole = max(0.0, expires_at - now), expires_at - since
    words = f"  {'expires' if left else 'expired'} {when(expires_at, now)}"
    room = _LONGEST_BAR if columns is None else columns - _LABELS - len(words)
    width = max(_SHORTEST_BAR, min(room, _LONGEST_BAR))
    return click.style(bar(left, whole, width), fg=bar_colour(left, whole)) + words


def _document(
    application: Application, profile: str, store: CredentialStore, record: TokenRecord, timing: Timing
) -> dict[str, object]:
    now = application.clock()
    return {
        "now": int(now),
        "state": state_of(record, timing, now).value,
        "person": person_document(record.person),
        "client_id": mask(record.client_id),
        "scopes": None if record.scopes is None else list(record.scopes),
        "requested_scopes": _requested_scopes(application, profile),
        "access_token_expires_at": record.access_expires_at,
        "refresh_token_expires_at": record.refresh_expires_at,
        "sign_in_by": record.sign_in_by,
        "changed_at": record.changed_at,
        "refreshed_at": record.refreshed_at,
        "next_refresh_at": int(next_refresh_at(record, timing, now)),
        "stored_in": store.where(profile),
        "needs_sign_in": record.needs_sign_in(now),
        "refresh_token_low": record.refresh_token_low(now),
    }
