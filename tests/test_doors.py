"""The imports keep to the doors: from the verbs downwards, never up, never sideways between verbs."""

import ast
from pathlib import Path

import pytest

import webex_token_cli
from webex_token_cli.cli import VERBS, module_of

PACKAGE = Path(webex_token_cli.__file__).parent
NAME = "webex_token_cli"

# A room, and the rooms that its doors lead to. Whatever is not named here is shut.
GROUND = {"", "bounded", "errors", "output", "times", "tokens", "files", "signals"}
DOORS: dict[str, set[str]] = {
    "": {"commands.fresh", "commands.shared", "errors", "profiles"},
    "__main__": {"cli"},
    "cli": {"", "commands.shared", "errors"},
    "commands": {
        "signin",
        "refresher",
        "watcher",
        "webex",
        "store",
        "profiles",
        "sandbox",
        "notify",
        "service",
        "checks",
        "child",
        *GROUND,
    },
    "checks": {"signin", "webex", "store", "profiles", *GROUND},
    "signin": {"webex", "store", "profiles", *GROUND},
    "watcher": {"refresher", "profiles", *GROUND},
    "refresher": {"store", "profiles", *GROUND},
    "webex": {"answers", "profiles", *GROUND},
    "answers": {"errors", "output", "tokens"},
    "store": GROUND,
    "profiles": {"errors", "files"},
    "service": {"errors", "files", "output"},
    "notify": {"output"},
    "tokens": {"times"},
    "output": set(),
    "times": set(),
    "errors": set(),
    "bounded": set(),
    "child": {"errors", "output"},
    "files": set(),
    "signals": set(),
    "sandbox": set(),
}

# Where somebody comes in from outside, with an environment: the command, and access_token() in __init__.py.
ENTRANCES = {"commands", "cli.py", "__init__.py"}

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


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_imports_only_through_its_doors(path: Path) -> None:
    module = dotted(path)
    allowed = DOORS[room(module)]
    shut = {
        name
        for name in imports(path)
        if name not in allowed and room(name) not in allowed and room(name) != room(module)
    }
    assert shut == set()


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[0] == "commands"], ids=str)
def test_a_verb_imports_no_other_verb(path: Path) -> None:
    verbs = {f"commands.{module_of(verb)}" for verb in VERBS} - {dotted(path)}
    assert imports(path) & verbs == set()


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[0] not in ENTRANCES], ids=str)
def test_nobody_below_the_verbs_prints_exits_or_reads_the_environment(path: Path) -> None:
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    read = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert called & {"print", "click.echo", "exit", "sys.exit", "os._exit", "os.getenv", "input"} == set()
    assert read & {"os.environ", "os.environb"} == set()


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_webex_speaks_http_to_webex(path: Path) -> None:
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    uses_requests = any(name.split(".")[0] == "requests" for name in names)
    assert uses_requests == (path == Path("webex.py"))
