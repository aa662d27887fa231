"""Finite numbers that the model's type cannot hold are refused wherever they come in."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

import annlib
from annlib import Sequential, layers
from annlib.core.errors import DataError, DivergenceError

X = np.random.default_rng(0).normal(size=(20, 3))
Y = X[:, :1].copy()
ONES = np.ones(20)
#: What float32 rounds to infinity: half a unit in the last place above its largest number.
LEAST = 2.0**128 - 2.0**103


def with_one(array, place, value):
    changed = array.copy()
    changed[place] = value
    return changed


BAD = with_one(X, (7, 1), 1e300)
BAD_Y = with_one(Y, (3, 0), -1e39)
BAD_WEIGHTS = with_one(ONES, 4, LEAST)
SAYS = {
    "x": r"expected numbers in x that are finite as float32.* first 1e\+300 at row 7, column 1",
    "y": r"expected numbers in y that are finite as float32.* first -1e\+39 at row 3, column 0",
    "sample_weight": r"sample_weight that are finite as float32.* first 3\.4\d*e\+38 at row 4",
}


def trained(**how):
    model = Sequential([layers.Dense(2), layers.Dense(1)], seed=0, **how)
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    return model


CALLS = {
    "validation": lambda m, x, y, w: m.fit(X, Y, validation_data=(x, y, w), verbose=0),
    "evaluate": lambda m, x, y, w: m.evaluate(x, y, sample_weight=w),
    "test_on_batch": lambda m, x, y, w: m.test_on_batch(x, y, w),
    "evaluate a stream": lambda m, x, y, w: m.evaluate(iter([(x, y, w)])),
    "validate on a stream": lambda m, x, y, w: m.fit(X, Y, validation_data=[(x, y, w)], verbose=0),
}
STEPS = {
    "fit": lambda m, x, y, w: m.fit(x, y, sample_weight=w, verbose=0),
    "train_on_batch": lambda m, x, y, w: m.train_on_batch(x, y, w),
    "fit on a stream": lambda m, x, y, w: m.fit([(x, y, w)], verbose=0),
}
PREDICTIONS = {
    "predict": lambda m, x: m.predict(x),
    "predict in batches": lambda m, x: m.predict(x, batch_size=4),
    "predict_on_batch": lambda m, x: m.predict_on_batch(x),
    "call": lambda m, x: m(x),
    "call in training": lambda m, x: m(x, training=True),
    "predict a stream": lambda m, x: m.predict(iter([x])),
}


def refuses(call, says, kind=DataError):
    model = trained()
    before = [weight.tobytes() for weight in model.weights], model.optimizer.steps
    with pytest.raises(kind, match=says):
        call(model)
    assert ([weight.tobytes() for weight in model.weights], model.optimizer.steps) == before


def with_bad(part):
    data = {"x": X, "y": Y, "sample_weight": ONES}
    return (data | {part: {"x": BAD, "y": BAD_Y, "sample_weight": BAD_WEIGHTS}[part]}).values()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("part", SAYS)
def test_rows_targets_and_weights(call, part):
    refuses(lambda model: call(model, *with_bad(part)), SAYS[part])


@pytest.mark.parametrize("call", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("part", SAYS)
def test_a_training_step_says_so_itself(call, part):
    says = rf"{part} of the batch, as float32, is not finite"
    refuses(lambda model: call(model, *with_bad(part)), says, DivergenceError)


def test_the_part_to_validate_on_is_not_trained_on():
    last = with_one(X, (19, 1), 1e300)
    says = "validation_split: expected numbers in x that are finite as float32.* row 3, column 1"
    refuses(lambda m: m.fit(last, Y, validation_split=0.2, verbose=0), says)


@pytest.mark.parametrize("call", PREDICTIONS.values(), ids=PREDICTIONS)
def test_predictions(call):
    refuses(lambda model: call(model, BAD), SAYS["x"])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda x: x.tolist(), SAYS["x"]),
        (np.asfortranarray, SAYS["x"]),
        (lambda x: np.repeat(x, 2, axis=1)[:, ::2], SAYS["x"]),
        (lambda x: x[::-1][::-1], SAYS["x"]),
        (lambda x: x.astype(np.longdouble), SAYS["x"]),
        (lambda x: pd.DataFrame(x, columns=list("abc")), SAYS["x"] + r' \("b"\)'),
        (
            lambda x: pd.DataFrame(x, columns=list("abc")).astype({"a": "float32"}),
            r'numbers in x\["b"\] that are finite as float32.*row 7',
        ),
        (sp.csr_matrix, "x, counted from row 7 that are finite as float32"),
        (sp.csc_array, "x, counted from row 7 that are finite as float32"),
    ],
)
def test_every_kind_of_rows(make, says):
    refuses(lambda model: model.predict(make(BAD)), says)
    refuses(lambda model: model.evaluate(make(BAD), Y), says)
    found, expected = trained().predict(make(X)), trained().predict(X)
    if sp.issparse(make(X)):  # whose products add up in another order
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    else:
        np.testing.assert_array_equal(found, expected)


def test_memory_maps_are_checked_batch_by_batch(tmp_path):
    for name, array in (("x", BAD), ("y", BAD_Y), ("nan", with_one(Y, (3, 0), np.nan))):
        np.save(tmp_path / f"{name}.npy", array)
    x, y, nan = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("x", "y", "nan"))
    says = "finite as float32.* first 1e\\+300 at row 1, column 1"
    refuses(lambda model: model.predict(x, batch_size=6), "x, counted from row 6.*" + says)
    refuses(lambda model: model(x), "x, counted from row 0.*finite as float32")
    refuses(lambda model: model.evaluate(x, Y), "x, counted from row 0.*finite as float32")
    refuses(lambda model: model.evaluate(X, y), "y, counted from row 0.*finite as float32")
    refuses(lambda model: model.evaluate(X, nan), "y, counted from row 0, got 1 NaN or infinite")


def test_what_the_type_holds_is_taken():
    edge = np.nextafter(LEAST, 0)  # rounded down to the largest number
    model = trained()
    for big in (with_one(X, (7, 1), 3.4e38), with_one(X, (7, 1), edge), np.full((600, 3), 1e38)):
        assert model.predict(big, batch_size=512).shape == (len(big), 1)
    refuses(lambda m: m.predict(with_one(X, (7, 1), LEAST)), "finite as float32")
    wide = trained(dtype="float64")
    assert np.isfinite(wide.predict(BAD)).all()


@pytest.mark.parametrize(
    "name", ["SequentialClassifier", "SequentialRegressor", "MLPClassifier", "MLPRegressor"]
)
@pytest.mark.parametrize("sparse", [False, True])
def test_estimators(name, sparse):
    make = getattr(annlib, name)
    y = Y[:, 0] if "Regressor" in name else Y[:, 0] > 0
    rows, beyond = (sp.csr_matrix(x) if sparse else x for x in (X, BAD))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = make(dtype="float32", random_state=0).fit(rows, y)
        with pytest.raises(ValueError, match="finite as float32"):
            estimator.predict(beyond)
        with pytest.raises((DataError, DivergenceError), match="as float32"):
            make(dtype="float32").fit(beyond, y)
        if "Regressor" in name:
            with pytest.raises((DataError, DivergenceError), match="as float32"):
                make(dtype="float32").fit(rows, BAD_Y[:, 0])
        make(dtype="float64", random_state=0).fit(rows, y).predict(beyond)
