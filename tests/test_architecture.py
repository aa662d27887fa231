"""The levels of the design, enforced on every import, and what no file of annlib may do."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

import annlib
from annlib.core import registry

ROOT = Path(annlib.__file__).parent

#: The house, from the ground up: a package imports only from lower levels.
LEVELS: tuple[set[str], ...] = (
    {"_version", "core"},
    {
        *("activations", "constraints", "initializers", "losses", "metrics", "regularizers"),
        *("data", "datasets", "plots", "reference", "schedules", "versions"),
    },
    {"backend", "callbacks", "config", "formulas", "layers", "optimizers", "utils"},
    {"network"},
    {"compiling", "training"},
    {"graph", "saving", "tracing"},
    {"models"},
    {"estimators", "export", "parallel", "testing", "tools", "typing"},
    {""},  # the package itself
    {"__main__"},  # the command
)
LEVEL_OF = {package: level for level, packages in enumerate(LEVELS) for package in packages}

#: The few arrows between packages of one level, also those through the registries.
ACROSS = {
    ("metrics", "losses"),  # the mean of a loss as a metric
    ("parallel", "estimators"),  # a perceptron, fitted on the rows of a cluster
    ("compiling", "training"),  # an objective, as machine code
    # explain finds a part of any family by its name
    *(("formulas", family) for family in ("callbacks", "layers", "optimizers")),
}

# More lines of code are a sign to look whether a file holds two ideas, not a reason to cut one.
SIGN = 250
LOOKED_AT: dict[str, str] = {
    "compiling/codegen.py": "one class: the text of a function, note by note",
    "compiling/products.py": "one idea: a product of matrices, block by block",
    "compiling/recording.py": "one idea: arrays that note, and their recorder",
    "compiling/step.py": "one class: a step, its notes, its program, and what trusts it",
    "core/checks.py": "one check for each kind of argument",
    "core/config.py": "one class: the constructor's arguments, and what guards them",
    "core/out_of_scope.py": "one table: names of Keras, and what to do without them",
    "estimators/estimator.py": "one class: what all estimators do",
    "estimators/hidden.py": "one class: a hidden layer as features, of whatever has one",
    "estimators/perceptron/perceptron.py": "one class: the steps of a fit, and what it leaves",
    "estimators/sequential/fitting.py": "one class: the steps of a fit, and what it leaves",
    "estimators/tabular/tabular.py": "one class: the steps of a fit, and what it leaves",
    "graph/source_writer.py": "one class: a graph as loops, and where its numbers lie",
    "graph/symbol.py": "one idea: arrays without numbers, and what NumPy may do with them",
    "layers/base.py": "one class: what a layer is",
    "layers/batch_normalization.py": "one class: statistics of the batch, and moving ones",
    "layers/columns.py": "one class: chains, their columns, and their results side by side",
    "losses/base.py": "one class, and the losses of vectors",
    "metrics/base.py": "one class, and the means of which most metrics are",
    "models/sequential.py": "one class: a stack of layers, with what a user does with it",
    "models/trainer.py": "one class: compile, fit, evaluate, predict",
    "network/network.py": "one class",
    "optimizers/base.py": "one class",
    "saving/container.py": "one format: its bytes, and what is refused of them",
    "tracing/reader.py": "one class: the right side of a line, a rule of its grammar a method",
    "training/compiled.py": "one class: what compile made of its arguments",
    "training/loop.py": "one loop: an epoch, its validation, and what ends it",
}  # and what holds a longer file together

FILES = sorted(ROOT.rglob("*.py"))
PACKAGES = sorted(path.parent for path in FILES if path.name == "__init__.py")
each_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in FILES}


class Import(NamedTuple):
    """One module that a file imports."""

    name: str
    line: int


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[Import]:
    """Every module that a file needs: imported anywhere in it, in a function or for a type checker,
    or reached through the registry of a family. Names taken from a package count as its modules.
    """
    here = module_name(path)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = here.split(".")
                package = package if path.name == "__init__.py" else package[:-1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, *([base] if base else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(inner if inner in MODULES else base, node.lineno)
    yield from (Import(*reached) for reached in families(path) if place(here) != "core")


def families(path: Path) -> Iterator[tuple[str, int]]:
    """The packages that a file reaches through ``FAMILIES``: all of them unless it names one."""
    nodes = list(ast.walk(tree_of(path)))
    named = {
        node.value: node.slice.value
        for node in nodes
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
    }
    for node in nodes:
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).endswith("FAMILIES"):
            for family in [named[node]] if node in named else registry._FAMILIES:
                yield f"annlib.{registry._plural(family)}", node.lineno


def place(module: str) -> str:
    """The package of annlib that a module is in: "annlib.layers.dense" is in "layers"."""
    return [*module.split("."), ""][1]


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """What a file calls, as it is written: ``print``, ``np.random.seed``."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


# -- arrows point down -----------------------------------------------------------------------------


def test_every_package_has_a_level():
    assert {place(module) for module in MODULES} == LEVEL_OF.keys()


#: Names that Keras scripts use for what has its place elsewhere: nothing but the import.
RE_EXPORTS = {
    "annlib.backend": None,
    "annlib.optimizers.schedules": "annlib.schedules",
    "annlib.utils": None,
}


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
        down = LEVEL_OF[there] < LEVEL_OF[here] or (here, there) in ACROSS
        if not (same_package or down):
            wrong.append(f"line {found.line}: {here} imports {found.name}")
    return wrong


@each_file
def test_arrows_point_down(path):
    """Packages of one level do not import each other: such an arrow does not point down."""
    assert wrong_arrows(path) == []


def test_every_arrow_across_is_there():
    found = {
        (place(module_name(path)), place(used.name)) for path in FILES for used in imports(path)
    }
    assert found >= ACROSS
    assert all(LEVEL_OF[here] == LEVEL_OF[there] for here, there in ACROSS)


def test_an_arrow_up_is_noticed_wherever_it_hides(tmp_path, monkeypatch):
    folder = ROOT / "optimizers"
    for line in (
        "from annlib import Sequential",
        "from annlib.layers import Dense",
        "from annlib import layers",
        "import annlib.models.sequential",
        "from annlib.callbacks.base import Callback",
        "from ..callbacks import base",
        "from .. import layers",
        "def f():\n    from annlib.models import Sequential",
        "if TYPE_CHECKING:\n    from annlib.models import Sequential",
        "class A:\n    def f(self):\n        if x:\n            import annlib",
        "FAMILIES['layer'].get('dense')",
        "def f():\n    return registry.FAMILIES['callback']",
        "def f(family):\n    return FAMILIES[family]",
        "list(FAMILIES)",
    ):
        path = folder / "not_there.py"
        monkeypatch.setattr(
            sys.modules[__name__], "tree_of", lambda path, line=line: ast.parse(line)
        )
        assert wrong_arrows(path), line
    for line in (
        "from annlib.core import numerics",
        "from annlib.optimizers.base import Optimizer",
        "FAMILIES['schedule'].get('one_cycle')",
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
    assert [f.line for f in imports(path) if f.name == package] == []


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        ahead = [start]
        while ahead:
            new = graph.get(ahead.pop(), set()) - found
            found |= new
            ahead.extend(new)
        return found

    reach = {module: reached(module) for module in graph}
    groups = {
        frozenset(other for other in reach[module] if module in reach[other]) for module in graph
    }
    return sorted(sorted(group) for group in groups if group)


def test_no_circles():
    """Neither of imports that run nor of knowledge: annotations and functions count, too."""
    graph = {
        module_name(path): {found.name for found in imports(path) if found.name in MODULES}
        for path in FILES
    }
    assert circles(graph) == []


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": {"d"}}
    assert circles(graph) == [["b", "c"], ["d"]]


# -- what is written, and where --------------------------------------------------------------------


def lines_of_code(path: Path) -> int:
    """Without docstrings, comments and blanks."""
    lines: set[int] = set()
    no_code = {
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
        *(tokenize.ENCODING, tokenize.ENDMARKER),
    }
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type not in no_code:
                lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


@each_file
def test_a_long_file_was_looked_at(path):
    long = lines_of_code(path) > SIGN
    assert long == (path.relative_to(ROOT).as_posix() in LOOKED_AT), lines_of_code(path)


@each_file
def test_files_have_a_noun_as_their_name(path):
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


# annlib's own packages, from a fixed table
MAY_IMPORT = {"__init__.py", "core/registry.py", "export/__init__.py", "parallel/__init__.py"}
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
    bound = {name for name in bound if not name.startswith("_")} - {"show_public_names"}
    package = importlib.import_module(module_name(path))
    listed = getattr(package, "__all__", [])
    assert sorted(set(listed)) == sorted(listed)
    lazy = set(vars(package).get("_LAZY", ()))  # loaded when first asked for
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


def test_every_package_can_be_imported_first():
    """None works only because another was imported before it; nor does any module of core, whose
    package imports none of them. Each other module comes after its package, and circles are
    forbidden.
    """
    first = {module_name(folder / "__init__.py") for folder in PACKAGES}
    first |= {module for module in MODULES if place(module) == "core"}
    code = (
        "import importlib, sys\n"
        f"for name in {sorted(first)!r}:\n"
        "    for loaded in [m for m in sys.modules if m.split('.')[0] == 'annlib']:\n"
        "        del sys.modules[loaded]\n"
        "    importlib.import_module(name)\n"
        f"for name in {sorted(MODULES - {'annlib.__main__'})!r}:\n"
        "    importlib.import_module(name)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
