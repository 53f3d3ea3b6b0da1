"""The image's steps in an empty folder, and the program from there as the image runs it: without rights or a home."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.folders import ROOT
from tests.support.metrics import got, scraped
from tests.support.openbao import Server
from tests.support.ports import free_port
from tests.support.program import Program, wait_until
from tests.support.requirements import ON_CI
from tests.support.stored import DAY

pytestmark = [pytest.mark.machine, pytest.mark.long]

CONTAINERFILE = (ROOT / ".github/Containerfile").read_text(encoding="utf-8")

DEPLOYMENT = yaml.safe_load((ROOT / ".github/docs/kubernetes/deployment.yaml").read_text(encoding="utf-8"))

# The whole disk is read-only for the program, as in the Deployment, and it is neither root nor the owner of anything.
WITHOUT_RIGHTS = """
mount -o remount,bind,ro /
exec setpriv --reuid 10001 --regid 10001 --clear-groups --bounding-set=-all --no-new-privs "$@"
"""


def _python_for_everybody() -> str | None:
    """A Python of this version that every user can run, unlike one in somebody's home folder."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (f"/usr/local/bin/{name}", f"/usr/bin/{name}"):
        if Path(found).exists() and not Path(found).resolve().is_relative_to("/root"):
            return found
    return None


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The folder that the image has as /opt/webex-token, made by the Containerfile's own steps."""
    python = _python_for_everybody()
    if os.getuid() != 0 or python is None:
        assert not ON_CI
        pytest.skip("only root can become another user, and that user needs a Python")
    # Other users can enter this folder, unlike those of pytest.
    with tempfile.TemporaryDirectory() as made:
        top = Path(made)
        top.chmod(0o755)
        source, opt = top / "source", top / "opt"
        source.mkdir()
        build = CONTAINERFILE.split("\nFROM ")[1]
        for words in re.findall(r"^COPY (.*)$", build, re.MULTILINE):
            *files, target = words.split()
            for name in files:
                to = source / Path(target).relative_to("/source") / (name if target.endswith("/") else "")
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, to)
                else:
                    shutil.copy(ROOT / name, to)
        for step in re.findall(r"^RUN (.*)$", build, re.MULTILINE):
            command = step.replace("/opt/webex-token", str(opt)).replace("/source", str(source))
            # The image has one Python. Here, the one that other users can run may have no pip.
            command = re.sub(r"^python (?=-m pip)", f"{sys.executable} ", command)
            command = re.sub(r"^python ", f"{python} ", command)
            done = subprocess.run(["sh", "-c", command], capture_output=True, encoding="utf-8", check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "does not provide the extra" not in done.stderr
        shutil.rmtree(source)
        yield opt


def in_image(image: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """The program in the image, as the image's user, to whom no folder belongs."""
    environment = {
        "PATH": f"{image / 'bin'}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "WEBEX_TOKEN_HOME": "/nonexistent/home",
        **variables,
    }
    return subprocess.Popen(
        ["unshare", "--mount", "sh", "-euc", WITHOUT_RIGHTS, "sh", str(image / "bin/webex-token"), *arguments],
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


SANDBOX = next(stage for stage in CONTAINERFILE.split("\nFROM ") if " AS sandbox\n" in stage)


def words_of(instruction: str, port: int) -> list[str]:
    """The command of an instruction in the sandbox's stage, with another port."""
    (text,) = re.findall(rf"^{instruction} [^\[]*(\[.*\])$", SANDBOX, re.MULTILINE)
    return [word.replace("8080", str(port)) for word in json.loads(text)]


def test_the_sandboxs_image_answers_and_tells_its_health(image: Path) -> None:
    port = free_port()
    program, *arguments = words_of("ENTRYPOINT", port)
    python, *check = words_of("HEALTHCHECK", port)
    assert (program, python) == ("webex-token", "python")

    def is_healthy() -> bool:
        command = [str(image / "bin/python"), *check]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert not is_healthy()
    process = in_image(image, *arguments, "--fault", "people=503")
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["url"] == f"http://127.0.0.1:{port}"
        assert is_healthy()
        assert got(port, "/v1/people/me")[0] == 503
        process.send_signal(getattr(signal, re.findall(r"^STOPSIGNAL (\w+)$", SANDBOX, re.MULTILINE)[0]))
        assert ended(process)[0] == 130
    finally:
        process.kill()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    out, _ = process.communicate(timeout=60)
    return process.returncode, out


def test_it_starts_without_a_home_folder(image: Path) -> None:
    assert ended(in_image(image, "--version"))[0] == 0
    status, out = ended(in_image(image, "watch"))
    assert (status, out) == (3, "Error: No profile is stored.\nSign in with `webex-token login`.\n")


def test_it_has_its_modules_compiled_and_neither_pip_nor_the_source(image: Path) -> None:
    assert not list(image.rglob("pip"))
    (package,) = image.glob("lib/python*/site-packages/webex_token_cli")
    assert len(list(package.rglob("*.pyc"))) == len(list(package.rglob("*.py")))
    assert (package.parent / "hvac").is_dir()
    assert (package.parent / "prometheus_client").is_dir()


def test_the_deployments_watch_runs_there_and_needs_no_place_to_write(
    image: Path, program: Program, openbao: Server
) -> None:
    path = {"WEBEX_TOKEN_STORE": "vault", "WEBEX_TOKEN_VAULT_PATH": f"{openbao.mount()}/webex-token"}
    assert program.having(**openbao.environment, **path).run("login").status == 0
    (container,) = DEPLOYMENT["spec"]["template"]["spec"]["containers"]
    port = free_port()
    arguments = [each.replace("0.0.0.0:9464", f"127.0.0.1:{port}") for each in container["args"]]
    watch = in_image(image, *arguments, **openbao.environment, **path)
    try:
        wait_until(lambda: watch.poll() is not None or is_ready(port))
        assert watch.poll() is None, ended(watch)
        assert scraped(port)["webex_token_watch_max_age_seconds"] == DAY
        assert 'profile="default"' in got(port, "/metrics")[1]
        watch.send_signal(signal.SIGTERM)
        status, out = ended(watch)
    finally:
        watch.kill()
    assert (status, '"event": "fresh"' in out, "Warning" in out) == (0, True, False), out


def is_ready(port: int) -> bool:
    with contextlib.suppress(OSError):
        return got(port, "/readyz") == (200, "ok\n")
    return False
