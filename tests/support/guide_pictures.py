"""The pictures of the first sign-in: terminals that a person types into, and the pages that the browser shows.

    python -m tests.support.guide_pictures

writes them into ``.pictures/``, from a sign-in to the sandbox with Debian's Chromium. What differs from run to run,
such as addresses and times, is replaced by an example. ``tests/project/test_guide_pictures.py`` fails if a picture does
not say what the program says today. For this, a page's picture has the text of the page in it: no test reads images.
"""

import base64
import contextlib
import re
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pexpect

from tests.support.chromium import Chromium, Tab
from tests.support.pictures import COLUMNS, FOLDER, picture, words
from tests.support.ports import free_port
from tests.support.program import Program
from tests.support.terminal import at_a_terminal, read
from webex_token_cli.sandbox import Rules, Sandbox
from webex_token_cli.sandbox.accepting_browser import answer

# CSS pixels. Twice as many are drawn, for screens that show them.
_WIDTH, _HEIGHT, _SCALE = 720, 430, 2
# Where a picture of a page has its text (PNG specification, 11.3.3).
_KEYWORD = b"Page text"

_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"

# What differs from run to run, and the example that is shown instead.
_VARYING = {
    r"http://127\.0\.0\.1:\d+/v1/authorize\?\S+": "https://webexapis.com/v1/authorize?response_type=code…",
    r"http://127\.0\.0\.1:\d+/verify": "https://oauth-helper-r.wbx2.com/verify",
    r"localhost:\d+": "localhost:8000",
    r"\bC[0-9a-f]{64}\b": "C9d2…0f3a",
    r"(?<![0-9a-f:.])\d{6}(?!\w)": "729703",
    r"(?<=userCode=)[0-9a-f]{64}\b": "2f9d…",
    rf"{_TIME}(?= \((?:now|\d seconds? ago)\))": "2026-11-23 14:05:10 CET",
    rf"{_TIME}(?= \(in 24 hours\))": "2026-11-24 14:05:10 CET",
    rf"{_TIME}(?= \(in 90 days\))": "2027-02-21 14:05:09 CET",
    rf"{_TIME}(?= \(in)": "2026-12-07 14:05:09 CET",
    rf"(?m)^( *){_TIME}(?=  )": r"\g<1>2026-11-23 14:05:12 CET",
    r"\d:\d\d left": "4:58 left",
    r"plain file \S+": "the keyring (SecretService Keyring).",
}


@dataclass(frozen=True, slots=True)
class Session:
    """The program, and the sandbox that it signs in to."""

    program: Program
    sandbox: Sandbox


@contextlib.contextmanager
def newcomer() -> Iterator[Session]:
    """Somebody who has just installed the program, at a machine without a display."""
    rules = Rules(redirect_uris=(f"http://localhost:{free_port()}/oauth",))
    with tempfile.TemporaryDirectory() as folder, Sandbox(rules) as sandbox:
        home = {"WEBEX_TOKEN_HOME": f"{folder}/webex-token", "WEBEX_TOKEN_STORE": "file", "NO_COLOR": "1"}
        yield Session(Program(Path(folder), {**sandbox.environment, **home}), sandbox)


def first_login(session: Session) -> str:
    """The first ``login``, which asks for everything, up to its end."""
    asking = session.program.having(WEBEX_CLIENT_ID=None, WEBEX_CLIENT_SECRET=None)
    with at_a_terminal(asking, "login", "--no-browser", columns=COLUMNS) as child:
        start = read(child, r"(?s)\A(.*Client ID: )")
        child.sendline(session.sandbox.client_id)
        middle = read(child, r"(?s)(.*\(hidden\): )")
        child.sendline(session.sandbox.client_secret)
        waiting = read(child, r"(?s)(.*)Waiting for")
        answer(_address(waiting))
        child.expect(pexpect.EOF)
        return start + middle + waiting + str(child.before)


def paste_login(session: Session) -> str:
    """``login`` where the browser is elsewhere, while it waits for the paste."""
    with at_a_terminal(session.program.having(SSH_TTY="/dev/pts/1"), "login", columns=COLUMNS) as child:
        return read(child, r"(?s)\A(.*Waiting for the address … 4:\d\d left)")


def device_login(session: Session) -> str:
    """``login --flow device`` while it waits for the code to be entered."""
    with at_a_terminal(session.program, "login", "--flow", "device", columns=COLUMNS) as child:
        return read(child, r"(?s)\A(.*Waiting for you to enter it … 4:\d\d left)")


TERMINALS: dict[str, tuple[str, Callable[[Session], str]]] = {
    "first-login": ("webex-token login", first_login),
    "paste-login": ("webex-token login", paste_login),
    "device-login": ("webex-token login --flow device", device_login),
}
"""The command that is seen in each picture of a terminal, and the function that types it."""

PAGES = {
    "page-consent": "May this integration act for Ada Lovelace?",
    "page-signed-in": "You are signed in",
    "page-denied": "You are not signed in",
}
"""The heading of each page."""


def shown(raw: str) -> str:
    """What is seen at the end of what a terminal got, with examples for what varies."""
    lines = [line.rpartition("\x1b[K")[2].rstrip("\r") for line in raw.replace("\r\n", "\n").split("\n")]
    # The option is not typed in the picture: it only leaves the opening of the browser to this script.
    text = "\n".join(lines).replace("--no-browser leaves the opening to you", "there is a display (DISPLAY)")
    return re.sub(r"\n{3,}", "\n\n", with_examples(text, _VARYING))


def with_examples(text: str, varying: Mapping[str, str]) -> str:
    """``text`` with an example in place of whatever matches one of the patterns."""
    for pattern, example in varying.items():
        text = re.sub(pattern, example, text)
    return text


def _address(text: str) -> str:
    return "".join(re.findall(r"\S+/authorize\?\S+", text)[:1])


def page_words(html: str) -> list[str]:
    """The words of a page that a person sees."""
    body = re.sub(r"(?s).*<body>|<script.*?</script>", "", html)
    return shown(" ".join(words(f"<svg{body}"))).split()


def draw_pages(session: Session, chromium: Chromium) -> None:
    """Sign in twice with Chromium, and deny the first time. Who has accepted is not asked again."""
    with chromium.opened() as tab:
        for decision, last in (("Deny", "page-denied"), ("Accept", "page-signed-in")):
            with session.program.started("login", "--no-browser") as login:
                tab.command("Page.navigate", url=login.url())
                tab.wait_for_heading(PAGES["page-consent"])
                _draw(tab, "page-consent")
                tab.press(decision)
                tab.wait_for_heading(PAGES[last])
                _draw(tab, last)
                login.finish()


def _draw(tab: Tab, name: str) -> None:
    tab.command(
        "Emulation.setDeviceMetricsOverride", width=_WIDTH, height=_HEIGHT, deviceScaleFactor=_SCALE, mobile=False
    )
    tab.evaluate(
        "for (const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); walker.nextNode();) "
        "walker.currentNode.data = walker.currentNode.data.replace(/localhost:\\d+/, 'localhost:8000')"
    )
    image = base64.b64decode(tab.command("Page.captureScreenshot", format="png")["data"])
    text = " ".join(page_words(str(tab.evaluate("document.documentElement.outerHTML"))))
    (FOLDER / f"{name}.png").write_bytes(with_text(image, text))


def with_text(image: bytes, text: str) -> bytes:
    """A PNG with a text in it, behind the first chunk, whose size is fixed."""
    chunk = b"iTXt" + _KEYWORD + b"\0\0\0\0\0" + text.encode()
    return image[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + image[33:]


def text_of(image: bytes) -> str:
    """The text that ``with_text`` put into a PNG."""
    (length,) = struct.unpack(">I", image[33:37])
    return image[41 : 41 + length].removeprefix(_KEYWORD + b"\0\0\0\0\0").decode()


def main() -> None:
    """Write every picture of the guide."""
    for name, (command, typed) in TERMINALS.items():
        with newcomer() as session:
            text = shown(typed(session))
            (FOLDER / f"{name}.svg").write_text(picture(command, text), encoding="utf-8")
    with newcomer() as session, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        chromium = Chromium(Path(folder), free_port())
        chromium.prepare()
        draw_pages(session, chromium)
        chromium.close()
    sys.stdout.write(f"{len(TERMINALS) + len(PAGES)} pictures of the guide are in {FOLDER.name}/\n")


if __name__ == "__main__":
    main()
