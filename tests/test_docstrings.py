"""Docstrings carry the reference: every public callable says what a user has to know of it."""

import importlib
import inspect
import re
import sys

import pytest

import annlib
from annlib.core.config import Configurable
from annlib.core.registry import _FAMILIES, FAMILIES

#: Public packages of which not every docstring is whole yet.
UNFINISHED: set[str] = set()

#: What takes arguments and raises nothing of its own, alone or a whole package, and why.
RAISES_NOTHING = {
    **dict.fromkeys(
        (f"annlib.callbacks.Callback.{n}" for n in ("on_exception", "set_model", "set_params")),
        "the loop calls it",
    ),
    "annlib.callbacks.Callback.set_state": "check_state comes before",
    **dict.fromkeys(
        (
            f"annlib.optimizers.Optimizer.{n}"
            for n in (
                *("build", "matches_layout", "to_evaluation", "to_training", "training"),
                *("evaluating", "evaluation_weights", "training_weights", "initialize", "numbers"),
                *("state_shapes", "update"),
            )
        ),
        "the vector of a model fits, and numbers are checked when an optimizer is made",
    ),
    **dict.fromkeys(
        (
            f"annlib.data.{n}"
            for n in (
                *("ArrayLoader", "Batch", "DataLoader.set_state", "DataLoader.start_pass"),
                *("Gatherer", "Shards.shuffled", "Sparse", "StreamLoader", "Table", "materialize"),
                *("as_stream_loader", "dense", "holds_arrays", "is_stream"),
            )
        ),
        "what the user gave was checked by as_source, or is when it is read",
    ),
    **dict.fromkeys(
        (
            *("annlib.estimators.InconsistentVersionWarning", "annlib.export.SourceSize"),
            *("annlib.tools.Best", "annlib.tools.CheckReport", "annlib.tools.Finding"),
            *("annlib.tools.GradientError", "annlib.tools.GradientReport"),
            "annlib.tools.LearningRates",
            *(
                f"annlib.tracing.{n}"
                for n in ("Check", "Equation", "Equation.terms", "LayerRecord")
            ),
            *(f"annlib.tracing.{n}" for n in ("Operand", "Operand.of", "Recording", "Report")),
            *("annlib.tracing.Section", "annlib.tracing.Trace"),
        ),
        "a result, which holds what it is given",
    ),
    "annlib.backend.clear_session": "Keras' function, which does nothing",
    "annlib.utils.clear_session": "Keras' function, which does nothing",
    "annlib.formulas.Explanation": "`explain` makes it",
    "annlib.formulas.Formula": "a table of texts",
    "annlib.formulas.formula_of": "the class may be any",
    "annlib.reference": "the paper's equations, plain and without checks",
    "annlib.losses.Loss.denominator": "any number of rows will do",
    "annlib.losses.Loss.terms_shape": "the targets are checked",
    "annlib.metrics.Metric.reads": "any number of columns will do",
    "annlib.metrics.Metric.rename": "a model calls it, with the name of an output",
    "annlib.metrics.Metric.settle": "a model calls it, with what it knows",
    "annlib.regularizers.Regularizer.share": "any number of rows will do",
}

#: Classes, or packages of them, whose methods users call: each is documented in full. So are those
#: of the base class of each family, which authors extend.
HELD = {
    "annlib.callbacks.History",
    "annlib.data.DataLoader",
    "annlib.data.PyDataset",
    "annlib.data.Shards",
    "annlib.estimators",
    "annlib.formulas",
    "annlib.models",
    "annlib.tools",
}

#: Arguments that are arrays, wherever they are.
ARRAYS = {"x", "X", "y", "y_true", "y_pred", "sample_weight", "Y", "Z", "A", "dA", "dy"}

SHAPE = re.compile(
    r"\((\w+|\.\.\.|[^()]*[\w.]),\)"  # (n,)
    r"|\([^()\n]*(\w|\.\.\.)[^()\n]*,[^()\n]*\)"  # (n, features)
    r"|any shape|same shape|this shape|'s shape|of shape|shape of"
)
NUMBER = re.compile(r"^(int|float)\b|^(str|bool|\w+) or (int|float)\b|, (int|float)\b")
RANGE = re.compile(
    r"[\[(]-?[\w.]+, ?[\w.]+[\])]|\bat (least|most)\b|\b(positive|negative|non-negative)\b"
    r"|\b(above|below|between|from -?[\w.]+ to)\b|[<>]=? ?-?\d|\bany (number|integer|value)\b"
    r"|\b(seconds|bytes|an index|a seed)\b|\{"
)


def package_names():
    modules = [f"annlib.{n}" for n in annlib.__all__ if inspect.ismodule(getattr(annlib, n))]
    return ["annlib", *modules]


PACKAGES = package_names()


def callables(package):
    """The public classes and functions at home in a package, by their full names."""
    module, found = importlib.import_module(package), {}
    for name in module.__all__:
        value = getattr(module, name)
        made = callable(value) and value.__doc__ != type(value).__doc__  # losses.mse
        if inspect.isclass(value) or inspect.isroutine(value) or made:
            home = ".".join(value.__module__.split(".")[:2])
            if package == home or home not in PACKAGES[1:]:
                found[f"{package}.{name}"] = value
    return found


def is_held(name, cls):
    """Whether users hold objects of a class, or extend it: its methods are documented in full."""
    bases = {FAMILIES[family].base for family in _FAMILIES}
    return cls in bases or name in HELD or name.rpartition(".")[0] in HELD


def is_of_family(cls, method):
    """Whether a class has a method as the base class of its family has it, which says it all."""
    bases = [FAMILIES[family].base for family in _FAMILIES]
    above = next((base for base in bases if cls is not base and issubclass(cls, base)), None)
    return above is not None and documentation(cls, method) == documentation(above, method)


def methods(cls):
    """The public methods of a class that annlib has written, with the classes they are from."""
    for name in dir(cls):
        if name.startswith("_"):
            continue
        owner = next((base for base in cls.__mro__ if name in vars(base)), None)
        if owner is None or not owner.__module__.startswith("annlib"):
            continue
        value = vars(owner)[name]
        if isinstance(value, classmethod | staticmethod):
            value = value.__func__
        if inspect.isfunction(value):
            yield name, value


def documentation(cls, method):
    """The docstrings of a method, the nearest first: its own and those of base classes."""
    found = []
    for base in cls.__mro__:
        value = vars(base).get(method)
        value = getattr(value, "__func__", value)
        if inspect.isfunction(value) and value.__doc__:
            found.append(inspect.cleandoc(value.__doc__))
    return found


def sections(doc):
    """The sections of a numpydoc docstring, by their titles."""
    parts = re.split(r"^([A-Z]\w+(?: \w+)*)\n-{3,}\n", doc + "\n", flags=re.MULTILINE)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(section):
    """The entries of a section, by each name that it is for: the line of types, and all of it."""
    found = {}
    for entry in re.split(r"^(?=\S)", section, flags=re.MULTILINE):
        head, _, text = entry.partition("\n")
        names, _, types = head.partition(" : ")
        for name in names.split(","):
            if name.strip():
                found[name.strip()] = (types.strip(), f"{head}\n{text}")
    return found


def parameters(function):
    try:
        signature = inspect.signature(function)
    except ValueError:  # an exception's
        return [], None
    kept = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    return [p for p in kept if not p.name.startswith("_")], signature.return_annotation


def written(parameter):
    prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
    return prefix.get(parameter.kind, "") + parameter.name


def complaints(name, value, doc=None, examples=""):
    """What a full docstring lacks, one line each; ``examples`` are those of its class."""
    doc = inspect.getdoc(value) or "" if doc is None else doc
    if not doc:
        return [f"{name}: no docstring"]
    found, parts = [], sections(doc)
    expected, returned = parameters(value)
    named = entries(parts.get("Parameters", "")) | entries(parts.get("Attributes", ""))
    for parameter in expected:
        if written(parameter) not in named:
            found.append(f"{name}: {written(parameter)} is not among its Parameters")
            continue
        types, entry = named[written(parameter)]
        annotation = str(parameter.annotation)
        is_array = parameter.name in ARRAYS or re.search(r"\bArray(Like)?\b", annotation)
        if (is_array or re.search(r"\b(nd)?array", types)) and not SHAPE.search(entry):
            found.append(f"{name}: no shape of {parameter.name}")
        if NUMBER.search(types) and not RANGE.search(entry):
            found.append(f"{name}: no range of {parameter.name}")
    if not inspect.isclass(value) and str(returned) not in (
        "None",
        "NoReturn",
        str(inspect._empty),
    ):
        result = parts.get("Returns", "") + parts.get("Yields", "")
        if not result:
            found.append(f"{name}: no Returns")
        elif re.search(r"\b(nd)?array", result) and not SHAPE.search(result):
            found.append(f"{name}: no shape of what it returns")
    # A pass has the memory ``work``, a hook the ``logs``: their arguments are checked before.
    called_by_a_model = any(parameter.name in ("work", "logs") for parameter in expected)
    excused = {name, name.rpartition(".")[0]} & set(RAISES_NOTHING) or called_by_a_model
    if expected and "Raises" not in parts and not excused:
        found.append(f"{name}: no Raises")
    short = name.rpartition(".")[2]
    shown = ">>>" in doc or re.search(rf"\b{short}\b", examples)
    if not shown and not called_by_a_model:
        found.append(f"{name}: no example")
    return found


def complaints_of_package(package):
    found = []
    for name, value in callables(package).items():
        found += complaints(name, value)
        if not inspect.isclass(value) or issubclass(value, BaseException):
            continue
        lines = (inspect.getdoc(value) or "").splitlines()
        examples = "\n".join(line for line in lines if line.startswith((">>>", "...")))
        for method, function in methods(value):
            doc = documentation(value, method)
            if is_held(name, value) and not is_of_family(value, method):
                found += complaints(f"{name}.{method}", function, "".join(doc[:1]), examples)
            elif not doc:
                found.append(f"{name}.{method}: no docstring")
            else:
                found += [
                    f"{name}.{method}: says nothing of {parameter.name}"
                    for parameter in parameters(function)[0]
                    if not re.search(rf"\b{parameter.name}\b", "\n".join(doc))
                ]
    return found


@pytest.mark.skipif(sys.flags.optimize > 1, reason="there are no docstrings under -OO")
@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_are_whole(package):
    found = complaints_of_package(package)
    if package in UNFINISHED:
        assert found, f"{package} is whole: take it out of UNFINISHED"
        return
    assert not found, f"{len(found)}:\n" + "\n".join(found)


def test_the_exemptions_are_needed():
    every = {name for package in PACKAGES for name in names_of(package)}
    assert every | set(PACKAGES) >= set(RAISES_NOTHING) | HELD
    assert set(PACKAGES) >= UNFINISHED


def names_of(package):
    for name, value in callables(package).items():
        yield name
        if inspect.isclass(value):
            yield from (f"{name}.{method}" for method, _ in methods(value))


def poor(x, rate: float = 0.5, *more, **keywords) -> float:
    """Do something.

    Parameters
    ----------
    x : array_like
    rate : float, optional
        How much.
    """


def rich(x, rate: float = 0.5, *more, **keywords) -> float:
    """Do something.

    Parameters
    ----------
    x : array_like, (n, features)
    rate : float, in [0, 1)
    *more, **keywords
        Others.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Never.

    Examples
    --------
    >>> rich(0)
    """


def test_what_is_lacking_is_found():
    said = [
        *("no shape of x", "no range of rate", "*more is not among its Parameters"),
        *("**keywords is not among its Parameters", "no Returns", "no Raises", "no example"),
    ]
    assert complaints("poor", poor) == [f"poor: {each}" for each in said]
    assert complaints("rich", rich) == []
    assert complaints("none", lambda x: x) == ["none: no docstring"]
    assert issubclass(annlib.layers.Dense, Configurable)
