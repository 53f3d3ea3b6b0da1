"""The pages that the metrics server has."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from webex_token_cli.metrics.numbers import WatchNumbers

PLAIN = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """An answer to a request."""

    status: HTTPStatus
    body: bytes
    content_type: str = PLAIN


Pages = Mapping[str, Callable[[], Page]]


def pages_of(numbers: WatchNumbers, text: Callable[[], bytes], content_type: str) -> Pages:
    """The pages by their paths. ``text`` gives the metrics as text of the type ``content_type``."""
    return {
        "/metrics": lambda: Page(HTTPStatus.OK, text(), content_type),
        "/livez": lambda: _health(numbers.why_not_alive()),
        "/readyz": lambda: _health(numbers.why_not_ready()),
    }


def plain(status: HTTPStatus, sentence: str) -> Page:
    """A page with one sentence."""
    return Page(status, f"{sentence}\n".encode())


def _health(problem: str | None) -> Page:
    return plain(HTTPStatus.OK, "ok") if problem is None else plain(HTTPStatus.SERVICE_UNAVAILABLE, problem)
