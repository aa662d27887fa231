"""The tiers of the design, enforced on every import, and what no file of annlib may do."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import annlib

ROOT = Path(annlib.__file__).parent
MAX_LINES = 340

TIERS = {
    "_version": 0,
    "core": 0,
    "plots": 0.5,  # draws arrays, records and what it is handed
    "activations": 1,
    "initializers": 1,
    "regularizers": 1,
    "constraints": 1,
    "losses": 1,
    "metrics": 1,
    "optimizers": 1,
    "schedules": 1,
    "callbacks": 1,
    "data": 1,
    "datasets": 1,
    "versions": 1,
    "utils": 2,  # re-exports
    "reference": 1,  # reads core's types only; the trace compares itself with it
    "layers": 2,
    "formulas": 2.2,
    "tracing": 2.5,  # a model hands itself over
    "models": 3,
    "estimators": 4,
    "tools": 4,
    "parallel": 4,
    "": 5,  # the package itself
    "testing": 6,  # nothing imports it
    "__main__": 6,  # the command
}

FILES = sorted(ROOT.rglob("*.py"))
PACKAGES = sorted(path.parent for path in FILES if path.name == "__init__.py")
each_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in FILES}


class Import(NamedTuple):
    """One module that a file imports, and whether only a type checker sees it."""

    name: str
    line: int
    typing: bool


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[Import]:
    """Every module imported anywhere in a file; names taken from a package count as its modules."""

    def visit(node: ast.AST, typing: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.body:
                yield from visit(child, True)
            for child in node.orelse:
                yield from visit(child, typing)
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, typing)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module_name(path).split(".")
                package = package if path.name == "__init__.py" else package[:-1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, *([base] if base else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(inner if inner in MODULES else base, node.lineno, typing)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, typing)

    yield from visit(tree_of(path), False)


def place(module: str) -> str:
    """The package of annlib that a module is in: "annlib.layers.dense" is in "layers"."""
    return [*module.split("."), ""][1]


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """What a file calls, as it is written: ``print``, ``np.random.seed``."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


# -- arrows point down -----------------------------------------------------------------------------


def test_every_module_has_a_tier():
    assert {place(module) for module in MODULES} <= TIERS.keys()


#: Names that Keras scripts use for what has its place elsewhere: nothing but the import.
RE_EXPORTS = {"annlib.optimizers.schedules": "annlib.schedules", "annlib.utils": None}


@pytest.mark.parametrize("module", RE_EXPORTS)
def test_re_exports_are_nothing_else(module):
    tree = tree_of(ROOT.parent / Path(*module.split(".")).with_suffix(".py"))
    assert {type(node) for node in tree.body} == {ast.Expr, ast.ImportFrom, ast.Assign}


def wrong_arrows(path: Path) -> list[str]:
    here = place(module_name(path))
    wrong = []
    for found in imports(path):
        if found.name.split(".")[0] != "annlib":
            continue
        there = place(found.name)
        same_package = here == there or RE_EXPORTS.get(module_name(path)) == found.name
        down = TIERS[there] < TIERS[here]
        if not (same_package or down):
            wrong.append(f"line {found.line}: {here} imports {found.name}")
    return wrong


@each_file
def test_arrows_point_down(path):
    """Tier-1 families do not import each other: an arrow to the same tier is no arrow down."""
    assert wrong_arrows(path) == []


def test_an_arrow_up_is_noticed_wherever_it_hides(tmp_path, monkeypatch):
    folder = ROOT / "optimizers"
    for line in (
        "from annlib import Sequential",
        "from annlib.layers import Dense",
        "from annlib import layers",
        "import annlib.models.sequential",
        "from annlib.losses.base import Loss",
        "from ..schedules import base",
        "from .. import losses",
        "def f():\n    from annlib.models import Sequential",
        "if TYPE_CHECKING:\n    from annlib.models import Sequential",
        "class A:\n    def f(self):\n        if x:\n            import annlib",
    ):
        path = folder / "not_there.py"
        monkeypatch.setattr(
            sys.modules[__name__], "tree_of", lambda path, line=line: ast.parse(line)
        )
        assert wrong_arrows(path), line
    for line in (
        "from annlib.core import numerics",
        "from annlib.optimizers.base import Optimizer",
    ):
        monkeypatch.setattr(
            sys.modules[__name__], "tree_of", lambda path, line=line: ast.parse(line)
        )
        assert not wrong_arrows(folder / "not_there.py"), line


@each_file
def test_within_a_package_nothing_imports_the_package(path):
    """``from annlib.layers import Dense`` inside layers would be a circle; modules are named."""
    here = module_name(path)
    package = here if path.name == "__init__.py" else here.rpartition(".")[0]
    if path.name == "__init__.py" or package == "annlib":
        return
    assert [f.line for f in imports(path) if f.name == package and not f.typing] == []


def test_no_circles_at_run_time():
    """Every import that runs, as a graph of modules, has an order."""
    graph = {
        module_name(path): {
            found.name for found in imports(path) if found.name in MODULES and not found.typing
        }
        for path in FILES
        if path.name != "__init__.py"
    }
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join([*above, module])
        if module not in done:
            for inner in sorted(graph.get(module, ())):
                visit(inner, (*above, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())


# -- what is written, and where --------------------------------------------------------------------


@each_file
def test_files_are_short_and_have_a_noun_as_their_name(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_LINES, f"{lines} lines"
    name = module_name(path)
    if name not in RE_EXPORTS:
        assert not {"utils", "util", "helpers", "misc", "common"} & set(name.split("."))


@each_file
def test_every_module_says_what_it_is(path):
    if path.read_text(encoding="utf-8").strip():
        assert ast.get_docstring(tree_of(path)), "no docstring"


MAY_PRINT = {"versions.py", "callbacks/progress.py", "callbacks/monitor.py", "__main__.py"}


@each_file
def test_only_progress_prints(path):
    printing = [line for name, line in calls(path) if name == "print"]
    assert not printing or path.relative_to(ROOT).as_posix() in MAY_PRINT


# RandomState with a seed is a generator of its own too: the one of Keras' data sets.
GENERATORS = {"Generator", "PCG64", "SeedSequence", "default_rng", "RandomState"}


@each_file
def test_nothing_draws_from_numpys_global_generator(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("np.random"):
            assert node.attr in GENERATORS, f"line {node.lineno}: np.random.{node.attr}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numpy.random"):
            assert {alias.name for alias in node.names} <= GENERATORS
    assert not any(found.name == "random" for found in imports(path)), "the standard library's"


FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "marshal",
    "shelve",
    "runpy",
    "imp",
}
FORBIDDEN_CALLS = {"eval", "exec", "__import__", "compile", "os.system", "input"}


MAY_IMPORT = {"__init__.py", "core/registry.py"}  # annlib's own packages, from a fixed table
MAY_PICKLE = {"testing/configuration.py"}  # what it has pickled itself, in memory


@each_file
def test_nothing_runs_what_a_file_says(path):
    """A model file is data: nothing is unpickled, evaluated or imported by its name."""
    if path.relative_to(ROOT).as_posix() not in MAY_PICKLE:
        assert not {found.name.split(".")[0] for found in imports(path)} & FORBIDDEN_MODULES
    for name, line in calls(path):
        last = name.rpartition(".")[2]
        assert name not in FORBIDDEN_CALLS, f"line {line}: {name}"
        if path.relative_to(ROOT).as_posix() not in MAY_IMPORT:
            assert last != "import_module", f"line {line}: {name}"
        assert last not in ("exec_module", "find_class"), f"line {line}: {name}"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.unparse(node.value) == "False"


MAY_HAND_OVER = {"data/prefetch.py"}  # an error, to the thread that asks


@each_file
def test_no_error_is_swallowed(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = "BaseException" if node.type is None else ast.unparse(node.type)
            silent = all(
                isinstance(statement, ast.Pass | ast.Continue)
                or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
                for statement in node.body
            )
            broad = {"Exception", "BaseException"} & set(caught.strip("()").split(", "))
            assert not (silent and broad), f"line {node.lineno}"
            # What is caught broadly is raised again.
            if broad and path.relative_to(ROOT).as_posix() not in MAY_HAND_OVER:
                raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                assert raises, f"line {node.lineno}: except {caught} without raise"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = {ast.unparse(argument) for argument in node.args}
            assert not caught & {"Exception", "BaseException"}, f"line {node.lineno}"


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda p: str(p.relative_to(ROOT.parent)))
def test_all_is_what_is_public(folder):
    """``__all__`` names what the package's file binds without an underscore, no more, no less."""
    path = folder / "__init__.py"
    bound: set[str] = set()
    for node in tree_of(path).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("annlib"):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            bound |= {ast.unparse(target) for target in node.targets}
        elif isinstance(node, ast.AnnAssign):
            bound.add(ast.unparse(node.target))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
    bound = {name for name in bound if not name.startswith("_")}
    package = importlib.import_module(module_name(path))
    listed = getattr(package, "__all__", [])
    assert sorted(set(listed)) == sorted(listed)
    lazy = set(getattr(package, "_LAZY", ()))  # loaded when first asked for
    assert {name for name in listed if not name.startswith("_")} == (bound | lazy)
    for name in listed:
        assert hasattr(package, name)


# -- what `import annlib` costs --------------------------------------------------------------------

HEAVY = ("scipy", "sklearn", "tqdm", "safetensors", "pandas", "matplotlib", "joblib", "IPython")


@functools.cache
def loaded_by(statement: str) -> frozenset[str]:
    """The modules that a fresh process has loaded after this statement."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return frozenset(json.loads(run.stdout))


def test_import_annlib_loads_numpy_and_nothing_heavier():
    more = loaded_by("import annlib") - loaded_by("import numpy")
    tops = {name.split(".")[0] for name in more}
    assert not tops & set(HEAVY)
    assert {name for name in more if name.startswith("numpy")} == set()
    third_party = tops - set(sys.stdlib_module_names) - {"annlib"}
    assert third_party == set()


def test_a_model_trains_and_predicts_without_the_heavy_ones():
    train = (
        "import numpy as np, annlib\n"
        "model = annlib.Sequential([annlib.layers.Dense(2, 'softmax')], seed=0)\n"
        "model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])\n"
        "model.fit(np.ones((4, 3)), np.array([0, 1, 0, 1]), verbose=0)\n"
        "model.predict(np.ones((4, 3)))"
    )
    assert not {name.split(".")[0] for name in loaded_by(train)} & set(HEAVY)


def test_every_module_can_be_imported_first():
    """No module works only because another was imported before it."""
    names = sorted(module for module in MODULES if not module.endswith("__main__"))
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    for loaded in [m for m in sys.modules if m.split('.')[0] == 'annlib']:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
