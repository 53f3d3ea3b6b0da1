"""What a watch is told: by ``watch`` itself, and by ``service install``, which hands it on."""

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
class Wishes:
    """How a person wants a watch to be; None, or empty, where they do not say."""

    named: list[str]
    interval: float | None
    max_age: float | None
    on_change: str | None
    on_attention: str | None
    log_format: str

    def timing(self, environment: Mapping[str, str]) -> Timing:
        """How often it looks, and what it renews: option, variable or default. Raises ConfigurationError."""
        return Timing(interval_setting(self.interval, environment), max_age_setting(self.max_age, environment))


def watch_options(function: F) -> F:
    """Adds the options that say how a watch is to be, given on as ``wishes``."""

    @profiles_option("Watch")
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
    @click.option(
        "--on-change",
        metavar="CMD",
        help="Run this in a shell after each renewal: the access token on its standard input, without a newline, "
        "the profile in WEBEX_TOKEN_PROFILE.",
    )
    @click.option(
        "--on-attention",
        metavar="CMD",
        help="Run this in a shell when a profile needs you: why on its standard input and in "
        "WEBEX_TOKEN_ATTENTION, the profile in WEBEX_TOKEN_PROFILE.",
    )
    @click.option(
        "--log-format",
        type=click.Choice(LOG_FORMATS),
        default=LOG_FORMATS[0],
        show_default=True,
        help="Print a line an event for people, or for machines an object a line.",
    )
    @functools.wraps(function)
    def with_wishes(
        *args: Any,
        named: list[str],
        interval: float | None,
        max_age: float | None,
        on_change: str | None,
        on_attention: str | None,
        log_format: str,
        **kwargs: Any,
    ) -> Any:
        wishes = Wishes(named, interval, max_age, on_change, on_attention, log_format)
        return function(*args, wishes=wishes, **kwargs)

    return with_wishes  # type: ignore[return-value]
