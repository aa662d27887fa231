"""What fit, evaluate and predict do, as Keras' users know it."""

import math

import numpy as np
import pytest

from annlib import (
    ConfigurationError,
    Input,
    Sequential,
    callbacks,
    layers,
    losses,
    optimizers,
)

N = 70
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 4))
X[:, 0] = np.arange(N)  # marks the rows
LABELS = np.arange(N) % 3
VALUES = rng.normal(size=(N, 1))


class Recorder(layers.Layer):
    """y = x; keeps the marks of the rows of every pass."""

    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.trained, self.tested = [], []

    def forward(self, x, work, *, training=False):
        (self.trained if training else self.tested).append(x[:, 0].astype(int).tolist())
        return x

    def backward(self, dy, work, *, input_gradient=True):
        return dy


def flat(batches):
    return [mark for batch in batches for mark in batch]


def recording(**keywords):
    """A model that does not learn, and the layer that sees its data."""
    recorder = Recorder()
    model = Sequential([recorder, layers.Dense(1)], **keywords)
    model.compile(optimizers.SGD(0.0), "mse")
    return model, recorder


def classifier(optimizer="adam", seed=5, **keywords):
    model = Sequential(
        [layers.Dense(6, "tanh"), layers.Dropout(0.3), layers.Dense(3, "softmax")],
        seed=seed,
        dtype="float64",
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", **keywords)
    return model


def linear(n=4, units=1, loss="mse", optimizer="sgd", **keywords):
    model = Sequential([Input((n,)), layers.Dense(units)], seed=1, dtype="float64")
    model.compile(optimizer, loss, **keywords)
    return model


def bits(model):
    return [weight.tobytes() for weight in model.weights]


SMALL = X / [N, 1, 1, 1]


def fit(model, y=LABELS, **keywords):
    return model.fit(SMALL, y, **{"verbose": 0, "batch_size": 16, **keywords})


# -- building ------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict", "train_on_batch", "__call__"])
def test_the_first_data_build_the_model(call):
    model = classifier()
    assert not model.built
    assert model.weights == []
    arguments = [X] if call in ("predict", "__call__") else [X, LABELS]
    getattr(model, call)(*arguments)
    assert model.built
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 3)
    assert [w.shape for w in model.weights] == [(4, 6), (6,), (6, 3), (3,)]


@pytest.mark.parametrize(
    "first",
    [
        [Input((4,)), layers.Dense(3)],
        [layers.Dense(3, input_shape=(4,))],
        [layers.Dense(3, input_dim=4)],
        [layers.Dropout(0.5, input_shape=[4]), layers.Dense(3)],
    ],
)
def test_a_known_input_builds_at_once(first):
    model = Sequential(first)
    assert model.built
    assert model.weights[0].shape == (4, 3)

    grown = Sequential()
    for layer in Sequential.from_config(model.get_config())._arguments()["layers"]:
        assert not grown.built
        grown.add(layer)
        if grown.layers:
            break
    assert grown.built


def test_the_input_is_no_layer_of_the_model():
    model = Sequential([Input((4,)), layers.Dense(3)])
    assert [layer.name for layer in model.layers] == ["dense"]


# -- which rows are seen, and when ---------------------------------------------------------------


def test_validation_split_takes_the_last_rows_before_any_shuffle():
    for shuffle in (False, True):
        model, recorder = recording()
        model.fit(X, VALUES, validation_split=0.3, shuffle=shuffle, epochs=2, verbose=0)
        assert sorted(flat(recorder.trained)) == sorted(2 * list(range(49)))
        assert flat(recorder.tested) == 2 * list(range(49, 70))


def test_without_shuffle_the_rows_come_in_turn():
    model, recorder = recording()
    model.fit(X, VALUES, batch_size=16, epochs=2, shuffle=False, verbose=0)
    once = [list(range(start, min(start + 16, N))) for start in range(0, N, 16)]
    assert recorder.trained == once + once


def test_with_shuffle_every_epoch_has_an_order_of_its_own():
    model, recorder = recording(seed=8)
    model.fit(X, VALUES, batch_size=16, epochs=2, verbose=0)
    assert [len(batch) for batch in recorder.trained] == [16, 16, 16, 16, 6] * 2
    first, second = flat(recorder.trained[:5]), flat(recorder.trained[5:])
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    assert first != list(range(N))

    again, seen = recording(seed=8)
    again.fit(X, VALUES, batch_size=16, epochs=1, verbose=0)
    again.fit(X, VALUES, batch_size=16, epochs=1, verbose=0)
    assert seen.trained == recorder.trained

    other, seen = recording(seed=9)
    other.fit(X, VALUES, batch_size=16, epochs=1, verbose=0)
    assert seen.trained != recorder.trained[:5]


@pytest.mark.parametrize("source", ["array", "memory map"])
def test_shuffle_batch_changes_the_order_within_the_batches_alone(source, tmp_path):
    x = X
    if source == "memory map":
        x = np.memmap(tmp_path / "x", X.dtype, "w+", shape=X.shape)
        x[:] = X
    model, recorder = recording(seed=8)
    model.fit(x, VALUES, batch_size=16, epochs=2, shuffle="batch", verbose=0)
    once = [list(range(start, min(start + 16, N))) for start in range(0, N, 16)]
    assert [sorted(batch) for batch in recorder.trained] == once + once
    assert not any(batch == sorted(batch) for batch in recorder.trained)
    assert recorder.trained[:5] != recorder.trained[5:]
    again, seen = recording(seed=8)
    for _ in range(2):
        again.fit(x, VALUES, batch_size=16, shuffle="batch", verbose=0)
    assert seen.trained == recorder.trained
    steps, seen = recording(seed=8)
    steps.fit(x, VALUES, batch_size=16, epochs=5, steps_per_epoch=2, shuffle="batch", verbose=0)
    assert seen.trained == recorder.trained


@pytest.mark.parametrize("wrong", ["Batch", "", None, 1, [True]])
def test_other_kinds_of_shuffle_are_refused(wrong):
    model, recorder = recording()
    with pytest.raises(ConfigurationError, match='shuffle True, False or "batch", got'):
        model.fit(X, VALUES, shuffle=wrong, verbose=0)
    assert recorder.trained == []


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, [32, 32, 6]),
        ({"batch_size": 1}, [1] * N),
        ({"batch_size": N}, [N]),
        ({"batch_size": 10**9}, [N]),
        ({"batch_size": np.int64(35)}, [35, 35]),
        ({"steps_per_epoch": 4}, [18, 18, 18, 16]),
        ({"steps_per_epoch": 3, "batch_size": 16}, [16, 16, 16]),
        ({"steps_per_epoch": 5, "batch_size": 35}, [35] * 5),
    ],
)
def test_sizes_of_batches(options, sizes):
    model, recorder = recording()
    model.fit(X, VALUES, verbose=0, **options)
    assert [len(batch) for batch in recorder.trained] == sizes


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, [32, 32, 6]),
        ({"batch_size": 50}, [50, 20]),
        ({"batch_size": 50, "validation_batch_size": 25}, [25, 25, 20]),
        ({"validation_steps": 2}, [32, 32]),
        ({"validation_steps": 99}, [32, 32, 6]),
    ],
)
def test_sizes_of_validation_batches(options, sizes):
    model, recorder = recording()
    model.fit(X, VALUES, verbose=0, validation_data=(X, VALUES), **options)
    assert [len(batch) for batch in recorder.tested] == sizes


@pytest.mark.parametrize(
    ("frequency", "epochs"),
    [
        (1, [1, 2, 3, 4, 5]),
        (2, [2, 4]),
        (9, []),
        ([1, 4], [1, 4]),
        ((5,), [5]),
        (range(2, 4), [2, 3]),
    ],
)
def test_validation_freq(frequency, epochs):
    model, recorder = recording()
    heard = []
    spy = type(
        "Spy", (callbacks.Callback,), {"on_epoch_end": lambda s, e, logs: heard.append(logs)}
    )
    history = model.fit(
        X,
        VALUES,
        epochs=5,
        verbose=0,
        validation_data=(X[:3], VALUES[:3]),
        validation_freq=frequency,
        callbacks=[spy()],
    )
    assert [i + 1 for i, logs in enumerate(heard) if "val_loss" in logs] == epochs
    assert len(recorder.tested) == len(epochs)
    assert len(history.history["loss"]) == 5
    assert len(history.history.get("val_loss", [])) == len(epochs)


def test_initial_epoch():
    model, recorder = recording()
    history = model.fit(X, VALUES, batch_size=N, initial_epoch=5, epochs=8, verbose=0)
    assert history.epoch == [5, 6, 7]
    assert len(recorder.trained) == 3
    assert model.fit(X, VALUES, initial_epoch=8, epochs=8, verbose=0).history == {}
    assert len(recorder.trained) == 3


@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_steps_of_evaluate_and_predict(method):
    model, recorder = recording()
    arguments = [X, VALUES] if method == "evaluate" else [X]
    result = getattr(model, method)(*arguments, batch_size=16, steps=2)
    assert recorder.tested == [list(range(16)), list(range(16, 32))]
    if method == "predict":
        np.testing.assert_array_equal(result, model.predict(X[:32], batch_size=16))
    else:
        assert result == model.evaluate(X[:32], VALUES[:32], batch_size=16)


# -- what is averaged ----------------------------------------------------------------------------


def squares(model, y):
    return ((model.predict(X[: len(y)]) - y) ** 2).mean(axis=1)


def test_loss_and_metrics_are_means_over_rows():
    model = linear(metrics=["mae"])
    error = model.predict(X) - VALUES
    loss, mae = model.evaluate(X, VALUES, batch_size=32)
    assert loss == pytest.approx(np.mean(error**2), rel=1e-12)
    assert mae == pytest.approx(np.mean(np.abs(error)), rel=1e-12)


def test_a_weighted_loss_divides_by_the_rows_not_by_the_weights():
    model = linear()
    weight = rng.uniform(0, 5, N)
    expected = weight @ squares(model, VALUES) / N
    for given in (weight, weight.reshape(-1, 1), weight.tolist()):
        assert model.evaluate(X, VALUES, sample_weight=given) == pytest.approx(expected, rel=1e-12)
    assert model.test_on_batch(X, VALUES, weight) == pytest.approx(expected, rel=1e-12)
    assert model.train_on_batch(X, VALUES, weight) == pytest.approx(expected, rel=1e-12)


def test_validation_data_with_weights():
    model, _ = recording()
    weight = rng.uniform(0, 5, N)
    history = model.fit(X, VALUES, validation_data=(X, VALUES, weight), verbose=0, epochs=2)
    expected = weight @ squares(model, VALUES) / N  # the rate is 0: the weights are the first
    assert history.history["val_loss"] == pytest.approx([expected] * 2, rel=1e-5)


def test_validation_split_takes_the_weights_along():
    model, _ = recording()
    weight = rng.uniform(0, 5, N)
    history = model.fit(X, VALUES, sample_weight=weight, validation_split=0.5, verbose=0)
    rows = squares(model, VALUES) * weight
    assert history.history["val_loss"] == pytest.approx([rows[35:].mean()], rel=1e-5)
    assert history.history["loss"] == pytest.approx([rows[:35].mean()], rel=1e-5)


@pytest.mark.parametrize("one_hot", [False, True])
def test_class_and_sample_weights_multiply_as_if_rows_were_repeated(one_hot):
    name = f"{'' if one_hot else 'sparse_'}categorical_crossentropy"
    times = rng.integers(1, 4, N)
    by_class = {0: 2, 2: 3}
    repeats = times * np.array([2, 1, 3])[LABELS]
    y = np.eye(3)[LABELS] if one_hot else LABELS

    weighted, repeated = (linear(units=3) for _ in range(2))
    for model in (weighted, repeated):
        loss = losses.get({"class_name": name, "config": {"reduction": "sum", "from_logits": True}})
        model.compile(optimizers.SGD(0.001), loss)
    weighted.fit(
        SMALL, y, sample_weight=times, class_weight=by_class, epochs=3, batch_size=N, verbose=0
    )
    repeated.fit(
        SMALL.repeat(repeats, axis=0),
        y.repeat(repeats, axis=0),
        epochs=3,
        batch_size=999,
        verbose=0,
    )
    np.testing.assert_allclose(weighted.get_weights()[0], repeated.get_weights()[0], rtol=1e-10)
    assert np.abs(weighted.get_weights()[1]).max() > 1e-3  # it has learned


def test_rows_of_weight_zero_do_not_matter():
    weight = (LABELS != 1).astype(float)
    y = VALUES.copy()
    y[LABELS == 1] = 1e6
    with_, without = linear(), linear()
    with_.fit(SMALL, y, sample_weight=weight, batch_size=N, verbose=0)
    without.fit(SMALL, VALUES, sample_weight=weight, batch_size=N, verbose=0)
    assert bits(with_) == bits(without)


def test_the_epochs_loss_is_the_mean_of_its_batches_weighted_by_their_rows():
    model, parallel = linear(), linear()
    history = model.fit(SMALL, VALUES, batch_size=32, shuffle=False, verbose=0)
    values = [
        parallel.train_on_batch(SMALL[start : start + 32], VALUES[start : start + 32])
        for start in (0, 32, 64)
    ]
    assert history.history["loss"] == pytest.approx([np.dot(values, [32, 32, 6]) / N], rel=1e-12)
    assert bits(model) == bits(parallel)


def test_targets_of_one_column_are_never_broadcast():
    flat, column = linear(), linear()
    assert flat.evaluate(X, VALUES[:, 0]) == column.evaluate(X, VALUES)
    flat.fit(SMALL, VALUES[:, 0], verbose=0)
    column.fit(SMALL, VALUES, verbose=0)
    assert bits(flat) == bits(column)


# -- training goes on ----------------------------------------------------------------------------


@pytest.mark.parametrize("shuffle", [False, True])
def test_two_fits_are_one_longer_fit(shuffle):
    twice, once = classifier(), classifier()
    first = fit(twice, epochs=2, shuffle=shuffle)
    second = fit(twice, epochs=5, initial_epoch=2, shuffle=shuffle)
    whole = fit(once, epochs=5, shuffle=shuffle)
    assert bits(twice) == bits(once)
    assert first.history["loss"] + second.history["loss"] == whole.history["loss"]
    assert first.epoch + second.epoch == whole.epoch


def test_evaluate_and_predict_between_leave_no_mark():
    disturbed, plain = classifier(), classifier()
    for model in (disturbed, plain):
        fit(model)
        if model is disturbed:
            model.evaluate(X[:5], LABELS[:5])
            model.predict(X)
            model.test_on_batch(X, LABELS)
            model(X)
        fit(model)
    assert bits(disturbed) == bits(plain)


def test_compile_again_starts_the_optimizer_anew_and_keeps_the_weights():
    model = classifier()
    fit(model, epochs=3)
    before, iterations = bits(model), model.optimizer.iterations
    model.compile("adam", "sparse_categorical_crossentropy")
    assert bits(model) == before
    assert (iterations, model.optimizer.iterations) == (15, 0)

    fresh = classifier()
    fresh.build((None, 4))
    fresh.set_weights(model.get_weights())
    for each in (model, fresh):
        each.layers[1].rate = 0.0
        fit(each, shuffle=False)
    assert bits(model) == bits(fresh)


def test_a_batch_size_of_one_updates_for_every_row():
    model = linear()
    fit(model, VALUES, batch_size=1, epochs=2)
    assert model.optimizer.iterations == 2 * N


def test_batches_larger_than_the_data_are_the_data():
    whole, larger = classifier(), classifier()
    fit(whole, batch_size=N, epochs=2)
    fit(larger, batch_size=N + 1000, epochs=2)
    assert bits(whole) == bits(larger)


def test_full_batch_gradient_descent_is_the_closed_recurrence():
    model = linear(optimizer=optimizers.SGD(0.05))
    W, b = model.get_weights()
    history = model.fit(SMALL, VALUES, batch_size=N, epochs=4, verbose=0)
    seen = []
    for _ in range(4):
        error = SMALL @ W + b - VALUES
        seen.append(np.mean(error**2))
        W = W - 0.05 * 2 / N * SMALL.T @ error
        b = b - 0.05 * 2 * error.mean(axis=0)
    np.testing.assert_allclose(model.get_weights()[0], W, rtol=1e-12)
    np.testing.assert_allclose(history.history["loss"], seen, rtol=1e-12)


def test_stop_training_ends_after_the_batch():
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model, recorder = recording()
    history = model.fit(X, VALUES, batch_size=16, epochs=5, verbose=0, callbacks=Stop())
    assert len(recorder.trained) == 2
    assert history.epoch == [0]
    model.fit(X, VALUES, batch_size=N, verbose=0)  # the next fit starts again
    assert len(recorder.trained) == 3


# -- freezing ------------------------------------------------------------------------------------


def frozen_model():
    model = Sequential(
        [
            layers.Dense(6, "tanh", name="low", kernel_regularizer="l2"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(3, "softmax", name="top"),
        ],
        seed=2,
    )
    model.compile(optimizers.Adam(0.01, weight_decay=0.1), "sparse_categorical_crossentropy")
    fit(model)
    return model


def test_frozen_layers_stay_bit_by_bit():
    model = frozen_model()
    model.get_layer("low").trainable = False
    model.get_layer("norm").trainable = False
    model.compile(optimizers.Adam(0.01, weight_decay=0.1), "sparse_categorical_crossentropy")
    before = {layer.name: [w.tobytes() for w in layer.get_weights()] for layer in model.layers}
    fit(model, epochs=3)
    after = {layer.name: [w.tobytes() for w in layer.get_weights()] for layer in model.layers}
    assert after["low"] == before["low"]
    assert after["norm"] == before["norm"]
    assert all(a != b for a, b in zip(after["top"], before["top"], strict=True))
    assert len(model.trainable_weights) == 2

    model.trainable = True
    model.compile("adam", "sparse_categorical_crossentropy")
    fit(model)
    assert all(
        w.tobytes() != b
        for layer in model.layers
        for w, b in zip(layer.get_weights(), before[layer.name], strict=True)
    )


def test_a_frozen_batch_normalization_uses_the_moving_statistics_in_training():
    model = frozen_model()
    model.get_layer("norm").trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    np.testing.assert_array_equal(model(SMALL, training=True), model(SMALL))
    loss = model.evaluate(SMALL, LABELS)
    assert model.train_on_batch(SMALL, LABELS) == pytest.approx(loss, rel=1e-6)


def test_freezing_waits_for_compile():
    model = frozen_model()
    model.get_layer("top").trainable = False
    before = model.get_layer("top").get_weights()[0]
    with pytest.warns(UserWarning, match=r"Sequential\.fit: .* next compile"):
        fit(model)
    assert (model.get_layer("top").get_weights()[0] != before).any()


def test_all_frozen_trains_nothing():
    model = frozen_model()
    model.trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = bits(model)
    history = fit(model, epochs=2)
    assert bits(model) == before
    assert history.history["loss"][0] == pytest.approx(model.evaluate(SMALL, LABELS), rel=1e-5)


# -- what comes back -----------------------------------------------------------------------------


def test_history():
    model = classifier(metrics=["accuracy"])
    history = fit(model, epochs=3, validation_split=0.2)
    assert model.history is history
    assert history.epoch == [0, 1, 2]
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    for values in history.history.values():
        assert [type(value) for value in values] == [float] * 3
    assert history.params["epochs"] == 3
    assert history.params["steps"] == math.ceil(56 / 16)
    results = model.evaluate(SMALL[56:], LABELS[56:], return_dict=True)
    assert history.history["val_loss"][-1] == pytest.approx(results["loss"], rel=1e-12)
    assert history.history["val_accuracy"][-1] == results["accuracy"]


@pytest.mark.parametrize("method", ["evaluate", "train_on_batch", "test_on_batch"])
def test_forms_of_results(method):
    bare, measured = classifier(), classifier(metrics=["accuracy", "acc"])
    loss = getattr(bare, method)(SMALL, LABELS)
    assert type(loss) is float
    values = getattr(measured, method)(SMALL, LABELS)
    assert [type(value) for value in values] == [float] * 3
    named = getattr(measured, method)(SMALL, LABELS, return_dict=True)
    assert list(named) == ["acc", "accuracy", "loss"]
    assert measured.metrics_names == ["loss", "accuracy", "acc"]
    assert getattr(bare, method)(SMALL, LABELS, return_dict=True).keys() == {"loss"}


def test_results_on_a_batch_are_of_that_batch_alone():
    model = classifier(metrics=["accuracy"])
    fit(model)
    model.train_on_batch(SMALL, LABELS)
    loss, accuracy = model.test_on_batch(SMALL[:10], LABELS[:10])
    probabilities = model.predict(SMALL[:10])
    expected = -np.log(probabilities[np.arange(10), LABELS[:10]]).mean()
    assert loss == pytest.approx(expected, rel=1e-9)
    assert accuracy == np.mean(probabilities.argmax(axis=1) == LABELS[:10])


def test_train_on_batch_is_one_step_of_fit():
    by_batch, by_fit = classifier(), classifier()
    for _ in range(2):
        for start in range(0, N, 16):
            rows = slice(start, start + 16)
            by_batch.train_on_batch(SMALL[rows], LABELS[rows], class_weight={1: 2.0})
    fit(by_fit, epochs=2, shuffle=False, class_weight={1: 2.0})
    assert bits(by_batch) == bits(by_fit)


def test_predictions():
    model = classifier()
    fit(model)
    whole = model.predict(SMALL)
    assert whole.shape == (N, 3)
    assert whole.dtype == np.float64
    W1, b1, W2, b2 = model.get_weights()
    logits = np.tanh(SMALL @ W1 + b1) @ W2 + b2
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(whole, expected, rtol=1e-12)
    for size in (1, 7, N, 10**6):
        np.testing.assert_allclose(model.predict(SMALL, batch_size=size), whole, rtol=1e-12)
    np.testing.assert_array_equal(model.predict_on_batch(SMALL), model(SMALL))
    np.testing.assert_allclose(model(SMALL), whole, rtol=1e-12)
    assert model.predict(SMALL[:1]).shape == (1, 3)
    assert linear().predict(SMALL).shape == (N, 1)
    assert classifier().predict(SMALL.astype(np.float32)).dtype == np.float64


@pytest.mark.parametrize("method", ["predict", "predict_on_batch", "__call__"])
def test_predictions_are_the_callers_own(method):
    model = Sequential([layers.Flatten()])  # whose output is its input
    x = SMALL.astype(np.float32)
    x.flags.writeable = False
    first = getattr(model, method)(x)
    assert not np.shares_memory(first, x)
    first[...] = 7
    np.testing.assert_array_equal(getattr(model, method)(x), x)


def test_a_call_with_training_drops_and_changes_nothing():
    model = Sequential([layers.BatchNormalization(), layers.Dropout(0.5)], seed=0)
    at_rest = model(SMALL)
    before = bits(model)
    dropped = model(SMALL, training=True)
    assert 0.3 < np.mean(dropped == 0) < 0.7
    assert bits(model) == before
    np.testing.assert_array_equal(model(SMALL), at_rest)


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_verbose(capsys, verbose):
    fit(classifier(), epochs=2, verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in lines] == (
        [] if verbose == 0 else ["Epoch 1/2", "Epoch 2/2"]
    )


def test_evaluate_and_predict_are_silent_or_not(capsys):
    model = classifier()
    model.evaluate(SMALL, LABELS)
    model.predict(SMALL)
    assert capsys.readouterr().out == ""
    model.evaluate(SMALL, LABELS, verbose=1)
    model.predict(SMALL, verbose=2)
    evaluated, predicted = capsys.readouterr().out.splitlines()
    assert evaluated.startswith("Evaluate")
    assert "loss: " in evaluated
    assert predicted.startswith("Predict")


@pytest.mark.parametrize("units", [1, 3])
def test_accuracy_means_what_the_shapes_say(units):
    y = LABELS > 0 if units == 1 else LABELS
    loss = "binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy"
    activation = "sigmoid" if units == 1 else "softmax"
    model = Sequential([layers.Dense(units, activation)], seed=0)
    model.compile("sgd", loss, ["accuracy"])
    predicted = model.predict(SMALL)
    chosen = predicted[:, 0] > 0.5 if units == 1 else predicted.argmax(axis=1)
    expected = np.mean(chosen == y)
    assert 0 < expected < 1
    assert model.evaluate(SMALL, y)[1] == pytest.approx(expected, rel=1e-12)


def test_accuracy_follows_another_output():
    model = Sequential([Input((4,)), layers.Dense(1, "sigmoid")], seed=0)
    model.compile("sgd", "mse", ["accuracy"])
    model.evaluate(SMALL, LABELS > 0)
    model.pop()
    model.add(layers.Dense(3, "softmax"))
    expected = np.mean(model.predict(SMALL).argmax(axis=1) == LABELS)
    assert model.evaluate(SMALL, np.eye(3)[LABELS])[1] == pytest.approx(expected, rel=1e-12)


def test_steps_per_epoch_goes_on_through_the_data():
    seen = []

    class Recorder(layers.Layer):
        def forward(self, x, work, *, training=False):
            if training:
                seen.extend(x[:, 0].tolist())
            return x

        def backward(self, dy, work, *, input_gradient=True):
            return dy

    model = Sequential([Recorder(), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    x = np.arange(10.0).reshape(-1, 1)
    model.fit(x, x * 0, batch_size=2, steps_per_epoch=2, epochs=4, shuffle=False, verbose=0)
    # Five batches are a pass: the third epoch begins another for its second batch.
    assert seen == [*range(10), *range(6)]
    seen.clear()
    model.fit(x, x * 0, batch_size=2, steps_per_epoch=2, epochs=5, verbose=0)
    first, second = seen[:10], seen[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != list(range(10)) and first != second
