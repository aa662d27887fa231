"""Several networks that train at once: outputs (n, k, N), with a weight for each row and member."""

import numpy as np
import pytest
from golden import recorded

from annlib import Sequential, layers, losses, metrics
from annlib.core.errors import ShapeError
from annlib.core.workspace import Workspace

KERAS = recorded("members")["losses"]


@pytest.fixture
def rng():
    return np.random.default_rng(17)


@pytest.mark.parametrize(
    "record",
    KERAS["records"],
    ids=lambda r: f"{r['class']}({r['config']}){'' if r['weights'] is None else ', weights'}",
)
def test_losses_of_vectors_are_those_of_keras(record):
    A, y = np.array(KERAS["predictions"]), np.array(record["y"])
    weights = None if record["weights"] is None else np.array(record["weights"])
    loss = getattr(losses, record["class"])(**record["config"])
    if record["config"]["reduction"] in ("none", "sum") and loss.weighs_outputs:
        pytest.skip("the terms of Keras are vectors, those of annlib rows")
    np.testing.assert_allclose(loss(y, A, sample_weight=weights), record["value"], rtol=1e-9)
    work = Workspace("float64")
    if weights is not None:
        weights = loss.as_weights(weights, y.shape, A.shape, "")
    loss.value(y, A, weights, work)
    found = loss.gradient(y, A, weights, work)
    np.testing.assert_allclose(found, record["gradient"], rtol=1e-7, atol=1e-12)


def data(rng, n=48, k=3, units=4):
    x, y = rng.normal(size=(n, 5)), rng.integers(0, units, (n, 1)).repeat(k, axis=1)
    return x, y, rng.uniform(0, 2, (n, k)) * (rng.random((n, k)) < 0.7)


@pytest.mark.parametrize("one_hot", [False, True])
def test_members_train_as_if_each_were_alone(one_hot, rng):
    x, y, w = data(rng)
    targets = np.eye(4)[y] if one_hot else y
    loss = "categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy"
    together = Sequential(
        [layers.BatchedDense(3, 8, "relu"), layers.BatchedDense(3, 4, "softmax")],
        seed=0,
        dtype="float64",
    )
    together.compile("adam", loss)
    together.build((None, 5))
    start = together.get_weights()
    together.fit(x, targets, sample_weight=w, shuffle=False, epochs=3, verbose=0)
    p = together.predict(x)
    for m in range(3):
        alone = Sequential(
            [layers.Dense(8, "relu"), layers.Dense(4, "softmax")], seed=0, dtype="float64"
        )
        alone.compile("adam", loss)
        alone.build((None, 5))
        alone.set_weights([value[m] for value in start])
        # Its share of the loss is a third: Adam does not see that but for epsilon.
        weights = w[:, m] / 3
        alone.fit(x, targets[:, m], sample_weight=weights, shuffle=False, epochs=3, verbose=0)
        np.testing.assert_allclose(p[:, m], alone.predict(x), rtol=1e-9)


def test_rows_of_weight_0_are_not_learned_by_their_member(rng):
    x, y, w = data(rng)
    w[:8, 0] = 0
    weights = []
    for labels in (y, y.copy()):
        if weights:
            labels[:8, 0] = (labels[:8, 0] + 1) % 4
        model = Sequential([layers.BatchedDense(3, 4, "softmax")], seed=0)
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, labels, sample_weight=w, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_metrics_weigh_each_member(rng):
    x, y, w = data(rng)
    model = Sequential([layers.BatchedDense(3, 4, "softmax")], seed=0)
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["accuracy", "sparse_categorical_crossentropy"],
    )
    found = model.evaluate(x, y, sample_weight=w, batch_size=17, verbose=0, return_dict=True)
    p = model.predict(x)
    right = p.argmax(axis=-1) == y
    log = -np.log(np.take_along_axis(p, y[..., None], axis=-1)[..., 0])
    np.testing.assert_allclose(found["accuracy"], right.mean(), rtol=1e-6)
    np.testing.assert_allclose(found["weighted_accuracy"], (right * w).sum() / w.sum(), rtol=1e-6)
    expected = (log * w).sum() / w.sum()
    np.testing.assert_allclose(found["sparse_categorical_crossentropy"], expected, rtol=1e-6)
    np.testing.assert_allclose(found["loss"], (log * w).mean(), rtol=1e-5)
    metric = metrics.SparseTopKCategoricalAccuracy(2)
    by_hand = (p > np.take_along_axis(p, y[..., None], axis=-1)).sum(axis=-1) < 2
    np.testing.assert_allclose(metric(y, p, w), (by_hand * w).sum() / w.sum(), rtol=1e-6)


def test_one_weight_a_row_weighs_all_members_alike(rng):
    x, y, _ = data(rng)
    w = rng.uniform(0, 2, len(x))
    found = []
    for weights in (w, np.repeat(w[:, None], 3, axis=1)):
        model = Sequential([layers.BatchedDense(3, 4, "softmax")], seed=0)
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(x, y, sample_weight=weights, epochs=2, verbose=0)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        ((48,), r"labels y of shape \(n, 3\), got \(48,\)\. .* Flatten"),
        ((48, 1), r"labels y of shape \(n, 3\), got \(48, 1\)"),
        ((48, 2), r"labels y of shape \(n, 3\), got \(48, 2\)\. For one-hot"),
        ((48, 3, 4), r"labels y of shape \(n, 3\)"),
    ],
)
def test_labels_of_another_shape_are_refused(shape, match, rng):
    model = Sequential([layers.BatchedDense(3, 4, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ShapeError, match=match):
        model.fit(rng.normal(size=(48, 5)), np.zeros(shape, int), verbose=0)


@pytest.mark.parametrize("shape", [(48, 4), (48, 3, 4), (3,), (47, 3)])
def test_weights_of_another_shape_are_refused(shape, rng):
    x, y, _ = data(rng)
    model = Sequential([layers.BatchedDense(3, 4, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ShapeError, match=r"sample_weight"):
        model.fit(x, y, sample_weight=np.ones(shape), verbose=0)


@pytest.mark.parametrize(
    ("loss", "weights"),
    [
        ("sparse_categorical_crossentropy", None),
        (losses.SparseCategoricalCrossentropy(ignore_class=2, label_smoothing=0.1), "each"),
        ("categorical_crossentropy", "each"),
        ("kl_divergence", "row"),
        ("mse", "each"),
    ],
)
def test_a_trace_of_members_verifies_itself(loss, weights, rng):
    x, y, w = (part[:8] for part in data(rng))
    labels = getattr(losses.get(loss), "target_kind", "") == "labels"
    model = Sequential(
        [layers.BatchedDense(3, 6, "tanh", use_scale=True), layers.BatchedDense(3, 4, "softmax")],
        seed=0,
        dtype="float64",
    )
    model.compile("adam", loss)
    given = {"each": w, "row": w.sum(axis=1) + 0.1, None: None}[weights]
    trace = model.trace(x, y if labels else np.eye(4)[y], sample_weight=given)
    assert trace.verify().passed, trace.verify()
    assert "8 rows" in str(trace)
