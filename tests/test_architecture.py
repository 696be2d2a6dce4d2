"""The house keeps its shape: imports run downwards, heavy libraries stay out of `import adlab`, public names are complete."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import adlab

PACKAGE = Path(adlab.__file__).parent
LAYERS = {
    "errors": 0,
    "ir": 1,
    "primitives": 2,
    "algebra": 3,
    "scopes": 4,
    "frontends": 4,
    "functions": 4,
    "transforms": 5,
    "compiler": 6,
    "methods": 6,
    "derivatives": 7,
    "custom": 7,
    "updates": 7,
    "control": 7,
    "series": 7,
    "reports": 7,
    "render": 8,
    "graphs": 9,
    "api": 9,
    "compiling": 9,
    "judges": 9,
    "figures": 9,
    "nn": 9,
    "__init__": 10,
    "testing": 10,
    "cli": 10,
    "__main__": 11,
}
HEAVY = ("sympy", "scipy", "networkx", "matplotlib", "llvmlite", "graphviz", "mpmath", "rich", "click")
FILES = sorted(PACKAGE.rglob("*.py"))


def layer_of(module: str) -> int:
    parts = module.split(".")
    return LAYERS.get(parts[1], LAYERS["__init__"]) if len(parts) > 1 else LAYERS["__init__"]


def imported_modules(path: Path) -> list[str]:
    """Every adlab module that a file imports, at any depth of its code, type-checking blocks left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = [ast.Pass()]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found += [
                f"{node.module}.{alias.name}" if node.module == "adlab" else node.module
                for alias in node.names
            ]
    return [name for name in found if name.split(".")[0] == "adlab"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downwards(path: Path) -> None:
    here = path.relative_to(PACKAGE).with_suffix("").parts
    own = LAYERS[here[0]]
    for module in imported_modules(path):
        assert layer_of(module) <= own, (
            f"{'/'.join(here)} (layer {own}) imports {module} (layer {layer_of(module)})"
        )


def test_every_file_has_a_layer() -> None:
    assert {p.relative_to(PACKAGE).with_suffix("").parts[0] for p in FILES} <= set(LAYERS)


def test_import_adlab_brings_no_heavy_library() -> None:
    code = f"import sys, adlab; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_trace_command_brings_no_symbolic_library() -> None:
    code = (
        "import sys\nfrom adlab.cli.main import main\n"
        "sys.argv = ['adlab', 'trace', 'ln(x1) + x1*x2 - sin(x2)', 'x1=2', 'x2=5']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('sympy', 'scipy', 'networkx', 'matplotlib') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_public_names_are_complete() -> None:
    for name in adlab.__all__:
        assert getattr(adlab, name) is not None
    assert sorted(set(adlab.__all__)) == sorted(adlab.__all__)
    promised = "graph trace draw compare check grad value_and_grad jacobian hessian jvp vjp hvp grad_graph scope Graph"
    assert set(promised.split()) <= set(adlab.__all__)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_evaluation_of_strings(path: Path) -> None:
    names = {
        n.func.id
        for n in ast.walk(ast.parse(path.read_text()))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    }
    assert not names & {"eval", "exec", "globals"}
