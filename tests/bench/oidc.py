"""An agent of oidc-agent that has tokens of the sandbox, so that its ``oidc-token`` can be timed."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from webex_token_cli.sandbox import Sandbox


@contextlib.contextmanager
def oidc_agent(folder: Path, sandbox: Sandbox, account: str) -> Iterator[dict[str, str]]:
    """Run an agent with the tokens of a new sign-in as ``account``. Yields the variables that lead to it.

    If oidc-agent is not installed, there are none.
    """
    if not shutil.which("oidc-agent"):
        yield {}
        return
    folder.mkdir(mode=0o700)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "OIDC_CONFIG_DIR": str(folder)}
    started = subprocess.run(["oidc-agent", "--json"], env=environment, capture_output=True, check=True)
    agent = json.loads(started.stdout)
    try:
        environment["OIDC_SOCK"] = agent["socket"]
        with _issuer(sandbox) as issuer:
            _add_account(environment, sandbox, issuer, account)
        yield {"OIDC_SOCK": agent["socket"]}
    finally:
        os.kill(int(agent["dpid"]), signal.SIGTERM)


def _add_account(environment: dict[str, str], sandbox: Sandbox, issuer: str, account: str) -> None:
    tokens = sandbox.token_response()
    subprocess.run(
        [
            *("oidc-gen", "--manual", "--prompt=none", "--confirm-yes", "--pw-cmd=echo password", "--rt-env=TOKEN"),
            *("--iss", issuer, "--scope", "spark:all", "--redirect-uri", sandbox.redirect_uri),
            *("--client-id", sandbox.client_id, "--client-secret", sandbox.client_secret, account),
        ],
        env={**environment, "TOKEN": tokens["refresh_token"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )


@contextlib.contextmanager
def _issuer(sandbox: Sandbox) -> Iterator[str]:
    """A server with what oidc-agent asks of a provider's metadata, which is more than Webex has."""
    metadata: dict[str, Any] = {
        "authorization_endpoint": f"{sandbox.api_url}/authorize",
        "token_endpoint": f"{sandbox.api_url}/access_token",
        "scopes_supported": ["spark:all", "openid", "offline_access"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "response_types_supported": ["code"],
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(metadata).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class names it so
            """Write nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        metadata["issuer"] = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield metadata["issuer"]
        finally:
            server.shutdown()
            thread.join()
