"""The numbers of a watch as text for Prometheus.

The names follow https://prometheus.io/docs/practices/naming/. The table in .github/docs/metrics.md has all of them.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from webex_token_cli._version import __version__
from webex_token_cli.metrics.numbers import FailureKind, ProfileNumbers, Snapshot

# The media type of the text.
CONTENT_TYPE = CONTENT_TYPE_LATEST

# The status of a request to Webex that got no answer.
NO_ANSWER = "none"


def text_of(snapshot: Callable[[], Snapshot]) -> Callable[[], bytes]:
    """A function that returns the text of the numbers in ``snapshot()``.

    Its registry is its own. It has none of the library's collectors for the process and the platform: the system that
    runs the watch knows more about its process.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_WatchCollector(snapshot))
    return lambda: generate_latest(registry)


class _WatchCollector(Collector):
    """What prometheus_client asks for the metrics each time that it makes the text."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        """All metrics."""
        now = self._snapshot()
        return (*_of_profiles(now), *_of_process(now))


def _of_profiles(now: Snapshot) -> Iterator[Metric]:
    gauges: tuple[tuple[str, str, Callable[[ProfileNumbers], float | None]], ...] = (
        (
            "access_token_expiry_timestamp_seconds",
            "When the access token expires. Missing if Webex did not say.",
            lambda profile: profile.access_expires_at,
        ),
        (
            "refresh_token_expiry_timestamp_seconds",
            "When the refresh token expires. Missing if Webex did not say.",
            lambda profile: profile.refresh_expires_at,
        ),
        (
            "last_refresh_timestamp_seconds",
            "When Webex last answered a refresh or the sign-in.",
            lambda profile: profile.refreshed_at,
        ),
        (
            "last_success_timestamp_seconds",
            "When this watch last found or made the profile's tokens fresh.",
            lambda profile: profile.succeeded_at,
        ),
        (
            "sign_in_needed",
            "1 if only a new sign-in helps the profile, 0 if not.",
            lambda profile: profile.sign_in_needed,
        ),
    )
    for name, help_text, value_of in gauges:
        gauge = GaugeMetricFamily(f"webex_token_{name}", help_text, labels=["profile"])
        for profile, numbers in now.profiles.items():
            value = value_of(numbers)
            if value is not None:
                gauge.add_metric([profile], float(value))
        yield gauge
    failures = CounterMetricFamily(
        "webex_token_failures", "Checks of the profile that failed, by kind of failure.", labels=["profile", "kind"]
    )
    for profile, numbers in now.profiles.items():
        for kind in FailureKind:
            failures.add_metric([profile, kind.value], numbers.failures[kind])
    yield failures


def _of_process(now: Snapshot) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "webex_token_webex_requests",
        f"Requests to Webex, by the HTTP status of the answer; {NO_ANSWER} if there was none.",
        labels=["status"],
    )
    for status, number in now.requests.items():
        requests.add_metric([NO_ANSWER if status is None else str(status)], number)
    yield requests
    for name, help_text, number in (
        ("watch_rounds", "Rounds that have ended.", now.rounds),
        ("watch_profile_list_failures", "Rounds in which the list of profiles could not be read.", now.list_failures),
    ):
        yield CounterMetricFamily(f"webex_token_{name}", help_text, value=number)
    for name, help_text, value in (
        (
            "store_available",
            "1 if the credential store could be used at the last check, 0 if not.",
            now.store_available,
        ),
        ("watch_last_round_timestamp_seconds", "When the last round ended.", now.round_ended_at),
        ("watch_last_round_duration_seconds", "How long the last round took.", now.round_seconds),
        ("watch_interval_seconds", "The time between two rounds (--interval).", now.timing.interval),
        ("watch_max_age_seconds", "The age at which a token is renewed (--max-age).", now.timing.max_age),
    ):
        gauge = GaugeMetricFamily(f"webex_token_{name}", help_text)
        if value is not None:
            gauge.add_metric([], float(value))
        yield gauge
    build = GaugeMetricFamily("webex_token_build_info", "Always 1; the label has the version.", labels=["version"])
    build.add_metric([__version__], 1.0)
    yield build
