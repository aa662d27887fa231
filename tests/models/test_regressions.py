"""What once went wrong, a test each."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from annlib import (
    ConfigurationError,
    DataError,
    Sequential,
    callbacks,
    clone_model,
    layers,
    losses,
    metrics,
    optimizers,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y_VALUES = rng.normal(size=(60, 1))
Y_LABELS = rng.integers(0, 3, 60)


def classifier(*first, seed=0, optimizer="sgd"):
    model = Sequential([*first, layers.Dense(3, "softmax")], seed=seed)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_metrics_of_training_see_what_the_last_layer_returned():
    model = Sequential([layers.Dense(1), layers.BatchNormalization()], seed=0)
    model.compile("sgd", "mse", metrics=["mse"])
    loss, metric = model.train_on_batch(X, Y_VALUES)
    assert metric == pytest.approx(loss, rel=1e-6)


def test_an_optimizer_takes_nothing_along_from_a_model_that_is_gone():
    def trained(optimizer):
        model = classifier(optimizer=optimizer)
        model.fit(X, Y_LABELS, verbose=0)
        return model.evaluate(X, Y_LABELS)

    shared = optimizers.SGD(0.1, momentum=0.9)
    assert trained(shared) == trained(shared) == trained(optimizers.SGD(0.1, momentum=0.9))


def test_a_subclass_of_dense_with_a_forward_of_its_own_is_not_fused():
    class Sharper(layers.Dense):
        def forward(self, x, work, *, training=False):
            P = super().forward(x, work, training=training) ** 2
            return P / P.sum(axis=1, keepdims=True)

        def backward(self, dy, work, *, input_gradient=True):
            return None

    model = Sequential([Sharper(3, "softmax")], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy")
    value = model.evaluate(X, Y_LABELS)
    picked = model.predict(X)[np.arange(60), Y_LABELS]
    assert value == pytest.approx(-np.log(picked).mean(), rel=1e-5)


def test_a_subclass_has_random_streams_of_its_own():
    class Other(layers.Dense):
        pass

    first, second = layers.Dense(4), Other(4)
    Sequential([layers.Input((4,)), first, second], seed=0)
    assert not np.array_equal(first.kernel, second.kernel)
    assert second.name == "other"


def test_the_first_predict_may_come_from_many_threads():
    for seed in range(20):
        model = Sequential([*(layers.Dense(100) for _ in range(4)), layers.Dense(3)], seed=seed)
        answers, start = [], threading.Barrier(8)

        def ask(model=model, answers=answers, start=start):
            start.wait()
            answers.append(model.predict(X))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(np.array_equal(answer, model.predict(X)) for answer in answers)


def test_the_penalty_of_a_frozen_layer_does_not_count():
    model = classifier(layers.Dense(3, kernel_regularizer="l2", trainable=False))
    plain = classifier(layers.Dense(3, trainable=False))
    for each in (model, plain):
        each.fit(X, Y_LABELS, epochs=2, verbose=0)
    assert model.evaluate(X, Y_LABELS) == plain.evaluate(X, Y_LABELS)


def test_an_evaluation_in_the_middle_of_an_epoch_leaves_its_values_alone():
    class Evaluator(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(X, Y_LABELS)

    watched, alone = classifier(), classifier()
    history = watched.fit(X, Y_LABELS, batch_size=10, callbacks=Evaluator(), verbose=0).history
    assert history == alone.fit(X, Y_LABELS, batch_size=10, verbose=0).history


def test_an_evaluation_makes_no_training_memory():
    model = classifier(optimizer="adam")
    model.evaluate(X, Y_LABELS)
    assert model.vector.gradients.size == 0
    assert model.optimizer.state.size == 0


def test_a_mean_by_weights_is_exact_over_batches():
    model = Sequential([layers.Dense(1)], seed=0, dtype="float64")
    model.compile("sgd", losses.MeanSquaredError(reduction="mean_with_sample_weight"))
    weights = np.arange(60) % 2.0
    squares = (model.predict(X) - Y_VALUES)[:, 0] ** 2
    for size in (7, 30, 60):
        value = model.evaluate(X, Y_VALUES, sample_weight=weights, batch_size=size)
        assert value == pytest.approx(np.average(squares, weights=weights), rel=1e-12)


def test_a_dropout_of_another_seed_draws_otherwise():
    def masks(first, second):
        model = Sequential([layers.Dropout(0.5, seed=first)], seed=0)
        model(X, training=True)
        model.pop()
        model.add(layers.Dropout(0.5, seed=second))
        return model(X, training=True)

    fresh = Sequential([layers.Dropout(0.5, seed=2)], seed=5)
    assert np.array_equal(masks(1, 2), fresh(X, training=True))


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.compile("sgd", "sparse_categorical_crossentropy"),
        lambda model: model.add(layers.Dense(3)),
    ],
)
def test_a_callback_that_changes_the_model_is_refused(change):
    class Meddler(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            change(self.model)

    with pytest.raises(ConfigurationError, match="stays as it was compiled"):
        classifier().fit(X, Y_LABELS, batch_size=10, callbacks=[Meddler()], verbose=0)


def test_memory_maps_are_checked_in_evaluate_and_predict(tmp_path):
    data = np.memmap(tmp_path / "x", np.float32, "w+", shape=(60, 4))
    data[:] = X
    data[41, 2] = np.nan
    model = classifier()
    for call in (lambda: model.predict(data), lambda: model.evaluate(data, Y_LABELS)):
        with pytest.raises(DataError, match=r"NaN or infinite.*row 41, column 2"):
            call()


def test_an_update_that_overflows_is_noticed_at_once():
    model = Sequential([layers.Dense(2)], seed=0)
    model.compile(optimizers.SGD(1e39), "mse")
    with pytest.raises(FloatingPointError, match=r"batch 1 of epoch 1: expected finite weights"):
        model.fit(X, np.ones((60, 2)), batch_size=60, verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_classes_with_constructors_of_their_own_can_be_cloned():
    class Mine(layers.Dense):
        def __init__(self, k):
            super().__init__(k, name="mine")
            self.k = k

    class Rate(metrics.MeanOverRows):
        def rows(self, Y, A, work):
            return np.ones(len(A))

    clone = clone_model(Sequential([Mine(3), layers.Dense(1)], seed=0))
    assert clone.layers[0].k == 3
    model = Sequential([Mine(3)])
    model.compile("sgd", "mse", metrics=[Rate()])
    assert model.metrics_names == ["loss", "rate"]


def test_data_are_let_go_when_training_breaks_off():
    class Break(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model, data = classifier(), X.astype("float32")
    with pytest.raises(KeyboardInterrupt):
        model.fit(data, Y_LABELS, shuffle=False, callbacks=[Break()], verbose=0)
    gone = weakref.ref(data)
    del data
    gc.collect()
    assert gone() is None


def test_freezing_waits_for_compile_also_when_a_layer_is_added():
    model = classifier(layers.Dense(3))
    model.build((None, 4))
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.layers[0].get_weights()[0]
    model.layers[0].trainable = False
    model.add(layers.Activation("linear"))
    with pytest.warns(UserWarning, match="frozen or unfrozen"):
        model.fit(X, Y_LABELS, verbose=0)
    assert not np.array_equal(before, model.layers[0].kernel)


def test_weights_have_names_of_their_own():
    class Twice(layers.Layer):
        def build(self, input_shape):
            self.add_weight("w", (1,))
            self.add_weight("w", (1,))

        def forward(self, x, work, *, training=False):
            return x

    class Hidden(Twice):
        def __init__(self, scale):
            super().__init__()
            self.scale = scale

        def build(self, input_shape):
            self.add_weight("scale", (1,))

    for layer in (Twice(), Hidden(2)):
        with pytest.raises(ConfigurationError, match="add_weight: expected a free name"):
            Sequential([layers.Input((4,)), layer])


def test_a_backward_that_returns_nothing_is_named():
    class Forgetful(layers.Layer):
        def forward(self, x, work, *, training=False):
            return x

        def backward(self, dy, work, *, input_gradient=True):
            pass

    model = classifier(layers.Dense(4), Forgetful())
    with pytest.raises(ConfigurationError, match=r"Forgetful\.backward: expected dE/dx, got None"):
        model.fit(X, Y_LABELS, verbose=0)


def test_constraints_that_return_values_are_heeded():
    from annlib.constraints import Constraint

    class Keras(Constraint):
        def __call__(self, W):
            return np.clip(W, 0, None)

    model = classifier(layers.Dense(3, kernel_constraint=Keras()))
    model.fit(X, Y_LABELS, verbose=0)
    assert model.layers[0].kernel.min() >= 0


def test_a_loss_without_a_gradient_is_refused_by_compile():
    class Half(losses.Loss):
        def forward(self, Y, A, E, work):
            E[:] = 0

    with pytest.raises(ConfigurationError, match="Half with a method backward"):
        Sequential([layers.Dense(1)]).compile("sgd", Half())


def test_a_notebook_cell_may_register_its_class_twice():
    def cell():
        @layers.register()
        class Rerun(layers.Dense):
            pass

        return Rerun

    cell()
    again = cell()
    assert layers.registry.find("rerun") is again


def test_memory_maps_are_checked_in_one_batch_as_well(tmp_path):
    data = np.memmap(tmp_path / "x", np.float32, "w+", shape=(60, 4))
    data[7, 1] = np.inf
    model = classifier()
    for call in (
        lambda: model.predict_on_batch(data),
        lambda: model(data),
        lambda: model.test_on_batch(data, Y_LABELS),
    ):
        with pytest.raises(DataError, match=r"NaN or infinite.*row 7, column 1"):
            call()
