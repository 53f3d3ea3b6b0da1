"""The options of ``watch``, which ``service install`` takes as well and passes on."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from webex_token_cli.cli.options import (
    Duration,
    interval_setting,
    max_age_setting,
    profiles_option,
)
from webex_token_cli.refresh.schedule import Timing

LOG_FORMATS = ("text", "json")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The options of a watch. An option that was not given is None, or empty for ``profiles``.

    ``interval`` and ``max_age`` are in seconds; ``on_change`` and ``on_attention`` are shell commands.
    """

    profiles: list[str]
    interval: float | None
    max_age: float | None
    on_change: str | None
    on_attention: str | None
    log_format: str

    def timing(self, environment: Mapping[str, str]) -> Timing:
        """Return the interval and maximum age: option, variable or default. Raises ConfigurationError."""
        return Timing(interval_setting(self.interval, environment), max_age_setting(self.max_age, environment))


def watch_options(function: F) -> F:
    """Add the options of a watch to a command, which receives them as its argument ``options``."""

    @profiles_option("Watch")
    @click.option(
        "--interval",
        type=Duration(),
        metavar="DURATION",
        help="Check the profiles this often.  [env var: WEBEX_TOKEN_INTERVAL, EVENT_LOOP_SLEEP_SECONDS; default: 1h]",
    )
    @click.option(
        "--max-age",
        type=Duration(),
        metavar="DURATION",
        help="Renew a token when its last refresh is older than this.  "
        "[env var: WEBEX_TOKEN_MAX_AGE, EVENT_LOOP_DAYS (in days); default: 1d]",
    )
    @click.option(
        "--on-change",
        metavar="CMD",
        help="Run this shell command after each renewal. It gets the access token on standard input, without a "
        "newline, and the profile in WEBEX_TOKEN_PROFILE.",
    )
    @click.option(
        "--on-attention",
        metavar="CMD",
        help="Run this shell command when a profile needs you. It gets the reason on standard input and in "
        "WEBEX_TOKEN_ATTENTION, and the profile in WEBEX_TOKEN_PROFILE.",
    )
    @click.option(
        "--log-format",
        type=click.Choice(LOG_FORMATS),
        default=LOG_FORMATS[0],
        show_default=True,
        help="Print each event as a line of text, or as a JSON object on one line.",
    )
    @functools.wraps(function)
    def with_options(
        *args: Any,
        named: list[str],
        interval: float | None,
        max_age: float | None,
        on_change: str | None,
        on_attention: str | None,
        log_format: str,
        **kwargs: Any,
    ) -> Any:
        options = WatchOptions(named, interval, max_age, on_change, on_attention, log_format)
        return function(*args, options=options, **kwargs)

    return with_options  # type: ignore[return-value]
