"""The parameters of both perceptrons: what each may be, and what the documentation says of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib import schedules
from annlib.core.arrays import DTYPES
from annlib.core.checks import is_number
from annlib.estimators.rules import (
    FLAG,
    METRICS,
    NONE,
    RANDOM_STATE,
    SCORER,
    WHOLE,
    Rule,
    count,
    list_of,
    number,
    str_among,
)

_RATE = number("[0, 1)")
_SIZE = count(1)
_SIZES = Rule(
    "an array-like or an int in the range [1, inf)", (_SIZE | list_of(WHOLE, np.ndarray)).holds
)


def _is_dtype(value: Any) -> bool:
    if not isinstance(value, str | type | np.dtype):
        return False
    try:
        return np.dtype(value).name in DTYPES
    except (TypeError, ValueError):
        return False


def _is_schedule(name: str) -> bool:
    return any(name in cls._names or name == cls.__name__ for cls in schedules.registry)


_VERBOSE = Rule(
    "an int in the range [0, inf), an instance of 'bool' or 'tqdm'",
    lambda v: v == "tqdm" if isinstance(v, str) else FLAG.holds(v) or count(0).holds(v),
)

RULES: dict[str, Rule] = {
    "hidden_layer_sizes": _SIZES,
    "solver": str_among("adam", "lbfgs", "sgd"),
    "alpha": number("[0, inf)"),
    "batch_size": str_among("auto") | _SIZE,
    "learning_rate": str_among("adaptive", "constant", "invscaling")
    | Rule(
        "the name of a schedule of annlib, a schedule or another callable",
        lambda v: _is_schedule(v) if isinstance(v, str) else callable(v),
    ),
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
    "dropout": _RATE | list_of(_RATE, text="a list of these for the hidden layers"),
    "batch_normalization": FLAG,
    "scoring": SCORER,
    "metrics": METRICS,
    "dtype": NONE | Rule(f"one of {{{', '.join(map(repr, DTYPES))}}}", _is_dtype),
}

PARAMETERS = """\
hidden_layer_sizes : int in [1, inf) or array-like of int, default=(100,)
    The units of each hidden layer; ``()`` is a linear model.
activation : str, Activation or list of them, default="relu"
    Of the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"`` or any of
    annlib's; a list has one for each of them.
solver : {"adam", "sgd", "lbfgs"}, default="adam"
    ``"lbfgs"`` takes all rows at once: for small data.
alpha : float in [0, inf), default=0.0001
    Of the penalty alpha/2 |W|^2, divided by the rows of a batch, or by what they weigh.
batch_size : int in [1, inf) or "auto", default="auto"
    ``"auto"`` is 200, or all rows if there are fewer.
learning_rate : {"constant", "invscaling", "adaptive"} or schedule, default="constant"
    For ``solver="sgd"``: ``learning_rate_init / (t + 1)**power_t`` after t rows; or a fifth each
    time that training does not get on. A schedule of annlib is for every solver but ``"lbfgs"``,
    and leaves ``learning_rate_init`` aside; one by name begins with it: ``"cosine_decay"`` and
    ``learning_rate__decay_steps=1000``.
learning_rate_init : float in (0, inf), default=0.001
    The rate of the first step of ``"sgd"`` and ``"adam"``.
power_t : float in [0, inf), default=0.5
    The exponent of ``"invscaling"``.
max_iter : int in [1, inf), default=200
    The most epochs; of ``"lbfgs"``, iterations.
shuffle : bool, default=True
    Whether rows are drawn in a new order every epoch.
random_state : int in [0, 4294967295], RandomState or None, default=None
    For weights, the validation split, shuffling and dropout.
tol : float in [0, inf), default=1e-4
    Less progress than this is none.
verbose : bool, int in [0, inf) or "tqdm", default=False
    Whether to print a line an epoch, or to show one bar.
warm_start : bool, default=False
    Whether ``fit`` continues with the weights as they are, and with the optimizer as it is unless
    one of its parameters has changed. As in ``partial_fit``, all parameters count as they are now;
    those that would need other weights are refused. With larger ``hidden_layer_sizes`` the network
    grows and keeps the function that it has learned (Net2Net); further layers take ReLU.
momentum : float in [0, 1], default=0.9
    For ``solver="sgd"``.
nesterovs_momentum : bool, default=True
    Whether it looks a step ahead.
early_stopping : bool, default=False
    Whether the score on validation data decides when to stop, and which weights are kept.
validation_fraction : float in [0, 1), default=0.1
    The share of the rows that ``early_stopping`` sets aside, if ``fit`` gets no ``X_val``. Another
    than 0.1 is set aside without it, too: for ``val_loss`` and ``val_score`` in ``history_``.
beta_1 : float in [0, 1), default=0.9
    For ``solver="adam"``, whose mean of the gradients decays by it.
beta_2 : float in [0, 1), default=0.999
    For ``solver="adam"``, whose mean of the squared gradients decays by it.
epsilon : float in (0, inf), default=1e-8
    Added to the root of that mean.
n_iter_no_change : int in [1, inf) or inf, default=10
    Training ends after more epochs without progress than this.
max_fun : int in [1, inf), default=15000
    The most evaluations of ``solver="lbfgs"``.
optimizer : str or Optimizer, default=None
    Any of annlib's, in place of ``solver`` and all that belongs to it.
regularizer : str or Regularizer, default=None
    Of all weight matrices, in place of ``alpha``; annlib's are not divided by the rows. None with
    ``regularizer__l1`` or ``regularizer__l2`` is an ``L1L2`` of them.
dropout : float in [0, 1) or list of them, default=0
    The share of a hidden layer's outputs that training leaves out.
batch_normalization : bool, default=False
    Whether each hidden layer is normalized before its activation.
callbacks : str, Callback or list of them, default=None
    annlib's, which are told of every ``fit``.
scoring : str, callable or None, default=None
    What is measured on validation data after each epoch: a scorer, minus the ``"loss"``, or
    accuracy and R2, as for ``score``.
metrics : list or str, default=None
    As in ``Sequential.compile``, in ``history_`` by epoch; they heed the weights.
kernel_initializer : str or Initializer, default=None
    Of new weight matrices; None draws scikit-learn's.
kernel_constraint : str or Constraint, default=None
    Of the weight matrices after each step: ``"non_neg"``, ``"max_norm"``, ...
dtype : {"float32", "float64"}, default=None
    The arithmetic; None is that of X."""

NESTED = """\
**nested
    Arguments of the parts: ``optimizer__learning_rate=0.01``, also of that which ``solver`` names;
    ``loss__label_smoothing=0.1``, ``regularizer__l1=0.001``, and beside
    ``callbacks="early_stopping"`` ``callbacks__early_stopping__patience=5``."""

ATTRIBUTES = """\
model_ : Sequential
    The trained network.
coefs_ : list of ndarray
    Its weight matrices, the arrays themselves. Others in their place count from then on. With
    ``batch_normalization`` they and ``intercepts_`` are those of a network without, which predicts
    the same: a tuple of read-only arrays.
intercepts_ : list of ndarray
    Its biases, in the same way.
history_ : dict of str to list
    ``loss``, ``learning_rate``, and with validation data ``val_loss`` and ``val_score``, by epoch.
loss_ : float
    The loss of the last epoch.
loss_curve_ : list of float
    The mean loss of each epoch's batches (not for ``"lbfgs"``).
best_loss_ : float or None
    The least of it; None with ``early_stopping``.
validation_scores_ : list of float or None
    Of each epoch, where there are validation data.
best_validation_score_ : float or None
    The greatest of them.
best_epoch_ : int
    The epoch with the best validation score, counted from 0 as in ``history_``; without validation
    data that of the least loss.
n_iter_ : int
    The epochs of the last fit.
t_ : int
    The rows seen in all.
n_layers_ : int
    How many layers there are, with that of the inputs.
n_outputs_ : int
    The units of the last one.
out_activation_ : str
    The activation of the last one.
n_features_in_ : int
    How many columns X had.
feature_names_in_ : ndarray
    Where X had names."""
