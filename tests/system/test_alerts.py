"""The rules for alerts, tried by Prometheus' own tool on the metrics that a watch gives in each situation."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.folders import ROOT
from tests.support.requirements import require

pytestmark = [pytest.mark.machine, pytest.mark.long]

RULES = ROOT / ".github/docs/prometheus-rules.yaml"

HOUR, DAY = 3600, 86400

# Times in these tests begin at 0, and the situation is looked at after two days.
AT = 2 * DAY


@dataclass
class Situation:
    """What two watches with one store report, one by one, and the alerts that this leads to.

    ``changed`` replaces the values of some series of both watches, and ``changed_of_one`` those of the first one. The
    values are in the notation of promtool; None stands for no series.
    """

    name: str
    alerts: set[str]
    changed: dict[str, str | None] = field(default_factory=dict)
    changed_of_one: dict[str, str | None] = field(default_factory=dict)


# Prometheus looks back for five minutes; a smaller step takes promtool seconds for each situation.
STEP = 300

STEPS = AT // STEP

# At every step, everything is as it should be.
WELL: dict[str, str | None] = {
    "up": f"1x{STEPS}",
    'webex_token_sign_in_needed{profile="default"}': f"0x{STEPS}",
    'webex_token_refresh_token_expiry_timestamp_seconds{profile="default"}': f"{AT + 60 * DAY}x{STEPS}",
    'webex_token_last_success_timestamp_seconds{profile="default"}': f"0+{STEP}x{STEPS}",
    "webex_token_watch_last_round_timestamp_seconds": f"0+{STEP}x{STEPS}",
    "webex_token_watch_interval_seconds": f"{HOUR}x{STEPS}",
    "webex_token_watch_max_age_seconds": f"{DAY}x{STEPS}",
    "webex_token_store_available": f"1x{STEPS}",
}

SIGN_IN, REFRESH, SUCCESS = list(WELL)[1:4]

STORE = "webex_token_store_available"

SITUATIONS = [
    Situation("all is well", set()),
    Situation("a sign-in is needed", {"WebexTokenSignInNeeded"}, {SIGN_IN: f"1x{STEPS}", SUCCESS: f"0x{STEPS}"}),
    Situation("one watch has not noticed the sign-in", set(), changed_of_one={SIGN_IN: f"1x{STEPS}"}),
    Situation("13 days are left", {"WebexTokenRefreshTokenEnds"}, {REFRESH: f"{AT + 13 * DAY}x{STEPS}"}),
    Situation("15 days are left", set(), {REFRESH: f"{AT + 15 * DAY}x{STEPS}"}),
    Situation("it is unknown how long the refresh token lives", set(), {REFRESH: None}),
    Situation("a success a day ago", set(), {SUCCESS: f"{AT - DAY - HOUR}x{STEPS}"}),
    Situation("no success for 30 hours", {"WebexTokenNoSuccess"}, {SUCCESS: f"{AT - 30 * HOUR}x{STEPS}"}),
    Situation("no success at all", {"WebexTokenNeverSucceeded"}, {SUCCESS: None}),
    Situation("only one watch had a success", set(), changed_of_one={SUCCESS: None}),
    Situation("the store is not available", {"WebexTokenStoreUnavailable"}, {STORE: f"0x{STEPS}"}),
    Situation("one watch is down", {"WebexTokenWatchDown"}, changed_of_one={**dict.fromkeys(WELL), "up": f"0x{STEPS}"}),
    Situation("there is no watch", {"WebexTokenWatchDown"}, dict.fromkeys(WELL)),
    Situation(
        "no round for four hours", {"WebexTokenWatchStalled"},
        changed_of_one={"webex_token_watch_last_round_timestamp_seconds": f"{AT - 4 * HOUR}x{STEPS}"},
    ),
]  # fmt: skip


def series_of(situation: Situation) -> list[dict[str, str]]:
    found = []
    for instance, changes in (("a", {**situation.changed, **situation.changed_of_one}), ("b", situation.changed)):
        for name, values in {**WELL, **changes}.items():
            metric, _, labels = name.partition("{")
            labels = ",".join(part for part in (f'job="webex-token",instance="{instance}"', labels.rstrip("}")) if part)
            if values is not None:
                found.append({"series": f"{metric}{{{labels}}}", "values": values})
    return found


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    require("promtool")
    return subprocess.run(["promtool", *arguments], capture_output=True, encoding="utf-8", timeout=60, check=False)


def test_prometheus_accepts_the_rules() -> None:
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS: 7 rules found" in done.stdout


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.name)
def test_a_situation_leads_to_its_alerts_and_to_no_others(situation: Situation, tmp_path: Path) -> None:
    # The number of alerts of each name that fire, as promtool's own expectation of alerts would name every label.
    expected = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(situation.alerts)]
    test = {
        "interval": f"{STEP}s",
        "input_series": series_of(situation),
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"}) > bool 0',
                "eval_time": f"{AT}s",
                "exp_samples": expected,
            }
        ],
    }
    file = tmp_path / "test.yaml"  # JSON is YAML
    document = {"rule_files": [str(RULES)], "evaluation_interval": f"{STEP}s", "tests": [test]}
    file.write_text(json.dumps(document), encoding="utf-8")
    done = promtool("test", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
