"""Models that learn with a weight for each output, or whose targets are partly missing."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.metrics import f1_score, r2_score

from annlib import Sequential, layers, load_model, losses, metrics
from annlib.core.errors import ConfigurationError, DataError, ShapeError
from annlib.tools import checkup, gradcheck

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4))
Y = np.tanh(X @ rng.normal(size=(4, 3)))
W = rng.uniform(0, 2, size=Y.shape)
THERE = rng.uniform(size=Y.shape) > 0.3
HOLES = np.where(THERE, Y, np.nan)
BITS = (Y > 0) * 1.0
LABELS = rng.integers(0, 3, 40)


def network(loss="mse", activation=None, optimizer="sgd", dtype="float64", **keywords):
    stack = [layers.Dense(5, activation="tanh"), layers.Dense(3, activation=activation)]
    model = Sequential(stack, seed=0, dtype=dtype)
    model.compile(optimizer, loss, **keywords)
    return model


def masked(**keywords):
    return network(losses.MeanSquaredError(mask_nan=True), **keywords)


def weights_of(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


# -- one weight an output --------------------------------------------------------------------------


def test_training_makes_the_weighted_sum_small():
    """One step on all rows: minus the gradient of mean(w (a - y)^2), by differences."""
    model = network()
    model.build((None, 4))
    start, gradient = weights_of(model), []
    for i in range(len(start)):
        costs = []
        for step in (1e-6, -1e-6):
            moved = start.copy()
            moved[i] += step
            shapes, values = [w.shape for w in model.get_weights()], moved
            parts = np.split(values, np.cumsum([np.prod(s) for s in shapes])[:-1])
            model.set_weights([p.reshape(s) for p, s in zip(parts, shapes, strict=True)])
            costs.append((W * (model.predict(X) - Y) ** 2).mean())
        gradient.append((costs[0] - costs[1]) / 2e-6)
    fresh = network()
    fresh.train_on_batch(X, Y, sample_weight=W)
    np.testing.assert_allclose(weights_of(fresh), start - 0.01 * np.array(gradient), atol=1e-9)


def test_every_way_in_takes_them():
    used = {"metrics": ["mae"], "weighted_metrics": ["mae", "r2_score"]}
    model = network(**used)
    batches = [(X[i : i + 8], Y[i : i + 8], W[i : i + 8]) for i in range(0, 40, 8)]
    by_stream, by_array = network(**used), network(**used)
    by_stream.fit(batches, epochs=2, verbose=0)
    by_array.fit(X, Y, sample_weight=W, batch_size=8, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(weights_of(by_stream), weights_of(by_array))
    history = model.fit(X, Y, sample_weight=W, validation_data=(X, Y, W), verbose=0).history
    a = model.predict(X)
    expected = {
        "loss": (W * (a - Y) ** 2).mean(),
        "mae": np.abs(a - Y).mean(),
        "weighted_mae": (W * np.abs(a - Y)).sum() / W.sum(),
        "r2_score": np.mean([r2_score(Y[:, j], a[:, j], sample_weight=W[:, j]) for j in range(3)]),
    }
    for found in (
        {name: values[-1] for name, values in history.items() if name.startswith("val_")},
        model.evaluate(X, Y, sample_weight=W, batch_size=7, return_dict=True),
        model.evaluate(batches, return_dict=True),
        model.test_on_batch(X, Y, sample_weight=W, return_dict=True),
    ):
        plain = {name.removeprefix("val_"): value for name, value in found.items()}
        assert plain == pytest.approx(expected, rel=1e-10)


def test_weights_of_rows_spread_over_the_outputs_train_alike():
    rows, spread = network(), network()
    rows.fit(X, Y, sample_weight=W[:, 0], epochs=2, verbose=0)
    spread.fit(X, Y, sample_weight=np.tile(W[:, :1], 3), epochs=2, verbose=0)
    np.testing.assert_allclose(weights_of(rows), weights_of(spread), rtol=1e-12)


def test_labels_that_do_not_exclude_each_other_have_weights_in_place_of_class_weight():
    model = network("binary_crossentropy", "sigmoid", weighted_metrics=["accuracy", "f1_score"])
    with pytest.raises(ConfigurationError, match=r"sample_weight .* row or each output, \(40, 3\)"):
        model.fit(X, BITS, class_weight={0: 1.0}, verbose=0)
    weights = np.where(BITS == 1, 3.0, 1.0)
    model.fit(X, BITS, sample_weight=weights, verbose=0)
    found = model.evaluate(X, BITS, sample_weight=weights, return_dict=True)
    right = (model.predict(X) > 0.5) == BITS
    assert found["accuracy"] == pytest.approx((weights * right).sum() / weights.sum())
    by_column = [
        f1_score(BITS[:, j], model.predict(X)[:, j] > 0.5, sample_weight=weights[:, j])
        for j in range(3)
    ]
    np.testing.assert_allclose(found["f1_score"], by_column)


def test_where_a_row_has_one_loss_they_are_refused():
    for loss, y in (("categorical_crossentropy", np.eye(3)[LABELS]), ("kld", np.eye(3)[LABELS])):
        with pytest.raises(ShapeError, match=r"sample_weight of shape \(40,\), got \(40, 3\)"):
            network(loss, "softmax").fit(X, y, sample_weight=W, verbose=0)


def test_a_metric_of_whole_rows_is_refused_before_a_step():
    model = network(weighted_metrics=["cosine_similarity"])
    model.build((None, 4))
    start = weights_of(model)
    with pytest.raises(ShapeError, match=r"sample_weight has one an output.*cosine_similarity"):
        model.fit(X, Y, sample_weight=W, verbose=0)
    np.testing.assert_array_equal(weights_of(model), start)
    network(metrics=["cosine_similarity"]).fit(X, Y, sample_weight=W, verbose=0)


# -- missing targets -------------------------------------------------------------------------------


def test_what_is_missing_may_be_anything():
    """The same steps as with any numbers there that have the weight 0, but for the divisor."""
    model, weighted = masked(), network(losses.MeanSquaredError("mean_with_sample_weight"))
    model.fit(X, HOLES, batch_size=8, epochs=3, verbose=0)
    any_numbers = np.where(THERE, Y, 7.0)
    weighted.fit(X, any_numbers, sample_weight=THERE * 1.0, batch_size=8, epochs=3, verbose=0)
    np.testing.assert_allclose(weights_of(model), weights_of(weighted), rtol=1e-9)


@pytest.mark.parametrize("size", [40, 7])
def test_loss_and_metrics_are_of_what_is_there(size):
    names = ["mae", "mse", "r2_score", metrics.RootMeanSquaredError(name="rmse")]
    own = metrics.MeanMetricWrapper(lambda y, a: np.abs(y - a), name="own")
    model = masked(metrics=[*names, own], weighted_metrics=["mae"])
    history = model.fit(X, HOLES, verbose=0, validation_data=(X, HOLES, W)).history
    a = model.predict(X)
    errors = np.abs(a - Y)
    found = model.evaluate(X, HOLES, sample_weight=W, batch_size=size, return_dict=True)
    columns = [r2_score(Y[t, j], a[t, j]) for j, t in enumerate(THERE.T)]
    expected = {
        "loss": (W * errors**2)[THERE].sum() / THERE.sum(),
        "mae": errors[THERE].mean(),
        "own": errors[THERE].mean(),
        "mse": (errors**2)[THERE].mean(),
        "rmse": np.sqrt((errors**2)[THERE].mean()),
        "r2_score": np.mean(columns),
        "weighted_mae": (W * errors)[THERE].sum() / W[THERE].sum(),
    }
    assert found == pytest.approx(expected, rel=1e-10)
    assert {name: history[f"val_{name}"][0] for name in found} == pytest.approx(expected)


def test_labels_may_be_missing():
    used = ["accuracy", "precision", "auc", "f1_score", "bce"]
    model = network(losses.BinaryCrossentropy(mask_nan=True), "sigmoid", metrics=used)
    y = np.where(THERE, BITS, np.nan)
    model.fit(X, y, verbose=0)
    found = model.evaluate(X, y, return_dict=True, batch_size=9)
    a = model.predict(X)
    assert found["accuracy"] == pytest.approx(((a > 0.5) == BITS)[THERE].mean())
    alone = metrics.Precision()
    alone.update_state(BITS[THERE], a[THERE])
    assert found["precision"] == pytest.approx(alone.result())
    assert (
        found["loss"]
        == pytest.approx(found["bce"])
        == pytest.approx(
            losses.BinaryCrossentropy()(BITS[THERE].reshape(-1, 1), a[THERE].reshape(-1, 1))
        )
    )


def test_they_come_in_streams_frames_and_memory_maps(tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "y.npy"
    np.save(path, HOLES)
    expected = masked()
    expected.fit(X, HOLES, batch_size=8, shuffle=False, verbose=0)
    mapped, framed, streamed = masked(), masked(), masked()
    mapped.fit(X, np.load(path, mmap_mode="r"), batch_size=8, shuffle=False, verbose=0)
    framed.fit(X, pandas.DataFrame(HOLES).convert_dtypes(), batch_size=8, shuffle=False, verbose=0)
    streamed.fit([(X[i : i + 8], HOLES[i : i + 8]) for i in range(0, 40, 8)], verbose=0)
    for model in (mapped, framed, streamed):
        np.testing.assert_array_equal(weights_of(model), weights_of(expected))
    value = mapped.evaluate(X, np.load(path, mmap_mode="r"), batch_size=8)
    assert value == pytest.approx(expected.evaluate(X, HOLES))


def test_a_batch_of_nothing_moves_nothing():
    model = masked()
    model.build((None, 4))
    start = weights_of(model)
    batches = [(X[:8], np.full((8, 3), np.nan)), (X[:8], np.full((8, 3), np.nan))]
    assert model.fit(batches, verbose=0).history["loss"] == [0.0]
    np.testing.assert_array_equal(weights_of(model), start)


def test_what_else_is_not_finite_is_refused():
    model = masked()
    infinite = HOLES.copy()
    infinite[3, 1] = -np.inf
    with pytest.raises(DataError, match="finite numbers in y, got 1 infinite, first at row 3"):
        model.fit(X, infinite, verbose=0)
    with pytest.raises(DataError, match=r"y, got \d+ NaN .* MeanSquaredError\(mask_nan=True\)"):
        network().fit(X, HOLES, verbose=0)
    with pytest.raises(DataError, match="targets that are there"):
        model.fit(X, np.full_like(Y, np.nan), verbose=0)
    with pytest.raises(ConfigurationError, match="no class_weight with"):
        model.fit(X, HOLES, class_weight={0: 1.0}, verbose=0)
    with pytest.raises(DataError, match=r"finite numbers in y.*SimpleImputer\)\.$"):
        network("categorical_crossentropy", "softmax").fit(X, HOLES, verbose=0)


@pytest.mark.parametrize(
    "metric", ["cosine_similarity", lambda y, a: np.abs(y - a).mean(axis=1)], ids=["name", "own"]
)
def test_a_metric_of_whole_rows_is_refused_where_targets_are_missing(metric):
    model = masked(metrics=[metric])
    model.build((None, 4))
    start = weights_of(model)
    with pytest.raises(ShapeError, match="targets may be missing"):
        model.fit(X, HOLES, verbose=0)
    np.testing.assert_array_equal(weights_of(model), start)


def test_all_rows_at_once():
    model = masked(optimizer="lbfgs")
    history = model.fit(X, HOLES, epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.05 * history[0]
    assert model.evaluate(X, HOLES) == pytest.approx(((model.predict(X) - Y) ** 2)[THERE].mean())


# -- labels that are ignored -----------------------------------------------------------------------


def test_ignored_labels_train_as_if_they_were_not_there():
    there = LABELS != 0
    marked = np.where(there, LABELS, -1)
    ignoring = network(losses.SparseCategoricalCrossentropy(ignore_class=-1), "softmax")
    without = network("sparse_categorical_crossentropy", "softmax")
    ignoring.fit(X, marked, batch_size=40, epochs=3, shuffle=False, verbose=0)
    without.fit(X[there], LABELS[there], batch_size=40, epochs=3, shuffle=False, verbose=0)
    np.testing.assert_allclose(weights_of(ignoring), weights_of(without), rtol=1e-12)


def test_metrics_do_not_count_them_either():
    there = LABELS != 1
    marked = np.where(there, LABELS, 255)
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255, label_smoothing=0.1)
    model = network(
        loss,
        "softmax",
        metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(2)],
        weighted_metrics=[metrics.SparseCategoricalCrossentropy(name="nats")],
    )
    model.fit(X, marked, verbose=0)
    found = model.evaluate(X, marked, sample_weight=W[:, 0], batch_size=7, return_dict=True)
    plain = network(
        losses.SparseCategoricalCrossentropy(label_smoothing=0.1),
        "softmax",
        metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(2)],
        weighted_metrics=[metrics.SparseCategoricalCrossentropy(name="nats")],
    )
    plain.build((None, 4))
    plain.set_weights(model.get_weights())
    expected = plain.evaluate(X[there], LABELS[there], sample_weight=W[there, 0], return_dict=True)
    assert found == pytest.approx(expected, rel=1e-12)
    a = model.predict(X)
    own = metrics.SparseCategoricalAccuracy(ignore_class=255)
    assert own(marked, a) == pytest.approx(found["accuracy"])


# -- files, copies, traces, tools ------------------------------------------------------------------

KINDS = {
    "missing": (losses.MeanSquaredError(mask_nan=True), None, HOLES, None),
    "missing bits": (
        losses.BinaryCrossentropy(mask_nan=True, pos_weight=[1.0, 2.0, 0.5]),
        "sigmoid",
        np.where(THERE, BITS, np.nan),
        W,
    ),
    "weights": ("binary_crossentropy", "sigmoid", BITS, W),
    "positive weight": (losses.BinaryCrossentropy(pos_weight=3.0), "sigmoid", BITS, W[:, 0]),
    "ignored": (
        losses.SparseCategoricalCrossentropy(ignore_class=-1, label_smoothing=0.1),
        "softmax",
        np.where(np.arange(40) % 4 == 1, -1, LABELS),
        W[:, 0],
    ),
}
each = pytest.mark.parametrize(("loss", "activation", "y", "weights"), KINDS.values(), ids=KINDS)


@each
def test_files_and_copies_keep_the_loss(loss, activation, y, weights, tmp_path):
    model = network(loss, activation)
    model.fit(X, y, sample_weight=weights, verbose=0)
    model.save(tmp_path / "model.safetensors")
    expected = model.train_on_batch(X, y, sample_weight=weights)
    for other in (load_model(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))):
        if other.optimizer.iterations != model.optimizer.iterations:
            other.train_on_batch(X, y, sample_weight=weights)
        assert other.loss == model.loss
        np.testing.assert_array_equal(weights_of(other), weights_of(model))
    assert np.isfinite(expected)


@each
@pytest.mark.parametrize("rows", [1, 4])
def test_a_trace_holds(loss, activation, y, weights, rows):
    report = (
        network(loss, activation)
        .trace(X[:rows], y[:rows], None if weights is None else weights[:rows])
        .verify()
    )
    assert report.passed, str(report)


@each
def test_gradients_are_right(loss, activation, y, weights):
    few = None if weights is None else weights[:8]
    assert gradcheck(network(loss, activation), X[:8], y[:8], few).ok


@each
def test_a_checkup_takes_them(loss, activation, y, weights):
    found = checkup(network(loss, activation), X, y, weights).findings
    assert not [one for one in found if one.severity == "error"], found
