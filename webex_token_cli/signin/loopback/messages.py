"""The part of HTTP/1.1 that the listener needs: requests and responses. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

# RFC 9112 sections 3 and 5, with a path as the only target. Lines that are folded are refused, as section 5.2 allows.
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINE = re.compile(rb"(?P<method>%s) (?P<target>/[\x21-\x7e]*) HTTP/1\.[0-9]" % _TOKEN)
_FIELD = re.compile(rb"(?P<name>%s):(?P<value>[\t\x20-\x7e\x80-\xff]*)" % _TOKEN)


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

        Strict, so that a proxy and this listener cannot read a request differently (RFC 9112 section 11.2): lines that
        end with CRLF, exactly one Host header, and only a path as the target.
        """
        line, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        found = _LINE.fullmatch(line)
        headers: dict[str, list[str]] = {}
        for each in map(_FIELD.fullmatch, lines):
            if each is None:
                return None
            value = each["value"].decode("latin-1").strip("\t ")
            headers.setdefault(each["name"].decode("ascii").lower(), []).append(value)
        if found is None or len(headers.get("host", ())) != 1:
            return None
        path, _, query = found["target"].decode("ascii").partition("?")
        joined = {name: ", ".join(values) for name, values in headers.items()}  # RFC 9110 section 5.3
        return cls(found["method"].decode("ascii"), path, query, joined)

    @property
    def host(self) -> str:
        """The Host header, in lower case."""
        return self.headers["host"].lower()

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
