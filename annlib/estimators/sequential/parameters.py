"""The parameters of both estimators: what each may be, and what the documentation says of it."""

from __future__ import annotations

from annlib.estimators.rules import (
    FLAG,
    METRICS,
    NONE,
    RANDOM_STATE,
    SCORING,
    Rule,
    count,
    instance_of,
    number,
    one_of,
)
from annlib.models import Sequential

RULES: dict[str, Rule] = {
    "model": NONE
    | instance_of(Sequential, text="a Sequential")
    | Rule("a function that returns one", lambda v: callable(v) and not isinstance(v, type)),
    "metrics": METRICS,
    "scoring": SCORING,
    "batch_size": count(1),
    "epochs": count(1),
    "validation_split": number("[0, 1)"),
    "shuffle": FLAG,
    "verbose": one_of(0, 1, 2, "auto") | FLAG,
    "warm_start": FLAG,
    "random_state": RANDOM_STATE,
    "dtype": NONE | one_of("float32", "float64"),
}

PARAMETERS = """\
metrics : list or str, default=None
    As in ``Sequential.compile``; they heed the weights. None are those that the model was
    compiled with.
scoring : str, callable, list or dict of them, default=None
    scikit-learn's scorers, of the validation data after each epoch: ``val_score`` in ``history_``
    and for callbacks; of several ``val_roc_auc`` and so on. ``"loss"`` is minus the loss.
batch_size : int in [1, inf), default=32
    The rows of a step.
epochs : int in [1, inf), default=100
    How often ``fit`` goes through the rows.
validation_split : float in [0, 1), default=0
    The share of the rows to validate on after each epoch: random ones, and of each class as
    many as there are; in ``partial_fit`` of the rows of that call.
callbacks : str, Callback or list of them, default=None
    ``callbacks__early_stopping__patience=5`` is an argument of the one of that name. A
    ``partial_fit`` is a training of one epoch for them, of which ``epoch`` counts on.
shuffle : bool, default=True
    Whether rows are drawn in a new order every epoch.
verbose : {0, 1, 2, "auto"} or bool, default=0
    1 is a bar an epoch, 2 a line.
warm_start : bool, default=False
    Whether ``fit`` continues with network and optimizer as they are. Other parameters than
    before count, a new optimizer begins anew, and another ``model`` or ``dtype`` is refused; in
    ``partial_fit``, too.
random_state : int in [0, 4294967295], RandomState or None, default=None
    For new weights, shuffling, dropout and the validation split. None draws a seed; the model's
    own, if it has one, counts then.
dtype : {"float32", "float64"}, default=None
    The arithmetic; None is that of X. Of a ``model``, too, whatever it says.
**nested
    Arguments of the parts: ``optimizer__learning_rate=0.01``, ``loss__label_smoothing=0.1``."""

ATTRIBUTES = """\
model_ : Sequential
    The trained network.
history_ : dict of str to list
    ``loss``, the metrics, and the same of the validation data with ``val_``, by epoch.
best_epoch_ : int
    The best one, counted from 0: by ``EarlyStopping``, or else by the first that is there of
    ``scoring``, the loss on validation data and the loss.
n_iter_ : int
    The epochs done.
n_features_in_ : int
    How many columns X had.
feature_names_in_ : ndarray
    Where X had names."""
