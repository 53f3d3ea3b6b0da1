"""Debian's Firefox, started by the program through ``BROWSER=firefox-esr`` and driven over its Marionette protocol.

A message is its length in bytes, a colon and a JSON array: type, number, then the command and its parameters, or the
error and the result (https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html).
"""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.program import Running, wait_until

# Firefox would read a new person's pages, ask Mozilla for settings and start processes for later, which all takes time.
_PREFERENCES: dict[str, object] = {
    "marionette.port": 0,  # any free port, which Firefox writes into a file
    "app.normandy.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.region.network.url": "",
    "browser.safebrowsing.update.enabled": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "dom.ipc.processPrelaunch.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "data:,",
}

_SESSION_HISTORY = """
const { sessionHistory } = gBrowser.selectedBrowser.browsingContext;
return Array.from({ length: sessionHistory.count }, (_, index) => sessionHistory.getEntryAtIndex(index).URI.spec);
"""

# Messages that Firefox's own scripts cause name these, or nothing.
_MESSAGES = """
return Services.console.getMessageArray()
  .filter(message => message instanceof Ci.nsIScriptError && /^(https?|data|inline):/.test(message.sourceName))
  .map(message => `${message.sourceName} ${message.category}: ${message.errorMessage}`);
"""

_WARNING = "document.querySelector('net-error-card')?.shadowRoot"


@dataclass
class Window:
    """The page that is open in Firefox, controlled over its Marionette connection."""

    _connection: socket.socket
    _sent: int = field(default=0)

    def command(self, name: str, **parameters: Any) -> Any:
        """Send a command and return its result. Raises RuntimeError if Firefox answers with an error."""
        self._sent += 1
        message = json.dumps([0, self._sent, name, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(message), message))
        _, _, error, result = self.receive()
        if error:
            raise RuntimeError(f"{name}: {error}")
        return result

    def receive(self) -> Any:
        """The next message of Firefox."""
        length = b""
        while (byte := self._connection.recv(1)) != b":":
            length += byte
        return json.loads(self._connection.recv(int(length), socket.MSG_WAITALL))

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; None if the page was being left."""
        try:
            return self.command("WebDriver:ExecuteScript", script=f"return {expression}", args=[])["value"]
        except RuntimeError:
            return None

    def in_firefox(self, script: str) -> Any:
        """What a script returns that Firefox runs as its own, outside the page."""
        self.command("Marionette:SetContext", value="chrome")
        value = self.command("WebDriver:ExecuteScript", script=script, args=[])["value"]
        self.command("Marionette:SetContext", value="content")
        return value

    @property
    def address(self) -> str:
        """The address in the address bar."""
        return str(self.command("WebDriver:GetCurrentURL")["value"])

    @property
    def text(self) -> str:
        """The visible text of the page."""
        return str(self.evaluate("document.body.innerText"))

    def history(self) -> list[str]:
        """The addresses in the history of the Back button."""
        return list(self.in_firefox(_SESSION_HISTORY))

    def messages(self) -> list[str]:
        """What the browser's console says of pages: errors and warnings of scripts, styles and policies."""
        return list(self.in_firefox(_MESSAGES))

    def wait_for_heading(self, text: str) -> None:
        """Wait until the page's heading is ``text``."""
        heading = "document.querySelector('h1')?.innerText"
        wait_until(lambda: self.evaluate(heading) == text, lambda: f"{self.address}: {self.text}")

    def press(self, button: str) -> None:
        """Click the button with that label, as WebDriver does: it scrolls there, and refuses what is covered."""
        self.wait_for_button(button)
        found = self.command("WebDriver:FindElement", using="xpath", value=f"//button[normalize-space()='{button}']")
        self.command("WebDriver:ElementClick", id=next(iter(found["value"].values())))

    def press_in_warning(self, label: str) -> None:
        """Click the button of Firefox's own warning whose label begins so, once Firefox lets a person press it."""
        found = f"[...({_WARNING})?.querySelectorAll('moz-button') ?? []].find(b => b.innerText.startsWith('{label}'))"
        clicked = f"(button => button && !button.hasAttribute('disabled') && (button.click(), true))({found})"
        wait_until(lambda: self.evaluate(clicked), lambda: f"{self.address}: {self.evaluate(f'{_WARNING}.innerHTML')}")

    def wait_for_warning(self, text: str) -> None:
        """Wait until Firefox's own warning has ``text``."""
        shown = f"({_WARNING})?.textContent"
        wait_until(lambda: text in (self.evaluate(shown) or ""), lambda: str(self.evaluate(shown)))

    def wait_for_button(self, button: str) -> None:
        """Wait until the page has the button with that label."""
        labels = "[...document.querySelectorAll('button')].map(button => button.innerText)"
        wait_until(lambda: button in (self.evaluate(labels) or []), lambda: f"{self.address}: {self.text}")


@dataclass
class Firefox:
    """A Firefox with a profile of its own in the home folder of whoever starts it, set up but not running."""

    home: Path

    # What its person's environment holds: the command, with no display, and what lets a test drive it.
    variables = {  # noqa: RUF012 - it is not changed
        "BROWSER": "firefox-esr",
        "MOZ_HEADLESS": "1",
        "MOZ_LEGACY_PROFILES": "1",  # the profile that profiles.ini names, not one for each installation
        "MOZ_MARIONETTE": "1",
        "MOZ_REMOTE_ALLOW_SYSTEM_ACCESS": "1",
    }

    @property
    def profile(self) -> Path:
        """The folder with cookies, history and settings."""
        return self.home / ".mozilla/firefox/tests"

    def prepare(self) -> None:
        """Make the profile, and name it in ``profiles.ini``."""
        self.profile.mkdir(parents=True)
        (self.profile.parent / "profiles.ini").write_text(
            "[Profile0]\nName=tests\nIsRelative=1\nPath=tests\nDefault=1\n\n[General]\nStartWithLastProfile=1\n"
        )
        lines = [f'user_pref("{name}", {json.dumps(value)});\n' for name, value in _PREFERENCES.items()]
        (self.profile / "user.js").write_text("".join(lines))

    @contextlib.contextmanager
    def page(self, starter: Running) -> Iterator[Window]:
        """Connect to the page with which the program ``starter`` has started Firefox."""
        port = self.profile / "MarionetteActivePort"
        wait_until(lambda: port.exists() and port.read_text(), lambda: starter.err, process=starter.process)
        with socket.create_connection(("127.0.0.1", int(port.read_text())), timeout=30) as connection:
            window = Window(connection)
            window.receive()  # who it is, and which version of the protocol it speaks
            window.command("WebDriver:NewSession", capabilities={})
            yield window

    def close(self) -> None:
        """End Firefox if it runs: its lock names its process. Nothing in its profile need be saved."""
        with contextlib.suppress(OSError):
            os.kill(int(str((self.profile / "lock").readlink()).rpartition("+")[2]), signal.SIGKILL)
