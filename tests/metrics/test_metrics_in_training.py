"""Metrics in ``fit`` and ``evaluate``: results of many numbers, and those that look at all rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from annlib import Sequential, callbacks, layers, losses, metrics
from annlib.callbacks.progress import format_value
from annlib.core.errors import ConfigurationError, DataError

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
CLASSES = rng.integers(0, 3, 60)
ONE_HOT = np.eye(3)[CLASSES]


def classifier(*used, loss="categorical_crossentropy", out=3, activation="softmax"):
    model = Sequential([layers.Dense(out, activation=activation)], seed=0)
    model.compile("adam", loss, metrics=list(used))
    return model


def test_results_of_many_numbers_go_into_history_and_on_the_line(capsys):
    model = classifier(
        metrics.F1Score(),
        metrics.Precision(np.linspace(0.1, 0.9, 9).tolist()),
        metrics.R2Score(None),
    )
    history = model.fit(X, ONE_HOT, epochs=2, validation_split=0.2, verbose=2).history
    assert [len(value) for value in history["f1_score"]] == [3, 3]
    assert [len(value) for value in history["val_precision"]] == [9, 9]
    line = capsys.readouterr().out.splitlines()[-1]
    shown = " ".join(format_value(value) for value in history["f1_score"][1])
    assert f"f1_score [{shown}] val" in line
    ends = [format_value(history["precision"][1][i]) for i in (0, 1, 2, 8)]
    assert f" precision [{' '.join(ends[:3])} ... {ends[3]}]" in line

    loss, f1, precision, r2 = model.evaluate(X, ONE_HOT, verbose=0)
    assert isinstance(loss, float)
    expected = f1_score(CLASSES, model.predict(X).argmax(1), average=None)
    np.testing.assert_allclose(f1, expected, rtol=1e-12)
    found = model.evaluate(X, ONE_HOT, verbose=0, return_dict=True)
    np.testing.assert_array_equal(found["precision"], precision)
    assert r2.shape == (3,)


def test_early_stopping_needs_one_number():
    model = classifier(metrics.F1Score())
    stop = callbacks.EarlyStopping(monitor="f1_score")
    with pytest.raises(ConfigurationError, match=r'one number as "f1_score".*average'):
        model.fit(X, ONE_HOT, verbose=0, callbacks=[stop])
    model = classifier(metrics.F1Score("macro"))
    history = model.fit(X, ONE_HOT, epochs=3, verbose=0, callbacks=[stop]).history
    assert stop.best == max(history["f1_score"])


def test_an_exact_area_is_of_all_rows():
    bits = (CLASSES > 0).astype(float)
    model = classifier(
        metrics.AUC(None, name="exact"), "auc", loss="bce", out=1, activation="sigmoid"
    )
    history = model.fit(X, bits, epochs=2, batch_size=7, verbose=0).history
    assert all(0 < value < 1 for value in history["exact"])
    _, exact, binned = model.evaluate(X, bits, batch_size=7, verbose=0)
    assert exact == pytest.approx(roc_auc_score(bits, model.predict(X)[:, 0]), rel=1e-12)
    assert binned == pytest.approx(exact, abs=0.02)


def test_labels_of_a_sparse_loss_suit_sparse_metrics():
    used = ["sparse_categorical_crossentropy", metrics.SparseTopKCategoricalAccuracy(2)]
    model = classifier(*used, loss="sparse_categorical_crossentropy")
    loss, same, top = model.evaluate(X, CLASSES, verbose=0)
    assert same == pytest.approx(loss, rel=1e-6)
    order = model.predict(X).argsort(axis=1)
    assert top == np.mean(order[:, 0] != CLASSES)


def test_a_metric_that_the_targets_do_not_suit_says_so():
    model = classifier("precision", loss="mse", activation="sigmoid")
    with pytest.raises(DataError, match="Precision: expected targets that are 0 or 1"):
        model.fit(X, rng.normal(size=(60, 3)), verbose=0)


@pytest.mark.parametrize(
    "name",
    ["mean_squared_error", "mean_absolute_error", "log_cosh", "hinge", "binary_crossentropy"],
)
def test_a_loss_as_metric_is_the_loss(name):
    model = classifier(name, loss=name, activation="sigmoid")
    loss, metric = model.evaluate(X, ONE_HOT, batch_size=7, verbose=0)
    assert metric == pytest.approx(loss, rel=1e-6)
    assert metric == pytest.approx(losses.get(name)(ONE_HOT, model.predict(X).astype(float)))
