"""scikit-learn's own checks, at the defaults and where a setting cannot meet one by its nature."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
import sklearn
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from annlib import (
    HiddenLayerTransformer,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    layers,
)

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
#: What scikit-learn 1.9 collects; another version has more or fewer.
COUNTS = {SequentialClassifier: 69, SequentialRegressor: 61, HiddenLayerTransformer: 48}

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.SkipTestWarning", "ignore::FutureWarning"
)


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
@pytest.mark.parametrize("kind", COUNTS, ids=lambda kind: kind.__name__)
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
from annlib import HiddenLayerTransformer, SequentialClassifier, SequentialRegressor
import warnings
warnings.simplefilter("ignore")
for kind in (SequentialClassifier, SequentialRegressor, HiddenLayerTransformer):
    print(*{result["status"] for result in check_estimator(kind())})
"""


def test_checks_under_the_array_api():
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    run = subprocess.run(
        [sys.executable, "-c", ARRAY_API], env=environment, capture_output=True, text=True
    )
    assert run.stdout.split() == ["passed"] * 3, run.stderr


def dropped(n_outputs, output_activation, units=100):
    return Sequential(
        [
            layers.Dense(units, "relu"),
            layers.Dropout(0.2),
            layers.Dense(n_outputs, output_activation),
        ]
    )


WEIGHTS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
#: The settings, and what cannot hold with them.
SETTINGS = {
    # A sum in single precision depends on the order of the rows and on how they are grouped.
    "float32": (
        {"dtype": "float32"},
        (
            *WEIGHTS,
            "check_methods_sample_order_invariance",
            "check_regressor_multioutput",
            # Probabilities near 1 are equal in single precision where their logits are not.
            "check_classifier_multioutput",
        ),
    ),
    # Dropout draws for each row.
    "dropout": ({"model": dropped}, WEIGHTS),
    # Which rows are held out depends on how many there are; of one row nothing can be.
    "early stopping": ({"validation_split": 0.2, "callbacks": "early_stopping"}, WEIGHTS),
    # Batches of 27 rows are not those of 15 rows with weights.
    "small batches": ({"batch_size": 8}, WEIGHTS),
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("kind", [SequentialClassifier, SequentialRegressor])
def test_only_what_a_setting_excludes_fails(kind, setting):
    parameters, excluded = SETTINGS[setting]
    results = check_estimator(kind(**parameters, random_state=0), on_fail=None, on_skip=None)
    failed = {r["check_name"] for r in results if r["status"] == "failed"}
    wrong = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert failed <= set(excluded), wrong


LEFT_OUT = ["check_dataframe_column_names_consistency", "check_inplace_ensure_writeable"]
OF_TRANSFORMERS = [
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
@pytest.mark.filterwarnings("ignore:X has feature names, but:UserWarning")
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
