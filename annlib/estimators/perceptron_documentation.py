"""What the documentation of both perceptrons has in common."""

from __future__ import annotations

from textwrap import indent
from typing import Any

_PARAMETERS = """\
hidden_layer_sizes : int or array-like of int, default=(100,)
    The units of each hidden layer; ``()`` is a linear model.
activation : str, Activation or list of them, default="relu"
    Of the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"`` or any of
    annlib's; a list has one for each of them.
solver : {"adam", "sgd", "lbfgs"}, default="adam"
    ``"lbfgs"`` takes all rows at once: for small data.
alpha : float, default=0.0001
    Of the penalty alpha/2 |W|^2, divided by the rows of a batch, or by what they weigh.
batch_size : int, default="auto"
    ``"auto"`` is 200, or all rows if there are fewer.
learning_rate : {"constant", "invscaling", "adaptive"} or schedule, default="constant"
    For ``solver="sgd"``: ``learning_rate_init / (t + 1)**power_t`` after t rows; or a fifth each
    time that training does not get on. A schedule of annlib is for every solver but ``"lbfgs"``,
    and leaves ``learning_rate_init`` aside.
learning_rate_init : float, default=0.001
power_t : float, default=0.5
max_iter : int, default=200
    The most epochs; of ``"lbfgs"``, iterations.
shuffle : bool, default=True
    Whether rows are drawn in a new order every epoch.
random_state : int, RandomState or None, default=None
    For weights, the validation split, shuffling and dropout.
tol : float, default=1e-4
    Less progress than this is none.
verbose : bool, int or "tqdm", default=False
    Whether to print a line an epoch, or to show one bar.
warm_start : bool, default=False
    Whether ``fit`` goes on from the network as it is, and with the optimizer as it is unless one
    of its parameters has changed.
momentum : float in [0, 1], default=0.9
nesterovs_momentum : bool, default=True
    Both for ``solver="sgd"``.
early_stopping : bool, default=False
    Whether the score on validation data decides when to stop, and which weights are kept.
validation_fraction : float in [0, 1), default=0.1
    The share of the rows that ``early_stopping`` sets aside, if ``fit`` gets no ``X_val``.
beta_1, beta_2 : float in [0, 1), default=0.9, 0.999
epsilon : float, default=1e-8
    These three for ``solver="adam"``.
n_iter_no_change : int or inf, default=10
    Training ends after more epochs without progress than this.
max_fun : int, default=15000
    The most evaluations of ``solver="lbfgs"``.
optimizer : str or Optimizer, default=None
    Any of annlib's, in place of ``solver`` and all that belongs to it.
regularizer : str or Regularizer, default=None
    Of all weight matrices, in place of ``alpha``; annlib's are not divided by the rows.
dropout : float in [0, 1) or list of them, default=0
    The share of a hidden layer's outputs that training leaves out.
batch_normalization : bool, default=False
    Whether each hidden layer is normalized before its activation.
callbacks : Callback or list of them, default=None
    annlib's, which are told of every fit.
scoring : str, callable or None, default=None
    What is measured on validation data after each epoch: a scorer, minus the ``"loss"``, or
    accuracy and R2, as for ``score``.
dtype : {"float32", "float64"}, default=None
    The arithmetic; None is that of X."""

_NESTED = """\
**optimizer__parameters
    Arguments of the optimizer: ``optimizer__learning_rate=0.01``, ``optimizer__clipnorm=1``; also
    of that which ``solver`` names."""

_ATTRIBUTES = """\
model_ : Sequential
    The trained network.
coefs_, intercepts_ : list of ndarray
    Its weights, the arrays themselves. Others in their place count from then on.
history_ : dict of str to list
    ``loss``, ``learning_rate``, and with validation data ``val_loss`` and ``val_score``, by epoch.
loss_ : float
    The last of ``loss_curve_``, the mean loss of each epoch's batches (not for ``"lbfgs"``).
best_loss_ : float or None
    The least of it; None with ``early_stopping``.
validation_scores_, best_validation_score_ : list of float and float, or None
    With ``early_stopping``.
n_iter_ : int
    The epochs of the last fit.
t_ : int
    The rows seen in all.
n_layers_, n_outputs_ : int
    Layers, with that of the inputs; units of the last one.
out_activation_ : str
    The activation of the last one.
n_features_in_ : int
feature_names_in_ : ndarray
    Where X had names."""


def documented(cls: Any) -> Any:
    """A class decorator: what is shared in the places that the docstring leaves for it."""
    shared = {"parameters": _PARAMETERS, "nested": _NESTED, "attributes": _ATTRIBUTES}
    if cls.__doc__ is not None:  # there is none under python -OO
        for name, text in shared.items():
            cls.__doc__ = cls.__doc__.replace(f"{{{name}}}", indent(text, "    ").lstrip())
    return cls
