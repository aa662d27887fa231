"""scikit-learn's own checks of estimators: none fails, is expected to fail, or is skipped."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from annlib import MLPClassifier, MLPRegressor

VERSION = tuple(map(int, importlib.metadata.version("scikit-learn").split(".")[:2]))
ARRAY_API = {"check_array_api_input"}
both = pytest.mark.parametrize("Estimator", [MLPClassifier, MLPRegressor])

# The checks stir up warnings of many kinds, which are not what they look at.
pytestmark = pytest.mark.filterwarnings("ignore")


@parametrize_with_checks([MLPClassifier(), MLPRegressor()])
def test_check(estimator, check):
    check(estimator)


@pytest.mark.skipif(VERSION < (1, 9), reason="older versions have fewer checks")
@pytest.mark.parametrize(("estimator", "count"), [(MLPClassifier(), 69), (MLPRegressor(), 61)])
def test_all_of_them_run(estimator, count):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert len(results) >= count
    others = {r["check_name"]: r["status"] for r in results if r["status"] != "passed"}
    assert others in ({}, dict.fromkeys(ARRAY_API, "skipped"))


def test_all_of_them_pass_where_arrays_may_be_of_other_libraries():
    code = (
        "from annlib import MLPClassifier, MLPRegressor\n"
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "for E in (MLPClassifier, MLPRegressor):\n"
        "    check_estimator(E(), on_skip=None, on_fail='raise')\n"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@both
def test_a_check_that_it_leaves_out(Estimator):
    check = estimator_checks.check_dataframe_column_names_consistency
    check(Estimator.__name__, Estimator(max_iter=5))


#: Equal to 1e-7 are rows of weight 2 and rows that come twice.
WEIGHTS = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}


@both
@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        # A row that comes twice loses other units each time.
        ({"dropout": 0.3}, WEIGHTS),
        # Mean and variance of a batch do not heed weights.
        ({"batch_normalization": True}, WEIGHTS),
        # Type and tolerance of these are those of float64.
        (
            {"dtype": "float32"},
            {*WEIGHTS, "check_regressor_multioutput", "check_classifier_multioutput"},
        ),
    ],
)
def test_what_a_setting_cannot_meet_by_its_nature(Estimator, setting, allowed):
    results = check_estimator(Estimator(**setting), on_skip=None, on_fail=None)
    failed = {result["check_name"] for result in results if result["status"] == "failed"}
    assert failed <= allowed, failed - allowed
