"""The body of a request: read in full or refused, so that no part of it is taken for the next request."""

import re
from dataclasses import dataclass
from email.message import Message
from io import BufferedIOBase

from webex_token_cli.sandbox.problem import Problem

# Bytes. No request that the control understands comes near this many.
LONGEST_OF_CONTROL = 64 * 1024

# Webex takes files of up to 100 MB, and a form with several parts has something around the file.
LONGEST = 101 * 1024 * 1024

# What of a body is read as text. The rest of a file is read from the connection and forgotten.
RECORDED = 1024 * 1024

# How much is read from the connection at once.
_PIECE = 64 * 1024

# The longest line with the length of a chunk, or in a trailer.
_LONGEST_LINE = 1024


def read_body(headers: Message, stream: BufferedIOBase, longest: int) -> str:
    """The body that ``headers`` announce (RFC 9112 section 6.3), as text: its first ``RECORDED`` bytes.

    ``longest`` is in bytes. Raises Problem (400 or 413) if the body is malformed or longer. What is left on the
    connection then has no meaning.
    """
    body = _Body(stream, longest)
    lengths = set(headers.get_all("Content-Length", []))
    if "Transfer-Encoding" in headers:
        if headers["Transfer-Encoding"].strip().lower() != "chunked" or lengths:
            raise Problem(400, "invalid_request", "The body is encoded in a way that is not known here")
        _read_chunks(body)
    elif lengths:
        length = lengths.pop()
        if lengths or not re.fullmatch(r"[0-9]{1,18}", length):
            raise Problem(400, "invalid_request", "The Content-Length is not a number")
        body.read(int(length))
    return body.start.decode("utf-8", "replace")


@dataclass(slots=True)
class _Body:
    """A body of at most ``longest`` bytes, of which ``length`` have been announced and ``start`` is remembered."""

    stream: BufferedIOBase
    longest: int
    length: int = 0
    start: bytes = b""

    def read(self, length: int) -> None:
        """Read the next ``length`` bytes of it. Raises Problem if it becomes too long, or ends before."""
        self.length += length
        if self.length > self.longest:
            raise Problem(413, "invalid_request", f"The body is longer than {self.longest} bytes")
        while length:
            piece = self.stream.read(min(length, _PIECE))
            if not piece:
                raise Problem(400, "invalid_request", "The body ends too early")
            length -= len(piece)
            self.start += piece[: RECORDED - len(self.start)]


def _read_chunks(body: _Body) -> None:
    """Read a body in chunks (RFC 9112 section 7.1). Clients that do not know its length send it so."""
    stream = body.stream
    while True:
        size = re.fullmatch(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n", stream.readline(_LONGEST_LINE))
        if size is None:
            raise Problem(400, "invalid_request", "The length of a chunk is not a number")
        length = int(size[1], 16)
        if not length:
            break
        body.read(length)
        if stream.readline(_LONGEST_LINE) not in {b"\r\n", b"\n"}:
            raise Problem(400, "invalid_request", "A chunk does not end where it should")
    for _ in range(100):
        if stream.readline(_LONGEST_LINE) in {b"\r\n", b"\n", b""}:
            return
    raise Problem(400, "invalid_request", "The trailer is too long")
