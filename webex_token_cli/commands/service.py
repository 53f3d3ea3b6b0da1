"""``service``: have systemd, launchd or the Task Scheduler run ``watch``, show its status, and uninstall it."""

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webex_token_cli.application import Application
from webex_token_cli.cli.groups import CommandGroup, show_help_without_command
from webex_token_cli.cli.options import (
    DEFAULT_INTERVAL,
    DEFAULT_MAX_AGE,
    pass_application,
    verbosity_options,
)
from webex_token_cli.cli.tables import fields
from webex_token_cli.cli.watch_options import LOG_FORMATS, WatchOptions, watch_options
from webex_token_cli.config.folders import xdg_folder
from webex_token_cli.config.names import DEFAULT_PROFILE
from webex_token_cli.config.settings import Profile, resolve
from webex_token_cli.errors import ConfigurationError, SignInNeeded, WebexTokenError
from webex_token_cli.system.single_file import single_file

if TYPE_CHECKING:
    from webex_token_cli.service.definition import ServiceDefinition
    from webex_token_cli.service.manager import ServiceManager, ServiceStatus

# systemctl uses other numbers for this; a script only needs to tell it from 0 and from 3 (sign-in needed).
_NOT_RUNNING = 1


@click.group(
    "service",
    cls=CommandGroup,
    short_help="Run watch in the background, now and after each start.",
    invoke_without_command=True,
)
@verbosity_options
@click.pass_context
def command(ctx: click.Context) -> None:
    """Have the system run watch all the time: as a systemd user unit on Linux, a launchd agent on macOS, or a task
    of the Task Scheduler on Windows.

    The unit, agent or task is yours: it needs no root or administrator, and can reach your keyring. On other
    systems, let the scheduler run `webex-token watch --once` every hour.

    \b
    Example:
      webex-token service install

    Exit status: 0 if the command succeeded or the service runs; 1 if the system refused or the service does not
    run; 2 if this user has no systemd, launchd or Task Scheduler; 3 if the service ended because a sign-in is
    needed.
    """
    show_help_without_command(ctx)


@command.command("install", short_help="Write the unit, agent or task and start it.")
@watch_options
@click.option("--print", "only_print", is_flag=True, help="Print the file on standard output, and change nothing.")
@verbosity_options
@pass_application
def install(application: Application, options: WatchOptions, only_print: bool) -> int:
    """Show the unit, agent or task that runs watch, write it to its file, and start it. Change nothing if it already
    runs.

    The service does not see your shell's environment. So the file holds these options, the variables that set
    the same, and those that say where sign-ins are stored and how Webex is reached. It never holds a secret.

    \b
    Example:
      webex-token service install --interval 30m

    Exit status: 0 if the service runs; 1 if the system did not start it; 2 if an option or variable is wrong, or
    this user has no systemd, launchd or Task Scheduler; 3 if a sign-in is needed first.
    """
    from webex_token_cli.service.definition import omitted_variables

    manager, with_vault = _manager(application), _uses_vault(application, options.profiles)
    text = manager.text(_definition(application, options, with_vault))
    for name in omitted_variables(application.environment, with_vault=with_vault):
        application.say(f"Warning: {name} holds a secret, so it is not written to the file. {manager.how_to_add(name)}")
    if only_print:
        click.echo(text, nl=False)
        return 0
    current = manager.status()
    changed = _content(manager.path, manager.encoding) != text
    if changed:
        application.say(f"Writing {manager.path}:\n\n{text}")
        _write(manager.path, text, manager.encoding)
    if not manager.start(current, changed):
        click.echo("Already installed and running. Nothing was changed.")
    return _report(manager, manager.status())


@command.command("uninstall", short_help="Stop it and remove the file.")
@verbosity_options
@pass_application
def uninstall(application: Application) -> None:
    """Stop the service, disable it, and remove its file. The profiles stay signed in.

    \b
    Example:
      webex-token service uninstall

    Exit status: 0 if the service is uninstalled, or was not installed; 1 if the system refused; 2 if this user has
    no systemd, launchd or Task Scheduler.
    """
    manager = _manager(application)
    current = manager.status()
    if not current.known and _content(manager.path, manager.encoding) is None:
        click.echo("Not installed. Nothing was changed.")
        return
    manager.stop(current)
    manager.path.unlink(missing_ok=True)
    manager.forget()
    click.echo(f"Stopped, and removed {manager.path}. The profiles stay signed in.")


@command.command("status", short_help="Show whether it runs, since when, and where its log is.")
@verbosity_options
@pass_application
def status(application: Application) -> int:
    """Show whether the service is installed, whether it runs and since when, and how to see its log.

    \b
    Example:
      webex-token service status

    Exit status: 0 if the service runs; 1 if it does not; 2 if this user has no systemd, launchd or Task Scheduler;
    3 if it ended because a sign-in is needed.
    """
    manager = _manager(application)
    current = manager.status()
    if not current.known:
        click.echo("Not installed. Install it with `webex-token service install`.")
        return _NOT_RUNNING
    return _report(manager, current)


def _report(manager: "ServiceManager", status: "ServiceStatus") -> int:
    """Print the status of the service, and return the exit status for it."""
    reports = [("Reports", status.message)] if status.message else []
    starts = "automatically" if status.enabled else "only by hand; `webex-token service install` changes that"
    rows = [("Service", _state(status)), *reports, ("Starts", starts), ("Lasts", manager.lifetime())]
    click.echo(fields([*rows, ("File", str(manager.path)), ("Log", manager.log)]))
    if status.running:
        return 0
    return SignInNeeded.exit_status if status.ended_with == SignInNeeded.exit_status else _NOT_RUNNING


def _state(status: "ServiceStatus") -> str:
    if status.running:
        return f"running since {status.since}" if status.since else "running"
    if status.ended_with == SignInNeeded.exit_status:
        return "ended, because a sign-in is needed: `webex-token login`, then `webex-token service install`"
    ended = "" if status.ended_with is None else f", ended with exit status {status.ended_with}"
    return f"not running ({status.state or 'unknown'}{ended})"


def _manager(application: Application, platform: str = sys.platform) -> "ServiceManager":
    """The service manager of ``platform`` for this user. Raises ConfigurationError if there is none."""
    from webex_token_cli.service.definition import NAME
    from webex_token_cli.service.manager import run_command

    home = _home()
    if platform == "darwin":
        from webex_token_cli.service.launchd import Agent

        agents, logs = home / "Library/LaunchAgents", home / "Library/Logs"
        return Agent(agents / f"{NAME}.plist", run_command, str(os.getuid()), logs / f"{NAME}.log")
    if platform.startswith("linux"):
        from webex_token_cli.service.systemd import UNIT, UserUnit

        config = xdg_folder("XDG_CONFIG_HOME", application.environment) or home / ".config"
        return UserUnit(config / "systemd/user" / UNIT, run_command, str(os.getuid()))
    if platform == "win32":
        return _scheduled_task(application.environment, home)
    raise ConfigurationError(
        "A service can be installed on Linux with systemd, on macOS and on Windows only.",
        "Let the system's scheduler run `webex-token watch --once` every hour.",
    )


def _scheduled_task(environment: Mapping[str, str], home: Path) -> "ServiceManager":
    """The task of the Task Scheduler for this user. Raises ConfigurationError if Python would not find its program."""
    if single_file() is not None:
        raise ConfigurationError(
            "The Task Scheduler cannot run webex-token from a single file.",
            "Install the program (`pipx install webex-token-cli`), then run `webex-token service install`.",
        )
    from webex_token_cli.service.definition import NAME
    from webex_token_cli.service.manager import run_command
    from webex_token_cli.service.task_scheduler import ScheduledTask, current_user, windowless

    folder = Path(environment.get("LOCALAPPDATA") or home / "AppData/Local") / NAME
    system = Path(environment.get("SYSTEMROOT") or "C:/Windows") / "System32"
    name = f"{environment.get('USERDOMAIN', '.')}\\{environment.get('USERNAME', home.name)}"
    return ScheduledTask(
        path=folder / f"{NAME}.xml",
        run=run_command,
        user=current_user(run_command, system, name),
        log_file=folder / "Logs" / f"{NAME}.log",
        interpreter=windowless(Path(sys.executable)),
        system=system,
    )


def _home() -> Path:
    """The home folder, in which the files of services are. Raises ConfigurationError if there is none."""
    with contextlib.suppress(RuntimeError):  # Python's error for a user without a home folder
        home = Path.home()
        if home.is_absolute():
            return home
    raise ConfigurationError(
        "The service's file belongs into the home folder, and this user has none, neither in HOME nor in the user "
        "database.",
        "Set HOME, or let the system's scheduler run `webex-token watch --once` with WEBEX_TOKEN_HOME set.",
    )


def _uses_vault(application: Application, profiles: Sequence[str]) -> bool:
    """Whether the records of ``profiles`` are in Vault, or any record if none is named.

    Raises ConfigurationError if ``config.ini`` cannot be read.
    """
    store = application.environment_overrides().store
    if store:
        return store == "vault"
    stores = set()
    for name in profiles or application.config.names():
        with contextlib.suppress(ConfigurationError):  # a damaged section makes only that profile unusable
            stores.add(application.config.load(name).store)
    return "vault" in stores


def _definition(application: Application, options: WatchOptions, with_vault: bool) -> "ServiceDefinition":
    """What the service runs. Raises ConfigurationError if a setting that it would inherit is wrong."""
    from webex_token_cli.service.definition import ServiceDefinition, inherited_environment, this_program

    environment = application.environment
    resolve(Profile(DEFAULT_PROFILE), application.environment_overrides())
    if with_vault:
        from webex_token_cli.store.vault.environment import read_settings

        read_settings(environment)
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
    places = options.metrics_places(environment)
    if places.endpoint is not None:
        arguments.append(f"--metrics={places.endpoint}")
    if places.file is not None:
        arguments.append(f"--metrics-file={places.file.absolute()}")
    program = this_program(sys.argv[0], sys.executable, lambda path: os.access(path, os.X_OK))
    inherited = inherited_environment(environment, with_vault=with_vault)
    return ServiceDefinition((*program, "watch", *arguments), inherited)


def _content(path: Path, encoding: str) -> str | None:
    """The content of the file; None if it does not exist. Raises WebexTokenError if it cannot be read."""
    try:
        return path.read_text(encoding=encoding, errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WebexTokenError(
            f"{path} could not be read ({error.strerror or type(error).__name__}).",
            "Correct its owner and permissions, then try again.",
        ) from error


def _write(path: Path, text: str, encoding: str) -> None:
    """Replace the file's content by ``text`` atomically. Raises WebexTokenError."""
    from webex_token_cli.system.files import write_whole

    try:
        write_whole(path, text, mode=0o644, encoding=encoding)  # the usual mode of such files; there is no secret in it
    except OSError as error:
        raise WebexTokenError(
            f"{path} could not be written ({error.strerror or type(error).__name__}).",
            "Nothing was changed; check the folder's permissions and free space, then try again.",
        ) from error
