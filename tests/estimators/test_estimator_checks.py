"""scikit-learn's own checks of estimators: none fails, is expected to fail, or is skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import sklearn
from sklearn.datasets import make_blobs
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from annlib import (
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    layers,
)

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
#: What scikit-learn 1.9 collects; another version has more or fewer.
COUNTS = {
    MLPClassifier: 69,
    MLPRegressor: 61,
    SequentialClassifier: 69,
    SequentialRegressor: 61,
    HiddenLayerTransformer: 47,
}
each_kind = pytest.mark.parametrize("kind", COUNTS, ids=lambda kind: kind.__name__)

# The checks stir up warnings of many kinds, which are not what they look at.
pytestmark = pytest.mark.filterwarnings("ignore")


def named(value):
    return value.func.__name__ if hasattr(value, "func") else type(value).__name__


@pytest.mark.parametrize(
    ("estimator", "check"),
    [pair for kind in COUNTS for pair in estimator_checks_generator(kind())],
    ids=named,
)
def test_checks(estimator, check):
    check(estimator)


@pytest.mark.skipif(VERSION != (1, 9), reason="counted with scikit-learn 1.9")
@each_kind
def test_all_checks_are_collected(kind):
    """A tag can turn the whole battery off, which is then green."""
    results = check_estimator(kind(), on_skip=None)
    statuses = Counter(result["status"] for result in results)
    skipped = [r["check_name"] for r in results if r["status"] == "skipped"]
    array_api = os.environ.get("SCIPY_ARRAY_API") == "1"
    assert skipped == ([] if array_api else ["check_array_api_input"])
    assert statuses["passed"] + statuses["skipped"] == len(results) == COUNTS[kind]


ARRAY_API = """
from sklearn.utils.estimator_checks import check_estimator
import annlib
for name in {names}:
    print(*{{result["status"] for result in check_estimator(getattr(annlib, name)())}})
"""


@pytest.mark.slow
def test_checks_under_the_array_api():
    code = ARRAY_API.format(names=[kind.__name__ for kind in COUNTS])
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.stdout.split() == ["passed"] * len(COUNTS), run.stderr


# -- settings that exclude a check by their nature -------------------------------------------------


def dropped(n_outputs, output_activation, units=100):
    return Sequential(
        [
            layers.Dense(units, "relu"),
            layers.Dropout(0.2),
            layers.Dense(n_outputs, output_activation),
        ]
    )


#: Equal to 1e-7 are rows of weight 2 and rows that come twice.
WEIGHTS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
#: Which are of single precision where they look for double, or draw nearer than it can tell.
SINGLE = (
    *WEIGHTS,
    "check_methods_sample_order_invariance",
    "check_regressor_multioutput",
    "check_classifier_multioutput",
)
MLP, SEQUENTIAL = (MLPClassifier, MLPRegressor), (SequentialClassifier, SequentialRegressor)


def linear(n_outputs):
    return Sequential([layers.Dense(100, "relu"), layers.Dense(n_outputs)])


HINGES = ("hinge", "squared_hinge", "categorical_hinge")
#: The settings, and what cannot hold with them.
SETTINGS = [
    (MLP, {"dtype": "float32"}, SINGLE),
    # A row that comes twice loses other units each time.
    (MLP, {"dropout": 0.3}, WEIGHTS),
    # Mean and variance of a batch do not heed weights.
    (MLP, {"batch_normalization": True}, WEIGHTS),
    (
        MLP,
        {"early_stopping": True},
        (
            # Which rows are held out depends on how many there are.
            *WEIGHTS,
            # partial_fit, which scikit-learn's perceptrons refuse, too.
            "check_fit_score_takes_y",
            "check_n_features_in_after_fitting",
            "check_estimators_partial_fit_n_features",
            # Ten rows and fewer, of which a tenth is not enough to score.
            "check_estimators_nan_inf",
            "check_fit2d_1feature",
            "check_classifiers_one_label",
            "check_regressors_no_decision_function",
            # Rows count in the score what sample_weight says, and not by class.
            "check_class_weight_classifiers",
        ),
    ),
    # Without probabilities, which are absent and not looked for.
    *(((MLPClassifier,), {"loss": loss}, ()) for loss in HINGES),
    *(((SequentialClassifier,), {"loss": loss, "model": linear}, ()) for loss in HINGES),
    (SEQUENTIAL, {"dtype": "float32"}, SINGLE),
    (SEQUENTIAL, {"model": dropped}, WEIGHTS),
    (SEQUENTIAL, {"validation_split": 0.2, "callbacks": "early_stopping"}, WEIGHTS),
    # Batches of 27 rows are not those of 15 rows with weights.
    (SEQUENTIAL, {"batch_size": 8}, WEIGHTS),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "setting", "excluded"),
    [
        pytest.param(
            *(kind, setting, excluded),
            id=f"{kind.__name__}-{'-'.join([*setting, setting.get('loss', '')]).strip('-')}",
        )
        for kinds, setting, excluded in SETTINGS
        for kind in kinds
    ],
)
def test_only_what_a_setting_excludes_fails(kind, setting, excluded):
    results = check_estimator(kind(**setting, random_state=0), on_fail=None, on_skip=None)
    wrong = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert wrong.keys() <= set(excluded), wrong


# -- checks that check_estimator leaves out --------------------------------------------------------

LEFT_OUT = ["check_dataframe_column_names_consistency", "check_inplace_ensure_writeable"]
OF_TRANSFORMERS = [
    "check_get_feature_names_out_error",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


@pytest.mark.parametrize(
    ("kind", "check"),
    [(kind, check) for kind in COUNTS for check in LEFT_OUT]
    + [(HiddenLayerTransformer, check) for check in OF_TRANSFORMERS],
)
def test_checks_that_check_estimator_leaves_out(kind, check):
    run = getattr(estimator_checks, check, None)
    if run is None:
        pytest.skip("not in this version of scikit-learn")
    run(kind.__name__, kind(random_state=0))


@pytest.mark.parametrize(
    "net", [MLPClassifier(tol=1e-3), SequentialClassifier(epochs=20)], ids=named
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_balanced_classes(net, n_classes):
    """Trained where one class is rare, scored where none is."""
    X, y = make_blobs(900, 4, centers=n_classes, cluster_std=6.0, random_state=1)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    kept = (y[:600] > 0) | (np.arange(600) % 10 == 0)
    check = estimator_checks.check_class_weight_balanced_classifiers
    check(type(net).__name__, net, X[:600][kept], y[:600][kept], X[600:], y[600:], None)
