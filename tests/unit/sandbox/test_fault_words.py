"""Faults in words, answers of one's own, and which request meets which of them."""

import re
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.sandbox import KINDS, Answer, Fault, Rules, Sandbox
from webex_token_cli.sandbox.faults import FaultQueue

WITH_SECONDS = {"408", "423", "425", "429", "500", "502", "503", "504", "slow"}


def parsed(words: str) -> tuple[str, str, float | None, int, int, float]:
    fault = Fault.parse(words)
    assert fault.came == 0
    return fault.where, fault.kind, fault.seconds, fault.times, fault.after_requests, fault.after_seconds


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        *((f"refresh={kind}", ("refresh", kind, None, 1, 0, 0)) for kind in KINDS if kind != "slow"),
        ("refresh=slow:5", ("refresh", "slow", 5, 1, 0, 0)),
        ("code=503:1m30s", ("code", "503", 90, 1, 0, 0)),
        ("device=429:0.5*3", ("device", "429", 0.5, 3, 0, 0)),
        ("people=423:30*2@1", ("people", "423", 30, 2, 1, 0)),
        ("refresh=reset@10m", ("refresh", "reset", None, 1, 0, 600)),
        ("refresh=reset*2@13d", ("refresh", "reset", None, 2, 0, 13 * 86400)),
        ("refresh=reset@0.5", ("refresh", "reset", None, 1, 0, 0.5)),
        ("refresh=reset@0", ("refresh", "reset", None, 1, 0, 0)),
        ("refresh=reset*1000000000@1000000000", ("refresh", "reset", None, 10**9, 10**9, 0)),
        ("/v1/access_token=string-lifetimes", ("/v1/access_token", "string-lifetimes", None, 1, 0, 0)),
        ("/v1/access_token=same-token", ("/v1/access_token", "same-token", None, 1, 0, 0)),
        ("/v1/device/token=tokenlimit", ("/v1/device/token", "tokenlimit", None, 1, 0, 0)),
        ("/v1/applications/Y2lz==/token=503", ("/v1/applications/Y2lz==/token", "503", None, 1, 0, 0)),
    ],
)
def test_words_name_the_place_the_kind_the_times_and_the_beginning(words: str, expected: tuple[object, ...]) -> None:
    assert parsed(words) == expected


KINDS_IN_WORDS = re.escape(f"The kinds are {', '.join(KINDS)}.")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        *(
            (words, f"{words!r} is not like WHERE=KIND[*TIMES][@AFTER], as in refresh=503*2.")
            for words in (
                "",
                "refresh",
                "=503",
                "refresh=",
                "refresh=503*",
                "refresh=503*-1",
                "refresh=503*x",
                "a b=503",
            )
        ),
        ("refresh=503@", "'refresh=503@' is not like WHERE=KIND[*TIMES][@AFTER], as in refresh=503*2."),
        ("refresh=503@1@2", "'refresh=503@1@2' is not like WHERE=KIND[*TIMES][@AFTER], as in refresh=503*2."),
        ("refresh=503*٣", "'refresh=503*٣' is not like WHERE=KIND[*TIMES][@AFTER], as in refresh=503*2."),
        (
            "refreshes=503",
            "'refreshes' is not a place. Name refresh, code, device, people or a path such as /v1/access_token.",
        ),
        ("refresh=418", f"'418' is not a kind of fault. The kinds are {', '.join(KINDS)}."),
        ("refresh=slow", "'slow' needs its seconds, as in refresh=slow:5."),
        ("refresh=reset:5", "'reset' takes no seconds."),
        ("refresh=503:soon", "'soon' is not a duration such as 30s, 10m, 2h or 13d."),
        ("refresh=503@soon", "'soon' is not a duration such as 30s, 10m, 2h or 13d."),
        ("refresh=503@-1", "'-1' is not a duration such as 30s, 10m, 2h or 13d."),
        ("refresh=503@²", "'²' is not a duration such as 30s, 10m, 2h or 13d."),
        ("refresh=slow:53000w", "'53000w' is longer than a thousand years."),
        ("refresh=503*1000000001", "A fault meets from 1 to 1000000000 requests."),
        ("refresh=503*0", "A fault meets from 1 to 1000000000 requests."),
        ("refresh=503*" + "9" * 5000, "A fault meets from 1 to 1000000000 requests."),
        ("refresh=503@" + "9" * 5000, "A fault begins after 0 to 1000000000 requests."),
        ("code=same-token", "'same-token' is about a refresh: write refresh=same-token."),
        ("/v1/people/me=same-token", "'same-token' is about a refresh: write refresh=same-token."),
        *(
            (f"people={kind}", f"'{kind}' is about answers with tokens: write refresh, code or device before it.")
            for kind in ("tokenlimit", "string-lifetimes", "no-refresh-token")
        ),
        (
            "/v1/device/authorize=expired",
            "'expired' is about a token or a code, and requests for /v1/device/authorize have none.",
        ),
        (
            "/v1/authorize=revoked",
            "'revoked' is about a token or a code, and requests for /v1/authorize have none.",
        ),
        (
            "/sandbox/v1/reset=503",
            "The paths below /sandbox/ have no faults: they are how faults are ordered.",
        ),
        ("/v1/people/me?x=503", "'/v1/people/me?x' is more than a path. Leave out what follows the path."),
    ],
)
def test_wrong_words_are_told_in_a_sentence(words: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Fault.parse(words)


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    kind = draw(st.sampled_from(sorted(KINDS)))
    places = ["refresh", "/v1/access_token"]
    if kind != "same-token":
        places += ["code", "device"]
        if kind not in {"tokenlimit", "string-lifetimes", "no-refresh-token"}:
            places += ["people", "/v1/people/me", "/v1/applications/Y2lz=/token"]
    durations = st.floats(0, 1e9, allow_subnormal=False)
    seconds = draw(durations if kind == "slow" else st.none() | durations if kind in WITH_SECONDS else st.none())
    fault = Fault(draw(st.sampled_from(places)), kind, seconds, draw(st.integers(1, 10**9)))
    if draw(st.booleans()):
        fault.after_requests = draw(st.integers(0, 10**9))
    else:
        fault.after_seconds = draw(durations)
    return fault


@given(faults())
def test_the_words_of_a_fault_say_the_same_fault_again(fault: Fault) -> None:
    fault.check()
    assert asdict(Fault.parse(str(fault))) == asdict(fault)


@given(st.text(alphabet="refsh=503*@:1dm/ow", max_size=20))
def test_any_words_are_a_fault_that_can_be_said_again_or_a_value_error(words: str) -> None:
    try:
        fault = Fault.parse(words)
    except ValueError:
        return
    assert asdict(Fault.parse(str(fault))) == asdict(fault)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"path": "refresh"}, "'refresh' is not a path such as /v1/access_token."),
        ({"path": "/sandbox/v1/reset"}, "The paths below /sandbox/ have no faults"),
        ({"status": 0}, "0 is not the status of an answer: it must be from 200 to 599."),
        ({"status": 101}, "101 is not the status"),
        ({"status": 1000}, "1000 is not the status"),
        ({"status": 204, "body": "x"}, "An answer with status 204 has no body."),
        ({"status": 304, "body": "x"}, "An answer with status 304 has no body."),
        ({"times": 0}, "A fault meets from 1 to"),
        ({"times": 10**10}, "A fault meets from 1 to"),
        ({"after_requests": -1}, "A fault begins after 0 to"),
        ({"delay": -1.0}, "The delay must be from 0 seconds"),
        ({"delay": float("nan")}, "The delay must be from 0 seconds"),
        ({"delay": float("inf")}, "The delay must be from 0 seconds"),
        ({"headers": {"X": "a\r\nSet-Cookie: b"}}, "'X' is not a header with a value of one line in ASCII."),
        ({"headers": {"X": "\u0144"}}, "'X' is not a header with a value"),
        ({"headers": {"X: a\r\nY": "b"}}, "is not a header with a value"),
        ({"headers": {"": "b"}}, "'' is not a header with a value"),
        ({"headers": {"content-length": "1"}}, "content-length is written by the sandbox itself."),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "Transfer-Encoding is written by the sandbox itself."),
        ({"body": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_an_answer_that_cannot_be_sent_is_refused(changes: dict[str, object], sentence: str) -> None:
    answer = Answer(**{"path": "/v1/access_token", "status": 200, **changes})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=re.escape(sentence)):
        FaultQueue(lambda: 0.0).order(answer)


def test_a_fault_made_by_hand_is_checked_too() -> None:
    with pytest.raises(ValueError, match="'slow' needs its seconds"):
        FaultQueue(lambda: 0.0).order(Fault("refresh", "slow"))


def came(order: list[str], requests: list[tuple[str, str]], advanced: float = 0.0) -> list[str]:
    """The fault that each request meets, by its words; ``advanced`` seconds pass before the last request."""
    time = [0.0]
    queue = FaultQueue(lambda: time[0])
    for words in order:
        queue.order(Fault.parse(words))
    found = []
    for number, (path, place) in enumerate(requests, 1):
        if number == len(requests):
            time[0] += advanced
        found.append(str(queue.take(path, place) or ""))
    return found


REFRESH = ("/v1/access_token", "refresh")
CODE = ("/v1/access_token", "code")


@pytest.mark.parametrize(
    ("order", "requests", "advanced", "expected"),
    [
        (["refresh=503*2"], [REFRESH] * 3, 0, ["refresh=503*2", "refresh=503*2", ""]),
        (["refresh=503"], [CODE, REFRESH], 0, ["", "refresh=503"]),
        (["/v1/access_token=503*2"], [CODE, REFRESH], 0, ["/v1/access_token=503*2"] * 2),
        (["refresh=503@1"], [CODE, REFRESH, REFRESH], 0, ["", "", "refresh=503@1"]),
        (["refresh=503", "refresh=reset@2"], [REFRESH] * 3, 0, ["refresh=503", "", "refresh=reset@2"]),
        (["refresh=503", "refresh=reset"], [REFRESH] * 3, 0, ["refresh=503", "refresh=reset", ""]),
        (["refresh=503@10m"], [REFRESH] * 2, 599, ["", ""]),
        (["refresh=503@10m"], [REFRESH] * 2, 600, ["", "refresh=503@600s"]),
        (["/v1/x/a==/token=503"], [("/v1/x/a%3D%3D/token", "")], 0, ["/v1/x/a==/token=503"]),
    ],
)
def test_a_request_meets_the_first_fault_that_is_due(
    order: list[str], requests: list[tuple[str, str]], advanced: float, expected: list[str]
) -> None:
    assert came(order, requests, advanced) == expected


def test_a_sandbox_counts_what_came_and_forgets_it_with_a_reset() -> None:
    with Sandbox(Rules()) as sandbox:
        fault = sandbox.fault("people=503*2")
        assert (sandbox.faults, fault.came) == ([fault], 0)
        sandbox.reset()
        assert sandbox.faults == []
