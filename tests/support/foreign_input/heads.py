"""The head of a request to the listener, read once more by the letter of RFC 9112."""

import re

from webex_token_cli.signin.loopback.messages import Request

EXAMPLES = (
    (b"GET /oauth?code=1&state=2 HTTP/1.1\r\nHost: localhost:8000\r\nSec-Fetch-Dest: document\r\n\r\n",),
    (b"GET / HTTP/1.1\r\nHost: [::1]\r\nSec-Purpose: prefetch\r\nUser-Agent: a (b; c)\r\nAccept: */*\r\n\r\n",),
)
PIECES = (
    *(b"Host: evil.example\r\n", b"\rHost: evil.example", b"\nHost: evil.example", b"Host : a\r\n", b" folded\r\n"),
    *(b"X\r\n", b":\r\n", b"From x\r\n", b"\x0b", b"\x0c", b"\x85", b"\x1c", b"HTTP/1.0", b"http://evil.example/"),
)

# RFC 9112 sections 3 and 5, with origin-form as the only form of a target.
_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ /[\x21-\x7e]* HTTP/1\.[0-9]")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)")


def check(data: bytes) -> None:
    """Fail if the listener accepts a head that another reader may read differently."""
    head = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"  # as the listener cuts it
    request = Request.parse(head)
    if request is None:
        return
    line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert _LINE.fullmatch(line), line
    found = [match for field in fields if (match := _FIELD.fullmatch(field))]
    assert len(found) == len(fields), fields
    hosts = [match[2].strip().decode("latin-1").lower() for match in found if match[1].lower() == b"host"]
    assert hosts == [request.host]
    assert {request.is_speculative, request.is_navigation, request.is_cross_site} <= {True, False}
    target = line.decode().split(" ")[1]
    assert target in {request.path, f"{request.path}?{request.query}"}
