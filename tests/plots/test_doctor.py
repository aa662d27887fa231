"""Doctor measures what is there, says what is wrong, and changes not a bit of the training."""

from __future__ import annotations

import itertools
import pickle
import re
import sys

import numpy as np
import pytest

from annlib import Sequential, activations, callbacks, initializers, layers, optimizers
from annlib.callbacks import Doctor
from annlib.callbacks.layer_statistics import QUANTILES, range_of, shares
from annlib.core.errors import (
    ConfigurationError,
    DataError,
    DivergenceError,
    NotBuiltError,
    ShapeError,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(96, 4)).astype("f4")
Y = (X[:, :1] * X[:, 1:2] > 0).astype("f4")


def network(optimizer="adam", **how):
    model = Sequential(
        [
            layers.Dense(12, "tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(6, "relu", kernel_regularizer="l2", **how),
            layers.Dense(1, "sigmoid"),
        ],
        seed=1,
    )
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def batches():
    while True:
        for start in range(0, 96, 16):
            yield X[start : start + 16], Y[start : start + 16]


def fit(model, *hooks, x=X, **how):
    y = {"y": Y} if x is X else {"steps_per_epoch": 6}
    arguments = {"epochs": 4, "batch_size": 16 if x is X else None, "verbose": 0, **y, **how}
    return model.fit(x, callbacks=list(hooks), **arguments)


def state(model):
    return (
        [w.tobytes() for w in model.weights],
        model.optimizer.state.tobytes(),
        model.history.history,
        model._network.streams.state(),
    )


# -- it changes nothing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.Adam(clipnorm=0.1, weight_decay=0.01),
        optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=4),
        optimizers.RMSprop(use_ema=True, ema_overwrite_frequency=5),
    ],
    ids=["clipped", "accumulated", "averaged"],
)
@pytest.mark.parametrize("source", ["rows", "generator"])
def test_training_is_the_same_to_the_bit(optimizer, source):
    def data():
        return X if source == "rows" else batches()

    plain, watched = network(optimizer.clone()), network(optimizer.clone())
    doctor = Doctor(every=1)
    more = {"validation_data": (X, Y)}
    fit(plain, x=data(), **more)
    fit(watched, doctor, Doctor(every=3), x=data(), **more)
    assert state(plain) == state(watched)
    assert len(doctor.steps) == 24 // (optimizer.gradient_accumulation_steps or 1)
    assert np.all(doctor._series("updates") > 0)


def test_training_on_all_rows_at_once_is_the_same_to_the_bit():
    def model():
        model = Sequential([layers.Dense(5, "tanh"), layers.Dense(1)], seed=1)
        model.compile(optimizers.LBFGS(), "mse")
        return model

    plain, watched, doctor = model(), model(), Doctor(every=1)
    fit(plain, epochs=8)
    fit(watched, doctor, epochs=8)
    assert [w.tobytes() for w in plain.weights] == [w.tobytes() for w in watched.weights]
    assert plain.history.history == watched.history.history
    assert doctor.steps == list(range(8))
    # The gradient is that of the new weights.
    gradient = watched.layers[0].gradients["kernel"], watched.layers[0].gradients["bias"]
    flat = np.concatenate([g.ravel() for g in gradient])
    assert doctor._series("gradients")[-1, 0, 0] == pytest.approx(np.sqrt(np.mean(flat**2)))
    assert len(doctor._rows) == 96


def test_after_an_error_nothing_stays_behind():
    model, doctor = network(optimizers.SGD(1e30)), Doctor(every=1)
    with pytest.raises(DivergenceError):
        fit(model, doctor)
    assert doctor._before is None
    # And a run that goes on after a loss that is not finite has no samples of such steps.
    model = network(optimizers.SGD(1e30))
    fit(model, doctor, callbacks.TerminateOnNaN())
    assert 1 <= len(doctor.steps) < 24


# -- it measures what is there ---------------------------------------------------------------------


def one_step(rate=0.5):
    """A linear regression and one step on all rows, whose gradient has a closed form."""
    model = Sequential([layers.Dense(1, use_bias=False)], seed=2, dtype="float64")
    model.compile(optimizers.SGD(rate, clipvalue=1e-3), "mse")
    model.build((None, 4))
    W = model.get_weights()[0]
    doctor = Doctor(every=1)
    model.fit(X, Y, batch_size=96, verbose=0, callbacks=[doctor])
    gradient = 2 / 96 * X.T.astype(float) @ (X @ W - Y)
    return doctor, W, model.get_weights()[0], gradient


def test_the_gradient_is_that_of_the_loss_and_the_update_that_of_the_optimizer():
    doctor, before, after, gradient = one_step()
    assert doctor.steps == [0]
    ((recorded,),) = doctor._series("gradients")
    assert recorded[0] == pytest.approx(np.sqrt(np.mean(gradient**2)), rel=1e-6)
    expected = np.quantile(gradient, QUANTILES, method="nearest")
    np.testing.assert_allclose(recorded[1:], expected, rtol=1e-6)
    change = np.linalg.norm(after - before) / np.linalg.norm(before)
    assert doctor._series("updates")[0, 0] == pytest.approx(change, rel=1e-5)
    assert np.abs(after - before).max() <= 0.5e-3 * (1 + 1e-9)  # it was clipped
    ((weights,),) = doctor._series("weights")
    np.testing.assert_allclose(
        weights[1:], np.quantile(after, QUANTILES, method="nearest"), rtol=1e-6
    )


def test_activations_are_the_layers_outputs_for_the_probe():
    model, doctor = network(), Doctor(every=23, probe=X[:40])
    fit(model, doctor)
    assert doctor.steps == [0, 23]
    assert doctor.outputs == [layer.name for layer in model.layers]
    for index in range(5):
        A = Sequential(model.layers[: index + 1]).predict(X[:40])
        expected = [np.sqrt(np.mean(A**2)), *np.quantile(A, QUANTILES, method="nearest")]
        np.testing.assert_allclose(doctor._series("activations")[-1, index], expected, rtol=1e-5)


def test_without_a_probe_the_first_rows_that_are_trained_on_are_taken():
    seen = []

    class Recorder(layers.Identity):
        def forward(self, x, work, *, training=False):
            if training:
                seen.append(x.copy())
            return super().forward(x, work, training=training)

    model = Sequential([Recorder(), layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    doctor = Doctor()
    fit(model, doctor, epochs=3)
    np.testing.assert_array_equal(doctor._rows, np.concatenate(seen)[:128])


def test_codes_stay_whole_numbers():
    codes = rng.integers(0, 5, (64, 2))
    model = Sequential([layers.Embedding(5, 3), layers.Flatten(), layers.Dense(1)], seed=0)
    model.compile("adam", "mse")
    for doctor in (Doctor(every=1), Doctor(every=1, probe=codes[:4].tolist())):
        model.fit(codes, codes[:, 0], verbose=0, callbacks=[doctor])
        assert doctor._rows.dtype.kind == "i"


def test_many_numbers_are_judged_by_some_of_them():
    values = np.random.default_rng(3).normal(size=(300, 200)).astype("f4")
    found = callbacks.layer_statistics.summary(values)
    np.testing.assert_allclose(found[0], np.sqrt(np.mean(values.astype(float) ** 2)), rtol=1e-5)
    # A quantile of 4,096 draws is off by sqrt(q (1 - q) / 4096) / density: 0.05 is 3 of that.
    np.testing.assert_allclose(found[2:7], np.quantile(values, QUANTILES[1:6]), atol=0.1)


# -- it stays small --------------------------------------------------------------------------------


def size_of(doctor):
    arrays = list(itertools.chain.from_iterable(doctor._samples.values()))
    return sum(sys.getsizeof(array) for array in arrays) + sys.getsizeof(doctor.steps)


def test_memory_has_an_end(monkeypatch):
    monkeypatch.setattr(sys.modules[Doctor.__module__], "_BUDGET", 1 << 15)
    model, doctor = network(), Doctor(every=1)
    fit(model, doctor, epochs=60)
    assert size_of(doctor) <= 1 << 15
    assert len(doctor.steps) >= 8
    assert len(set(np.diff(doctor.steps))) == 1
    assert doctor.steps[0] == 0
    assert doctor.steps[-1] > 360 - 2 * doctor._stride


def test_a_thousand_steps_of_a_deep_network_take_less_than_a_megabyte():
    model = Sequential([layers.Dense(4, "relu") for _ in range(30)], seed=0)
    model.compile("sgd", "mse")
    doctor = Doctor(every=1, probe=X[:2])
    model.fit(X, X, batch_size=1, epochs=11, verbose=0, callbacks=[doctor])
    assert doctor.steps[-1] >= 980
    assert size_of(doctor) <= 1 << 20


# -- it says what is wrong -------------------------------------------------------------------------


def report(stack, rate=0.01, loss="mse", x=X, y=Y, optimizer=None, bias=None):
    model = Sequential(stack, seed=0)
    model.build((None, 4))
    if bias is not None:
        model.layers[0].bias[...] = bias
    model.compile(optimizer or optimizers.SGD(rate), loss)
    doctor = Doctor(every=1)
    model.fit(x, y, batch_size=32, epochs=4, verbose=0, callbacks=[doctor])
    return doctor.report()


def deep(activation, initializer="glorot_uniform", depth=8):
    hidden = [layers.Dense(16, activation, kernel_initializer=initializer) for _ in range(depth)]
    return [*hidden, layers.Dense(1)]


@pytest.mark.parametrize("first", [0, 7])
def test_a_validation_loss_that_rises(first):
    """Few rows of noise are learned by heart: the epoch named is the best one, counted from 1."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 8)), rng.normal(size=60)
    model = Sequential([layers.Dense(64, "relu"), layers.Dense(1)], seed=0)
    model.compile(optimizers.Adam(0.01), "mse")
    doctor = Doctor(every=5)
    how = {"validation_data": (x[::-1], y), "initial_epoch": first, "epochs": first + 40}
    fitted = model.fit(x, y, verbose=0, callbacks=[doctor], **how).history
    best = first + int(np.argmin(fitted["val_loss"])) + 1
    (said,) = (s for s in doctor.report() if "validation loss" in s)
    assert f"rises since epoch {best}, from {min(fitted['val_loss']):.4g}" in said
    again = pickle.loads(pickle.dumps(doctor))
    assert said in again.report()


@pytest.mark.parametrize(("rate", "moves"), [(1e-9, False), (0.01, True)])
def test_a_loss_that_does_not_move(rate, moves):
    model = Sequential([layers.Dense(8, "relu"), layers.Dense(1)], seed=0)
    model.compile(optimizers.SGD(rate), "mse")
    doctor = Doctor(every=5)
    model.fit(X, Y, epochs=6, verbose=0, callbacks=[doctor])
    said = [s for s in doctor.report() if "does not move" in s]
    assert bool(said) != moves
    assert moves or "6 epochs" in said[0]


WRONG = {
    "dead": (
        lambda: report([layers.Dense(8, "relu"), layers.Dense(1)], bias=-50),
        'Layer "dense": 100% of the units are dead',
    ),
    "half dead": (
        lambda: report([layers.Dense(8), layers.ReLU(), layers.Dense(1)], bias=[-50, 0] * 4),
        'Layer "relu": 50% of the units are dead',
    ),
    "saturated": (
        lambda: report([layers.Dense(8, "tanh"), layers.Dense(1)], x=X * 1000),
        r'Layer "dense": \d+% of the outputs are saturated',
    ),
    "vanishing": (lambda: report(deep("sigmoid")), 'Gradients vanish: in "dense"'),
    "exploding": (
        lambda: report(deep("linear", initializers.RandomNormal(stddev=3)), rate=1e-30),
        "Gradients explode",
    ),
    "large steps": (
        lambda: report(deep("relu", depth=1), optimizer=optimizers.Adam(0.5)),
        "too much",
    ),
    "small steps": (lambda: report(deep("relu", depth=1), rate=1e-9), "hardly anything"),
    "no signal": (
        lambda: report(
            [
                layers.Dense(8, "relu", kernel_initializer="zeros"),
                layers.Dense(1, kernel_initializer="zeros"),
            ],
            y=np.zeros_like(Y),
        ),
        "All gradients are 0",
    ),
}


def test_of_dead_units_no_consequences_are_said():
    """Gradients that vanish behind them are no reason to take a larger rate, or relu."""
    said = "\n".join(report(deep("relu", depth=2), bias=-50))
    assert "100% of the units are dead" in said
    assert "vanish" not in said
    assert "larger learning rate" not in said


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_is_said(fault):
    found, said = WRONG[fault]
    text = "\n".join(found())
    assert re.search(said, text), text


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "sigmoid", "leaky_relu"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_what_is_in_order_is_left_alone(activation, optimizer):
    stack = [layers.Dense(16, activation), layers.Dense(8, activation), layers.Dense(1, "sigmoid")]
    found = report(stack, loss="binary_crossentropy", optimizer=optimizer)
    assert found == ["Nothing out of the ordinary in 12 samples, of steps 0 to 11."]


def test_weights_that_begin_at_zero_are_in_order():
    stack = [layers.Dense(1, "sigmoid", kernel_initializer="zeros")]
    found = report(stack, loss="binary_crossentropy", y=X[:, :1] > 0, rate=0.1)
    assert found == ["Nothing out of the ordinary in 12 samples, of steps 0 to 11."]


def test_a_model_that_learns_nothing_has_activations_only():
    model = network()
    model.trainable = False
    model.compile("sgd", "mse")
    doctor = Doctor()
    fit(model, doctor)
    assert doctor.layers == []
    assert doctor.report() == ["Nothing out of the ordinary in 3 samples, of steps 0 to 20."]
    assert doctor.plot_updates().lines[:] == []
    assert len(doctor.plot_activations().lines) == 5


def test_the_range_of_an_activation_is_found_by_trying():
    for name, low, high, saturates in (
        ("relu", 0, None, False),
        ("relu6", 0, 6, False),
        ("sigmoid", 0, 1, True),
        ("hard_sigmoid", 0, 1, True),
        ("softsign", -1, 1, True),
        ("elu", -1, None, False),
        ("leaky_relu", None, None, False),
        ("linear", None, None, False),
        ("exponential", 0, None, False),
    ):
        found = range_of(activations.get(name))
        assert found.saturates == saturates, name
        for end, expected in ((found.low, low), (found.high, high)):
            assert (end is None) == (expected is None), name
            assert end is None or end == pytest.approx(expected, abs=2e-3), name
    assert range_of(activations.get("softmax")) is None
    assert range_of(None) is None


def test_shares_count_units_and_outputs():
    sigmoid = range_of(activations.get("sigmoid"))
    A = np.array([[0.0, 0.5, 0.999], [0.0, 0.995, 0.5]])
    dead, saturated = shares(A, sigmoid)
    assert dead == pytest.approx(1 / 3)
    assert saturated == pytest.approx(4 / 6)


# -- it draws it -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def doctor():
    doctor = Doctor(every=2)
    fit(network(), doctor)
    return doctor


@pytest.mark.parametrize("what", ["weights", "gradients", "activations", "updates"])
def test_a_line_a_layer(doctor, what):
    ax = getattr(doctor, f"plot_{what}")()
    names = doctor.outputs if what == "activations" else doctor.layers
    series = doctor._series(what)
    series = series if what == "updates" else series[..., 0]
    assert [line.get_label() for line in ax.lines] == names
    for line, values in zip(ax.lines, series.T, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), doctor.steps)
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert ax.get_xlabel() == "step"
    assert what.rstrip("s") in ax.get_ylabel()
    assert len({tuple(line.get_color()) for line in ax.lines}) == len(names)


@pytest.mark.parametrize("what", ["weights", "gradients", "activations"])
def test_the_spread_of_one_layer(doctor, canvas, what):
    given = canvas.subplots()[1]
    ax = getattr(doctor, f"plot_{what}")(ax=given, layer="dense_1")
    assert ax is given
    names = doctor.outputs if what == "activations" else doctor.layers
    spread = doctor._series(what)[:, names.index("dense_1"), 1:]
    for line, column in zip(ax.lines, (3, 0, 6), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), spread[:, column])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["median", "half", "90 %", "all"]


def test_many_layers_have_a_bar_of_colours_for_their_legend():
    model = Sequential([layers.Dense(1) for _ in range(15)], seed=0)
    model.compile("sgd", "mse")
    doctor = Doctor()
    fit(model, doctor, epochs=1)
    ax = doctor.plot_updates()
    assert ax.get_yscale() == "log"
    assert ax.get_legend() is None
    (bar,) = (other for other in ax.figure.axes if other is not ax)
    assert [text.get_text() for text in bar.get_yticklabels()] == ["dense", "dense_14"]


def test_bad_arguments_are_refused(doctor):
    with pytest.raises(ConfigurationError, match="every as an integer >= 1"):
        Doctor(every=0)
    with pytest.raises(NotBuiltError, match=r"callbacks=\[doctor\]"):
        Doctor().report()
    with pytest.raises(NotBuiltError, match="plot_updates"):
        Doctor().plot_updates()
    with pytest.raises(ConfigurationError, match='Did you mean "dense_1"'):
        doctor.plot_weights(layer="dense1")
    model = network()
    model.build((None, 4))
    before = model.get_weights()
    with pytest.raises(ShapeError, match=r"\('n', 4\).*\(2, 3\)"):
        fit(model, Doctor(probe=np.ones((2, 3))))
    with pytest.raises(ShapeError, match=r"\(0, 4\)"):
        fit(model, Doctor(probe=np.ones((0, 4))))
    with pytest.raises(DataError, match="finite numbers in probe"):
        Doctor(probe=[[np.nan]])
    assert all(map(np.array_equal, before, model.get_weights()))
