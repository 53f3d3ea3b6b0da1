"""The image and the manifests, held to the program: its options, its variables, its pages and its package."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.support.documents import EVERYTHING, document
from tests.support.folders import ROOT
from tests.support.requirements import require
from webex_token_cli.commands.watch import command as watch
from webex_token_cli.config.settings import STORES
from webex_token_cli.store.vault.environment import Kubernetes, read_settings

FOLDER = ROOT / ".github/docs/kubernetes"

MANIFESTS = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in FOLDER.glob("*.yaml")
    if path.name != "kustomization.yaml"
}

POD = MANIFESTS["deployment.yaml"]["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]
VARIABLES = {each["name"]: each["value"] for each in CONTAINER["env"]}


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile for the program's image, with their arguments."""
    text = (ROOT / ".github/Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    text = re.sub(r"^FROM \S+ AS sandbox\n.*?(?=^FROM )", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, arguments) for name, _, arguments in (line.partition(" ") for line in lines)]


def arguments_of(name: str) -> list[str]:
    return [arguments for each, arguments in instructions() if each == name]


# The image.


def test_the_image_runs_watch_as_a_user_without_rights() -> None:
    assert (json.loads(arguments_of("ENTRYPOINT")[0]), json.loads(arguments_of("CMD")[0])) == (
        ["webex-token"],
        ["watch"],
    )
    assert arguments_of("STOPSIGNAL") == ["SIGTERM"]
    user, group = map(int, arguments_of("USER")[0].split(":"))
    assert min(user, group) > 1000


def test_the_image_has_the_program_with_its_extras_and_nothing_of_the_folder_besides() -> None:
    copied = " ".join(each for each in arguments_of("COPY") if not each.startswith("--from=build")).split()
    files = {each for each in copied if not each.startswith("/")}
    assert files == {"pyproject.toml", "README.md", "LICENSE", "webex_token_cli", ".github/packaging/man"}
    (extras,) = re.findall(r"/source\[(.*)\]", " ".join(arguments_of("RUN")))
    assert set(extras.split(",")) == {"metrics", "vault"}
    # The last stage takes one layer from the first.
    assert [each for each in arguments_of("COPY") if each.startswith("--from=")] == [
        "--from=build /opt/webex-token /opt/webex-token"
    ]
    last = [name for name, _ in instructions()][::-1]
    assert "RUN" not in last[: last.index("FROM")]


def test_the_image_is_built_from_a_tag_that_supports_the_program() -> None:
    assert {each.split()[0] for each in arguments_of("FROM")} == {"docker.io/library/python:3.13-slim"}


# The manifests.


def test_each_manifest_is_applied_and_described() -> None:
    applied = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert set(applied) == set(MANIFESTS)
    text = document(".github/docs/kubernetes/README.md").text
    assert [path.name for path in FOLDER.iterdir() if f"[{path.name}]" not in text and path.name != "README.md"] == []


def test_kubectl_reads_the_manifests() -> None:
    require("kubectl")
    kubectl = shutil.which("kubectl")
    assert kubectl is not None
    done = subprocess.run([kubectl, "kustomize", str(FOLDER)], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    built = {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(done.stdout)}
    assert built == {(each["kind"], "webex-token") for each in MANIFESTS.values()}


def test_the_arguments_are_options_of_watch() -> None:
    name, *arguments = CONTAINER["args"]
    assert name == "watch"
    with watch.make_context("watch", list(arguments), resilient_parsing=False) as context:
        assert context.params["metrics"] == f"0.0.0.0:{port()}"
        assert context.params["log_format"] == "json"


def port() -> int:
    (found,) = [each["containerPort"] for each in CONTAINER["ports"] if each["name"] == "metrics"]
    return int(found)


def test_the_variables_are_those_of_the_program_and_lead_to_the_store() -> None:
    assert [name for name in VARIABLES if f"`{name}`" not in EVERYTHING] == []
    assert VARIABLES["WEBEX_TOKEN_STORE"] in STORES
    settings = read_settings(VARIABLES)
    assert isinstance(settings.login, Kubernetes)
    assert (settings.mount, settings.prefix) == ("secret", "webex-token")
    mounts = {each["mountPath"]: each["name"] for each in CONTAINER["volumeMounts"]}
    volumes = {each["name"]: each for each in POD["spec"]["volumes"]}
    token = volumes[mounts[str(settings.login.token_file.parent)]]
    assert token["projected"]["sources"][0]["serviceAccountToken"]["path"] == settings.login.token_file.name
    assert settings.certificates.authority is not None
    assert "configMap" in volumes[mounts[str(settings.certificates.authority.parent)]]


@pytest.mark.parametrize(
    ("probe", "path"), [("livenessProbe", "/livez"), ("readinessProbe", "/readyz"), ("startupProbe", "/livez")]
)
def test_the_probes_ask_pages_that_the_watch_serves(probe: str, path: str) -> None:
    assert CONTAINER[probe]["httpGet"] == {"path": path, "port": "metrics"}
    assert f"| `{path}` |" in document(".github/docs/metrics.md").text


def test_the_pods_are_found_by_their_labels() -> None:
    labels = POD["metadata"]["labels"]
    deployment, service, monitor = (
        MANIFESTS[name]["spec"] for name in ("deployment.yaml", "service.yaml", "servicemonitor.yaml")
    )
    assert deployment["selector"]["matchLabels"] == service["selector"] == labels
    assert monitor["selector"]["matchLabels"] == MANIFESTS["service.yaml"]["metadata"]["labels"]
    assert [each["port"] for each in monitor["endpoints"]] == [each["name"] for each in service["ports"]] == ["metrics"]
    assert [(each["port"], each["targetPort"]) for each in service["ports"]] == [(port(), "metrics")]
    assert POD["spec"]["serviceAccountName"] == MANIFESTS["serviceaccount.yaml"]["metadata"]["name"]


def test_the_alert_for_a_watch_that_is_down_names_the_job_that_the_service_gives() -> None:
    rules = (ROOT / ".github/docs/prometheus-rules.yaml").read_text(encoding="utf-8")
    assert f'up{{job="{MANIFESTS["service.yaml"]["metadata"]["name"]}"}}' in rules


def test_the_pods_have_no_more_rights_than_the_namespace_admits() -> None:
    pod: dict[str, Any] = POD["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    user = f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}"
    assert [user] == arguments_of("USER")
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert MANIFESTS["deployment.yaml"]["spec"]["replicas"] == 2
