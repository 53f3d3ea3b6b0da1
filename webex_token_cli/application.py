"""What the verbs share: their common options, and one run's environment, flags and stores."""

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from webex_token_cli.config.file import (
    DEFAULT_PROFILE,
    ConfigFile,
    Overrides,
    Settings,
    check_profile_name,
    resolve,
    sign_in_hint,
)
from webex_token_cli.errors import ConfigurationError, SignInNeeded, WebexTokenError
from webex_token_cli.times import DAY, HOUR, parse_duration, when

if TYPE_CHECKING:
    from webex_token_cli.refresh.refresher import Refresher
    from webex_token_cli.store.records import CredentialStore
    from webex_token_cli.tokens import TokenRecord
    from webex_token_cli.webex.client import WebexClient

APPLICATION = "webex-token"
HOME_VARIABLE = "WEBEX_TOKEN_HOME"

DEFAULT_INTERVAL = float(HOUR)
DEFAULT_MAX_AGE = float(DAY)

# What a verb reads beside what its options name, for the end of its help.
HOME_READ = (
    "Environment: WEBEX_TOKEN_HOME names the folder of config.ini and of the file store, where the platform's are not "
    "to be used."
)
SETTINGS_READ = f"{HOME_READ} WEBEX_TOKEN_STORE and WEBEX_TOKEN_API_URL come before what the profile remembers."

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Invocation:
    """One run of the program: the environment it was given, its flags, and the stores they lead to."""

    environment: Mapping[str, str]
    verbose: bool = False
    debug: bool = False
    clock: Callable[[], float] = time.time
    stopping: Callable[[], bool] = lambda: False
    speak: Callable[[str], None] = lambda text: click.echo(text, err=True)
    _stores: "dict[str, CredentialStore]" = field(default_factory=dict)
    _clients: "dict[str, WebexClient]" = field(default_factory=dict)
    _config: ConfigFile | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock)

    def say(self, text: str) -> None:
        """A line for the person at the terminal."""
        self.speak(text)

    def detail(self, text: str) -> None:
        """A line for the person who asked for more with ``--verbose`` or ``--debug``."""
        if self.verbose or self.debug:
            self.say(text)

    def trace(self, text: str) -> None:
        """A line for the person who asked for everything with ``--debug``."""
        if self.debug:
            self.say(f"debug: {text}")

    @property
    def has_person(self) -> bool:
        """Whether somebody at a terminal can answer questions."""
        return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()

    def warn_if_running_out(self, profile: str, record: "TokenRecord") -> None:
        """Warn about a refresh token that is under 14 days from its end, or past it."""
        now = self.clock()
        if record.refresh_expires_at is not None and record.refresh_token_low(now):
            ends = "ends" if record.can_refresh(now) else "has ended"
            self.say(
                f"Warning: the refresh token of profile {profile} {ends} {when(record.refresh_expires_at, now)}. "
                f"{sign_in_hint(profile)}"
            )

    @property
    def config(self) -> ConfigFile:
        """``config.ini``, wherever it is for this user."""
        if self._config is None:
            path = self._folder("config") / "config.ini"
            self._config = ConfigFile(path, lambda: _locked(path.with_name(".config.ini.lock"), self.say))
        return self._config

    def settings(self, profile: str, overrides: Overrides | None = None) -> Settings:
        """What holds for ``profile``; ``overrides`` are the environment's unless the verb has options of its own."""
        return resolve(self.config.load(profile), overrides or self.environment_overrides())

    def environment_overrides(self) -> Overrides:
        """What the environment says, for verbs that have no option for it."""
        get = self.environment.get
        return Overrides(api_url=get("WEBEX_TOKEN_API_URL"), store=get("WEBEX_TOKEN_STORE"))

    def store(self, name: str) -> "CredentialStore":
        """The credential store called ``name``, the same one each time. Raises StoreUnavailable."""
        with self._opening:
            if name not in self._stores:
                self._stores[name] = self._open_store(name)
            return self._stores[name]

    def _open_store(self, name: str) -> "CredentialStore":
        from webex_token_cli.store.backends import open_file_store, open_keyring_store
        from webex_token_cli.store.records import BOUND_UNATTENDED, BOUND_WITH_A_PERSON

        bound = BOUND_WITH_A_PERSON if self.has_person else BOUND_UNATTENDED
        if name == "file":
            return open_file_store(self._folder("data") / "credentials", self.say, bound, lambda: self.stopping())
        return open_keyring_store(self.say, bound, cancelled=lambda: self.stopping())

    def stored(self, profile: str) -> "tuple[CredentialStore, TokenRecord]":
        """The profile's record and the store it is in. Raises SignInNeeded when there is none."""
        store = self.store(self.settings(profile).store)
        record = store.load(profile)
        if record is None:
            raise SignInNeeded(f"Nobody is signed in as profile {profile}.", sign_in_hint(profile))
        return store, record

    def client(self, api_url: str) -> "WebexClient":
        """Webex at ``api_url``, the same one each time."""
        from webex_token_cli.webex.client import WebexClient, new_session

        with self._opening:
            if api_url not in self._clients:
                self._clients[api_url] = WebexClient(api_url, new_session(api_url), self.trace)
            return self._clients[api_url]

    def hang_up(self) -> None:
        """Close the connections to Webex that are kept for the next request."""
        for client in list(self._clients.values()):
            client.hang_up()

    def refresher(self, settings: Settings) -> "Refresher":
        """What refreshes the tokens of the settings' profile."""
        from webex_token_cli.refresh.refresher import Refresher
        from webex_token_cli.system.signals import held_back

        # Webex's client, and requests with it, is needed only if the refresh token is really spent.
        return Refresher(
            store=self.store(settings.store),
            spend=lambda record: self.client(settings.api_url).refresh(record),
            uninterrupted=held_back,
        )

    def profiles(self) -> list[str]:
        """The profiles that somebody is or was signed in as. Raises SignInNeeded when there are none."""
        names = self.config.names()
        if not names:
            raise SignInNeeded("No profile is stored.", sign_in_hint(DEFAULT_PROFILE))
        return names

    def _folder(self, kind: str) -> Path:
        home = self.environment.get(HOME_VARIABLE)
        if home:
            try:
                return Path(home).expanduser()
            except RuntimeError:
                raise ConfigurationError(
                    f"{HOME_VARIABLE} names the home folder of nobody ({home[:200]!r}).", "Give a path that exists."
                ) from None
        import platformdirs

        find = {"config": platformdirs.user_config_path, "data": platformdirs.user_data_path}[kind]
        return find(APPLICATION, appauthor=False)


def _locked(path: Path, say: Callable[[str], None]) -> AbstractContextManager[None]:
    from webex_token_cli.store.locks import locked

    return locked(path, say)


class Duration(click.ParamType):  # type: ignore[type-arg] # click before 8.5 cannot take one
    """Seconds, or a number with one of ``s m h d w``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The duration in seconds; a usage error when ``value`` is none."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


def duration_setting(
    given: float | None, environment: Mapping[str, str], variables: Iterable[tuple[str, str]], default: float
) -> float:
    """The first of an option, the ``variables`` (each with the unit of a bare number) and a default, in seconds.

    Raises ConfigurationError, naming the variable that is no duration.
    """
    if given is not None:
        return given
    for name, unit in variables:
        if environment.get(name):
            try:
                return parse_duration(environment[name], unit)
            except ValueError as error:
                raise ConfigurationError(f"The variable {name} is wrong: {error}.", "Correct or unset it.") from None
    return default


def interval_setting(given: float | None, environment: Mapping[str, str]) -> float:
    """Seconds between two looks of ``watch``."""
    variables = (("WEBEX_TOKEN_INTERVAL", "s"), ("EVENT_LOOP_SLEEP_SECONDS", "s"))
    return duration_setting(given, environment, variables, DEFAULT_INTERVAL)


def max_age_setting(given: float | None, environment: Mapping[str, str]) -> float:
    """Seconds since the last refresh after which ``watch`` refreshes again."""
    variables = (("WEBEX_TOKEN_MAX_AGE", "s"), ("EVENT_LOOP_DAYS", "d"))
    return duration_setting(given, environment, variables, DEFAULT_MAX_AGE)


def verbosity_options(function: F) -> F:
    """Adds ``-v`` and ``--debug``, which are the same before and after the verb."""

    @click.option("-v", "--verbose", is_flag=True, help="Say more about what is done.")
    @click.option("--debug", is_flag=True, help="Show each request to Webex, and where an error was raised.")
    @functools.wraps(function)
    def with_verbosity(*args: Any, verbose: bool, debug: bool, **kwargs: Any) -> Any:
        ctx = click.get_current_context()
        invocation = ctx.find_object(Invocation)
        if invocation is not None:
            invocation.verbose |= verbose
            invocation.debug |= debug
        return ctx.invoke(function, *args, **kwargs)

    return with_verbosity  # type: ignore[return-value]


def _checked(ctx: click.Context, param: click.Parameter, value: str) -> str:  # noqa: ARG001 - click's signature
    return check_profile_name(value)


def complete_profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
    """The stored profiles that a shell may complete ``incomplete`` to; none where they cannot be told."""
    try:
        invocation = ctx.find_object(Invocation) or Invocation(os.environ)
        return [name for name in invocation.config.names() if name.startswith(incomplete)]
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
    help="Which stored sign-in this concerns.",
)

min_valid_option = click.option(
    "--min-valid",
    type=Duration(),
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="Refresh first when the token lives for less than this.",
)


def _each_checked(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> list[str]:  # noqa: ARG001
    return [check_profile_name(value) for value in dict.fromkeys(values)]


def profiles_option(verb: str) -> Callable[[F], F]:
    """Adds ``--profile`` for any number of profiles, given on as ``named``: none stands for all."""
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
        help=f"{verb} this profile only; may be repeated.  [default: all that are stored]",
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

pass_invocation = click.make_pass_decorator(Invocation)
