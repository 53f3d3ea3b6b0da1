"""Options and parameter types that several commands share."""

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from webex_token_cli.cli.terminal import Terminal
from webex_token_cli.config.names import DEFAULT_PROFILE, check_profile_name
from webex_token_cli.errors import ConfigurationError, WebexTokenError
from webex_token_cli.times import DAY, HOUR, parse_duration

DEFAULT_INTERVAL = float(HOUR)
DEFAULT_MAX_AGE = float(DAY)

# The environment variables that a command reads besides those of its options, for the end of its help.
HOME_READ = (
    "Environment: WEBEX_TOKEN_HOME names the folder that holds config.ini and the file store, instead of the "
    "system's default folders."
)
SETTINGS_READ = f"{HOME_READ} WEBEX_TOKEN_STORE and WEBEX_TOKEN_API_URL override the settings stored in the profile."

F = TypeVar("F", bound=Callable[..., Any])


class Duration(click.ParamType):  # type: ignore[type-arg] # click before 8.5 cannot take one
    """Seconds, or a number with one of ``s m h d w``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The duration in seconds. A value that is not a duration is a usage error."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def duration_setting(
    given: float | None, environment: Mapping[str, str], variables: Iterable[tuple[str, str]], default: float
) -> float:
    """The duration in seconds: ``given``, else the first variable that is set, else ``default``.

    ``variables`` are names, each with the unit of a number without one. Raises ConfigurationError, which names the
    variable, if its value is not a duration.
    """
    if given is not None:
        return given
    for name, unit in variables:
        if environment.get(name):
            try:
                return parse_duration(environment[name], unit)
            except ValueError as error:
                raise ConfigurationError(
                    f"The environment variable {name} is wrong: {error}.", "Correct or unset it."
                ) from None
    return default


def interval_setting(given: float | None, environment: Mapping[str, str]) -> float:
    """Seconds between two checks of ``watch``."""
    variables = (("WEBEX_TOKEN_INTERVAL", "s"), ("EVENT_LOOP_SLEEP_SECONDS", "s"))
    return duration_setting(given, environment, variables, DEFAULT_INTERVAL)


def max_age_setting(given: float | None, environment: Mapping[str, str]) -> float:
    """Seconds since the last refresh after which ``watch`` refreshes again."""
    variables = (("WEBEX_TOKEN_MAX_AGE", "s"), ("EVENT_LOOP_DAYS", "d"))
    return duration_setting(given, environment, variables, DEFAULT_MAX_AGE)


def verbosity_options(function: F) -> F:
    """Add ``-v`` and ``--debug``, which may stand before or after the command."""

    @click.option("-v", "--verbose", is_flag=True, help="Print more details.")
    @click.option("--debug", is_flag=True, help="Print each request to Webex, and where in the code an error occurred.")
    @functools.wraps(function)
    def with_verbosity(*args: Any, verbose: bool, debug: bool, **kwargs: Any) -> Any:
        ctx = click.get_current_context()
        terminal = ctx.find_object(Terminal)
        if terminal is not None:
            terminal.verbose |= verbose
            terminal.debug |= debug
        return ctx.invoke(function, *args, **kwargs)

    return with_verbosity  # type: ignore[return-value]


def _checked(ctx: click.Context, param: click.Parameter, value: str) -> str:  # noqa: ARG001 - click's signature
    return check_profile_name(value)


def options_given(ctx: click.Context) -> list[str]:
    """The names of the options on the command line. Variables are left out, because they are set for every run."""
    return [
        param.opts[0]
        for param in ctx.command.params
        if isinstance(param, click.Option) and ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
    ]


def complete_profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """The stored profiles that start with ``incomplete``; none if they cannot be read."""
    try:
        terminal = ctx.find_object(Terminal) or Terminal(os.environ)
        return [name for name in terminal.application().names() if name.startswith(incomplete)]
    except (WebexTokenError, OSError):
        return []


profile_option = click.option(
    "-p",
    "--profile",
    metavar="NAME",
    default=DEFAULT_PROFILE,
    envvar="WEBEX_TOKEN_PROFILE",
    show_default=True,
    show_envvar=True,
    callback=_checked,
    shell_complete=complete_profiles,
    help="The profile to use.",
)

min_valid_option = click.option(
    "--min-valid",
    type=Duration(),
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="Refresh first if the token expires within this time.",
)


def _each_checked(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> list[str]:  # noqa: ARG001
    return [check_profile_name(value) for value in dict.fromkeys(values)]


def profiles_option(action: str) -> Callable[[F], F]:
    """Add a repeatable ``--profile``, passed on as ``named``. An empty list means all stored profiles."""
    return click.option(
        "-p",
        "--profile",
        "named",
        metavar="NAME",
        multiple=True,
        envvar="WEBEX_TOKEN_PROFILE",
        show_envvar=True,
        callback=_each_checked,
        shell_complete=complete_profiles,
        help=f"{action} only this profile. May be repeated.  [default: all stored profiles]",
    )


def all_option(purpose: str) -> Callable[[F], F]:
    """Add ``--all``, passed on as ``every``. With --profile it is a usage error, with WEBEX_TOKEN_PROFILE it is not."""

    def add_all(function: F) -> F:
        @click.option("--all", "every", is_flag=True, help=purpose)
        @functools.wraps(function)
        def with_all(*args: Any, every: bool, **kwargs: Any) -> Any:
            ctx = click.get_current_context()
            if every and ctx.get_parameter_source("profile") is ParameterSource.COMMANDLINE:
                raise click.UsageError("--all means every stored profile, so --profile cannot be given with it.")
            return ctx.invoke(function, *args, every=every, **kwargs)

        return with_all  # type: ignore[return-value]

    return add_all


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

pass_terminal = click.make_pass_decorator(Terminal)


def pass_application(function: F) -> F:
    """Pass the application that talks to this run's terminal as the first argument."""

    @functools.wraps(function)
    def with_application(*args: Any, **kwargs: Any) -> Any:
        ctx = click.get_current_context()
        terminal = ctx.find_object(Terminal)
        assert terminal is not None  # noqa: S101 - main.run gives one to every command
        return ctx.invoke(function, terminal.application_of_one_thread(), *args, **kwargs)

    return with_application  # type: ignore[return-value]
