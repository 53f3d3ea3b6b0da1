"""Breaks the program under test in a way that nobody foresaw, with secrets in the exception's own words."""

import os


def _reading(text: str, entry: str) -> None:
    raise RuntimeError(f"{entry}: {text}")


def _importing(values: object, entry: str) -> None:
    raise RuntimeError(f"{entry}: {values}")


def _keeping(self: object, response: object) -> None:
    raise RuntimeError(f"{vars_of(self)} {vars_of(response)}")


def vars_of(value: object) -> dict[str, object]:
    """Every field, those that a repr hides too."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}  # type: ignore[attr-defined]


if os.environ.get("WEBEX_TOKEN_TEST_ACCIDENT") == "reading":
    from webex_token_cli.store import records

    records.decode = _reading  # type: ignore[assignment]
elif os.environ.get("WEBEX_TOKEN_TEST_ACCIDENT") == "importing":
    from webex_token_cli.store import records

    records.from_values = _importing  # type: ignore[assignment]
elif os.environ.get("WEBEX_TOKEN_TEST_ACCIDENT") == "keeping":
    from webex_token_cli.signin import finish

    finish.SignIn.keep = _keeping  # type: ignore[assignment,method-assign]
