"""The options of ``watch``, which ``service install`` takes as well and passes on."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from webex_token_cli.cli.mistyped import Choice
from webex_token_cli.cli.options import (
    Duration,
    interval_setting,
    max_age_setting,
    profiles_option,
)
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.refresh.schedule import Timing

if TYPE_CHECKING:
    from webex_token_cli.signin.loopback.sockets import Endpoint

LOG_FORMATS = ("text", "json")

F = TypeVar("F", bound=Callable[..., Any])


class MetricsPlaces(NamedTuple):
    """Where a watch serves its metrics, and the file to which it writes them; None for what is not wanted."""

    endpoint: "Endpoint | None"
    file: Path | None


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The options of a watch. An option that was not given is None, or empty for ``profiles``.

    ``interval`` and ``max_age`` are in seconds; ``on_change`` and ``on_attention`` are shell commands; ``metrics`` is
    a host and a port, and ``metrics_file`` a path.
    """

    profiles: list[str]
    interval: float | None
    max_age: float | None
    on_change: str | None
    on_attention: str | None
    log_format: str
    metrics: str | None
    metrics_file: str | None

    def timing(self, environment: Mapping[str, str]) -> Timing:
        """Return the interval and maximum age: option, variable or default. Raises ConfigurationError."""
        return Timing(interval_setting(self.interval, environment), max_age_setting(self.max_age, environment))

    def metrics_places(self, environment: Mapping[str, str], once: bool = False) -> MetricsPlaces:
        """Return where the metrics go: option or variable. Raises ConfigurationError.

        With ``once``, nothing is served: a single round ends before anybody asks. The variable may be set for another
        watch, so that only the option is refused.
        """
        address, file = self.metrics, self.metrics_file or environment.get("WEBEX_TOKEN_METRICS_FILE")
        if once and address:
            raise ConfigurationError(
                "--metrics needs a watch that goes on, and --once ends after one round.",
                "Write the metrics to a file with --metrics-file, or leave out --once.",
            )
        if not once:
            address = address or environment.get("WEBEX_TOKEN_METRICS")
        if not address:
            return MetricsPlaces(None, Path(file) if file else None)
        from webex_token_cli.signin.loopback.sockets import Endpoint  # --help does not need asyncio

        return MetricsPlaces(Endpoint.parse(address), Path(file) if file else None)


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
        type=Choice(LOG_FORMATS),
        default=LOG_FORMATS[0],
        show_default=True,
        help="Print each event as a line of text, or as a JSON object on one line.",
    )
    @click.option(
        "--metrics",
        metavar="HOST:PORT",
        help="Serve /metrics for Prometheus, /livez and /readyz at this address. Needs the extra metrics.  "
        "[env var: WEBEX_TOKEN_METRICS]",
    )
    @click.option(
        "--metrics-file",
        metavar="FILE",
        help="Write the metrics to this file after each round, for node_exporter. Needs the extra metrics.  "
        "[env var: WEBEX_TOKEN_METRICS_FILE]",
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
        metrics: str | None,
        metrics_file: str | None,
        **kwargs: Any,
    ) -> Any:
        options = WatchOptions(named, interval, max_age, on_change, on_attention, log_format, metrics, metrics_file)
        return function(*args, options=options, **kwargs)

    return with_options  # type: ignore[return-value]
