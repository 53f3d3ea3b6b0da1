"""Requests to the listener: which are none, and that a request hides the code that it carries."""

import pytest

from webex_token_cli.signin.loopback.messages import Request

HOST = b"\r\nHost: localhost:8000\r\n\r\n"


@pytest.mark.parametrize(
    "line", [b"", b"GET /oauth", b"GET /a b HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET oauth HTTP/1.1", b"GET / HTTP/2"]
)
def test_what_is_no_request_is_told_from_one(line: bytes) -> None:
    assert Request.parse(line + HOST) is None
    assert Request.parse(b"GET /oauth HTTP/1.1" + HOST) is not None


def test_a_request_hides_its_code_and_its_cookies() -> None:
    request = Request.parse(b"GET /oauth?code=the-secret HTTP/1.1\r\nCookie: the-secret" + HOST)
    assert request is not None
    assert request.query == "code=the-secret"
    assert "the-secret" not in repr(request)
