"""L-BFGS on the whole data set: SciPy's run, with Keras' epochs, hooks and History."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from annlib import Sequential, callbacks, layers, optimizers
from annlib.core.errors import ConfigurationError, DivergenceError

X, Y = load_diabetes(return_X_y=True)
X, Y = scale(X), scale(Y)
DIGITS, LABELS = load_digits(n_class=4, return_X_y=True)
DIGITS, LABELS = DIGITS[:300] / 16, LABELS[:300]


def network(*stack, loss="mse", optimizer=None, dtype="float64", **keywords):
    model = Sequential(
        [*(stack or (layers.Dense(5, "tanh"), layers.Dense(1)))], seed=0, dtype=dtype
    )
    model.compile(optimizer or optimizers.LBFGS(ftol=0, gtol=1e-8), loss, **keywords)
    return model


def test_a_linear_model_reaches_least_squares():
    model = network(layers.Dense(1))
    model.fit(X, Y, epochs=500, verbose=0)
    exact = np.linalg.lstsq(np.c_[X, np.ones(len(X))], Y, rcond=None)[0]
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(np.r_[kernel[:, 0], bias], exact, atol=1e-6)
    assert "CONVERGENCE" in model.optimizer.message


def test_penalties_and_weights_count_as_in_a_logistic_regression():
    strength, weights = 0.02, np.where(LABELS % 2, 1.0, 2.0)
    model = network(
        layers.Dense(
            4, "softmax", kernel_regularizer={"class_name": "L2", "config": {"l2": strength}}
        ),
        loss="sparse_categorical_crossentropy",
    )
    model.fit(DIGITS, LABELS, epochs=2000, sample_weight=weights, verbose=0)
    # Ours is mean_r w_r E_r + l2 |W|^2, scikit-learn's C sum_r w_r E_r + |W|^2 / 2.
    theirs = LogisticRegression(C=1 / (2 * strength * len(LABELS)), tol=1e-10, max_iter=5000)
    theirs.fit(DIGITS, LABELS, sample_weight=weights)
    np.testing.assert_allclose(model.predict(DIGITS), theirs.predict_proba(DIGITS), atol=1e-5)


def test_evaluations_can_be_limited():
    model = network(layers.Dense(3, "tanh"), layers.Dense(1), optimizer=optimizers.LBFGS(maxfun=4))
    history = model.fit(X, Y, epochs=500, verbose=0)
    assert 1 <= len(history.epoch) <= 5
    assert model.optimizer.status == 1
    assert "EXCEEDS LIMIT" in model.optimizer.message


def test_the_iterations_are_those_of_scipy():
    """The same run by SciPy on the objective written out by hand."""
    model = network(layers.Dense(3, "tanh"), layers.Dense(1), optimizer=optimizers.LBFGS())
    model.build((None, 10))
    shapes = [W.shape for W in model.get_weights()]
    start = np.concatenate([W.ravel() for W in model.get_weights()])

    def split(theta):
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        return [part.reshape(s) for part, s in zip(np.split(theta, ends[:-1]), shapes, strict=True)]

    def objective(theta):
        W, b, V, c = split(theta)
        H = np.tanh(X @ W + b)
        D = H @ V + c - Y[:, None]
        dA = 2 * D / len(D)
        dZ = dA @ V.T * (1 - H**2)
        parts = (X.T @ dZ, dZ.sum(0), H.T @ dA, dA.sum(0))
        return np.mean(D**2), np.concatenate([part.ravel() for part in parts])

    losses = []
    expected = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 12},
        callback=lambda theta: losses.append(objective(theta)[0]),
    )
    history = model.fit(X, Y, epochs=12, verbose=0)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-9)
    theta = np.concatenate([W.ravel() for W in model.get_weights()])
    np.testing.assert_allclose(theta, expected.x, rtol=1e-6, atol=1e-9)
    assert model.optimizer.iterations == 12


def test_history_has_loss_metrics_and_validation_at_the_epochs_own_weights():
    class Watch(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            loss, mae = self.model.evaluate(X[:300], Y[:300])
            np.testing.assert_allclose((logs["loss"], logs["mae"]), (loss, mae), rtol=1e-12)
            assert {"val_loss", "val_mae"} <= logs.keys()

    model = network(metrics=["mae"])
    history = model.fit(
        X[:300],
        Y[:300],
        epochs=5,
        validation_data=(X[300:], Y[300:]),
        callbacks=[Watch()],
        verbose=0,
    )
    assert len(history.history["loss"]) == 5
    assert history.history["loss"] == sorted(history.history["loss"], reverse=True)


def test_hooks_come_in_keras_order():
    calls = []

    class Watch(callbacks.Callback):
        def on_train_begin(self, logs=None):
            calls.append("train begin")

        def on_epoch_begin(self, epoch, logs=None):
            calls.append(f"begin {epoch}")

        def on_epoch_end(self, epoch, logs=None):
            calls.append(f"end {epoch}")

        def on_train_end(self, logs=None):
            calls.append("train end")

    model = network()
    model.fit(X, Y, initial_epoch=3, epochs=5, callbacks=[Watch()], verbose=0)
    assert calls == ["train begin", "begin 3", "end 3", "begin 4", "end 4", "train end"]


def test_early_stopping_ends_the_run_and_restores_the_best():
    model = network(layers.Dense(50, "tanh"), layers.Dense(1))
    stop = callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    data = (X[200:], Y[200:])
    history = model.fit(
        X[:200], Y[:200], epochs=500, validation_data=data, callbacks=[stop], verbose=0
    )
    values = history.history["val_loss"]
    assert len(values) == int(np.argmin(values)) + 4 < 500
    assert model.evaluate(*data) == pytest.approx(min(values), rel=1e-12)
    assert "CALLBACK" in model.optimizer.message


def test_a_second_fit_goes_on_and_float32_trains():
    model = network(dtype="float32", optimizer="lbfgs")
    first = model.fit(X, Y, epochs=10, verbose=0).history["loss"]
    second = model.fit(X, Y, epochs=10, verbose=0).history["loss"]
    assert second[0] <= first[-1]
    assert all(W.dtype == np.float32 for W in model.get_weights())


def test_same_seed_same_bits():
    one, two = network(), network()
    for model in (one, two):
        model.fit(X, Y, epochs=20, verbose=0)
    for mine, theirs in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_frozen_layers_stay():
    frozen = layers.Dense(5, "tanh", trainable=False)
    model = network(frozen, layers.Dense(1))
    model.build((None, 10))
    before = frozen.get_weights()
    model.fit(X, Y, epochs=5, verbose=0)
    for mine, was in zip(frozen.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, was)


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ((layers.Dropout(0.5), layers.Dense(1)), '"dropout" .Dropout.*random'),
        ((layers.BatchNormalization(), layers.Dense(1)), "keeps statistics"),
        ((layers.Dense(1, kernel_constraint="non_neg"),), '"dense/kernel".*NonNeg'),
    ],
)
def test_what_has_no_loss_of_its_weights_alone_is_refused(stack, said):
    model = network(*(layer.clone() for layer in stack))
    model.build((None, 10))
    before = model.get_weights()
    with pytest.raises(ConfigurationError, match=said):
        model.fit(X, Y, verbose=0)
    for mine, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, was)


def test_single_batches_steps_and_rates_are_refused():
    model = network()
    with pytest.raises(ConfigurationError, match="Train with fit"):
        model.train_on_batch(X, Y)
    with pytest.raises(ConfigurationError, match="no steps_per_epoch"):
        model.fit(X, Y, steps_per_epoch=2, verbose=0)
    with pytest.raises(TypeError, match="line search"):
        model.optimizer.learning_rate = 0.1
    assert model.optimizer.learning_rate == 1.0
    with pytest.raises(ConfigurationError, match="maxcor"):
        optimizers.LBFGS(maxcor=0)
    with pytest.raises(ConfigurationError, match=r"gtol as a number in \[0, inf\)"):
        optimizers.LBFGS(gtol=-1)


def test_an_error_leaves_the_weights_of_the_last_good_iteration():
    class Fail(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.weights = self.model.get_weights()
            if epoch == 3:
                raise KeyboardInterrupt

    model, fail = network(), Fail()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=10, callbacks=[fail], verbose=0)
    for mine, was in zip(model.get_weights(), fail.weights, strict=True):
        np.testing.assert_array_equal(mine, was)


def test_a_loss_that_is_not_finite_names_the_epoch_and_changes_nothing():
    model = network(dtype="float32")
    model.build((None, 10))
    before = model.get_weights()
    with pytest.raises(DivergenceError, match="epoch 1"):
        model.fit(X, Y * 1e30, verbose=0)
    for mine, was in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, was)


@pytest.mark.parametrize("verbose", [1, 2])
def test_progress_is_a_line_an_epoch(capsys, verbose):
    network().fit(X, Y, epochs=3, verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/3", "Epoch 2/3", "Epoch 3/3"]
