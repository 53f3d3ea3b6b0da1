"""A browser flow that runs in a thread, with the test as the browser."""

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field

from tests.support.program import wait_until
from webex_token_cli.errors import WebexTokenError
from webex_token_cli.signin.authorization import Proof, RedirectURI
from webex_token_cli.signin.browser import BrowserFlow
from webex_token_cli.signin.loopback.sockets import Endpoint, endpoint_for

SIGN_IN_PAGE = "https://webex.example/authorize?x=1"


@dataclass
class Login:
    """Runs a browser flow in a thread while the context is open, and signs in at its end if the test did not.

    The exchange of the code waits for ``may_finish``. It fails with ``fails_with`` if that is set.
    """

    redirect: RedirectURI
    timeout: float = 20.0
    proof: Proof | None = None
    codes: list[str] = field(default_factory=list)
    result: object = None
    fails_with: WebexTokenError | None = None
    may_finish: threading.Event = field(default_factory=threading.Event)
    listen: Endpoint | None = None
    tls: ssl.SSLContext | None = None
    behind_proxy: bool = False
    shown: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Login":
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        wait_until(lambda: self.proof is not None)
        return self

    def __exit__(self, *_: object) -> None:
        self.may_finish.set()
        if not self.codes:
            self.follow(self.good_query)
        assert self._thread is not None
        self._thread.join(10)
        assert not self._thread.is_alive()

    def run(self) -> None:
        flow = BrowserFlow(
            self.redirect,
            open_browser=self._open,
            say=self.shown.append,
            timeout=self.timeout,
            listen=self.listen,
            tls=self.tls,
            behind_proxy=self.behind_proxy,
        )
        try:
            self.result = flow.sign_in(self._page, self._finish, lambda who: f"Signed in as {who} <&>.")
        except WebexTokenError as error:
            self.result = error

    def _open(self, url: str) -> bool:
        self.opened.append(url)
        return True

    def _page(self, proof: Proof) -> str:
        self.proof = proof
        return SIGN_IN_PAGE

    def _finish(self, code: str, proof: Proof) -> str:
        assert proof is self.proof
        self.codes.append(code)
        assert self.may_finish.wait(10)
        if self.fails_with:
            raise self.fails_with
        return "Ada"

    @property
    def good_query(self) -> str:
        assert self.proof is not None
        return f"code=the-code&state={self.proof.state}"

    @property
    def endpoint(self) -> Endpoint:
        """The address that the listener is bound to."""
        return endpoint_for(self.redirect, self.listen)

    def connect(self, address: str = "") -> socket.socket:
        """Open a connection to the listener, with TLS if it speaks https."""
        plain = socket.create_connection((address or self.endpoint.addresses()[0], self.endpoint.port), timeout=10)
        if self.tls is None:
            return plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=self.redirect.host)

    def ask(self, raw: bytes, address: str = "") -> bytes:
        """Send ``raw`` and read the whole answer."""
        with self.connect(address) as connection:
            connection.sendall(raw)
            answer = b""
            with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
                while chunk := connection.recv(65536):
                    answer += chunk
        return answer

    def get(
        self, target: str, host: str | None = None, address: str = "", method: str = "GET", more: str = ""
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of a request; ``more`` are further header lines."""
        host = host or self.redirect.uri.split("/")[2]
        raw = self.ask(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode(), address)
        head, _, body = raw.decode().partition("\r\n\r\n")
        lines = head.split("\r\n")
        return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:]), body

    def follow(self, query: str, address: str = "") -> str:
        """The page on which the redirect ends."""
        status, headers, _ = self.get(f"{self.redirect.path}?{query}", address=address)
        assert status == 303
        status, _, body = self.get(f"{self.redirect.path}{headers['Location']}", address=address)
        assert status == 200
        return body
