"""The page about the plugin: its examples are run, and print what it says."""

import re

import pytest

from tests.support.documents import block, document
from tests.support.suites import Suite
from webex_token_cli.testing import Webex

# What differs from run to run.
_VARYING = [
    (re.compile(r"(?<=client_id=)C[0-9a-f]{64}"), "C…"),
    (re.compile(r"(?<=ROUTER_)[0-9A-F-]+"), "…"),
]


def examples() -> dict[str, str]:
    """The modules on the page, by the name in their first line."""
    found = re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```$", page(), re.MULTILINE | re.DOTALL)
    return dict(found)


def page() -> str:
    return document(".github/docs/pytest-plugin.md").text


def settled(text: str) -> str:
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text


# The tests that fail to show how that looks: their block, and the block of what they print.
FAILING = [
    ("a fault that never came", "what a fault that never came prints"),
    ("a failure and its journal", "what a failure and its journal print"),
]


@pytest.fixture
def page_suite(suite: Suite) -> Suite:
    suite.holds(**examples())
    return suite


@pytest.mark.long
def test_the_examples_of_the_page_pass_side_by_side_without_a_warning(page_suite: Suite) -> None:
    shown = [block(name, "python") for name, _ in FAILING]
    files = [re.findall(r"^# (\w+)\.py", each)[0] for each in shown]
    passing = [text for name, text in examples().items() if name not in files]
    number = len(re.findall(r"^(?:async )?def test_", "".join(passing), re.MULTILINE))
    assert number >= 15
    page_suite.run("-n", "2", *(f"--ignore={name}.py" for name in files), passed=number)


@pytest.mark.parametrize(("name", "output"), FAILING)
def test_a_failing_example_prints_what_the_page_says(page_suite: Suite, name: str, output: str) -> None:
    file = re.findall(r"^# (\w+\.py)", block(name, "python"))[0]
    number = block(name, "python").count("\ndef test_")
    printed = page_suite.run(file, failed=1, passed=number - 1)
    assert block(output, "text") in settled(printed)


def test_the_names_in_the_table_are_those_of_the_fixture() -> None:
    rows = re.findall(r"^\| (`.*) \| .* \|$", page(), re.MULTILINE)
    names = re.findall(r"`(\w+)", " ".join(rows))
    assert len(names) >= 20
    assert [name for name in names if not hasattr(Webex, name) and name != "home"] == []
