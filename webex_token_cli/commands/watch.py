"""``watch``: keep the tokens fresh until stopped."""

import errno
import functools
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.child_environment import without_secrets
from webex_token_cli.cli.options import (
    SETTINGS_READ,
    pass_terminal,
    verbosity_options,
)
from webex_token_cli.cli.terminal import Terminal
from webex_token_cli.cli.watch_log import (
    JsonLog,
    LiveLine,
    Log,
    TextLog,
    status_in_words,
    terminal_is_gone,
)
from webex_token_cli.cli.watch_options import Wishes, watch_options
from webex_token_cli.errors import ConfigurationError, SignInNeeded, TemporaryFailure, WebexTokenError
from webex_token_cli.refresh.check import Account, Hooks
from webex_token_cli.refresh.events import Event, Outlook, exit_status
from webex_token_cli.refresh.executor import Threads
from webex_token_cli.refresh.hooks import run_hook
from webex_token_cli.refresh.watcher import LONGEST_NAP, Settlement, Watcher
from webex_token_cli.service.sd_notify import NOTIFY_VARIABLES, Notifier
from webex_token_cli.system.signals import StopRequest

if TYPE_CHECKING:
    from webex_token_cli.tokens import TokenRecord

_SIGNALLED = 128

# Profiles that are refreshed side by side: enough to hide Webex's answering time, few enough not to be a burden.
AT_ONCE = 8


@click.command("watch", short_help="Keep the tokens fresh until stopped.", epilog=SETTINGS_READ)
@watch_options
@click.option("--once", is_flag=True, help="Look once and end, for cron.")
@verbosity_options
@pass_terminal
def command(terminal: Terminal, wishes: Wishes, once: bool) -> int:
    """Look at every stored profile each --interval, and renew each token older than --max-age.

    The stored profiles are looked up anew each time, so a sign-in elsewhere joins and a logout leaves. A
    failure that may pass is tried again, sooner than the next look; one that only a sign-in mends is said
    once, and the others go on. Nothing stored is ever removed.

    \b
    Example:
      webex-token watch --interval 1h
      webex-token watch --on-change 'vault kv put -mount=secret webex token=-'

    SIGHUP makes it look at once. Ctrl-C, or SIGTERM, lets what is in flight be saved; Ctrl-C again does not.

    Exit status: 0 ended by SIGTERM, 130 by Ctrl-C; 3 no profile is left that can be kept fresh. With
    --once: 0 all are fresh, else the worst of 3 sign-in needed, 4 Webex cannot be asked now, 5 the
    credential store is unavailable.
    """
    _import_what_is_needed_later()
    timing = wishes.timing(terminal.environment)
    if not (wishes.named or terminal.application().profiles()):
        raise ConfigurationError("There is nothing to watch.", "Sign in with `webex-token login`.")
    live = LiveLine() if wishes.log_format == "text" and _counts_down(terminal, once) else None
    say = terminal.say if live is None else live.above(terminal.say)
    log = JsonLog() if wishes.log_format == "json" else TextLog(say, terminal.verbose or terminal.debug)
    notifier = Notifier.from_environment(terminal.environment)
    with StopRequest(terminal_is_gone) as stop:
        application = terminal.application(say, cancelled=stop)
        watcher = Watcher(
            profiles=lambda: wishes.named or application.config.names(),
            account=functools.partial(_account, application),
            crew=Threads[Settlement](AT_ONCE, stop.wake),
            report=functools.partial(_report, log, live),
            timing=timing,
            clock=application.clock,
            nap=stop.nap,
            stopping=stop,
            look_asked=stop.look_asked,
            before_nap=_Standby(application.clock, live, notifier),
            at_rest=application.close_connections,
            hooks=_hooks(application, wishes),
            longest_nap=min(LONGEST_NAP, notifier.ping_every or LONGEST_NAP, 1.0 if live else LONGEST_NAP),
        )
        try:
            if once:
                return _status_of_one_round(watcher.once(), stop.received)
            log.started(application.clock(), timing.interval, timing.max_age)
            hopeful = watcher.watch()
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            raise WebexTokenError(
                "Nobody reads any more what is printed, so the watch has ended.",
                "What was renewed is stored; start it again with its output in a place that lasts.",
            ) from None
        finally:
            if live is not None:
                live.wipe()
            notifier.stopping()
    if not hopeful:
        raise SignInNeeded(
            "No profile is left that can be kept fresh.", "Sign in with `webex-token login`, then start again."
        )
    return 0 if stop.received in (None, signal.SIGTERM) else _SIGNALLED + stop.received


def _import_what_is_needed_later() -> None:
    """A program that runs for months must not come upon a newer version of its own files when it first refreshes."""
    import filelock  # noqa: F401
    import keyring  # noqa: F401

    import webex_token_cli.store.backends
    import webex_token_cli.store.file_keyring
    import webex_token_cli.webex.client  # noqa: F401


def _counts_down(terminal: Terminal, once: bool) -> bool:
    """Whether a line that counts down would be seen, and disturb nothing."""
    return not once and not terminal.debug and sys.stderr is not None and sys.stderr.isatty()


def _account(application: Application, name: str) -> Account:
    settings = application.settings(name)
    refresher = application.refresher(settings)
    return Account(
        settings.api_url,
        stored=lambda: refresher.store.load(name),
        refresh=lambda due: refresher.refresh(name, due),
        save_late=lambda unsaved: refresher.save_late(name, unsaved),
    )


def _report(log: Log, live: LiveLine | None, event: Event) -> None:
    if live is not None:
        live.wipe()
    log.event(event)


# A start-up that takes longer, because Webex or the keyring does not answer, is over all the same.
_START_UP = 60.0


class _Standby:
    """What is done before each nap: the live line, and what systemd is told.

    It is told of the start once each profile was looked at: that none can be kept fresh is a start that failed.
    """

    def __init__(self, clock: Callable[[], float], live: LiveLine | None, notifier: Notifier) -> None:
        self._clock = clock
        self._live = live
        self._notifier = notifier
        self._told = ""
        self._started_at = clock()

    def __call__(self, outlook: Outlook) -> None:
        now = self._clock()
        if self._live is not None:
            self._live.draw(outlook, now)
        if self._notifier.address is None:
            return
        if not self._told and outlook.in_flight and now < self._started_at + _START_UP:
            return
        status = status_in_words(outlook, now)
        if not self._told:
            self._notifier.ready(status)
        elif status != self._told:
            self._notifier.status(status)
        self._told = status
        self._notifier.alive()


def _hooks(application: Application, wishes: Wishes) -> Hooks:
    kept = {n: v for n, v in application.environment.items() if n not in ("WEBEX_CLIENT_SECRET", *NOTIFY_VARIABLES)}

    def changed(profile: str, record: "TokenRecord") -> None:
        if wishes.on_change:
            environment = {**without_secrets(kept, record), "WEBEX_TOKEN_PROFILE": profile}
            run_hook(wishes.on_change, environment, record.access_token, stopping=application.cancelled)

    def wanted(profile: str, why: str) -> None:
        if wishes.on_attention:
            environment = {**kept, "WEBEX_TOKEN_PROFILE": profile, "WEBEX_TOKEN_ATTENTION": why}
            run_hook(wishes.on_attention, environment, f"{why}\n", stopping=application.cancelled)

    return Hooks(changed, wanted)


def _status_of_one_round(events: list[Event], received: signal.Signals | None) -> int:
    if received == signal.SIGINT:
        return _SIGNALLED + received
    # A round that was cut short has not seen every profile: "all are fresh" would be a guess.
    return max(exit_status(events), TemporaryFailure.exit_status if received else 0)
