"""The part of HTTP/1.1 that the listener needs: requests and responses. Pure."""

import http.client
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Request:
    """A request. The names of ``headers`` are in lower case."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, head: bytes) -> "Request | None":
        """Parse a ``head`` that ends with an empty line. None if it is malformed.

        Strict, so that a proxy and this listener cannot read a request differently (RFC 9112 section 11.2): exactly
        one Host header, and only a path as the target.
        """
        line, _, rest = head.partition(b"\r\n")
        try:
            method, target, version = line.decode("ascii").split(" ")
            found = http.client.parse_headers(io.BytesIO(rest))
        except (UnicodeDecodeError, ValueError, http.client.HTTPException):
            return None
        if not version.startswith("HTTP/1.") or not target.startswith("/") or len(found.get_all("Host") or []) != 1:
            return None
        path, _, query = target.partition("?")
        return cls(method, path, query, {name.lower(): value for name, value in found.items()})

    @property
    def host(self) -> str:
        """The Host header, in lower case."""
        return self.headers["host"].strip().lower()

    @property
    def is_speculative(self) -> bool:
        """Whether the browser loads the page in advance, which the person may never open (prefetch, prerender)."""
        purposes = (self.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-purpose", "x-moz"))
        return any("prefetch" in purpose or "preview" in purpose for purpose in purposes)

    @property
    def is_navigation(self) -> bool:
        """Whether a window opens the address, not an image, a frame or a script of a page (Fetch Metadata)."""
        return self.headers.get("sec-fetch-dest", "document") == "document"

    @property
    def is_cross_site(self) -> bool:
        """Whether a page of another site leads here, and not a person who typed the address (Fetch Metadata)."""
        return self.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}


@dataclass(frozen=True, slots=True)
class Response:
    """A response. ``tells_outcome`` marks the page that login delivers before it ends."""

    status: HTTPStatus
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    tells_outcome: bool = False

    def encoded(self, with_body: bool = True) -> bytes:
        """The response in bytes. It forbids caching, and passing the address on as a referrer."""
        headers = {
            **self.headers,
            "Content-Length": str(len(self.body)),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Connection": "close",
        }
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (self.body if with_body else b"")
