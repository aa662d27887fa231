"""When loss or gradient stop being finite, training stops with the last good model in hand."""

import re

import numpy as np
import pytest

from annlib import DivergenceError, Sequential, callbacks, layers, losses, optimizers

# Losses meet linear outputs here on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Sequential.compile. expected probabilities")

N, BATCH = 40, 8
rng = np.random.default_rng(1)
X = rng.normal(size=(N, 4)).astype(np.float32)
Y = rng.normal(size=(N, 2)).astype(np.float32)
OPTIMIZERS = ["sgd", "adam", "rmsprop"]


class NaNGradient(layers.Layer):
    """y = x; after ``good`` training passes the gradient is NaN."""

    def __init__(self, good, **keywords):
        super().__init__(**keywords)
        self.good = good

    def forward(self, x, work, *, training=False):
        work["passes"] = work.get("passes", 0) + training
        return x

    def backward(self, dy, work, *, input_gradient=True):
        if work["passes"] > self.good:
            dy[...] = np.nan
        return dy


class BadLoss(losses.MeanSquaredError):
    """After ``good`` batches the loss, or only its gradient, is ``value``."""

    names = ("bad",)

    def __init__(self, good, value, only_gradient=False):
        super().__init__()
        self.good, self.value_, self.only_gradient = good, value, only_gradient

    def arguments(self):
        return {}

    def forward(self, Y, A, E, work):
        super().forward(Y, A, E, work)
        work["passes"] = work.get("passes", 0) + 1
        if work["passes"] > self.good and not self.only_gradient:
            E[-1] = self.value_

    def backward(self, Y, A, dA, work):
        super().backward(Y, A, dA, work)
        if work["passes"] > self.good and self.only_gradient:
            dA[0, 0] = self.value_


class StopAfter(callbacks.Callback):
    """Ends training after so many batches."""

    def __init__(self, batches):
        self.batches = batches

    def on_train_batch_end(self, batch, logs=None):
        self.batches -= 1
        if self.batches == 0:
            self.model.stop_training = True


def network(extra=(), optimizer="adam", loss="mse"):
    model = Sequential(
        [
            layers.Dense(6, "tanh", name="first"),
            layers.BatchNormalization(name="norm"),
            *extra,
            layers.Dense(2, name="last"),
        ],
        seed=3,
    )
    model.compile(optimizer, loss)
    return model


def parts(model):
    """Weights, moving statistics, optimizer state and count of updates."""
    return (
        [weight.tobytes() for weight in model.weights],
        model.optimizer.state.tobytes(),
        model.optimizer.iterations,
    )


def fit(model, x=X, y=Y, **keywords):
    keywords = {"batch_size": BATCH, "epochs": 4, "verbose": 0, **keywords}
    return model.fit(x, y, **keywords)


def diverges(model, good, says, **keywords):
    """Training stops in the batch after ``good``, and leaves what a run stopped there leaves."""
    epoch, batch = divmod(good, N // BATCH)
    pattern = rf"Sequential\.fit, epoch {epoch + 1}, batch {batch + 1}: expected .*, got .*{says}"
    with pytest.raises(DivergenceError, match=pattern) as caught:
        fit(model, **keywords)
    assert isinstance(caught.value, FloatingPointError)
    assert re.search(r"learning rate below .*clipnorm=", str(caught.value))
    return parts(model)


def stopped(model, good, **keywords):
    fit(model, callbacks=[StopAfter(good)], **keywords)
    assert model.optimizer.iterations == good
    return parts(model)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("good", [1, 4, 5, 13])
def test_a_gradient_alone_that_is_nan(optimizer, good):
    left = diverges(
        network([NaNGradient(good)], optimizer), good, r'gradient of "norm/beta" is the first'
    )
    assert left == stopped(network([NaNGradient(999)], optimizer), good)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("only_gradient", [False, True])
def test_a_loss_that_is_not_finite(value, only_gradient):
    loss = BadLoss(7, value, only_gradient)
    says = r'gradient of "last/bias"' if only_gradient else f"loss {value}"
    left = diverges(network(loss=loss), 7, says)
    assert left == stopped(network(), 7)


@pytest.mark.parametrize(
    ("column", "says"), [("x", r"x of the batch.* not finite"), ("y", r"y of the batch.* finite")]
)
@pytest.mark.parametrize("shuffle", [False, True])
def test_a_bad_value_in_a_memory_map(tmp_path, column, says, shuffle):
    good = {"x": X, "y": Y}
    np.save(tmp_path / "data.npy", good[column])
    mapped = np.load(tmp_path / "data.npy", mmap_mode="r+")
    mapped[27, 1] = np.nan
    batch = 27 // BATCH
    if shuffle:  # the same stream gives the order that fit will see
        order = network()._network.streams.persistent("shuffle").permutation(N)
        batch = int(np.flatnonzero(order == 27)[0]) // BATCH
    left = diverges(network(), batch, says, shuffle=shuffle, **{column: mapped})
    if batch:
        assert left == stopped(network(), batch, shuffle=shuffle)


def test_numbers_that_are_too_large_for_the_type():
    x = X.astype(float)
    x[27, 1] = 1e200
    left = diverges(network(), 3, "x of the batch, as float32", shuffle=False, x=x)
    assert left == stopped(network(), 3, shuffle=False, x=X)


@pytest.mark.parametrize("rate", [1e4, 1e8])
@pytest.mark.parametrize("x", [X, X * 1e4])
def test_a_learning_rate_that_is_too_high_leaves_finite_weights(rate, x):
    model = Sequential([layers.Dense(8, "relu", name="first"), layers.Dense(2, name="last")])
    model.compile("sgd", "mse")
    model.optimizer.learning_rate = rate
    with pytest.raises(DivergenceError, match=re.escape(f"below {rate:g}")) as caught:
        fit(model, x, epochs=50)
    assert all(np.isfinite(weight).all() for weight in model.weights)
    assert re.search('"first|"last|loss inf|loss nan', str(caught.value))


def test_the_weights_are_named_in_which_it_began():
    model = network()
    model.build((None, 4))
    for name in ("first", "last"):
        weights = model.get_layer(name).get_weights()
        model.get_layer(name).set_weights([np.full_like(weights[0], np.nan), weights[1]])
        with pytest.raises(DivergenceError, match=f'got "{name}/kernel" with NaN'):
            fit(model)
        model.get_layer(name).set_weights(weights)


def test_one_batch():
    model = network(loss=BadLoss(2, np.nan))
    for _ in range(2):
        model.train_on_batch(X, Y)
    before = parts(model)
    with pytest.raises(DivergenceError, match=r"^Sequential\.train_on_batch: expected .* nan"):
        model.train_on_batch(X, Y)
    assert parts(model) == before


def test_training_goes_on_after_the_cause_is_gone():
    model, other = network(), network()
    fit(model, shuffle=False)
    fit(other, shuffle=False)
    with pytest.raises(DivergenceError):
        fit(model, x=X.astype(float) * 1e200, shuffle=False)
    fit(model, shuffle=False)
    fit(other, shuffle=False)
    assert parts(model) == parts(other)


def test_callbacks_hear_of_it():
    heard = []
    spy = callbacks.Callback
    spy = type("Spy", (spy,), {"on_exception": lambda self, error: heard.append(error)})()
    with pytest.raises(DivergenceError) as caught:
        fit(network(loss=BadLoss(0, np.nan)), callbacks=[spy])
    assert heard == [caught.value]


def test_weights_that_an_update_made_infinite_are_named():
    model = Sequential([layers.Dense(2)], seed=0)
    model.compile(optimizers.SGD(1e39), "mse")
    x, y = np.ones((8, 3)), np.ones((8, 2))
    with pytest.raises(
        DivergenceError, match="update at a learning rate of 1e\\+39 that overflowed"
    ):
        model.fit(x, y, epochs=3, verbose=0)
