"""Metrics give the results that Keras has given, over two batches, with and without weights."""

from __future__ import annotations

import numpy as np
import pytest
from cases import METRICS
from golden import recorded

from annlib import losses, metrics

RECORDED = recorded("metrics")["metrics"]
RECORDS = RECORDED["records"]
WEIGHT = np.array(RECORDED["sample_weight"])

#: The metrics of one rate where another is large enough.
BEST_AT = (
    *("PrecisionAtRecall", "RecallAtPrecision"),
    *("SensitivityAtSpecificity", "SpecificityAtSensitivity"),
)
#: What Keras rounds more than we do: it adds 1e-7 to the denominators of an F-score, and adds up
#: the weights of evenly spaced thresholds in float32.
TOLERANCES = {
    "F1Score": 1e-6,
    "FBetaScore": 1e-6,
    "AUC weighted": 1e-6,
    **{f"{kind} weighted": 1e-6 for kind in BEST_AT},
}


@pytest.mark.parametrize(
    "record", RECORDS, ids=lambda r: f"{r['class']}-{r['config']}-{r['inputs']}"
)
@pytest.mark.parametrize("how", ["result", "weighted"])
def test_it_is_kerass_result(record, how):
    inputs = RECORDED["inputs"][record["inputs"]]
    y, a = np.array(inputs["y_true"]), np.array(inputs["y_pred"])
    metric = getattr(metrics, record["class"])(**record["config"])
    cut = len(y) // 3
    for part in (slice(cut), slice(cut, len(y))):
        metric.update_state(y[part], a[part], WEIGHT[part] if how == "weighted" else None)
    found, expected, kind = metric.result(), record[how], record["class"]
    if kind == "AUC" and not (y.any() and (record["config"].get("curve") == "PR" or not y.all())):
        expected = np.nan  # of one class an area is not defined; Keras says 0, or 1
    tolerance = TOLERANCES.get(kind, TOLERANCES.get(f"{kind} {how}", 1e-12))
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_names_and_directions_are_kerass():
    assert {row.cls.__name__ for row in METRICS} == RECORDED["directions"].keys()
    for name, known in RECORDED["directions"].items():
        cls = getattr(metrics, name)
        metric = cls(**cls.example_arguments)
        assert {"name": metric.name, "direction": metric.direction} == known
        assert metrics.registry.find(known["name"]) is type(metric)


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("MSE", metrics.MeanSquaredError),
        ("mae", metrics.MeanAbsoluteError),
        ("MAPE", metrics.MeanAbsolutePercentageError),
        ("msle", metrics.MeanSquaredLogarithmicError),
        ("bce", metrics.BinaryCrossentropy),
        ("AUC", metrics.AUC),
        ("f1_score", metrics.F1Score),
        ("FBetaScore", metrics.FBetaScore),
        ("log_cosh_error", metrics.LogCoshError),
        ("R2Score", metrics.R2Score),
    ],
)
def test_other_names_of_keras_are_known(name, cls):
    assert type(metrics.get(name)) is cls


@pytest.mark.parametrize(
    "record", RECORDED["functions"], ids=lambda r: f"{r['function']}-{r['config']}"
)
def test_a_function_gives_kerass_number_of_each_row(record):
    inputs, function = RECORDED["inputs"][record["inputs"]], getattr(metrics, record["function"])
    y, a = np.array(inputs["y_true"]), np.array(inputs["y_pred"])
    found, expected = function(y, a, **record["config"]), np.array(record["result"])
    if record["function"] == "binary_accuracy":  # of which Keras gives one number an output
        expected = expected.mean(axis=-1)
    # Keras adds 1e-7 to the logarithms of focal losses.
    tolerance = 1e-6 if "focal" in record["function"] else 1e-12
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=1e-12)
    assert function(y, a.astype(np.float32), **record["config"]).dtype == np.float32


def test_every_function_of_keras_is_recorded():
    kinds = (metrics.MetricFunction, losses.LossFunction)
    known = {f.__name__ for f in map(metrics.__dict__.get, metrics.__all__) if isinstance(f, kinds)}
    assert known == {record["function"] for record in RECORDED["functions"]}
