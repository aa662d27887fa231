"""Nonsense in every argument of everything public: it is taken with an effect that makes sense, or
refused by a ``raise`` of annlib whose message names the argument, before anything is changed.
"""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from cases.calls import CALLS
from cases.nonsense import NONSENSE

import annlib
from annlib import AnnlibError, ConfigurationError
from annlib.core import random_streams
from annlib.core.config import Configurable

# What is taken may be worth a warning; no warning is in place of an error.
pytestmark = pytest.mark.filterwarnings("ignore")

ROOT = Path(annlib.__file__).parent

#: One or two of each sort, for the quick suite.
FEW = (
    *("None", "numpy True", "-0.0", "NaN", "2 ** 70", "timedelta64", "NaT", "complex", "bytes"),
    *("no text", "a long text", "a surrogate", "an empty tuple", "a list that holds itself"),
    *("a dict", "0-d", "a vector", "an object array", "Series", "a class", "__repr__ raises"),
)
#: Arguments that are other words in messages, which speak of data, not of variables.
WORDS = {
    "y_true": "targets?|labels?",
    "y_pred": "predictions?|output|label",
    "sample_weight": "weights?",
    "X": "x|row",
    "data": "input",
    "input_shape": "rows|shape",
    "y": "label",
    "x": "labels|input",
    "images": "x|pixels|row",
    "validation_data": "x|y",
    "num_classes": "labels",
    "start": "learning rate",
    "history": "History",
    "histories": "History",
    "metrics": "metric|MeanSquaredError",
    "end": "start",
    "kernel_initializer": "kernel|non-finite",
    "config": "bin_boundaries",
    "alpha": "non-finite",
    "learning_rate_init": "non-finite",
    # Of functions with one argument.
    **dict.fromkeys(("identifier", "obj", "names"), "expected"),
}
#: Arguments that are functions of the user's: what they raise is theirs.
FUNCTIONS = {
    "print_fn",
    "train",
    "clone_function",
    "kernel_initializer",
    "kernel_constraint",
    "f",
    "gradient",
    "learning_rate",
    "schedule",
    "model",
    *("function", "derivative", "output_shape"),
}
#: Arguments about files that are called otherwise than "path".
FOLDERS = {"overwrite", "cache_dir", "cache_subdir"}
#: What scikit-learn looks at, in its own words.
OF_SCIKIT_LEARN = {
    *("X", "y", "sample_weight", "X_val", "y_val", "sample_weight_val", "classes"),
    *("deep", "estimator", "prefit", "fit", "grid", "scoring", "refit"),
}
#: What only annlib itself passes, and what is passed on to scikit-learn.
INNER = {"where", "grid_resolution", "cv", "train_sizes"}


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A folder of its own, pictures without a screen, and no seed that lasts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # for what `get_file` keeps
    monkeypatch.setattr(random_streams, "_process", [])
    matplotlib = pytest.importorskip("matplotlib")
    monkeypatch.setitem(matplotlib.rcParams, "figure.max_open_warning", 0)
    matplotlib.use("Agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@functools.cache
def raising_lines(path: str) -> set[int]:
    """The lines of a file on which a ``raise`` stands."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return {n for s in statements for n in range(s.lineno, (s.end_lineno or s.lineno) + 1)}


def fault_of(error: Exception, argument: str, value: Any) -> str | None:
    """What is wrong with a refusal, if anything is."""
    frames = [
        (frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    path, line = frames[-1]
    message = str(error)
    if (argument in FUNCTIONS and callable(value)) or "__iter__ was asked" in message:
        return None
    if argument in OF_SCIKIT_LEARN and any("sklearn" in Path(p).parts for p, _ in frames):
        return None
    if isinstance(error, AttributeError) and "no attribute 'partial_fit'" in message:
        return None  # there is none with such parameters
    if isinstance(error, OSError) and ("path" in argument or argument in FOLDERS):
        return None  # which says what the system has against that name
    if isinstance(error, AssertionError) and (ROOT / "testing") in Path(path).parents:
        return None  # a check of ``annlib.testing`` found that it breaks a rule
    if ROOT not in Path(path).parents or line not in raising_lines(path):
        return f"{type(error).__name__} from {path}:{line}: {message[:200]}"
    if not isinstance(error, AnnlibError | ValueError | TypeError):
        return f"{type(error).__name__}: {message[:200]}"
    if len(message) > 1200:
        return f"{len(message)} letters: {message[:200]}"
    if not re.search(rf"\b({re.escape(argument)}|{WORDS.get(argument, argument)})\b", message):
        return f"the argument is not named: {message[:200]}"
    if not message.isprintable():
        return f"what a terminal would obey: {message[:200]!r}"
    return None


def of_no_effect(made: Any) -> str | None:
    """What is wrong with an object that a constructor made of what it took."""
    if not isinstance(made, Configurable):
        return None
    try:
        repr(made), made.clone()
        config = json.loads(json.dumps(made.get_config()))
        assert type(made).from_config(config).get_config() == config
    except ConfigurationError as error:  # of functions
        return None if "a configuration can hold" in str(error) else str(error)
    except Exception as error:
        return f"taken, but then {type(error).__name__}: {error}"
    return None


def faults(name: str, kinds: Any) -> list[str]:
    """All that is wrong with a call, for each of its arguments and of these kinds of nonsense."""
    make = CALLS[name]
    call = make()
    call.function(**call.arguments)  # which is right
    found, fresh = [], False
    for argument in call.names():
        if argument in INNER:
            continue
        for kind in kinds:
            if not fresh:
                call, fresh = make(), True
                before = call.state()
            value = NONSENSE[kind]()
            wrong = None
            try:
                made = call.function(**call.arguments | {argument: value})
            except Exception as error:
                wrong = fault_of(error, argument, value)
                fresh = call.state() == before
                if not fresh:
                    wrong = f"it changed something and raised {error}"
            else:
                fresh = inspect.isclass(call.function)
                wrong = of_no_effect(made) if fresh and argument not in FUNCTIONS else None
            if wrong:
                found.append(f"{argument} = {kind}: {wrong}")
    return found


@pytest.mark.parametrize("name", CALLS)
def test_nonsense(name):
    assert not faults(name, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_all_nonsense(name):
    assert not faults(name, [kind for kind in NONSENSE if kind not in FEW])


# -- the table of calls is complete ----------------------------------------------------------------

#: The methods that authors of plug-ins write and training calls, batch after batch: what they get
#: was checked before.
OF_AUTHORS = {
    *("forward", "backward", "rows_forward", "rows_backward", "terms", "slopes", "value"),
    *("gradient", "unclipped_gradient", "denominator", "effective_targets"),
    *("check_targets", "blocks", "build", "compute_output_shape", "commit", "draw"),
    *("perturb", "inverse_length", "sizes", "goal", "check_shape", "add_gradient", "share"),
    *("update", "initialize", "state_shapes", "update_moments", "evaluation_weights"),
    *("training_weights", "minimize", "step", "evaluating", "training", "to_evaluation"),
    *("to_training", "matches_layout", "set_state", "check_state", "set_model"),
    *("set_params", "report", "better", "monitored", "call", "has", "rows", "labels", "at"),
    *("bits_and_predictions", "element_weights", "intervals", "weights_of", "add"),
    *("rename", "of", "set_callbacks", "get_feature_names_out", "fit_transform"),
    *("plot_layers", "plot_spread", "periods", "reads", "settle", "inverse_link", "values"),
    *("check_run", "check_parameters", "check_values", "check_monitor", "checked_step"),
    *("code_columns", "encoders", "encode", "read", "codes_of", "noise_of", "output_shape"),
    *("outputs", "missing", "present", "counted", "target_rows", "checked_targets"),
    *("expression", "codes_expression", "code_table", "unknown_codes", "length"),
    *("terms_shape", "vectors", "as_weights", "values_of_each", "start_from_rows"),
    *("read_rows", "read_slice", "shuffled", "numbers", "differentiate", "expression"),
    *("allreduce_", "broadcast_", "abort"),
}
#: What is called once a step, by a number or an array that training made.
CALLED_EACH_STEP = (
    annlib.constraints.Constraint,
    annlib.regularizers.Regularizer,
    annlib.schedules.LearningRateSchedule,
)
#: Of packages whose other names are for the rest of annlib.
OF_USERS = {"annlib.data": ["PyDataset", "Shards"]}
#: Classes of which no object is made.
BASES = {"Metric"}


def public() -> dict[str, Any]:
    """Every public function, and every method of a public class that takes arguments, by name."""
    found = {}
    modules = [getattr(annlib, name) for name in annlib.__all__]
    for module in [annlib, *(m for m in modules if inspect.ismodule(m))]:
        if module.__name__ == "annlib.reference":  # the paper's equations, which are for reading
            continue
        for name in OF_USERS.get(module.__name__, module.__all__):
            thing = getattr(module, name)
            if inspect.isfunction(thing) and name not in OF_AUTHORS:
                found[thing.__qualname__] = thing
            if inspect.isclass(thing) and not issubclass(thing, BaseException):
                found |= methods(thing)
    return found


def methods(cls: type) -> dict[str, Any]:
    found = {}
    for name in dir(cls):
        method = inspect.unwrap(getattr(cls, name))
        method = getattr(method, "__func__", method)
        plain = inspect.isfunction(method) and "." in method.__qualname__
        plain = plain and method.__module__.startswith("annlib")
        shown = name == "__call__" and not issubclass(cls, CALLED_EACH_STEP)
        shown = shown or not name.startswith(("_", "on_"))
        if plain and shown and name not in OF_AUTHORS and cls.__name__ not in BASES:
            found[method.__qualname__] = method
    return found


def takes_something(function: Any) -> bool:
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(function).parameters.values()
    return any(p.name not in ("self", "cls") and p.kind not in several for p in parameters)


def test_everything_public_is_in_the_table():
    # Of an optimizer that is made for the call; and what refuses all data, of most layers.
    swept = {"Optimizer.exclude_from_weight_decay", "Layer.adapt"}
    swept |= {"MultiOptimizer.exclude_from_weight_decay"}  # which asks the optimizer's first
    for make in CALLS.values():
        function = inspect.unwrap(make().function)
        swept.add(getattr(function, "__func__", function).__qualname__)
    everything = {name for name, function in public().items() if takes_something(function)}
    assert everything - swept == set()
    assert {"Sequential.fit", "Sequential", "gradcheck", "NetworkEstimator.fit"} <= swept
