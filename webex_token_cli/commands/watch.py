"""``watch``: keep the tokens fresh until stopped."""

import signal
from collections.abc import Sequence

import click

from webex_token_cli.commands.shared import (
    SETTINGS_READ,
    Duration,
    Invocation,
    complete_profiles,
    interval_setting,
    max_age_setting,
    pass_invocation,
    verbosity_options,
)
from webex_token_cli.errors import ConfigurationError, SignInNeeded, TemporaryFailure
from webex_token_cli.profiles import check_profile_name
from webex_token_cli.times import distance_in_words, duration_in_words, local_time, when
from webex_token_cli.watcher import Event, Kind, Watcher, exit_status

_INTERRUPTED = 128 + signal.SIGINT


def _checked(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> list[str]:  # noqa: ARG001
    return [check_profile_name(value) for value in dict.fromkeys(values)]


@click.command("watch", short_help="Keep the tokens fresh until stopped.", epilog=SETTINGS_READ)
@click.option(
    "-p",
    "--profile",
    "named",
    metavar="NAME",
    multiple=True,
    envvar="WEBEX_TOKEN_PROFILE",
    show_envvar=True,
    callback=_checked,
    shell_complete=complete_profiles,
    help="Watch this profile only; may be repeated.  [default: all that are stored]",
)
@click.option(
    "--interval",
    type=Duration(),
    metavar="DURATION",
    help="Look this often.  [env var: WEBEX_TOKEN_INTERVAL, EVENT_LOOP_SLEEP_SECONDS; default: 3600]",
)
@click.option(
    "--max-age",
    type=Duration(),
    metavar="DURATION",
    help="Renew what was last refreshed this long ago.  "
    "[env var: WEBEX_TOKEN_MAX_AGE, EVENT_LOOP_DAYS (in days); default: 1d]",
)
@click.option("--once", is_flag=True, help="Look once and end, for cron.")
@verbosity_options
@pass_invocation
def command(invocation: Invocation, named: list[str], interval: float | None, max_age: float | None, once: bool) -> int:
    """Look at every stored profile each --interval, and renew each token older than --max-age.

    The stored profiles are looked up anew each time, so a sign-in elsewhere joins and a logout leaves. A
    failure that may pass is tried again, sooner than the next look; one that only a sign-in mends is said
    once, and the others go on. Nothing stored is ever removed.

    \b
    Example:
      webex-token watch --interval 1h

    SIGHUP makes it look at once.

    Exit status: 0 ended by SIGTERM, 130 by Ctrl-C; 3 no profile is left that can be kept fresh. With
    --once: 0 all are fresh, else the worst of 3 sign-in needed, 4 Webex cannot be asked now, 5 the
    credential store is unavailable.
    """
    interval = interval_setting(interval, invocation.environment)
    max_age = max_age_setting(max_age, invocation.environment)
    # Imported before the first look, not in the middle of a refresh.
    from webex_token_cli.signals import StopRequest

    with StopRequest() as stop:
        invocation.stopping = stop
        watcher = Watcher(
            profiles=lambda: named or invocation.config.names(),
            stored=lambda name: invocation.store(invocation.settings(name).store).load(name),
            refresh=lambda name, due: invocation.refresher(invocation.settings(name)).refresh(name, due),
            report=lambda event: _report(invocation, event),
            interval=interval,
            max_age=max_age,
            clock=invocation.clock,
            nap=stop.nap,
            stopping=stop,
            look_asked=stop.look_asked,
        )
        if not (named or invocation.profiles()):
            raise ConfigurationError("There is nothing to watch.", "Sign in with `webex-token login`.")
        if once:
            return _status_of_one_round(watcher.round(), stop.received)
        invocation.say(
            f"Looking every {duration_in_words(interval)}, renewing what was refreshed "
            f"{duration_in_words(max_age)} ago or longer. Ctrl-C ends it."
        )
        if not watcher.watch():
            raise SignInNeeded(
                "No profile is left that can be kept fresh.",
                "Sign in with `webex-token login`, then start again.",
            )
        return _INTERRUPTED if stop.received == signal.SIGINT else 0


def _status_of_one_round(events: list[Event], received: signal.Signals | None) -> int:
    if received == signal.SIGINT:
        return _INTERRUPTED
    # A round that was cut short has not seen every profile: "all are fresh" would be a guess.
    return max(exit_status(events), TemporaryFailure.exit_status if received else 0)


def _report(invocation: Invocation, event: Event) -> None:
    """A line an event: time, profile, what happened and what follows."""
    if event.kind is Kind.NEEDS_SIGN_IN and event.error is None:
        return  # said when it happened
    click.echo(f"{local_time(event.moment)}  {event.profile}  {_sentence(event)}")
    if event.record is not None and event.kind is not Kind.NEEDS_SIGN_IN:
        invocation.warn_if_running_out(event.profile, event.record)


def _sentence(event: Event) -> str:
    following = "" if event.next_at is None else distance_in_words(event.next_at, event.moment)
    if event.record is not None and event.error is None:
        expires = f"expires {when(event.record.access_expires_at, event.moment)}, next refresh {following}"
        if event.kind is Kind.UNCHANGED:
            return f"unchanged: Webex renews at most once in 24 hours; {expires}"
        return f"{event.kind}: {expires}"
    assert event.error is not None  # noqa: S101 - an event has a record, an error, or both
    if event.kind is Kind.NEEDS_SIGN_IN:
        return f"{event.kind}: {event.error.message} {event.error.hint}"
    return f"{event.kind}: {event.error.message} Next try {following}."
