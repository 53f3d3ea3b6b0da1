"""What ``import`` reads: an export, changed copies of it and of a token response, and arbitrary bytes."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.support.records import ANSWER, RECORD, json_values
from webex_token_cli.store.records import as_values

SETTINGS = {
    "client_id": "client-id",
    "redirect_uri": "http://localhost:8000/oauth",
    "scopes": "spark:all spark:kms",
    "api_url": "https://webexapis.com/v1",
}
EXPORT: dict[str, Any] = json.loads(json.dumps({"version": 1, "settings": SETTINGS, "record": as_values(RECORD)}))


def without(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy without the value that the path leads to."""
    copy, parent = _copy_and_parent(document, path)
    del parent[path[-1]]
    return copy


def having(document: dict[str, Any], value: object, *path: str) -> dict[str, Any]:
    """A copy with another value where the path leads."""
    copy, parent = _copy_and_parent(document, path)
    parent[path[-1]] = value
    return copy


def _copy_and_parent(document: dict[str, Any], path: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    copy: dict[str, Any] = json.loads(json.dumps(document))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    return copy, parent


def as_bytes(offered: object) -> bytes:
    """Bytes as they are, and anything else as JSON."""
    return offered if isinstance(offered, bytes) else json.dumps(offered).encode()


_any_value = json_values | st.sampled_from([1, 2, "1", "access-1", "http://localhost/", "spark:all"])

# Arbitrary bytes, arbitrary JSON, and an export or a token response with one value changed or its end missing.
any_document = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
    json_values.map(as_bytes),
    st.tuples(st.sampled_from(sorted(EXPORT)), _any_value).map(lambda each: as_bytes(having(EXPORT, each[1], each[0]))),
    st.tuples(st.sampled_from(("record", "settings")), st.sampled_from([*EXPORT["record"], *SETTINGS]), _any_value).map(
        lambda each: as_bytes(having(EXPORT, each[2], each[0], each[1]))
    ),
    st.tuples(st.sampled_from(sorted(ANSWER)), _any_value).map(lambda each: as_bytes(having(ANSWER, each[1], each[0]))),
    st.integers(0, len(as_bytes(EXPORT))).map(lambda end: as_bytes(EXPORT)[:end]),
)
