"""The metrics of a running watch, as a monitoring system reads them."""

import contextlib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping

from prometheus_client.parser import text_string_to_metric_families

from tests.support.program import Program, Running, wait_until

REVOKED = '{"error": "invalid_grant", "error_description": "The refresh token was revoked."}'


def values(text: str) -> dict[str, float]:
    """Each sample of the text by its name and labels, as in ``name{label="value"}``."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def got(port: int, path: str) -> tuple[int, str]:
    """The status and the body of an answer of the metrics server."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def scraped(port: int) -> Mapping[str, float]:
    status, text = got(port, "/metrics")
    assert status == 200
    return values(text)


@contextlib.contextmanager
def watching(program: Program, port: int, *arguments: str) -> Iterator[Running]:
    """A watch that serves its metrics and has ended its first round."""
    with program.started("watch", "--metrics", f"127.0.0.1:{port}", *arguments) as watch:
        wait_until(lambda: "Checking every" in watch.err, lambda: watch.err, process=watch.process)
        wait_until(lambda: scraped(port)["webex_token_watch_rounds_total"], lambda: watch.err, process=watch.process)
        yield watch
