"""The body of a request: read in full or refused, so that no part of it is taken for the next request."""

import re
from email.message import Message
from io import BufferedIOBase

from webex_token_cli.sandbox.problem import Problem

# No request that the sandbox understands comes near this many bytes.
_LONGEST_BODY = 64 * 1024

# The longest line with the length of a chunk, or in a trailer.
_LONGEST_LINE = 1024


def read_body(headers: Message, stream: BufferedIOBase) -> str:
    """The body that ``headers`` announce (RFC 9112 section 6.3), as text.

    Raises Problem (400 or 413) if it is malformed or too long. What is left on the connection then has no meaning.
    """
    lengths = set(headers.get_all("Content-Length", []))
    if "Transfer-Encoding" in headers:
        if headers["Transfer-Encoding"].strip().lower() != "chunked" or lengths:
            raise Problem(400, "invalid_request", "The body is encoded in a way that is not known here")
        return _chunks(stream).decode("utf-8", "replace")
    if not lengths:
        return ""
    length = lengths.pop()
    if lengths or not re.fullmatch(r"[0-9]{1,18}", length):
        raise Problem(400, "invalid_request", "The Content-Length is not a number")
    return _exactly(stream, int(length)).decode("utf-8", "replace")


def _chunks(stream: BufferedIOBase) -> bytes:
    """A body in chunks (RFC 9112 section 7.1). Clients that do not know its length send it so."""
    body = b""
    while True:
        size = re.fullmatch(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n", stream.readline(_LONGEST_LINE))
        if size is None:
            raise Problem(400, "invalid_request", "The length of a chunk is not a number")
        length = int(size[1], 16)
        if not length:
            break
        body += _exactly(stream, length, len(body))
        if stream.readline(_LONGEST_LINE) not in {b"\r\n", b"\n"}:
            raise Problem(400, "invalid_request", "A chunk does not end where it should")
    for _ in range(100):
        if stream.readline(_LONGEST_LINE) in {b"\r\n", b"\n", b""}:
            return body
    raise Problem(400, "invalid_request", "The trailer is too long")


def _exactly(stream: BufferedIOBase, length: int, before: int = 0) -> bytes:
    """The next ``length`` bytes, after the ``before`` bytes of the same body."""
    if before + length > _LONGEST_BODY:
        raise Problem(413, "invalid_request", f"The body is longer than {_LONGEST_BODY} bytes")
    found = stream.read(length)
    if len(found) < length:
        raise Problem(400, "invalid_request", "The body ends too early")
    return found
