"""What the control of a sandbox refuses: wrong requests, pages in a browser, other machines and broken bodies."""

import re
import socket

import pytest

from tests.support.sandbox_client import asked, control, fetch
from webex_token_cli.sandbox import Answer, Rules, Sandbox

NOT_UNDERSTOOD = "The request could not be understood: "
FIELDS = "path, status, headers, body, times, delay, after_requests, scope"


def answer(**changes: object) -> dict[str, object]:
    return {"answer": {"path": "/v1/people/me", "status": 200, **changes}}


@pytest.mark.parametrize(
    ("path", "document", "message"),
    [
        ("/faults", "nonsense", "Expecting value: line 1 column 1 (char 0)"),
        ("/faults", "[]", "not a JSON object"),
        ("/faults", "[" * 60_000, "the JSON is nested too deeply"),
        ("/faults", "{}", "Give either a fault, such as refresh=503*2, or an answer."),
        ("/faults", {"fault": "refresh=503", **answer()}, "Give either a fault, such as refresh=503*2, or an answer."),
        ("/faults", {"fault": 5}, "fault must be a string."),
        ("/faults", {"fault": "refresh=503", "times": 2}, "There is no field 'times' here. It takes fault, answer."),
        ("/faults", {"fault": "refresh=slow"}, "'slow' needs its seconds, as in refresh=slow:5."),
        ("/faults", {"answer": []}, "answer must be an object."),
        ("/faults", {"answer": {"status": 200}}, "The field path is missing."),
        ("/faults", {"answer": {"path": "/v1/people/me"}}, "The field status is missing."),
        ("/faults", answer(path=5), "path must be a string."),
        ("/faults", answer(path="people"), "'people' is not a path such as /v1/access_token."),
        ("/faults", answer(status="200"), "status must be a whole number."),
        ("/faults", answer(status=True), "status must be a whole number."),
        ("/faults", answer(status=99), "99 is not the status of an answer: it must be from 200 to 599."),
        ("/faults", answer(status=100), "100 is not the status of an answer: it must be from 200 to 599."),
        ("/faults", answer(body={"a": 1}), "body must be a string."),
        ("/faults", answer(headers=["X"]), "headers must be an object of strings."),
        ("/faults", answer(headers={"X": 1}), "headers must be an object of strings."),
        (
            "/faults",
            answer(headers={"X": "a\r\nSet-Cookie: b"}),
            "'X' is not a header with a value of one line in ASCII.",
        ),
        ("/faults", answer(times=0), "A fault meets from 1 to 1000000000 requests."),
        ("/faults", answer(times=1.5), "times must be a whole number."),
        ("/faults", answer(delay="soon"), "'soon' is not a duration such as 30s, 10m, 2h or 13d."),
        ("/faults", '{"answer": {"path": "/", "status": 200, "delay": Infinity}}', "inf is not a duration such as"),
        ("/faults", answer(came=1), f"There is no field 'came' here. It takes {FIELDS}."),
        ("/advance", "", "The field duration is missing."),
        ("/advance", {"duration": "-1d"}, "'-1d' is not a duration such as 30s, 10m, 2h or 13d."),
        ("/advance", {"duration": True}, "duration must be a duration."),
        ("/advance", {"duration": "9" * 40}, f"'{'9' * 40}' is not a duration such as 30s, 10m, 2h or 13d."),
        ("/tokens", {"scopes": "spark:all"}, "scopes must be a list of strings."),
        ("/tokens", {"scopes": [1]}, "scopes must be a list of strings."),
        ("/tokens", {"expires_in": [1]}, "expires_in must be a duration."),
        ("/tokens", {"lifetime": 1}, "There is no field 'lifetime' here. It takes scopes, expires_in, person."),
        ("/tokens", {"person": "alan@example.com"}, "Nobody has the address 'alan@example.com'."),
        ("/service-apps", {"authorized": "yes"}, "authorized must be true or false."),
        ("/service-apps", {"id": 5}, "id must be a string."),
        (
            "/service-apps",
            {"id": "x", "scopes": ["spark:all"]},
            "The scopes of a Service App are those with which it was registered.",
        ),
        ("/reset", {"all": True}, "There is no field 'all' here. It takes none."),
    ],
)
def test_a_wrong_request_is_told_in_a_sentence_and_changes_nothing(
    sandbox: Sandbox, path: str, document: object, message: str
) -> None:
    status, found = asked(sandbox, "POST", path, document)
    assert status == 400
    assert found["message"].startswith(NOT_UNDERSTOOD + message)
    assert (sandbox.faults, sandbox.grants, sandbox.service_apps.registered) == ([], [], [])


@pytest.mark.parametrize(
    ("method", "path", "document", "status", "message"),
    [
        ("GET", "/nothing", None, 404, "There is no GET /sandbox/v1/nothing"),
        ("GET", "/reset", None, 404, "There is no GET /sandbox/v1/reset"),
        ("DELETE", "/grants/unknown", None, 404, "There is no grant with that id"),
        ("POST", "/service-apps", {"id": "unknown"}, 404, "The application could not be found"),
        (
            "POST",
            "/tokens",
            {"scopes": ["bogus"]},
            400,
            "The scope is not one of the integration: bogus",
        ),
        ("POST", "/tokens", {"scopes": []}, 400, "The scope is not one of the integration: none"),
    ],
)
def test_what_is_not_there_is_told(
    sandbox: Sandbox, method: str, path: str, document: object, status: int, message: str
) -> None:
    assert asked(sandbox, method, path, document) == (status, {"message": message})


PROGRAMS_ONLY = "The sandbox is not controlled by pages in a browser"
LOOPBACK_NAMES = "The sandbox is controlled by the name localhost or a loopback address only"


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Origin": "http://evil.example"}, PROGRAMS_ONLY),
        ({"Origin": "null"}, PROGRAMS_ONLY),
        ({"Origin": "http://localhost:3000"}, PROGRAMS_ONLY),
        ({"Sec-Fetch-Site": "cross-site"}, PROGRAMS_ONLY),
        ({"Sec-Fetch-Site": "same-origin"}, PROGRAMS_ONLY),
        ({"Host": "rebound.example"}, LOOPBACK_NAMES),
        ({"Host": "rebound.example:80"}, LOOPBACK_NAMES),
        ({"Host": "127.0.0.1.rebound.example"}, LOOPBACK_NAMES),
        ({"Host": "0.0.0.0"}, LOOPBACK_NAMES),
        ({"Host": "198.51.100.1"}, LOOPBACK_NAMES),
        ({"Host": ""}, LOOPBACK_NAMES),
        ({"Host": "localhost:80"}, ""),
        ({"Host": "127.9.9.9:80"}, ""),
        ({"Host": "[::1]:80"}, ""),
        ({"Host": "[::ffff:127.0.0.1]"}, ""),
    ],
)
def test_pages_in_a_browser_and_other_names_are_refused(
    sandbox: Sandbox, headers: dict[str, str], message: str
) -> None:
    for method, path in (("POST", "/reset"), ("GET", "/journal"), ("DELETE", "/grants"), ("GET", "/nothing")):
        status, found = asked(sandbox, method, path, **headers)
        assert (status, found.get("message")) == (403, message) if message else status in {200, 404}


def own_address() -> str:
    """An address of this machine that is not loopback: that of the socket that would lead elsewhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no network")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("listen", ["0.0.0.0", "::"])
def test_another_machine_is_let_in_to_webex_and_not_to_the_control(listen: str) -> None:
    address = own_address()
    with Sandbox(Rules(), listen=listen) as sandbox:
        url = f"http://{address}:{sandbox.port}"
        assert fetch(f"{url}/v1/people/me")[0] == 401
        assert fetch(f"{url}/sandbox/healthz")[0] == 200
        # The name does not help: it is the other end of the connection that counts.
        for host in (address, "localhost"):
            assert control(f"{url}/sandbox/v1", "POST", "/reset", Host=host) == (
                403,
                {"message": "The sandbox is controlled from its own machine only"},
            )
        assert control(sandbox.control_url, "POST", "/reset")[0] == 200


def raw(sandbox: Sandbox, *parts: bytes) -> bytes:
    """All that is answered to ``parts`` on one connection, which are sent one after the other."""
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while more := connection.recv(65536):
            found += more
        return found


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", answers)]


POST = b"POST /sandbox/v1/faults HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"DELETE /sandbox/v1/faults HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "expected", "ordered"),
    [
        (CHUNKED + b'b;x=y\r\n{"fault": "\r\nd\r\nrefresh=503"}\r\n0\r\nTrailer: x\r\n\r\n', [200], 1),
        (CHUNKED + b'17\r\n{"fault": "people=503"}\r\n0\r\n\r\n' + NEXT, [200, 200], 0),
        (CHUNKED + b"0\r\n" + b"Trailer: x\r\n" * 99 + b"\r\n" + NEXT, [400, 200], 0),
        (CHUNKED + b"0\r\n" + b"Trailer: x\r\n" * 100 + b"\r\n" + NEXT, [400], 0),
        (CHUNKED + b"xyz\r\n" + NEXT, [400], 0),
        (CHUNKED + b"-1\r\n" + NEXT, [400], 0),
        (CHUNKED + b'17\r\n{"fault": "people=503"}X\r\n0\r\n\r\n', [400], 0),
        (CHUNKED + b"ffffff\r\n" + NEXT, [413], 0),
        (CHUNKED + b'18\r\n{"fault": "people=503"}', [400], 0),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + NEXT, [400], 0),
        (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT, [400], 0),
        (POST + b"Content-Length: 65537\r\n\r\n" + NEXT, [413], 0),
        (POST + b"Content-Length: -2\r\n\r\n{}" + NEXT, [400], 0),
        (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}" + NEXT, [400], 0),
        (POST + b'Content-Length: 24\r\n\r\n{"fault": "people=503"}', [400], 0),
        (b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n" + NEXT, [400], 0),
        (NEXT.replace(b"DELETE", b"HEAD"), [404], 0),
    ],
)
def test_a_body_is_read_in_full_or_the_connection_ends(
    sandbox: Sandbox, sent: bytes, expected: list[int], ordered: int
) -> None:
    assert statuses(raw(sandbox, sent)) == expected
    assert len(sandbox.faults) == ordered


def test_an_ordered_header_cannot_begin_another_one(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="is not a header"):
        sandbox.order(Answer("/v1/people/me", 200, {"X": "a\r\nSet-Cookie: b"}))
    assert b"Set-Cookie" not in raw(sandbox, b"GET /v1/people/me HTTP/1.1\r\nHost: localhost\r\n\r\n")


def test_an_answer_to_head_has_no_body(sandbox: Sandbox) -> None:
    answers = raw(sandbox, b"HEAD /sandbox/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
    assert [part.partition(b"\r\n")[0] for part in answers.split(b"\r\n\r\n")] == [b"HTTP/1.1 200 OK"] * 2 + [b""]
