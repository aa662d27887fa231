"""X and y as scikit-learn validates them, and X as the network is to have it.

Numbers become floating-point numbers. Where the first layer looks its values up, X is ``raw``: an
array of what the user has passed, texts beside numbers, of which that layer says what is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_consistent_length, validate_data

from annlib.core.checks import all_finite
from annlib.data import raw_columns
from annlib.estimators.target_checks import check_missing, check_y, missing_targets
from annlib.models import Sequential
from annlib.network.network import Network
from annlib.training.dataset import input_dataset

_FLOATS = (np.float64, np.float32)


def check_rows(estimator: Any, X: Any, y: Any, *, reset: bool, raw: bool, missing: bool) -> Any:
    """X and y.

    Parameters
    ----------
    estimator : NetworkEstimator
        Gets ``n_features_in_`` and the names of the features with ``reset``, and is asked for them
        without.
    X, y
    reset : bool
    raw : bool
    missing : bool
        Whether there may be NaN in numbers to predict, or in the indicators of labels.
    """
    classifier = estimator._classifies
    found = missing_targets(y) if missing else None
    if found is not None:
        X = check_inputs(estimator, X, reset=reset, raw=raw)
        check_consistent_length(X, found)
        return X, check_missing(found, classifier=classifier)
    X, y = validate_data(
        estimator,
        _as_objects(X) if raw else X,
        y,
        reset=reset,
        multi_output=True,
        y_numeric=not classifier,
        **_how(raw),
    )
    return X, check_y(y, classifier=classifier)


def check_inputs(estimator: Any, X: Any, *, reset: bool = False, raw: bool = False) -> Any:
    """X alone."""
    return validate_data(estimator, _as_objects(X) if raw else X, reset=reset, **_how(raw))


def numbers(estimator: Any, X: Any) -> Any:
    """Raw rows as floating-point numbers, for a network that turns out to look nothing up."""
    return check_array(X, dtype=_FLOATS, estimator=estimator, input_name="X")


def _how(raw: bool) -> dict[str, Any]:
    if raw:
        return {"dtype": None, "ensure_all_finite": False}
    return {"dtype": _FLOATS, "accept_sparse": "csr"}


def _as_objects(X: Any) -> Any:
    """Lists as an array of objects: as one of texts, numbers in it would be texts."""
    return np.array(X, object) if isinstance(X, list | tuple) else X


def looks_up(model: Any) -> bool:
    """Whether the first layer of a model takes values that it looks up."""
    return isinstance(model, Sequential) and bool(model.layers) and model.layers[0].encodes


def holds_texts(X: Any) -> bool:
    """Whether there are values in X that are no numbers, or may be none."""
    if hasattr(X, "toarray"):
        return False
    try:
        return any(column.dtype.kind in "OUS" for column, _ in raw_columns(X, "X"))
    except (TypeError, ValueError):  # no rows, which scikit-learn will say
        return False


def codes_of(network: Network, X: Any) -> Any:
    """Validated rows as the layers pass them on: with codes for what the first one looks up."""
    if not network.layers[0].encodes:
        return X
    return input_dataset(network, X, "predict").batch(network).x


def is_valid(X: Any, features: int) -> bool:
    """Whether ``check_inputs`` would return X unchanged (it costs more than predicting one row)."""
    return (
        type(X) is np.ndarray
        and X.dtype.char in "fd"
        and X.shape == (len(X), features)
        and len(X) > 0
        and X.flags.c_contiguous
        and all_finite(X)
    )
