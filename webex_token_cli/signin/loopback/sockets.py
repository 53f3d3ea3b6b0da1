"""The listening sockets, at the address in the redirect URI or at that of ``--listen``."""

import asyncio
import errno
import ipaddress
import socket
import sys
from dataclasses import dataclass

from webex_token_cli.config.settings import is_loopback
from webex_token_cli.errors import ConfigurationError
from webex_token_cli.signin.authorization import RedirectURI
from webex_token_cli.text import printable

# Connections that wait to be accepted. When there is no room, the browser's own attempt is dropped, and it tries again
# only after a second. Systems lower this to their own limit.
_BACKLOG = 1024

# Windows' error for a connection that its client has reset before it is accepted, and Wine's (winerror.h).
_CLIENT_IS_GONE = frozenset({64, 59})  # ERROR_NETNAME_DELETED, ERROR_UNEXP_NET_ERR

_ADDRESS_MISSING = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port to listen on."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Parse ``HOST:PORT`` or ``[IPv6]:PORT``. Raises ConfigurationError."""
        host, _, port = text.strip().rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        host = host[1:-1] if bracketed else host
        usable = host.isascii() and host.isprintable() and not set(host) & set("[]/ @") and (":" in host) == bracketed
        if not host or not usable or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
            raise ConfigurationError(
                f"{printable(text, 100)!r} is not an address to listen on.",
                "Write HOST:PORT, such as 127.0.0.1:8000, localhost:8000 or [::1]:8000.",
            )
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return is_loopback(self.host)

    def addresses(self) -> list[str]:
        """The IP addresses to listen on. ``localhost`` has two, because browsers use either loopback address.

        Raises ConfigurationError if the host has none.
        """
        if self.host.lower() == "localhost":
            return ["127.0.0.1", "::1"]
        try:
            return [str(ipaddress.ip_address(self.host))]
        except ValueError:
            pass
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ConfigurationError(
                f"{self.host} has no address to listen on.", "Give an IP address of this machine instead."
            ) from None
        return list(dict.fromkeys(str(info[4][0]) for info in found))


def endpoint_for(redirect: RedirectURI, listen: Endpoint | None) -> Endpoint:
    """Where to wait for ``redirect``: at ``listen``, or else at the redirect URI's own host and port.

    Raises ConfigurationError if neither is on this machine.
    """
    if listen is not None:
        return listen
    if not redirect.is_local:
        raise ConfigurationError(
            f"The redirect URI {redirect.uri} leads to {redirect.host}, not to this machine, and nothing says where "
            "its requests arrive.",
            "Give --listen HOST:PORT, to which a tunnel forwards them, or a reverse proxy with --behind-proxy, or sign "
            "in with --flow paste, which needs no listener.",
        )
    return Endpoint(redirect.host, redirect.port)


def bind(endpoint: Endpoint, redirect_uri: str) -> list[socket.socket]:
    """Sockets that listen at ``endpoint`` for what arrives at ``redirect_uri``.

    They are bound before the browser opens, so that no other program can receive the redirect. Raises
    ConfigurationError if the port is taken or needs more rights.
    """
    try:
        return listen(endpoint)
    except OSError as error:
        raise _cannot_bind(endpoint, redirect_uri, error) from error


def listen(endpoint: Endpoint) -> list[socket.socket]:
    """Sockets that listen at ``endpoint``, and do not block.

    An address of ``localhost`` that this machine does not have is left out. Raises OSError, and ConfigurationError if
    the host has no address.
    """
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for address in endpoint.addresses():
            try:
                sockets.append(_listening(address, endpoint.port))
            except OSError as error:
                if error.errno not in _ADDRESS_MISSING:
                    raise
                missing = error
        if not sockets and missing:
            raise missing
    except OSError:
        close(sockets)
        raise
    return sockets


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR would share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # a sign-in right after another one must not wait until the kernel forgets closed connections
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


async def accepted(listening: socket.socket) -> socket.socket:
    """The next connection to ``listening``, which does not block. Raises OSError.

    Where it can, this waits for the connection and then accepts it: ``loop.sock_accept`` forgets a connection that it
    has accepted, without closing it, if it is cancelled at that moment.
    """
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":  # whose event loop cannot wait for a socket to be readable
        return await _accepted_on_windows(listening)
    while True:
        try:
            connection, _ = listening.accept()
        except BlockingIOError:
            await _readable(loop, listening)
        else:
            connection.setblocking(False)
            return connection


async def _accepted_on_windows(listening: socket.socket) -> socket.socket:
    loop = asyncio.get_running_loop()
    while True:
        try:
            return (await loop.sock_accept(listening))[0]
        except OSError as error:
            # A client that is gone is no reason to pause before the next one, as a lack of memory is.
            if getattr(error, "winerror", None) not in _CLIENT_IS_GONE:
                raise


async def _readable(loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
    readable = asyncio.Event()
    loop.add_reader(listening, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(listening)


def close(sockets: list[socket.socket]) -> None:
    """Close all sockets, which frees the port at once."""
    for each in sockets:
        each.close()


def _cannot_bind(endpoint: Endpoint, redirect_uri: str, error: OSError) -> ConfigurationError:
    if error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"Port {endpoint.port}, where {redirect_uri} leads, is taken by another program.",
            "End that program (another login, perhaps), or register a redirect URI with another port "
            "and give it with --redirect-uri; `webex-token login --flow paste` needs no port at all.",
        )
    if error.errno == errno.EACCES and sys.platform == "win32":
        return ConfigurationError(
            f"Windows does not let this program listen on port {endpoint.port}, where {redirect_uri} leads.",
            "Register a redirect URI with another port and give it with --redirect-uri. "
            "`netsh interface ipv4 show excludedportrange tcp` lists the ports that Windows reserves.",
        )
    return ConfigurationError(
        f"Nothing can listen at {endpoint}, where {redirect_uri} leads ({error.strerror}).",
        "Register a redirect URI with a port above 1023 and give it with --redirect-uri.",
    )
