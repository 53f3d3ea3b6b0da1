"""Imports lead downwards only, no command imports another one, and no test imports another one."""

import ast
from pathlib import Path

import pytest

import webex_token_cli
from tests.support.folders import TESTS
from webex_token_cli.main import COMMANDS, module_of

PACKAGE = Path(webex_token_cli.__file__).parent
NAME = "webex_token_cli"

# The rooms, from the top of the house to the ground. A module imports from its own room and from lower layers.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("main", ""),
    ("pytest_plugin",),
    ("testing",),
    ("token_auth",),
    ("programs",),
    ("commands",),
    ("cli",),
    ("transfer", "doctor", "metrics"),
    ("profiles",),
    ("application",),
    ("signin",),
    ("refresh",),
    ("webex",),
    ("store",),
    ("config",),
    ("service",),
    ("tokens", "system"),
    ("token_response",),
    ("errors", "times", "text", "_version"),
)

# The stand-in for Webex imports nothing of the rest, so that both cannot share a mistake. These start it.
APART = "sandbox"
STARTERS = ("commands", "testing")

# What a test imports of the sandbox. The browser is a program of its own, which tests start or call.
PUBLIC = {"webex_token_cli.sandbox", "webex_token_cli.sandbox.accepting_browser"}

# Where somebody comes in from outside, with an environment and a terminal.
ENTRANCES = {"commands", "cli", "__main__.py", "main.py", "__init__.py", "programs.py", "pytest_plugin.py"}

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix("__init__").rstrip(".")


def room(module: str) -> str:
    """The room a module is in: the folder, or the file at the top."""
    return module.partition(".")[0]


def imports(path: Path) -> set[str]:
    """The project's modules that a file imports, anywhere in it, without the package's own name."""
    found = set()
    for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "relative imports hide where a door leads"
            found.add(node.module)
    return {name.removeprefix(NAME).lstrip(".") for name in found if name.split(".")[0] == NAME}


def layer(module: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if room(module) in rooms)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_imports_from_its_own_room_and_from_lower_layers(path: Path) -> None:
    module = dotted(path)
    others = {name for name in imports(path) if room(name) != room(module)}
    if room(module) == APART:
        assert others == set()
        return
    upwards = {name for name in others - {APART} if room(name) != APART and layer(name) <= layer(module)}
    apart = {name for name in others if room(name) == APART and room(module) not in STARTERS}
    assert (upwards, apart) == (set(), set())


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = {dotted(path) for path in MODULES}
    imported = {dotted(path): imports(path) & known for path in MODULES}
    while leaves := {module for module, names in imported.items() if not names - {module}}:
        imported = {module: names - leaves for module, names in imported.items() if module not in leaves}
    assert imported == {}


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[0] == "commands"], ids=str)
def test_a_command_imports_no_other_command(path: Path) -> None:
    commands = {f"commands.{module_of(name)}" for name in COMMANDS} - {dotted(path)}
    assert imports(path) & commands == set()


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[0] not in ENTRANCES], ids=str)
def test_nobody_below_the_commands_prints_exits_or_reads_the_environment(path: Path) -> None:
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    read = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert called & {"print", "click.echo", "exit", "sys.exit", "os._exit", "os.getenv", "input"} == set()
    assert read & {"os.environ", "os.environb"} == set()


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_the_webex_package_and_the_vault_store_use_requests(path: Path) -> None:
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    uses_requests = any(name.split(".")[0] == "requests" for name in names)
    assert not uses_requests or path.parts[0] == "webex" or path.parts[:2] == ("store", "vault")


def private_parts(path: Path) -> set[str]:
    """What a test uses of the sandbox that is not its public interface."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return ({name for name in imported if name.startswith(f"{NAME}.sandbox")} - PUBLIC) | {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and ast.unparse(node.value).endswith("sandbox")
    }


def test_tests_use_the_public_interface_of_the_sandbox() -> None:
    """What the project's own tests need, other people's tests need as well. Its own units are tested from within."""
    paths = [path for path in TESTS.rglob("*.py") if path.parent != TESTS / "unit/sandbox"]
    used = {str(path.relative_to(TESTS)): private_parts(path) for path in paths}
    assert {path: parts for path, parts in used.items() if parts} == {}
