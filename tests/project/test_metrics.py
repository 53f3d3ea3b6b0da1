"""The documents of the metrics and the rules for alerts, held to what a watch really gives."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.documents import document
from tests.support.folders import ROOT
from tests.support.metrics import got
from tests.support.ports import free_port
from tests.support.program import Program
from tests.support.stored import DAY, age
from webex_token_cli.sandbox import Rules, Sandbox

PAGE = document(".github/docs/metrics.md").text

# What Prometheus itself records of each target.
OF_PROMETHEUS = {"up"}


class Metric(NamedTuple):
    """A metric: its type, and the labels that its samples have."""

    type: str
    labels: frozenset[str]


@pytest.fixture
def rules(redirect_uri: str) -> Rules:
    return Rules(redirect_uris=(redirect_uri,), renew_after=1)


@pytest.fixture
def metrics(signed_in: Program, sandbox: Sandbox) -> Mapping[str, Metric]:
    """All metrics of a watch that has renewed a token, by name."""
    age(signed_in, 2 * DAY)
    sandbox.advance(2)
    port = free_port()
    with signed_in.started("watch", "--metrics", f"127.0.0.1:{port}") as watch:
        watch.wait_for("renewed: ")
        text = got(port, "/metrics")[1]
    families = list(text_string_to_metric_families(text))
    assert [family.name for family in families if not family.documentation] == []
    return {
        sample.name: Metric(family.type, frozenset(sample.labels)) for family in families for sample in family.samples
    }


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_table_has_the_metrics_of_the_program(metrics: Mapping[str, Metric]) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*?) ?\| \S", section("The metrics"), re.MULTILINE)
    documented = {name: Metric(kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert documented == metrics


def test_the_names_follow_the_conventions_of_prometheus(metrics: Mapping[str, Metric]) -> None:
    for name, metric in metrics.items():
        assert re.fullmatch(r"webex_token(_[a-z]+)+", name)
        assert name.endswith("_total") == (metric.type == "counter")
    without_unit = {name for name in metrics if not name.endswith(("_total", "_seconds", "_info"))}
    assert without_unit == {"webex_token_sign_in_needed", "webex_token_store_available"}


def alerts() -> list[dict[str, Any]]:
    document = yaml.safe_load((ROOT / ".github/docs/prometheus-rules.yaml").read_text(encoding="utf-8"))
    (group,) = document["groups"]
    return list(group["rules"])


def test_the_rules_use_metrics_that_exist(metrics: Mapping[str, Metric]) -> None:
    used = {name for rule in alerts() for name in re.findall(r"\b(?:webex_token_\w+|up\b)", rule["expr"])}
    assert used - set(metrics) == OF_PROMETHEUS
    assert len(used) >= 7


def test_each_alert_says_what_it_is_and_is_in_the_table() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert all(rule["annotations"][key].endswith((".", "ago.", "`.")) for key in ("summary", "description"))
    documented = re.findall(r"^\| `(WebexToken\w+)` \|", section("Alerts"), re.MULTILINE)
    assert documented == list(dict.fromkeys(rule["alert"] for rule in alerts()))


def test_the_kinds_of_failure_are_all_documented() -> None:
    from webex_token_cli.metrics.numbers import FailureKind

    (row,) = re.findall(r"^\| `webex_token_failures_total` .*$", PAGE, re.MULTILINE)
    assert {kind.value for kind in FailureKind} <= set(re.findall(r"`(\w+)`", row))
