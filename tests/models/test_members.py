"""Several networks that train at once: outputs (n, k, N), with a weight for each row and member."""

import numpy as np
import pytest
from golden import recorded

from annlib import Sequential, layers, losses, metrics, tools
from annlib.core.errors import ConfigurationError, ShapeError
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


def test_members_learn_several_classifications():
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(30, 4)), rng.uniform(0, 2, (30, 2))
    y = np.hstack([np.eye(2)[rng.integers(0, 2, 30)], np.eye(3)[rng.integers(0, 3, 30)]])
    loss = losses.BlockCrossentropy([2, 3], label_smoothing=0.1)
    together = Sequential([layers.BatchedDense(2, 5)], seed=0, dtype="float64")
    together.compile("adam", loss)
    together.build((None, 4))
    start = together.get_weights()
    together.fit(x, y, sample_weight=w, shuffle=False, epochs=3, verbose=0)
    for m in range(2):
        alone = Sequential([layers.Dense(5)], seed=0, dtype="float64")
        alone.compile("adam", losses.BlockCrossentropy([2, 3], label_smoothing=0.1))
        alone.build((None, 4))
        alone.set_weights([value[m] for value in start])
        alone.fit(x, y, sample_weight=w[:, m] / 2, shuffle=False, epochs=3, verbose=0)
        np.testing.assert_allclose(together.predict(x)[:, m], alone.predict(x), rtol=1e-9)


def test_blocks_are_smoothed_each_by_the_number_of_its_classes():
    rng = np.random.default_rng(3)
    y = [np.eye(2)[rng.integers(0, 2, 9)], np.eye(3)[rng.integers(0, 3, 9)]]
    z = [rng.normal(size=(9, 2)), rng.normal(size=(9, 3))]
    one = losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    both = losses.BlockCrossentropy([2, 3], label_smoothing=0.1)
    expected = sum(one(*pair) for pair in zip(y, z, strict=True))
    assert both(np.hstack(y), np.hstack(z)) == pytest.approx(expected, rel=1e-12)


def test_labels_are_smoothed_anew_while_training():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    found = []
    for given, later in ((0.0, 0.3), (0.3, 0.3)):
        model = Sequential([layers.Dense(3)], seed=0)
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=given)
        model.compile("sgd", loss)
        model.build((None, 4))
        model.loss.label_smoothing = later
        found.append(model.fit(x, y, epochs=2, verbose=0).history["loss"])
        with pytest.raises(ConfigurationError, match="label_smoothing"):
            model.loss.label_smoothing = 1.5
    assert found[0] == found[1]


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
    model = Sequential([layers.Dense(4, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ShapeError, match=match):
        model.fit(rng.normal(size=(48, 3, 5)), np.zeros(shape, int), verbose=0)


@pytest.mark.parametrize(
    ("loss", "units", "targets"),
    [
        ("sparse_categorical_crossentropy", 4, lambda y: y),
        ("sparse_categorical_crossentropy", 4, lambda y: y.reshape(-1, 1)),
        ("categorical_crossentropy", 4, lambda y: np.eye(4)[y]),
        ("crossentropy", 4, lambda y: y),
        ("crossentropy", 4, lambda y: np.eye(4)[y]),
        ("mse", 1, lambda y: y / 3),
        ("mse", 2, lambda y: np.stack([y, -y], axis=1) / 3),
        ("binary_crossentropy", 1, lambda y: y > 1),
    ],
)
def test_targets_of_a_row_are_those_of_each_member(loss, units, targets, rng):
    x, y, w = data(rng)
    y = targets(y[:, 0])
    row = y.reshape(-1) if loss.startswith("sparse") or units > 1 == y.ndim else y
    each = np.stack([row] * 3, axis=1)
    if units == 1:
        each = each.reshape(48, 3, 1)
    output = {"mse": None, "binary_crossentropy": "sigmoid"}.get(loss, "softmax")
    found = []
    for given in (y, each):
        model = Sequential([layers.BatchedDense(3, units), layers.Activation(output)], seed=0)
        model.compile("adam", loss, metrics=["mse"] if loss == "mse" else ["accuracy"])
        model.fit(x, given, sample_weight=w, epochs=2, validation_data=(x, given, w), verbose=0)
        found.append([*model.get_weights(), model.evaluate(x, given, verbose=0)])
        batches = [(x[i : i + 16], given[i : i + 16], w[i : i + 16]) for i in range(0, 48, 16)]
        model.fit(iter(batches), verbose=0)
        found[-1] += model.get_weights()
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_class_weights_of_a_row_are_those_of_each_member(rng):
    x, y, w = data(rng)
    by_class = {0: 2.0, 1: 0.5, 2: 1.0, 3: 0.0}
    found = []
    for weights, class_weight in ((w, by_class), (w * np.vectorize(by_class.get)(y), None)):
        model = Sequential([layers.BatchedDense(3, 4, "softmax")], seed=0, dtype="float64")
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(x, y[:, 0], sample_weight=weights, class_weight=class_weight, verbose=0)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_the_axis_of_members_goes_as_far_as_it_is_kept(rng):
    x, y, _ = data(rng)
    for behind in ([layers.Dropout(0.1), layers.Dense(4, "softmax")], [layers.Softmax()]):
        model = Sequential([layers.BatchedDense(3, 4), *behind], seed=0)
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(x, y[:, 0], verbose=0)
    flat = Sequential([layers.BatchedDense(3, 4), layers.Flatten(), layers.Dense(4, "softmax")])
    flat.compile("sgd", "sparse_categorical_crossentropy")
    flat.fit(x, y[:, 0], verbose=0)
    with pytest.raises(ShapeError, match=r"y of shape \(n,\), got \(48, 3\)"):
        flat.fit(x, y, verbose=0)


def test_targets_of_another_number_of_members_are_refused(rng):
    x, y, _ = data(rng)
    model = Sequential([layers.BatchedDense(3, 4, "softmax")], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ShapeError, match=r"of shape \(n,\), got \(48, 2\)"):
        model.fit(x, y[:, :2], verbose=0)


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


def test_tools_take_members(rng):
    x, y, _ = data(rng)
    model = Sequential([layers.BatchedDense(3, 8, "tanh"), layers.BatchedDense(3, 4, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    assert tools.gradcheck(model, x, y[:, 0]).ok
    report = tools.checkup(model, x, y)
    assert "class balance" in report.checks
    assert "gradients" not in report
