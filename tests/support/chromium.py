"""Debian's Chromium, started by the program through ``BROWSER`` and driven over its DevTools protocol."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.program import Running, wait_until

_FLAGS = (
    "--headless",
    "--no-sandbox",  # the tests may run as root, where Chromium refuses its own sandbox
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
)


@dataclass
class Tab:
    """A page that is open in Chromium, controlled over its DevTools connection."""

    _connection: ClientConnection
    _sent: int = field(default=0)

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a DevTools command and wait for its result, which is empty if the page was being left."""
        self._sent += 1
        self._connection.send(json.dumps({"id": self._sent, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=30))
            if message.get("id") == self._sent:
                result: dict[str, Any] = message.get("result", {})
                return result

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; None if it has no value yet."""
        return (
            self.command("Runtime.evaluate", expression=expression, returnByValue=True).get("result", {}).get("value")
        )

    @property
    def address(self) -> str:
        """The address in the address bar."""
        return str(self.evaluate("location.href"))

    @property
    def text(self) -> str:
        """The visible text of the page."""
        return str(self.evaluate("document.body.innerText"))

    def history(self) -> list[str]:
        """The addresses in the history of the Back button."""
        return [entry["url"] for entry in self.command("Page.getNavigationHistory")["entries"]]

    def wait_for_heading(self, text: str) -> None:
        """Wait until the page's heading is ``text``."""
        heading = "document.querySelector('h1')?.innerText"
        wait_until(lambda: self.evaluate(heading) == text, lambda: f"{self.address}: {self.text}")

    def press(self, button: str) -> None:
        """Click the button with that label."""
        found = f"[...document.querySelectorAll('button')].find(b => b.innerText === {json.dumps(button)})"
        centre = f"(b => b && [b.x + b.width / 2, b.y + b.height / 2])({found}?.getBoundingClientRect())"
        wait_until(lambda: self.evaluate(centre), lambda: f"{self.address}: {self.text}")
        x, y = self.evaluate(centre)
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def proceed_past_the_warning(self) -> None:
        """Do what a person does who trusts the certificate: these keys are the shortcut for Advanced, Proceed."""
        for key in "thisisunsafe":
            self.command("Input.dispatchKeyEvent", type="char", text=key)


@dataclass
class Chromium:
    """A Chromium that is set up but not running. Running ``command`` starts it, with ``flags`` added."""

    folder: Path
    port: int
    flags: tuple[str, ...] = ()
    _scratch: "tempfile.TemporaryDirectory[str]" = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="wt-", ignore_cleanup_errors=True)
    )

    @property
    def command(self) -> str:
        """The value for ``BROWSER``."""
        return f"{self._script} %s"

    @property
    def _script(self) -> Path:
        return self.folder / "browser"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def prepare(self, trusting: tuple[str, int] | None = None) -> None:
        """Write the script that records its process id and starts Chromium.

        With ``trusting``, Chromium accepts the certificate that the given host and port present when it starts, as
        a person does after comparing the fingerprint.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        trusted = ""
        if trusting:
            shown = shlex.join([sys.executable, str(Path(__file__).with_name("spki.py")), *map(str, trusting)])
            trusted = f' --ignore-certificate-errors-spki-list="$({shown})"'
        flags = [
            *_FLAGS,
            *self.flags,
            f"--user-data-dir={self.folder / 'user'}",
            f"--remote-debugging-port={self.port}",
        ]
        self._script.write_text(
            # Chromium puts sockets into TMPDIR, whose paths must be short, and files that are removed with it.
            f"#!/bin/sh\nexport TMPDIR={shlex.quote(self._scratch.name)}\n"
            f"echo $$ >{shlex.quote(str(self._pid_file))}\n"
            f'exec chromium {shlex.join(flags)}{trusted} "$@" >{shlex.quote(str(self.folder / "log"))} 2>&1\n'
        )
        self._script.chmod(0o700)

    @contextlib.contextmanager
    def opened(self) -> Iterator[Tab]:
        """Start Chromium with a blank page, and end it afterwards."""
        with subprocess.Popen([str(self._script), "about:blank"]) as process:
            try:
                wait_until(self._pages, lambda: "no page", process=process)
                with connect(self._pages()[0]["webSocketDebuggerUrl"], max_size=None) as connection:
                    yield Tab(connection)
            finally:
                process.terminate()

    @contextlib.contextmanager
    def page(self, starter: Running) -> Iterator[Tab]:
        """Connect to the page with which the program ``starter`` has started Chromium."""
        wait_until(self._pages, lambda: starter.err, process=starter.process)
        with connect(self._pages()[0]["webSocketDebuggerUrl"], max_size=None) as connection:
            yield Tab(connection)

    def _pages(self) -> list[dict[str, str]]:
        with (
            contextlib.suppress(OSError, ValueError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/json/list", timeout=5) as answer,
        ):
            return [target for target in json.load(answer) if target["type"] == "page"]
        return []

    def end(self) -> None:
        """End Chromium as a person does, and wait until it has written its cookies. It can be started again."""
        process = int(self._pid_file.read_text())
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/json/version", timeout=5) as answer:
            address = json.load(answer)["webSocketDebuggerUrl"]
        with connect(address, max_size=None) as connection:
            Tab(connection).command("Browser.close")
        wait_until(lambda: not _runs(process), lambda: "Chromium goes on running")
        self._pid_file.unlink()

    def close(self) -> None:
        """End Chromium if it runs, and remove its temporary files."""
        if self._pid_file.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self._pid_file.read_text()), signal.SIGTERM)
        self._scratch.cleanup()


def _runs(process: int) -> bool:
    """Whether the process runs. One that has ended stays in the table until its parent asks for it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
