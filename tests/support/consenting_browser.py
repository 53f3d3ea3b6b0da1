"""A browser for one consent: it keeps cookies, follows redirects and submits each form, until a page has no form.

``python consenting_browser.py %s`` can be the value of ``BROWSER``.
"""

import sys
import urllib.request
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin


class _Form(HTMLParser):
    """Finds the target of the page's first form, and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = values.get("action", "")
        if tag == "input" and values.get("type") == "hidden":
            self.fields[values.get("name", "")] = values.get("value", "")


def consent(url: str) -> str:
    """Open ``url``, and return the text of the last page. Raises OSError if a page cannot be fetched."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
    data: bytes | None = None
    while True:
        with opener.open(url, data, timeout=30) as response:
            page, address = response.read().decode(), response.url
        form = _Form()
        form.feed(page)
        if not form.action:
            return str(page)
        url, data = urljoin(address, form.action), urlencode(form.fields).encode()


if __name__ == "__main__":
    consent(sys.argv[1])
