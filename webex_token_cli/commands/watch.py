"""``watch``: keep the tokens fresh until stopped."""

import functools
import random
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.child_environment import SECRET_VARIABLES, without_secrets
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    pass_terminal,
    verbosity_options,
)
from webex_token_cli.cli.terminal import Terminal, can_erase
from webex_token_cli.cli.watch_log import LiveLine, status_in_words, terminal_is_gone
from webex_token_cli.cli.watch_metrics import WatchMetrics, watch_metrics
from webex_token_cli.cli.watch_options import WatchOptions, watch_options
from webex_token_cli.cli.watch_output import WatchOutput
from webex_token_cli.errors import SignInNeeded, TemporaryFailure
from webex_token_cli.refresh.check import Hooks, ProfileChecker
from webex_token_cli.refresh.events import Event, Outlook, exit_status
from webex_token_cli.refresh.executor import ThreadExecutor
from webex_token_cli.refresh.hooks import run_hook
from webex_token_cli.refresh.schedule import Timing
from webex_token_cli.refresh.watcher import LONGEST_WAIT, Control, Listener, TaskResult, Watcher
from webex_token_cli.service.sd_notify import NOTIFY_VARIABLES, Notifier
from webex_token_cli.system.garbage import collect_as_usual
from webex_token_cli.system.signals import StopRequest

if TYPE_CHECKING:
    from webex_token_cli.refresh.refresher import Refresher
    from webex_token_cli.tokens import TokenRecord

# A process that a signal ended has the exit status 128 plus the signal's number in every shell.
_SIGNALLED = 128

# Profiles that are checked at the same time: enough to hide the time that Webex takes to answer, few enough not to
# overload Webex or a keyring. With more, the threads only wait for each other.
AT_ONCE = 16

# After this many seconds systemd is told that the start-up is over, even if Webex or a keyring has not answered yet.
_START_UP = 60.0


@click.command("watch", short_help="Keep the tokens fresh until you stop it.", epilog=SETTINGS_READ)
@watch_options
@click.option("--once", is_flag=True, help="Check once, then exit, for cron.")
@verbosity_options
@pass_terminal
def command(terminal: Terminal, options: WatchOptions, once: bool) -> int:
    """Check every stored profile at each --interval, and refresh tokens last refreshed --max-age ago or earlier.

    The list of profiles is read again each time, so that a new profile is added and a removed one dropped. A
    temporary failure is tried again before the next check. A failure that only a sign-in can fix is reported
    once, and the other profiles continue. Stored tokens are never removed. A log that cannot be written, because
    the disk is full or its reader has ended, stops no renewal.

    \b
    Example:
      webex-token watch --interval 1h
      webex-token watch --on-change 'vault kv put -mount=secret webex token=-'

    SIGHUP starts a check at once. Ctrl-C or SIGTERM ends the watch after the refreshes that have begun are
    saved; a second Ctrl-C ends it immediately. On Windows, a logoff or a shutdown has the effect of SIGTERM,
    and Ctrl-Break that of Ctrl-C.

    Exit status: 0 if SIGTERM ended the watch; 129 if its terminal was closed; 130 if Ctrl-C ended it; 2 if the
    usage or a setting is wrong; 3 if no profile can be refreshed. With --once: 0 if all profiles are fresh; 1 if
    the output or the metrics could not be written; 3 if a sign-in is needed; 4 after a temporary failure; 5 if
    the credential store is unavailable; the highest if several apply.
    """
    _import_what_is_needed_later()
    collect_as_usual()
    timing = options.timing(terminal.environment)
    metrics_places = options.metrics_places(terminal.environment, once)
    _refuse_hopeless(terminal.application(), options.profiles)
    output = WatchOutput(
        as_json=options.log_format == "json",
        everything=terminal.verbose or terminal.debug,
        with_live_line=options.log_format == "text" and _shows_live_line(terminal, once),
        once=once,
        clock=time.time,
    )
    notifier = Notifier.from_environment(terminal.environment)
    with StopRequest(terminal_is_gone) as stop, watch_metrics(metrics_places, timing, output.say) as metrics:
        application = terminal.application(output.say, cancelled=stop)
        application.answered = metrics.answered
        watcher = _watcher(application, options, timing, stop, output, metrics, notifier)
        try:
            if once:
                events = watcher.once()
                metrics.round_ended()
                output.end_of_one_round(stop)
                metrics.end_of_one_round(stop)
                return _status_of_one_round(events, stop.received)
            output.log.started(application.clock(), timing.interval, timing.max_age)
            some_fresh = watcher.watch()
        finally:
            output.end()
            notifier.stopping()
    if not some_fresh:
        raise SignInNeeded(
            "No profile is left that can be refreshed.", "Sign in with `webex-token login`, then start again."
        )
    return 0 if stop.received in (None, signal.SIGTERM) else _SIGNALLED + stop.received


def _refuse_hopeless(application: Application, profiles: Sequence[str]) -> None:
    """Raise ConfigurationError if there is no place for config.ini, and SignInNeeded if no profile is stored.

    To try again would be in vain for ever.
    """
    _ = application.config
    if not profiles:
        application.profiles()


def _import_what_is_needed_later() -> None:
    """Import everything now: an upgrade during a watch would mix old and new modules in one process.

    Only the keyring library is left to the first check that needs it, and comes as a whole then. It takes 2 MiB, and
    neither the Secret Service nor the file store needs it.
    """
    import filelock  # noqa: F401

    import webex_token_cli.store.file.opening
    import webex_token_cli.store.keyring.choice
    import webex_token_cli.store.keyring.opening
    import webex_token_cli.store.keyring.secret_service
    import webex_token_cli.webex.client  # noqa: F401


def _shows_live_line(terminal: Terminal, once: bool) -> bool:
    """Whether standard error is a terminal that can erase a line, and the countdown gets in the way of nothing."""
    return not once and not terminal.debug and can_erase(terminal.environment)


def _watcher(
    application: Application,
    options: WatchOptions,
    timing: Timing,
    stop: StopRequest,
    output: WatchOutput,
    metrics: WatchMetrics,
    notifier: Notifier,
) -> Watcher:
    display = StatusDisplay(application.clock, output.live, notifier)

    def report(event: Event) -> None:
        output.log.event(event)
        metrics.event(event)

    def before_wait(outlook: Outlook) -> None:
        display(outlook)
        metrics.before_wait(outlook)

    # The countdown moves each second.
    longest_wait = min(LONGEST_WAIT, notifier.ping_every or LONGEST_WAIT, 1.0 if output.live else LONGEST_WAIT)
    return Watcher(
        profiles=_profiles(application, options),
        checker=ProfileChecker(
            functools.partial(_refresher, application),
            timing,
            application.clock,
            stopping=stop,
            hooks=_hooks(application, options),
        ),
        executor=ThreadExecutor[TaskResult](AT_ONCE, stop.wake),
        control=Control(stop.wait, stop, stop.check_requested, longest_wait),
        listener=Listener(report, before_wait, when_idle=application.close_connections),
        timing=timing,
        clock=application.clock,
    )


def _profiles(application: Application, options: WatchOptions) -> Callable[[], list[str]]:
    """The function that names the profiles to check.

    A watch over a store that many machines share goes through them in an order of its own. Several watches share the
    work then, because each finds renewed what another one has come to first.
    """
    places = defaultdict[str, float](random.random)

    def profiles() -> list[str]:
        names = options.profiles or application.names()
        return sorted(names, key=places.__getitem__) if application.shared_store else names

    return profiles


def _refresher(application: Application, profile: str) -> "Refresher":
    return application.refresher(application.settings(profile))


class StatusDisplay:
    """Shows the state of the watch before each wait: on the live line, and to systemd.

    systemd is told that the start-up is over when each profile was checked once. A watch that ends before that,
    because no profile can be refreshed, has failed to start.
    """

    def __init__(self, clock: Callable[[], float], live: LiveLine | None, notifier: Notifier) -> None:
        self._clock = clock
        self._live = live
        self._notifier = notifier
        self._last_status = ""
        self._started_at = clock()

    def __call__(self, outlook: Outlook) -> None:
        now = self._clock()
        if self._live is not None:
            self._live.draw(outlook, now)
        if self._notifier.address is None:
            return
        if not self._last_status and outlook.in_flight and now < self._started_at + _START_UP:
            return
        status = status_in_words(outlook, now)
        if status != self._last_status:
            tell = self._notifier.status if self._last_status else self._notifier.ready
            # A message that systemd's full queue did not take is sent again before the next wait.
            if tell(status):
                self._last_status = status
        self._notifier.alive()


def _hooks(application: Application, options: WatchOptions) -> Hooks:
    private = (*SECRET_VARIABLES, *NOTIFY_VARIABLES)
    inherited = {name: value for name, value in application.environment.items() if name not in private}

    def on_change(profile: str, record: "TokenRecord") -> None:
        if options.on_change:
            environment = {**without_secrets(inherited, record), "WEBEX_TOKEN_PROFILE": profile}
            run_hook(options.on_change, environment, record.access_token, stopping=application.cancelled)

    def on_attention(profile: str, reason: str) -> None:
        if options.on_attention:
            environment = {**inherited, "WEBEX_TOKEN_PROFILE": profile, "WEBEX_TOKEN_ATTENTION": reason}
            run_hook(options.on_attention, environment, f"{reason}\n", stopping=application.cancelled)

    return Hooks(on_change, on_attention)


def _status_of_one_round(events: list[Event], received: int | None) -> int:
    if received == signal.SIGINT:
        return _SIGNALLED + received
    # A round that was cut short has not checked every profile, so it cannot say that all are fresh.
    return max(exit_status(events), TemporaryFailure.exit_status if received else 0)
