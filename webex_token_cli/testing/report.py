"""What a failing test's report says about the sandbox. Secrets appear by their names only."""

from collections.abc import Iterator, Sequence
from typing import Any

from webex_token_cli.sandbox import Answer, Fault
from webex_token_cli.testing.webex import Webex

# Longer bodies are cut. A token response is shorter, because its tokens are replaced by their names.
_LONGEST_BODY = 600


def never_came(faults: Sequence[Fault | Answer]) -> str:
    """The sentences about faults that no request has met."""
    named = "\n".join(f"  {fault}" for fault in faults)
    first = "A fault was ordered and never came" if len(faults) == 1 else "Faults were ordered and never came"
    return (
        f"{first}:\n{named}\n"
        "No request that it is about arrived during the test. Order it with required=False if that is right."
    )


def title(webex: Webex) -> str:
    """The title of the section."""
    number = len(webex.journal)
    return f"Webex sandbox: {number} {'request' if number == 1 else 'requests'}"


def transcript(webex: Webex) -> str:
    """What was ordered, and each request with its answer, with every secret replaced by its name."""
    ordered = [f"fault {fault} came {fault.came} of {fault.times}" for fault in webex.faults]
    return "\n".join([*ordered, *(line for entry in webex.journal for line in _lines(webex.marked(entry)))])


def _lines(entry: dict[str, Any]) -> Iterator[str]:
    answer = entry["answer"]
    query = f"?{entry['query']}" if entry["query"] else ""
    yield " ".join(filter(None, (entry["method"], f"{entry['path']}{query}", _status(answer), entry["outcome"])))
    yield from (f"  > {text}" for text in (_authorization(entry["headers"]), _short(entry["body"])) if text)
    yield from (f"  < {name}: {value}" for name, value in answer["headers"].items())
    if answer["body"]:
        yield f"  < {_short(answer['body'])}"


def _status(answer: dict[str, Any]) -> str:
    return str(answer["status"] or "(no answer)")


def _authorization(headers: dict[str, str]) -> str:
    value = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    return f"Authorization: {value}" if value else ""


def _short(body: str) -> str:
    if body.startswith("<"):
        return f"(a page of {len(body)} characters)"
    return body if len(body) <= _LONGEST_BODY else f"{body[:_LONGEST_BODY]}… ({len(body)} characters)"
