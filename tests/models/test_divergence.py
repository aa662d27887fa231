"""When loss or gradient stop being finite, training stops with the last good model in hand."""

import re
from contextlib import nullcontext

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


# -- updates that overflow -------------------------------------------------------------------------


class Bold(optimizers.Optimizer):
    """One of the user's own, which nobody knows to be bounded."""

    state_names = ("seen",)

    def update(self, theta, gradient, rate, state, scratch):
        state.seen += 1
        theta -= rate * np.exp(100 * state.seen) * gradient


def rates(good, rate):
    """A rate that is moderate for so many steps and then is not."""
    return lambda step: 0.001 if step < good else rate


# By kind: what overflows at the step after ``good``, in float32 at least.
OVERFLOWS = {
    "sgd": lambda good: optimizers.SGD(rates(good, 1e308)),
    "momentum": lambda good: optimizers.SGD(rates(good, 1e308), momentum=0.9),
    "nesterov": lambda good: optimizers.SGD(rates(good, 1e308), momentum=0.9, nesterov=True),
    "averages": lambda good: optimizers.SGD(
        rates(good, 1e308), use_ema=True, ema_overwrite_frequency=2
    ),
    "adam": lambda good: optimizers.Adam(rates(good, 1e308), amsgrad=True),
    "decay": lambda good: optimizers.AdamW(rates(good, 1e308), weight_decay=100.0),
    "nadam": lambda good: optimizers.Nadam(rates(good, 1e308)),
    "rmsprop": lambda good: optimizers.RMSprop(rates(good, 1e308), centered=True),
    "lion": lambda good: optimizers.Lion(rates(good, 1e308), weight_decay=10.0),
    "adagrad": lambda good: optimizers.Adagrad(rates(good, 1e308)),
    "lamb": lambda good: optimizers.Lamb(rates(good, 1e308)),
}


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, "float32") for name in OVERFLOWS),
        *((name, "float64") for name in ("sgd", "momentum", "nesterov", "averages", "decay")),
    ],
)
@pytest.mark.parametrize("good", [0, 3])
def test_an_update_that_overflows_is_undone(name, dtype, good):
    """Weights, statistics, state and steps are those of a run that was stopped before it."""

    def trained(run, **keywords):
        model = Sequential(
            [layers.Dense(6, "tanh"), layers.BatchNormalization(), layers.Dense(2)],
            seed=3,
            dtype=dtype,
        )
        model.compile(OVERFLOWS[name](good), "mse")
        run(model, **keywords)
        return parts(model), model

    def fails(model):
        # Gradients of 10 or so, which times 1e308 (or a decay by 1e400) are infinite.
        says = rf"^Sequential\.fit, after batch {good + 1} of epoch 1: expected finite weights"
        with pytest.raises(DivergenceError, match=says):
            fit(model, y=Y * 1000, shuffle=False)

    def ends(model):
        history = fit(model, y=Y * 1000, shuffle=False, callbacks=[callbacks.TerminateOnNaN()])
        assert np.isnan(history.history["loss"]).all()
        assert len(history.epoch) == 1

    left, model = trained(fails)
    assert all(np.isfinite(weight).all() for weight in model.weights)
    assert model.optimizer.steps == good
    if good:
        expected, _ = trained(
            lambda m: fit(m, y=Y * 1000, shuffle=False, callbacks=[StopAfter(good)])
        )
        if not model.optimizer.use_ema:  # with which a run that ends takes the averages
            assert left == expected
            assert trained(ends)[0] == expected


def test_large_targets():
    """Targets of 1e15: a gradient of 1e15 and more, which times 1e25 is infinite in float32."""
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile(optimizers.SGD(1e25), "mse")
    model.build((None, 4))
    before = parts(model)
    with pytest.raises(DivergenceError, match=r"after batch 1 of epoch 1.*last good step"):
        fit(model, y=Y[:, :1] * 1e15)
    assert parts(model) == before
    # A step of 1e25 is finite, and what follows is not.
    model.optimizer.learning_rate = 1e10
    for callback, error in ((None, pytest.raises(DivergenceError)), (True, nullcontext())):
        with error:
            fit(model, y=Y[:, :1] * 1e15, callbacks=callback and [callbacks.TerminateOnNaN()])
        assert all(np.isfinite(weight).all() for weight in model.weights)


def test_state_that_overflows_is_undone_as_well():
    """g^2 of 1e20 is infinite in float32: Adam's parameter would never move again."""
    model = network(optimizer="adam")
    model.train_on_batch(X, Y)
    before = parts(model)
    hook = callbacks.LambdaCallback(
        on_gradients=lambda batch, logs: model.vector.gradients.fill(1e20)
    )
    with pytest.raises(DivergenceError, match="overflowed and was undone"):
        fit(model, callbacks=[hook])
    assert parts(model) == before


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_hook_that_spoils_the_gradient_spoils_no_weight(value):
    model = network(optimizer="sgd")
    model.train_on_batch(X, Y)
    before = parts(model)
    hook = callbacks.LambdaCallback(
        on_gradients=lambda batch, logs: model.vector.gradients.fill(value)
    )
    with pytest.raises(DivergenceError, match="expected finite weights"):
        fit(model, callbacks=[hook])
    assert parts(model) == before


def test_a_rule_of_the_users_own_and_one_that_divides_by_0():
    model = Sequential([layers.Dense(2)], seed=0)
    model.compile(Bold(0.1), "mse")
    with pytest.raises(DivergenceError, match="expected finite weights"):
        fit(model, shuffle=False)
    assert np.isfinite(model.optimizer.state).all()
    assert all(np.isfinite(weight).all() for weight in model.weights)
    # A column of zeros has a gradient of 0: 0 / (0 + epsilon).
    model = Sequential([layers.Dense(2)], seed=0)
    model.compile(optimizers.Adam(epsilon=0.0), "mse")
    model.build((None, 4))
    before = [weight.tobytes() for weight in model.weights]
    with pytest.raises(DivergenceError, match='got "dense/kernel" with NaN'):
        fit(model, x=X * [1, 0, 1, 1])
    assert [weight.tobytes() for weight in model.weights] == before


def test_steps_that_are_accumulated_are_undone_one_by_one():
    """Two steps an update: the fourth overflows, and the sum of the third is still there."""

    def trained(callback):
        model = network(optimizer=optimizers.SGD(rates(3, 1e39), gradient_accumulation_steps=2))
        fit(model, shuffle=False, callbacks=[callback])
        return parts(model), model.optimizer.steps

    assert trained(callbacks.TerminateOnNaN()) == trained(StopAfter(3))


def test_one_batch_that_overflows():
    model = network(optimizer=optimizers.SGD(rates(1, 1e39)))
    model.train_on_batch(X, Y)
    before = parts(model)
    with pytest.raises(DivergenceError, match=r"^Sequential\.train_on_batch: expected finite w"):
        model.train_on_batch(X, Y)
    assert parts(model) == before


def test_statistics_that_overflow_are_not_taken_over():
    """The square of 1e20 is infinite in float32, and so would be the moving variance."""
    model = network(optimizer="sgd")
    model.train_on_batch(X, Y)
    before = parts(model)
    first = Sequential([layers.BatchNormalization(), layers.Dense(2)], seed=0)
    first.compile("sgd", "mse")
    first.build((None, 4))
    statistics = parts(first)
    with pytest.raises(DivergenceError, match='"batch_normalization" is the first that is not'):
        fit(first, x=X * np.float32(1e20))
    assert parts(first) == statistics
    assert parts(model) == before


def test_lbfgs_leaves_what_the_last_iteration_left():
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile("lbfgs", "mse")
    model.build((None, 4))
    with pytest.raises(DivergenceError):
        fit(model, y=Y[:, :1] * 1e25, epochs=20)
    assert all(np.isfinite(weight).all() for weight in model.weights)
