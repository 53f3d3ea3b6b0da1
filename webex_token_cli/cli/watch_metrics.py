"""The metrics of a watch: collected from its events, and served or written to a file where somebody asked for that."""

import contextlib
import time
from collections.abc import Callable, Iterator

from webex_token_cli.cli.watch_options import MetricsPlaces
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.metrics.numbers import WatchNumbers
from webex_token_cli.metrics.pages import pages_of
from webex_token_cli.metrics.textfile import MetricsFile
from webex_token_cli.refresh.events import Event, Outlook
from webex_token_cli.refresh.schedule import Timing
from webex_token_cli.system.libraries import how_to_add


class WatchMetrics:
    """Listens to a watch. ``file`` is where the numbers are written, if they are."""

    def __init__(self, numbers: WatchNumbers, file: MetricsFile | None = None) -> None:
        self._numbers = numbers
        self._file = file

    def event(self, event: Event) -> None:
        """Take in what happened."""
        self._numbers.event(event)

    def answered(self, status: int | None) -> None:
        """Count a request to Webex. May be called in any thread."""
        self._numbers.answered(status)

    def before_wait(self, outlook: Outlook) -> None:
        """Take in the state of the watch, and have the file written if something is new and no check runs."""
        if self._numbers.before_wait(outlook) and self._file is not None:
            self._file.update()

    def round_ended(self) -> None:
        """Take in that the only round has ended."""
        self._numbers.round_ended()

    def end_of_one_round(self, stopping: Callable[[], bool]) -> None:
        """Wait until the file is written or ``stopping``. Raises WebexTokenError if it could not be written."""
        if self._file is not None:
            self._file.close_after_one_round(stopping)


@contextlib.contextmanager
def watch_metrics(places: MetricsPlaces, timing: Timing, say: Callable[[str], None]) -> Iterator[WatchMetrics]:
    """The metrics of a watch, which are at ``places`` while the context is open.

    Raises ConfigurationError if they cannot be, or if the extra ``metrics`` is not installed.
    """
    numbers = WatchNumbers(timing, time.time, time.monotonic)
    if places.endpoint is None and places.file is None:
        yield WatchMetrics(numbers)
        return
    try:
        from webex_token_cli.metrics.text import CONTENT_TYPE, text_of
    except ImportError:
        raise ConfigurationError(
            "Metrics need the package prometheus_client, which is not installed.",
            how_to_add("prometheus-client", "metrics"),
        ) from None
    text = text_of(numbers.snapshot)
    with contextlib.ExitStack() as stack:
        if places.endpoint is not None:
            from webex_token_cli.metrics.server import MetricsServer

            stack.enter_context(MetricsServer(places.endpoint, pages_of(numbers, text, CONTENT_TYPE)))
        file = None if places.file is None else MetricsFile(places.file, text, lambda why: say(_warning(why)))
        if file is not None:
            stack.callback(file.close)
        yield WatchMetrics(numbers, file)


def _warning(why: str) -> str:
    return f"Warning: The metrics file cannot be written ({why}). The renewals go on."
