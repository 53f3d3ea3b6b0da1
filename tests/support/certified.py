"""A certified authorization server that is not ours, at Webex's paths: ``oidc-provider`` for Node.

It is strict: each refresh replaces the refresh token, and a refresh token that was redeemed before revokes the grant.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import consenting_browser
from tests.support.packages_of_node import install_packages
from tests.support.ports import free_port
from tests.support.program import wait_until
from tests.support.requirements import require

_SOURCE = Path(__file__).with_name("strict_server")

# The browser consents on the pages of this server; the sandbox's own understands only the sandbox's.
BROWSER = f"{sys.executable} {consenting_browser.__file__} %s"


@dataclass(frozen=True)
class Journal:
    """How often a refresh token was replaced, one that was redeemed before came back, and a grant was revoked."""

    rotated: int = 0
    reused: int = 0
    revoked: int = 0


@dataclass(frozen=True)
class StrictServer:
    """The running server."""

    origin: str
    client_id: str
    client_secret: str
    redirect_uri: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that make the program use this server."""
        return {
            "WEBEX_TOKEN_API_URL": f"{self.origin}/v1",
            "WEBEX_CLIENT_ID": self.client_id,
            "WEBEX_CLIENT_SECRET": self.client_secret,
            "WEBEX_REDIRECT_URI": self.redirect_uri,
        }

    def journal(self) -> Journal:
        """What has happened since the server started."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.origin}/journal", timeout=30) as response:
            return Journal(**json.load(response))


@contextlib.contextmanager
def strict_server(folder: Path) -> Iterator[StrictServer]:
    """Install the server in ``folder`` and run it while the context is open.

    Skips the test, and fails it on CI, if Node or the package cannot be had.
    """
    require("node", "npm")
    shutil.copytree(_SOURCE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    install_packages(folder)
    integration = ("C-strict", "s" * 64, f"http://localhost:{free_port()}/oauth")
    log = folder / "log"
    with (
        log.open("wb") as written,
        subprocess.Popen(["node", "server.mjs", *integration], cwd=folder, stdout=written, stderr=written) as process,
    ):
        try:
            wait_until(lambda: _origin(log), log.read_text, process=process)
            yield StrictServer(_origin(log), *integration)
        finally:
            process.kill()


def _origin(log: Path) -> str:
    """The origin that the server has printed; empty before that. Its warnings come on lines of their own."""
    return next((line for line in log.read_text().splitlines(True) if line.startswith("http://")), "").strip()
