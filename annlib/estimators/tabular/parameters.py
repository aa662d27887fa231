"""The parameters of both estimators: what each may be and means, and what is said of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from annlib.activations.names import ActivationName
from annlib.core.checks import is_whole, items_of
from annlib.estimators.rules import (
    FLAG,
    NONE,
    RANDOM_STATE,
    Rule,
    count,
    number,
    one_of,
    str_among,
)
from annlib.estimators.tabular.frame import FROM_DTYPE
from annlib.estimators.tabular.training import Course

#: Parts of the rows, of which each member leaves out one.
FOLDS = 10
#: Rows of a fold, which are more than enough to judge by: of many rows there are more folds.
MOST_IN_FOLD = 5000
_DROPOUT, _SMOOTHING = 0.15, 0.05
#: By task and kind of pack.
_RATES = {
    (True, "periodic"): 0.04,
    (True, "piecewise"): 0.02,
    (False, "periodic"): 0.2,
    (False, "piecewise"): 0.1,
}
_ACTIVATIONS: dict[tuple[bool, str], ActivationName] = {
    (False, "periodic"): "mish",
    (False, "piecewise"): "relu",
}


class Preset(NamedTuple):
    """How much is trained: members of a pack, and epochs by the steps that they have."""

    members: int
    #: Steps of a pack, and the fewest and most epochs, by kind.
    steps: dict[str, tuple[int, int, int]]

    def epochs(self, kind: str, n: int, batch: int) -> int:
        steps, least, most = self.steps[kind]
        return int(np.clip(steps / max(1, n // batch), least, most))


PRESETS = {
    "fast": Preset(1, {"periodic": (400, 10, 150), "piecewise": (400, 10, 150)}),
    "default": Preset(2, {"periodic": (850, 22, 200), "piecewise": (850, 22, 150)}),
    "best": Preset(4, {"periodic": (1700, 44, 300), "piecewise": (1700, 44, 200)}),
}
#: A training of many rows has about so many steps, however few epochs that are.
_MOST_STEPS = 10_000


def batch_size(n: int) -> int:
    """Rows of a step, for so many in all."""
    return 64 if n <= 1024 else 128 if n <= 3500 else 256


def course_of(
    preset: Preset, kind: str, n: int, came: int, classifies: bool, epochs: int | None
) -> tuple[ActivationName, Course]:
    """The activation of a pack, and how it is trained.

    Parameters
    ----------
    n, came : int
        The distinct rows, and how many there were before like ones were taken as one: the steps
        follow from these.
    """
    batch = batch_size(n)
    if epochs is None:
        size = batch_size(came)
        steps = preset.epochs(kind, came, size) * max(1, came // size)
        epochs = max(1, round(min(steps, _MOST_STEPS) / max(1, n // batch)))
    rate = _RATES[classifies, kind]
    activation = _ACTIVATIONS.get((classifies, kind), "selu")
    smoothing = _SMOOTHING if classifies else 0.0
    return activation, Course(epochs, batch, rate, _DROPOUT, smoothing)


def _is_columns(value: object) -> bool:
    if value is None or (isinstance(value, str) and value == FROM_DTYPE):
        return True
    if hasattr(value, "to_numpy") and not isinstance(value, type):  # an index or a series
        value = value.to_numpy()
    return items_of(value) is not None


RULES: dict[str, Rule] = {
    "preset": str_among(*PRESETS),
    "members": NONE | count(1),
    "epochs": NONE | count(1),
    "categorical_features": Rule(
        f'"{FROM_DTYPE}", None or a list of columns: positions, names or a mask', _is_columns
    ),
    "n_jobs": NONE | Rule("an int that is not 0", lambda v: is_whole(v) and bool(v != 0)),
    "time_limit": NONE | number("(0, inf)"),
    "verbose": one_of(0, 1, 2) | FLAG,
    "random_state": RANDOM_STATE,
}
PARAMETERS = """\
preset : {"fast", "default", "best"}, default="default"
    How much is trained, and how good it gets. In the geometric mean over six tables a fit takes
    about 4, 12 and 46 times the seconds of scikit-learn's ``HistGradientBoostingClassifier``;
    ``"fast"`` is about as good as that, the others are ahead of it on most tables.
members : int in [1, inf), default=None
    The networks of each of the two packs; None is what the preset has.
epochs : int in [1, inf), default=None
    How often each pack goes through the rows; None follows from their number and the preset.
categorical_features : "from_dtype", None or array-like of shape (n,), default="from_dtype"
    Which columns are categories: those of texts and those whose dtype is a category of pandas or
    polars; or, beside texts, those that are named, by a mask, positions or names. None is none, and
    texts are refused."""

PARAMETERS_LAST = """\
n_jobs : int other than 0, default=None
    Packs that train at once, in threads; the result is the same for any number.
time_limit : float in (0, inf), default=None
    Seconds after which a shorter training ends, with a warning. What comes out then depends on the
    speed of the machine.
verbose : {0, 1, 2} or bool, default=0
    1 is a bar with the loss on rows held out, 2 a line an epoch.
random_state : int in [0, 4294967295], RandomState or None, default=None
    For first values, folds, batches and dropout."""

ATTRIBUTES = """\
score_out_of_fold_ : float
    The score of rows that were held out; NaN if there were too few rows to hold some out.
loss_out_of_fold_ : float
    Their logarithmic loss, or the root of their mean squared error.
feature_importances_ : ndarray of shape (n_features,)
    By how much the loss on rows held out grows if the values of a column are permuted: the
    logarithmic loss, or the squared error in units of the variance of y. On at most 2,000 rows.
typical_prediction_ : ndarray of shape (n_outputs,)
    What ``contributions`` count from: what is predicted for a typical row.
history_ : dict of str to list
    ``periodic_loss`` and ``piecewise_loss`` by epoch, and ``periodic_val_loss`` and
    ``piecewise_val_loss`` on the rows held out.
best_epochs_ : dict of str to int
    The epoch whose weights each pack has, counted from 0: the last, or the best on rows held out if
    that is better by more than one standard error.
shares_ : dict of str to float
    What each pack counts in predictions.
columns_ : dict of str to list
    Which columns became numbers, binary flags, one-hot flags and embeddings, and which were
    dropped: of one value, or a copy of another.
n_features_in_ : int
    How many columns X had.
feature_names_in_ : ndarray
    Where X had names."""
