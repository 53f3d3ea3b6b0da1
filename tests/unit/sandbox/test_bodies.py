"""The body of a request: how much of it is read, and how much is remembered."""

import io
from email.message import Message

import pytest

from webex_token_cli.sandbox.http.bodies import LONGEST, RECORDED, read_body
from webex_token_cli.sandbox.problem import Problem


def announced(**headers: str) -> Message:
    found = Message()
    for name, value in headers.items():
        found[name.replace("_", "-")] = value
    return found


@pytest.mark.parametrize("in_chunks", [False, True])
def test_of_a_file_the_start_is_remembered_and_the_rest_is_read(in_chunks: bool) -> None:
    length = RECORDED + 100_000
    body, headers = b"x" * length, announced(Content_Length=str(length))
    if in_chunks:
        body, headers = b"%x\r\n%b\r\n0\r\n\r\n" % (length, body), announced(Transfer_Encoding="chunked")
    stream = io.BytesIO(body + b"the next request")
    assert read_body(headers, stream, LONGEST) == "x" * RECORDED
    assert stream.read() == b"the next request"


@pytest.mark.parametrize(
    ("headers", "sent", "status"),
    [
        (announced(Content_Length="11"), b"x" * 11, 413),
        (announced(Transfer_Encoding="chunked"), b"8\r\nxxxxxxxx\r\n3\r\nxxx\r\n0\r\n\r\n", 413),
        (announced(Content_Length="10"), b"x" * 9, 400),
    ],
)
def test_a_body_that_is_too_long_or_ends_too_early_is_refused(headers: Message, sent: bytes, status: int) -> None:
    with pytest.raises(Problem) as refused:
        read_body(headers, io.BytesIO(sent), longest=10)
    assert refused.value.status == status
