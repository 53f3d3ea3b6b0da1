"""Pasting the address that the browser ended at: what is understood, and a person at a terminal."""

import os
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webex_token_cli.errors import SignInNotCompleted, WebexTokenError
from webex_token_cli.signin.authorization import AuthorizationCode, Proof, RedirectURI, Refusal
from webex_token_cli.signin.paste import PasteFlow, StandardInput, Unusable, read_pasted

STATE = "A" * 43
GOOD = f"http://localhost:8000/oauth?code=the-code&state={STATE}"
# As long as the example in Webex's documentation, and of the same characters.
CODE = "Yj3AzYz4" * 8
CLIENT_ID, CLIENT_SECRET = f"C{'1a' * 32}", "2b" * 32
NEITHER = Unusable("That is neither an address nor a code.")
INTEGRATIONS = Unusable("That is the client id or the client secret of the integration.")
NOT_WHOLE = Unusable("That address is not whole: its state or its code is missing.", unfinished=True)
ANOTHER = Unusable("That address belongs to another sign-in: its state does not match. Open the address above again.")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (GOOD, AuthorizationCode("the-code")),
        (f"  {GOOD}\n", AuthorizationCode("the-code")),
        (f'"{GOOD}"', AuthorizationCode("the-code")),
        (f"<{GOOD}>", AuthorizationCode("the-code")),
        (f"\x1b[200~{GOOD}\x1b[201~", AuthorizationCode("the-code")),
        (GOOD[:30] + "\r\n  " + GOOD[30:], AuthorizationCode("the-code")),
        (f"{GOOD}#", AuthorizationCode("the-code")),
        (f"?code=the-code&state={STATE}", AuthorizationCode("the-code")),
        (f"state={STATE}&code=the-code&x=1", AuthorizationCode("the-code")),
        (f"https://other.example/x?code=the-code&state={STATE}", AuthorizationCode("the-code")),
        (CODE, AuthorizationCode(CODE)),
        (f"  '{CODE}'  ", AuthorizationCode(CODE)),
        (f"{CODE[:30]}\r\n  {CODE[30:]}", AuthorizationCode(CODE)),
        (f"{CODE}==", AuthorizationCode(f"{CODE}==")),
        (f"{CODE}%3D%3D", AuthorizationCode(f"{CODE}==")),
        (
            f"{CODE}_PF84_1eb65fdf-9643-417f-9974-ad72cae0e10f",
            AuthorizationCode(f"{CODE}_PF84_1eb65fdf-9643-417f-9974-ad72cae0e10f"),
        ),
        (f"http://localhost/?code=the-code&state={'B' * 43}", ANOTHER),
        (f"http://localhost/?code=the-code&state={STATE}x", ANOTHER),
        ("http://localhost/?code=the-code", NOT_WHOLE),
        (f"http://localhost/?code=the-code&state={STATE[:20]}", NOT_WHOLE),
        (
            f"http://localhost/?state={STATE}",
            Unusable("That address holds no code, or holds something twice.", unfinished=True),
        ),
        (
            f"https://webexapis.com/v1/authorize?client_id=C1&state={STATE}",
            Unusable("That is the address of the sign-in page; the one that the browser ends at is needed."),
        ),
        (
            "http://localhost:8000/oauth",
            Unusable("That address has no code. The address that the browser ends at has one.", unfinished=True),
        ),
        (
            f"http://localhost/?code=a&code=b&state={STATE}",
            Unusable("That address has no code. The address that the browser ends at has one.", unfinished=True),
        ),
        *(
            (text, NEITHER)
            for text in ("ü", "x", "the-code", "secret", "Tr0ub4dor&3", "correcthorsebatterystaple", "12345678")
        ),
        ("correct horse battery staple, 4 words, which are more than forty characters", NEITHER),
        (f"webex-token login --client-id {CODE}", NEITHER),
        ("n" * 64, NEITHER),  # letters alone
        ("8" * 64, NEITHER),  # digits alone
        (f"{CODE}$", NEITHER),
        (CLIENT_ID, INTEGRATIONS),
        (f" {CLIENT_SECRET}\n", INTEGRATIONS),
        ("", Unusable("That was empty.")),
        (" \n\t ", Unusable("That was empty.")),
    ],
)
def test_what_was_pasted_is_understood(text: str, meaning: object) -> None:
    assert read_pasted(text, STATE, not_codes=frozenset({CLIENT_ID, CLIENT_SECRET})) == meaning


def test_a_pasted_refusal_is_a_refusal() -> None:
    found = read_pasted(f"http://localhost/?error=access_denied&state={STATE}", STATE)
    assert isinstance(found, Refusal)
    assert isinstance(found.error, SignInNotCompleted)
    other = read_pasted(f"http://localhost/?error=access_denied&state={'B' * 43}", STATE)
    assert other == ANOTHER


@given(st.text(max_size=200))
def test_nothing_that_is_pasted_breaks_it(text: str) -> None:
    assert isinstance(read_pasted(text, STATE), AuthorizationCode | Unusable)


@given(st.data(), st.text(alphabet="abcXYZ019-_.~%+&=", min_size=1, max_size=60), st.integers(1, 6))
def test_a_paste_with_line_breaks_is_read_like_one_without(data: st.DataObject, code: str, lines: int) -> None:
    text = f"http://localhost:8000/oauth?{urlencode({'code': code, 'state': STATE})}"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=lines, max_size=lines)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read_pasted("\n ".join(pieces), STATE) == AuthorizationCode(code)


AGAIN = "Paste the address that the browser ends at:"


@dataclass
class Script:
    """Lines that come, silences (None) between them, and then the end of input if ``ends``."""

    lines: list[str | None]
    ends: bool = True
    now: float = 0.0
    shown: list[str] = field(default_factory=list)

    def __call__(self, seconds: float) -> str | None:
        if not self.lines:
            if self.ends:
                raise EOFError
            self.now += seconds
            return None
        line = self.lines.pop(0)
        if line is None:
            self.now += seconds
        return line


def pasted(script: Script, interactive: bool = True) -> str | WebexTokenError:
    """The code that a paste flow takes from ``script``, in which STATE stands for its state."""
    flow = PasteFlow(
        RedirectURI.parse("http://localhost:8000/oauth"),
        script,
        script.shown.append,
        interactive,
        timeout=100,
        not_codes=frozenset({CLIENT_ID, CLIENT_SECRET}),
        clock=lambda: script.now,
    )

    def page(proof: Proof) -> str:
        script.lines = [line and line.replace(STATE, proof.state) for line in script.lines]
        return "https://webex.example/authorize"

    try:
        return flow.sign_in(page, lambda code, _: code)
    except WebexTokenError as error:
        return error


@pytest.mark.parametrize(
    "lines",
    [
        [GOOD],
        [GOOD, None],
        ["", "  ", GOOD, None],
        [GOOD[:20], GOOD[20:40], GOOD[40:], None],
        [GOOD[:40], None, GOOD[40:], None],
        [f"http://localhost/?state={STATE}&code=the", "-code", None],
        ["the-code", None, GOOD, None],
        [f"http://localhost/?code=x&state={'B' * 43}", None, GOOD, None],
        ["http://localhost:8000/oauth", None, "", GOOD, None],
    ],
)
def test_a_paste_of_several_lines_is_one(lines: list[str | None]) -> None:
    assert pasted(Script(lines, ends=False)) == "the-code"


def test_what_cannot_be_used_is_said_and_asked_for_again() -> None:
    script = Script([f"http://localhost/?code=x&state={'B' * 43}", None, GOOD, None])
    assert pasted(script) == "the-code"
    assert script.shown[1:] == [f"{ANOTHER.why} {AGAIN}"]


def test_a_word_from_the_clipboard_is_not_taken_for_a_code() -> None:
    script = Script(["hunter2", None, CLIENT_SECRET, None, CODE, None])
    assert pasted(script) == CODE
    assert script.shown[1:] == [f"{NEITHER.why} {AGAIN}", f"{INTEGRATIONS.why} {AGAIN}"]


def test_the_fifth_paste_that_cannot_be_used_ends_it() -> None:
    script = Script([*["hunter2", None] * 5, GOOD], ends=False)
    error = pasted(script)
    assert isinstance(error, SignInNotCompleted)
    assert error.message == NEITHER.why
    assert script.shown[1:] == [f"{NEITHER.why} {AGAIN}"] * 4
    assert len(script.lines) == 1


def test_the_rest_of_a_paste_that_is_too_long_is_not_a_paste_of_its_own() -> None:
    script = Script([*["x" * 4000] * 50, None, GOOD, None])
    assert pasted(script) == "the-code"
    assert script.shown[1:] == [f"That is too long for an address. {AGAIN}"]


def test_a_refusal_that_was_pasted_ends_it() -> None:
    error = pasted(Script([f"http://localhost:8000/oauth?error=access_denied&state={STATE}", None]))
    assert isinstance(error, SignInNotCompleted)
    assert error.message == "The sign-in was denied in the browser."


def test_half_an_address_is_said_to_be_half() -> None:
    script = Script([GOOD[:40], None, GOOD[40:], None])
    assert pasted(script) == "the-code"
    assert script.shown[1:] == [f"{NOT_WHOLE.why} Paste the rest of it, or press Enter to begin again:"]


@pytest.mark.parametrize(
    ("lines", "ends", "interactive", "message"),
    [
        ([], True, True, "Nothing was pasted."),
        ([""], True, False, "Nothing was pasted."),
        ([f"http://localhost/?code=x&state={'B' * 43}", None], False, False, ANOTHER.why),
        ([f"http://localhost/?code=x&state={'B' * 43}"], True, True, ANOTHER.why),
        ([GOOD[:40]], True, False, NOT_WHOLE.why),
        (["x" * 20000, None], False, False, "That is too long for an address."),
        ([], False, True, "Nothing usable was pasted within 100 seconds."),
        ([GOOD[:40], None], False, False, "Nothing usable was pasted within 100 seconds."),
    ],
)
def test_nothing_usable_ends_it(lines: list[str | None], ends: bool, interactive: bool, message: str) -> None:
    error = pasted(Script(lines, ends), interactive)
    assert isinstance(error, SignInNotCompleted)
    assert error.message == message
    assert "--flow device" in error.hint


def test_lines_come_from_a_descriptor_with_a_bound() -> None:
    there, here = os.pipe()
    lines = StandardInput(there)
    assert lines(0.01) is None
    os.write(here, b"one\ntwo")
    assert lines(5) == "one"
    assert lines(0.01) is None
    os.write(here, b" more\n\xff")
    assert lines(5) == "two more"
    os.close(here)
    assert lines(5) == "\ufffd"
    for _ in range(2):
        with pytest.raises(EOFError):
            lines(5)
    os.close(there)


def test_a_flood_without_a_line_break_is_read_no_further_than_a_paste_can_be() -> None:
    there, here = os.pipe()
    lines = StandardInput(there)
    sent = sum(os.write(here, b"x" * 4096) for _ in range(5))
    assert lines(5) == "x" * sent
    with pytest.raises(EOFError):
        lines(5)
    os.close(here)
    os.close(there)
