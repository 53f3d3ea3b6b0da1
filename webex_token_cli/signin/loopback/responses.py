"""The responses of the listener that have a page: the outcome of a sign-in, and what to do about a wrong request."""

from http import HTTPStatus

from webex_token_cli.signin.loopback.messages import Response
from webex_token_cli.signin.loopback.pages import Page, render


def outcome_page(page: Page, message: str, hint: str = "") -> Response:
    """The page that tells how the sign-in ended."""
    return _response(HTTPStatus.OK, page, message, hint)


def refused(
    status: HTTPStatus,
    message: str,
    headers: dict[str, str] | None = None,
    hint: str = "The sign-in goes on waiting: finish it in the window that it opened.",
) -> Response:
    """The page for a request that does not end the wait. ``headers`` are sent besides the usual ones."""
    return _response(status, Page.UNEXPECTED, message, hint, headers)


def _response(
    status: HTTPStatus, page: Page, message: str, hint: str, headers: dict[str, str] | None = None
) -> Response:
    rendered = render(page, message, hint)
    usual = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": rendered.content_security_policy,
    }
    return Response(status, {**usual, **(headers or {})}, rendered.body, tells_outcome=page is not Page.UNEXPECTED)
