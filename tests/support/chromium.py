"""Debian's Chromium, started by the program through ``BROWSER`` and driven over its DevTools protocol."""

import contextlib
import os
import shlex
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

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
class Chromium:
    """A Chromium that is not running yet: whoever runs ``command`` starts it."""

    folder: Path
    port: int

    @property
    def command(self) -> str:
        """What goes into ``BROWSER``."""
        return f"{self._script} %s"

    @property
    def _script(self) -> Path:
        return self.folder / "browser"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def prepare(self) -> None:
        """Write the script that starts it and remembers its process."""
        self.folder.mkdir(parents=True)
        flags = [*_FLAGS, f"--user-data-dir={self.folder / 'user'}", f"--remote-debugging-port={self.port}"]
        self._script.write_text(
            f"#!/bin/sh\necho $$ >{shlex.quote(str(self._pid_file))}\n"
            f'exec chromium {shlex.join(flags)} "$@" >{shlex.quote(str(self.folder / "log"))} 2>&1\n'
        )
        self._script.chmod(0o700)

    @contextlib.contextmanager
    def page(self, starter: Running) -> Iterator[Page]:
        """The page that ``starter`` started it with."""
        wait_until(self._answers, lambda: starter.err, process=starter.process)
        with sync_playwright() as playwright:
            browser = playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{self.port}")
            wait_until(lambda: browser.contexts and browser.contexts[0].pages)
            yield browser.contexts[0].pages[0]

    @staticmethod
    def history(page: Page) -> list[str]:
        """The addresses that the Back button leads through."""
        session = page.context.new_cdp_session(page)
        return [entry["url"] for entry in session.send("Page.getNavigationHistory")["entries"]]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def close(self) -> None:
        """End it."""
        if self._pid_file.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self._pid_file.read_text()), signal.SIGTERM)
