"""The paste flow: the person pastes the address at which their browser ended, on whatever machine it runs.

Nothing listens there, so the browser ends at a page that it cannot load. The address of that page has the code.
"""

import contextlib
import os
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from urllib.parse import unquote

from webex_token_cli.config.sites import WEBEX, Site
from webex_token_cli.errors import SignInNotCompleted
from webex_token_cli.signin.authorization import (
    AuthorizationCode,
    Proof,
    RedirectURI,
    Refusal,
    parameters,
    read_redirect,
)
from webex_token_cli.system.signals import cleanup_on_signal
from webex_token_cli.times import duration_in_words

T = TypeVar("T")

# Seconds. The lines of one paste arrive together, so a pause of this length is its end.
_QUIET = 0.3

# Seconds between two updates of the countdown, which shows seconds.
_TICK = 1.0

# An address has about 300 characters, and a code of any server about 2,000 at most.
_LONGEST_PASTE = 16 * 1024

# Terminals put these around a paste after a program has turned on bracketed paste mode.
_BRACKETS = re.compile("\x1b\\[20[01]~")

# The code in Webex's documentation has 64 characters of base64, and Webex's tokens have further parts behind a "_".
# Base64 of that length always has letters and digits. A word, a sentence or a password from the clipboard is shorter,
# or has other characters. RFC 6749 allows a code nearly every character; a person who gets another kind of code can
# paste the whole address, which is what they are asked for.
_CODE = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9])[A-Za-z0-9._~+/=-]{40,}", re.ASCII)

# Pastes that cannot be used before the sign-in ends: somebody who is at the wrong window does not notice the question.
_MOST_UNUSABLE = 5

_NEITHER = "That is neither an address nor a code."


@dataclass(frozen=True, slots=True)
class Unusable:
    """Text that cannot be used, and why. ``unfinished`` says that the rest of it may still follow."""

    why: str
    unfinished: bool = False


def read_pasted(
    text: str, state: str, scopes: Iterable[str] = (), not_codes: frozenset[str] = frozenset(), site: Site = WEBEX
) -> AuthorizationCode | Refusal | Unusable:
    """What a person pasted: the whole address, its query, or the bare code.

    White space, which terminals and mail programs insert, and quotes around the text are removed. The state is
    checked when there is one. A bare code has none, so that only PKCE ties it to this sign-in. ``not_codes`` are
    secrets of the right length that a clipboard may still hold: client id and client secret.
    """
    lines = [line.strip() for line in _BRACKETS.sub("", text).splitlines()]
    text = "".join("".join(lines).split()).strip("\"'`<>")
    if not text:
        return Unusable("That was empty.")
    address, _, query = text.rpartition("?")
    query = query.partition("#")[0]
    values = parameters(query)
    if not set(values) & {"code", "error", "state"}:
        if "://" in text or address:
            return Unusable("That address has no code. The address that the browser ends at has one.", unfinished=True)
        has_blanks = any(len(line.split()) > 1 for line in lines)
        return Unusable(_NEITHER) if has_blanks else _read_bare_code(text, not_codes)
    if "client_id" in values:
        return Unusable("That is the address of the sign-in page; the one that the browser ends at is needed.")
    found = read_redirect(query, state, scopes, site)
    if found is not None:
        return found
    # read_redirect has refused the state in constant time. The comparisons from here on only choose the message.
    given = values.get("state", "")
    if given != state and state.startswith(given):
        return Unusable("That address is not whole: its state or its code is missing.", unfinished=True)
    if given != state:
        return Unusable(
            "That address belongs to another sign-in: its state does not match. Open the address above again."
        )
    return Unusable("That address holds no code, or holds something twice.", unfinished="code" not in values)


def _read_bare_code(text: str, not_codes: frozenset[str]) -> AuthorizationCode | Unusable:
    if text in not_codes:
        return Unusable("That is the client id or the client secret of the integration.")
    # Copied out of an address, it is percent-encoded.
    code = unquote(text)
    return AuthorizationCode(code) if _CODE.fullmatch(code) else Unusable(_NEITHER)


class Lines(Protocol):
    """Reads the next pasted line within ``seconds``, else returns None. Raises EOFError at the end of the input."""

    def __call__(self, seconds: float, /) -> str | None: ...


class StandardInput:
    """The lines of a file descriptor, each with a timeout.

    A thread reads the descriptor itself. Reading ``sys.stdin`` there would hold its lock when the program ends, and
    Windows has no other way to wait for a console with a timeout.
    """

    def __init__(self, descriptor: int) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(maxsize=100)
        threading.Thread(target=self._read, args=(descriptor,), name="standard-input", daemon=True).start()

    def __call__(self, seconds: float) -> str | None:
        """The next line within ``seconds``, or None. Raises EOFError when there is no more."""
        try:
            line = self._lines.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        if line is None:
            self._lines.put(None)
            raise EOFError
        return line

    def _read(self, descriptor: int) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while chunk := os.read(descriptor, 4096):
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    self._lines.put(line.decode("utf-8", "replace"))
                if len(rest) > _LONGEST_PASTE:
                    break
        if rest:
            self._lines.put(rest.decode("utf-8", "replace"))
        self._lines.put(None)


@contextlib.contextmanager
def no_echo(descriptor: int) -> Iterator[None]:
    """Turn off a terminal's echo, because a pasted authorization code would stay in its scrollback.

    What was pasted and not read is discarded in the end: a shell would read it and run it. Does nothing when
    ``descriptor`` is not a terminal, and on Windows.
    """
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    silent = before.copy()
    silent[3] &= ~termios.ECHO

    def restore() -> None:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)

    with cleanup_on_signal(restore):
        termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            restore()


@dataclass(frozen=True, slots=True)
class PasteFlow:
    """Signs a person in through a browser on any machine. The person pastes the address at which it ended.

    ``lines`` reads what is pasted, ``say`` shows a line. With ``interactive``, the person is asked again after a
    paste that cannot be used, four times; without it, such a paste ends the sign-in. ``timeout`` is in seconds.
    ``not_codes`` are texts that are not sent to Webex as a code: the client id and the client secret.
    ``site`` has the pages that hints name. ``tick`` gets the seconds that are left, once a second, and None when
    something was pasted or the time is over.
    """

    redirect: RedirectURI
    lines: Lines = field(repr=False)
    say: Callable[[str], None] = field(repr=False)
    interactive: bool
    timeout: float = 300.0
    scopes: tuple[str, ...] = ()
    not_codes: frozenset[str] = field(default=frozenset(), repr=False)
    site: Site = WEBEX
    tick: Callable[[float | None], None] = field(default=lambda _: None, repr=False)
    clock: Callable[[], float] = time.monotonic

    def sign_in(self, page: Callable[[Proof], str], finish: Callable[[str, Proof], T]) -> T:
        """Sign the person in, and return what ``finish`` returns for the authorization code and its proof.

        Raises SignInNotCompleted if nothing usable was pasted, and what ``page`` and ``finish`` raise.
        """
        proof = Proof.fresh()
        url = page(proof)
        self.say(
            f"Sign in at this address, in a browser on any machine:\n\n  {url}\n\n"
            f"The browser then goes to {self.redirect.uri}?code=…, and may say that it cannot be reached.\n"
            "Copy that whole address, paste it here (it is not shown) and press Enter:"
        )
        pasted = self._pasted(proof.state)
        if isinstance(pasted, Refusal):
            raise pasted.error
        return finish(pasted.code, proof)

    def _pasted(self, state: str) -> AuthorizationCode | Refusal:
        deadline = self.clock() + self.timeout
        unusable = 0
        while True:
            found = self._one_paste(state, deadline)
            if not isinstance(found, Unusable):
                return found
            unusable += 1
            if not self.interactive or unusable == _MOST_UNUSABLE:
                raise _not_completed(found.why)
            self.say(f"{found.why} Paste the address that the browser ends at:")

    def _one_paste(self, state: str, deadline: float) -> AuthorizationCode | Refusal | Unusable:
        """Read lines until the answer is complete, a line is empty, or no more arrives."""
        text = ""
        found: AuthorizationCode | Refusal | Unusable = Unusable("Nothing was pasted.", unfinished=True)
        while len(text) <= _LONGEST_PASTE:
            try:
                line = self._next_line(text, found, deadline)
            except EOFError:
                if isinstance(found, Unusable):
                    raise _not_completed(found.why) from None
                return found
            if line is None or (text and not line.strip()):
                return found
            text += line.strip()
            if text:
                found = read_pasted(text, state, self.scopes, self.not_codes, self.site)
        self._discard_the_rest(deadline)
        return Unusable("That is too long for an address.")

    def _discard_the_rest(self, deadline: float) -> None:
        with contextlib.suppress(EOFError):
            while self.lines(_QUIET) is not None and self.clock() < deadline:
                pass

    def _next_line(self, text: str, found: AuthorizationCode | Refusal | Unusable, deadline: float) -> str | None:
        """The next line of a paste that began with ``text``; None when the paste is complete."""
        line = self.lines(_QUIET) if text else None
        if line is not None:
            return line
        if not isinstance(found, Unusable) or not found.unfinished:
            return None
        if text and self.interactive:
            self.say(f"{found.why} Paste the rest of it, or press Enter to begin again:")
        try:
            return self._awaited_line(deadline)
        finally:
            self.tick(None)

    def _awaited_line(self, deadline: float) -> str:
        while (left := deadline - self.clock()) > 0:
            self.tick(left)
            line = self.lines(min(left, _TICK))
            if line is not None:
                return line
        raise _not_completed(f"Nothing usable was pasted within {duration_in_words(self.timeout)}.")


def _not_completed(why: str) -> SignInNotCompleted:
    return SignInNotCompleted(
        why,
        "Run `webex-token login --flow paste` again and paste the address that the browser ends at, or use "
        "--flow device, which needs no pasting.",
    )
