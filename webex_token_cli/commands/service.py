"""``service``: have systemd or launchd run ``watch``, see how it stands, and take it away again."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.options import (
    DEFAULT_INTERVAL,
    DEFAULT_MAX_AGE,
    pass_application,
    verbosity_options,
)
from webex_token_cli.cli.tables import fields
from webex_token_cli.cli.watch_options import LOG_FORMATS, WatchOptions, watch_options
from webex_token_cli.config.file import Profile
from webex_token_cli.config.settings import DEFAULT_PROFILE, resolve
from webex_token_cli.errors import ConfigurationError, SignInNeeded, WebexTokenError

if TYPE_CHECKING:
    from webex_token_cli.service.job import Job, Manager, Standing

# Not running is no failure of this program and no answer that has a number of its own.
_NOT_RUNNING = 1


@click.group("service", short_help="Have the system run watch, now and from now on.")
@verbosity_options
def command() -> None:
    """Have the system run watch, now and from now on: as a systemd user unit on Linux, as a launchd agent on macOS.

    Both are your own, need no root, and reach your keyring. Elsewhere have the system's scheduler run
    `webex-token watch --once` every hour.

    \b
    Example:
      webex-token service install

    Exit status: 0 done, or it runs; 1 the system would not, or (status) it does not run; 2 this user has
    no systemd or launchd here; 3 it ended because a sign-in is needed.
    """


@command.command("install", short_help="Write the unit or agent and start it.")
@watch_options
@click.option("--print", "only_print", is_flag=True, help="Print the file on standard output, and change nothing.")
@verbosity_options
@pass_application
def install(application: Application, options: WatchOptions, only_print: bool) -> int:
    """Show the file that has the system run watch, write it, and start it; whatever is so already stays as it is.

    The options are handed on to watch, and so are the variables in force now that say the same, where the
    stored sign-ins are, and how Webex is reached: a service has an environment of its own. Secrets are not.

    \b
    Example:
      webex-token service install --interval 30m

    Exit status: 0 it runs; 1 the system would not start it; 2 wrong usage, or no systemd or launchd of this
    user's; 3 a sign-in is needed first.
    """
    from webex_token_cli.service.job import left_out

    manager = _manager(application)
    text = manager.text(_job(application, options))
    for name in left_out(application.environment):
        application.say(
            f"Warning: {name} holds a password, and is not written into the file. {manager.how_to_add(name)}"
        )
    if only_print:
        click.echo(text, nl=False)
        return 0
    standing = manager.standing()
    changed = _content(manager.path) != text
    if changed:
        application.say(f"Writing {manager.path}:\n\n{text}")
        _write(manager.path, text)
    if not manager.start(standing, changed):
        click.echo("It is so already. Nothing was changed.")
    return _tell(manager, manager.standing())


@command.command("uninstall", short_help="Stop it and remove the file.")
@verbosity_options
@pass_application
def uninstall(application: Application) -> None:
    """Stop the service, have the system start it no more, and remove the file. Nothing stored is touched.

    \b
    Example:
      webex-token service uninstall

    Exit status: 0 it is not there any more, or was not; 1 the system would not; 2 no systemd or launchd of
    this user's.
    """
    manager = _manager(application)
    standing = manager.standing()
    if not standing.known and _content(manager.path) is None:
        click.echo("It is not installed. Nothing was changed.")
        return
    manager.stop(standing)
    manager.path.unlink(missing_ok=True)
    manager.forget()
    click.echo(f"Stopped, and removed {manager.path}. The profiles stay signed in.")


@command.command("status", short_help="Tell whether it runs, since when, and where its log is.")
@verbosity_options
@pass_application
def status(application: Application) -> int:
    """Tell whether the service is installed, whether it runs and since when, and how to see its log.

    \b
    Example:
      webex-token service status

    Exit status: 0 it runs; 1 it does not; 2 no systemd or launchd of this user's; 3 it ended because a
    sign-in is needed.
    """
    manager = _manager(application)
    standing = manager.standing()
    if not standing.known:
        click.echo("It is not installed; `webex-token service install` does that.")
        return _NOT_RUNNING
    return _tell(manager, standing)


def _tell(manager: "Manager", standing: "Standing") -> int:
    """How the service stands, in words, and the exit status that says the same."""
    says = [("It says", standing.says)] if standing.says else []
    starts = "by itself" if standing.enabled else "not by itself; `webex-token service install` sees to that"
    rows = [("Service", _state(standing)), *says, ("Starts", starts), ("Lasts", manager.lasting())]
    click.echo(fields([*rows, ("File", str(manager.path)), ("Log", manager.log)]))
    if standing.running:
        return 0
    return SignInNeeded.exit_status if standing.ended_with == SignInNeeded.exit_status else _NOT_RUNNING


def _state(standing: "Standing") -> str:
    if standing.running:
        return f"running since {standing.since}" if standing.since else "running"
    if standing.ended_with == SignInNeeded.exit_status:
        return "ended, because a sign-in is needed: `webex-token login`, then `webex-token service install`"
    ended = "" if standing.ended_with is None else f", ended with exit status {standing.ended_with}"
    return f"not running ({standing.state or 'unknown'}{ended})"


def _manager(application: Application, platform: str = sys.platform) -> "Manager":
    """What runs services for this user on ``platform``. Raises ConfigurationError where nothing known does."""
    from webex_token_cli.service.job import NAME, run

    home = Path.home()
    if platform == "darwin":
        from webex_token_cli.service.launchd import Agent

        agents, logs = home / "Library/LaunchAgents", home / "Library/Logs"
        return Agent(agents / f"{NAME}.plist", run, str(os.getuid()), logs / f"{NAME}.log")
    if platform.startswith("linux"):
        from webex_token_cli.service.systemd import UNIT, UserUnit

        config = Path(application.environment.get("XDG_CONFIG_HOME") or home / ".config")
        return UserUnit(config / "systemd/user" / UNIT, run, str(os.getuid()))
    raise ConfigurationError(
        "A service can be installed on Linux with systemd and on macOS only.",
        "Have the system's scheduler run `webex-token watch --once` every hour; on Windows that is the Task Scheduler.",
    )


def _job(application: Application, options: WatchOptions) -> "Job":
    """What the service is to run. Raises ConfigurationError when a setting that it would inherit is wrong."""
    from webex_token_cli.service.job import Job, carried_over, this_program

    environment = application.environment
    resolve(Profile(DEFAULT_PROFILE), application.environment_overrides())
    arguments = [f"--profile={name}" for name in options.profiles]
    timing = options.timing(application.environment)
    for name, seconds, default in (
        ("interval", timing.interval, DEFAULT_INTERVAL),
        ("max-age", timing.max_age, DEFAULT_MAX_AGE),
    ):
        if seconds != default:
            arguments.append(f"--{name}={seconds:.6f}".rstrip("0").rstrip("."))
    for name, command in (("on-change", options.on_change), ("on-attention", options.on_attention)):
        if command:
            arguments.append(f"--{name}={command}")
    if options.log_format != LOG_FORMATS[0]:
        arguments.append(f"--log-format={options.log_format}")
    program = this_program(sys.argv[0], sys.executable, lambda path: os.access(path, os.X_OK))
    return Job((*program, "watch", *arguments), carried_over(environment))


def _content(path: Path) -> str | None:
    """What is in the file; None where there is none. Raises WebexTokenError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WebexTokenError(
            f"{path} could not be read ({error.strerror or type(error).__name__}).",
            "See to its owner and permissions, then try again.",
        ) from error


def _write(path: Path, text: str) -> None:
    """Make ``text`` the file's content, all of it or nothing. Raises WebexTokenError."""
    from webex_token_cli.system.files import write_whole

    try:
        write_whole(path, text, mode=0o644)  # the usual one for it; there is no secret in it
    except OSError as error:
        raise WebexTokenError(
            f"{path} could not be written ({error.strerror or type(error).__name__}).",
            "Nothing was changed; see to the folder's permissions and free space, then try again.",
        ) from error
