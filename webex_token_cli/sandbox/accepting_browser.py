"""A minimal browser that opens the sandbox's consent page and presses Accept, over real HTTP.

``python -m webex_token_cli.sandbox.accepting_browser %s`` can be the value of ``BROWSER``. It understands the pages
of the sandbox and no others, so it cannot consent to anything at Webex.
"""

import sys
import urllib.request
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin


class ConsentForm(HTMLParser):
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


def answer(url: str, decision: str = "accept", timeout: float = 30.0) -> str:
    """Open ``url``, press the button and follow every redirect. Returns the text of the last page.

    ``decision`` is the value of the button, ``accept`` or ``deny``; ``timeout`` is in seconds for each request.
    Raises OSError if a page cannot be fetched, and ValueError if the page at ``url`` asks for no consent.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout) as response:
        page, address = response.read().decode(), response.url
    form = ConsentForm()
    form.feed(page)
    if not form.action:
        raise ValueError(f"The page at {address} has no form that asks for consent.")
    data = urlencode({**form.fields, "decision": decision}).encode()
    with opener.open(urljoin(address, form.action), data, timeout=timeout) as response:
        return str(response.read().decode())


if __name__ == "__main__":
    answer(sys.argv[1])
