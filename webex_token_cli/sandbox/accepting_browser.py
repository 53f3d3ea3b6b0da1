"""A person with a very small browser: goes to the sign-in page and presses Accept, over real HTTP.

``python -m webex_token_cli.sandbox.person URL`` can be a ``BROWSER`` for the sandbox, and only for it:
any other sign-in page is left alone.
"""

import sys
import urllib.request
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin


class _ConsentForm(HTMLParser):
    """Finds the first form's address and its hidden fields."""

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


def answer(url: str, decision: str = "accept", timeout: float = 30.0) -> str:
    """Open ``url``, press the button, follow every redirect; the page on which that ends.

    Raises OSError when a page cannot be had, ValueError when the first one is no consent page.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout) as response:
        page, address = response.read().decode(), response.url
    form = _ConsentForm()
    form.feed(page)
    if not form.action:
        raise ValueError("that page asks for no consent")
    data = urlencode({**form.fields, "decision": decision}).encode()
    with opener.open(urljoin(address, form.action), data, timeout=timeout) as response:
        return str(response.read().decode())


if __name__ == "__main__":
    answer(sys.argv[1])
