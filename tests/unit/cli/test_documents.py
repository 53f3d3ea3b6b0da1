"""The JSON that commands print."""

from webex_token_cli.cli.documents import to_json


def test_json_names_its_version_first_and_is_in_ascii() -> None:
    assert to_json({"a": "ü"}) == '{\n  "version": 1,\n  "a": "\\u00fc"\n}'
