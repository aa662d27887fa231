"""What the parameters of a perceptron may be, in scikit-learn's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from annlib.callbacks import Callback
from annlib.core.arrays import DTYPES
from annlib.core.checks import is_number
from annlib.estimators.parameters import FLAG, NONE, RANDOM_STATE, Rule, count, number
from annlib.estimators.weights import is_class_weight


def _each(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether it holds for all of a list."""
    return lambda value: isinstance(value, list | tuple) and all(map(holds, value))


def _name(*names: str) -> Rule:
    """One of a few names."""
    return Rule(
        f"a str among {{{', '.join(map(repr, names))}}}",
        lambda v: isinstance(v, str) and v in names,
    )


_RATE = number("[0, 1)")
_SIZE = count(1)
_SIZES = Rule(
    "an array-like or an int in the range [1, inf)",
    lambda v: (
        _SIZE.holds(v)
        or (isinstance(v, list | tuple | np.ndarray) and all(is_whole(size) for size in v))
    ),
)


def is_whole(value: Any) -> bool:
    """Whether it is an integer, and no truth value."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_dtype(value: Any) -> bool:
    try:
        return np.dtype(value).name in DTYPES
    except TypeError:
        return False


_VERBOSE = Rule(
    "an int in the range [0, inf), an instance of 'bool' or 'tqdm'",
    lambda v: v == "tqdm" if isinstance(v, str) else FLAG.holds(v) or count(0).holds(v),
)

RULES: dict[str, Rule] = {
    "hidden_layer_sizes": _SIZES,
    "solver": _name("adam", "lbfgs", "sgd"),
    "alpha": number("[0, inf)"),
    "batch_size": _name("auto") | _SIZE,
    "learning_rate": _name("adaptive", "constant", "invscaling")
    | Rule("a schedule of annlib or another callable", callable),
    "learning_rate_init": number("(0, inf)"),
    "power_t": number("[0, inf)"),
    "max_iter": _SIZE,
    "shuffle": FLAG,
    "random_state": RANDOM_STATE,
    "tol": number("[0, inf)"),
    "verbose": _VERBOSE,
    "warm_start": FLAG,
    "momentum": number("[0, 1]"),
    "nesterovs_momentum": FLAG,
    "early_stopping": FLAG,
    "validation_fraction": _RATE,
    "beta_1": _RATE,
    "beta_2": _RATE,
    "epsilon": number("(0, inf)"),
    "n_iter_no_change": _SIZE | Rule("a float among {inf}", lambda v: is_number(v) and v == np.inf),
    "max_fun": _SIZE,
    "dropout": _RATE | Rule("a list of these for the hidden layers", _each(_RATE.holds)),
    "batch_normalization": FLAG,
    "callbacks": NONE
    | Rule(
        "a callback of annlib or a list of them",
        lambda v: isinstance(v, Callback) or _each(lambda c: isinstance(c, Callback))(v),
    ),
    "scoring": NONE
    | Rule(
        "'loss', the name of a scorer or a callable", lambda v: isinstance(v, str) or callable(v)
    ),
    "dtype": NONE | Rule(f"one of {{{', '.join(map(repr, DTYPES))}}}", _is_dtype),
}

CLASS_WEIGHT = Rule("a dict, 'balanced', a list of them or None", is_class_weight)
