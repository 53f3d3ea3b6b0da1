"""The commands that are timed, and the environment that they need: a keyring, the sandbox, and a signed-in profile."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.oidc import oidc_agent
from tests.bench.processes import Command
from tests.bench.scripts import BARE_SCRIPT, CACHE_FOR_WXC_SDK, WXC_SDK_REFRESH, WXC_SDK_SCRIPT
from tests.support.desktop import desktop
from tests.support.openbao import Server, dev_server, openbao_command
from tests.support.program import ACCEPTING_BROWSER, WEBEX_TOKEN, Program
from tests.support.shared_store import host, sign_in_to, store_at
from webex_token_cli.sandbox import Rules, Sandbox

PYTHON = sys.executable
PROFILE = "bench"

# What is compared with what: our command first.
PAIRS = [
    ("get", "keyring get"),
    ("get", "secret-tool lookup"),
    ("get", "python -c pass"),
    ("get", "oidc-token"),
    ("wxc_sdk get", "get"),
    ("show", "keyring get"),
    ("exec -- true", "get"),
    ("--version", "import click"),
    ("--help", "import click"),
    ("get, file store", "import click"),
    ("get, vault store", "bao kv get; import hvac"),
    ("refresh", "bare script"),
    ("wxc_sdk refresh", "refresh"),
]


@contextlib.contextmanager
def prepared_commands(folder: Path) -> Iterator[list[Command]]:
    """The commands to time, in an environment of their own below ``folder``."""
    with (
        desktop(folder / "desktop") as session,
        Sandbox(Rules(auto_approve=True)) as sandbox,
        contextlib.ExitStack() as stack,
    ):
        in_keyring = Program(
            folder / "home",
            {
                **sandbox.environment,
                **session,
                "WEBEX_TOKEN_PROFILE": PROFILE,
                "BROWSER": ACCEPTING_BROWSER,
            },
        )
        in_file = in_keyring.having(XDG_CONFIG_HOME=str(folder / "with-file-store"), WEBEX_TOKEN_STORE="file")
        for program in (in_keyring, in_file):
            done = program.run("login")
            assert done.status == 0, done.err
        cache = folder / "tokens.yml"
        _cache_for_wxc_sdk(sandbox, cache)
        agent = stack.enter_context(oidc_agent(folder / "oidc-agent", sandbox, PROFILE))
        vault = stack.enter_context(dev_server(folder / "openbao"))
        yield [
            *_baselines(in_keyring.having(**agent)),
            *_ours(in_keyring, in_file),
            *_with_vault(folder / "with-vault", vault, sandbox),
            Command("bare script", (PYTHON, "-c", BARE_SCRIPT, PROFILE), in_keyring.environment),
            Command("wxc_sdk get", (PYTHON, "-c", WXC_SDK_SCRIPT, str(cache)), in_keyring.environment),
            Command("wxc_sdk refresh", (PYTHON, "-c", WXC_SDK_REFRESH, str(cache)), in_keyring.environment),
        ]


def _baselines(program: Program) -> list[Command]:
    """What a program cannot be faster than, and what others do in its place."""
    commands = {
        "python -c pass": (PYTHON, "-c", "pass"),
        "import click": (PYTHON, "-c", "import click"),
        "keyring get": (str(WEBEX_TOKEN.with_name("keyring")), "get", "webex-token", PROFILE),
        "secret-tool lookup": ("secret-tool", "lookup", "service", "webex-token", "username", PROFILE),
        "oidc-token": ("oidc-token", PROFILE),
    }
    return [Command(name, arguments, program.environment) for name, arguments in commands.items()]


def _ours(in_keyring: Program, in_file: Program) -> list[Command]:
    lines = ["--version", "--help", "get", "show", "exec -- true", "refresh"]
    commands = [Command(line, (str(WEBEX_TOKEN), *line.split()), in_keyring.environment) for line in lines]
    return [*commands, Command("get, file store", (str(WEBEX_TOKEN), "get"), in_file.environment)]


def _with_vault(folder: Path, server: Server, sandbox: Sandbox) -> list[Command]:
    """``get`` from OpenBao, and OpenBao's own command with the import of the library that ``get`` needs."""
    sign_in_to(store_at(server), sandbox, PROFILE)
    environment = host(folder, server, WEBEX_TOKEN_PROFILE=PROFILE).environment
    both = f'"{openbao_command()}" kv get -mount=secret webex-token/{PROFILE} && "{PYTHON}" -c "import hvac"'
    return [
        Command("get, vault store", (str(WEBEX_TOKEN), "get"), environment),
        Command("bao kv get; import hvac", ("sh", "-c", both), environment),
    ]


def _cache_for_wxc_sdk(sandbox: Sandbox, path: Path) -> None:
    tokens = json.dumps(sandbox.token_response())
    subprocess.run([PYTHON, "-c", CACHE_FOR_WXC_SDK, str(path)], input=tokens.encode(), check=True)
