"""What is set on an object after it was made: it takes effect, checked as in the constructor, or
it is refused, and nothing has changed.
"""

from __future__ import annotations

import copy
import pickle
from reprlib import repr as show

import numpy as np
import pytest
from cases import TABLES

from annlib import (
    AnnlibError,
    ConfigurationError,
    ReadOnlyError,
    Sequential,
    activations,
    callbacks,
    layers,
    load_model,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from annlib.core.constructors import constructor_arguments

ALL = [row for rows in TABLES.values() for row in rows]
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 5)), rng.normal(size=(40, 1))


class Nonsense:
    """An object that is no argument of anything."""


def trained(*inner, optimizer="adam"):
    model = Sequential([*inner, layers.Dense(1)], seed=0)
    model.compile(optimizer, "mse")
    model.fit(X, Y, epochs=2, batch_size=8, verbose=0)
    return model


def present(made):
    return {name: show(value) for name, value in made._arguments().items()}


# -- every argument of every class -----------------------------------------------------------------


@pytest.mark.parametrize("row", ALL, ids=repr)
def test_nonsense_is_refused_wherever_the_constructor_refuses_it(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = row.make()
    for name in constructor_arguments(type(made)):
        before, nonsense = present(made), Nonsense()
        try:
            made._made_with(**{name: nonsense})
        except (AnnlibError, TypeError, ValueError):
            with pytest.raises((AnnlibError, TypeError)):
                setattr(made, name, nonsense)
            assert present(made) == before
        with pytest.raises((ReadOnlyError, AttributeError)):
            delattr(made, name)
        assert present(made) == before


@pytest.mark.parametrize("row", ALL, ids=repr)
def test_what_can_be_set_is_in_the_configuration_and_survives_copies(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = row.make()
    for name, value in other._arguments().items():
        made = row.make()
        try:
            setattr(made, name, value)  # of its own kind, and allowed if anything is
        except (ConfigurationError, TypeError):
            continue
        assert present(made) == present(other), name
        for again in (copy.copy(made), copy.deepcopy(made)):
            assert present(again) == present(made)
            with pytest.raises((ConfigurationError, AttributeError)):
                delattr(again, name)


# -- layers ----------------------------------------------------------------------------------------


def built(row):
    layer = row.make()
    shape = getattr(row, "shapes", [(5,)])[0]
    model = Sequential([layers.Input(shape), layer], seed=0)
    return model, model.layers[0]


@pytest.mark.parametrize("row", TABLES["layer"], ids=repr)
def test_a_parameter_is_written_into_and_never_replaced(row):
    if row.cls is layers.Input:
        pytest.skip("it has no place among the layers")
    model, outer = built(row)
    each = [(leaf, name) for _, leaf in outer._leaves() for name in leaf._values()]
    for layer, name in each:
        value = layer._values()[name]
        before = value.copy()
        with pytest.raises(AttributeError, match=rf"(?s)layer\.{name}\[\.\.\.\].*set_weights"):
            setattr(layer, name, np.ones_like(value))
        with pytest.raises(AttributeError, match="set_weights"):
            delattr(layer, name)
        np.testing.assert_array_equal(getattr(layer, name), before)
        layer.__setattr__(name, value)  # what += does at its end
        value += 1
        mine = (e for e in model.vector.entries if e.layer is layer)
        entry = next(e for e in mine if e.parameter.name == name)
        np.testing.assert_array_equal(
            model.vector.values[entry.where], (before + 1).ravel(), strict=True
        )


def test_a_kernel_that_was_written_into_is_trained_on():
    # A linear unit at the least squares solution has no gradient, and stays; so the array counts.
    solution = np.linalg.lstsq(X, Y, rcond=None)[0]
    model = Sequential([layers.Dense(1, use_bias=False)], seed=0, dtype="float64")
    model.compile(optimizers.SGD(0.1), "mse")
    model.build((None, 5))
    model.layers[0].kernel[...] = solution
    model.fit(X, Y, epochs=1, batch_size=40, verbose=0)
    np.testing.assert_allclose(model.layers[0].kernel, solution, atol=1e-14)
    model.layers[0].kernel *= 2
    model.fit(X, Y, epochs=300, batch_size=40, verbose=0)
    np.testing.assert_allclose(model.layers[0].kernel, solution, atol=1e-6)


def test_a_parameter_cannot_be_set_before_it_is_there():
    for layer, name in (
        (layers.Dense(2), "kernel"),
        (layers.BatchNormalization(), "moving_mean"),
        (layers.Embedding(3, 2), "embeddings"),
        (layers.PReLU(), "alpha"),
    ):
        with pytest.raises(AttributeError, match="set_weights"):
            setattr(layer, name, np.zeros((5, 2)))


def test_a_layers_own_parameters_are_guarded_too():
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.add_weight("factor", (input_shape[-1],), "ones")

        def forward(self, x, work, *, training=False):
            work["x"] = x
            return np.multiply(x, self.factor, out=work.array("y", *x.shape))

        def backward(self, dy, work, *, input_gradient=True):
            np.einsum("ij,ij->j", dy, work["x"], out=self.gradients["factor"])
            return np.multiply(dy, self.factor, out=dy)

    model = trained(Scale())
    with pytest.raises(AttributeError, match=r"layer\.factor\[\.\.\.\]"):
        model.layers[0].factor = np.zeros(5)


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [
        (layers.Dense(3, "relu"), "units", 4),
        (layers.Dense(3, "relu"), "activation", "tanh"),
        (layers.Dense(3, "relu"), "activation", activations.Tanh()),
        (layers.Dense(3), "use_bias", False),
        (layers.Dense(3), "kernel_regularizer", "l2"),
        (layers.Dense(3), "name", "other"),
        (layers.Dense(3), "activity_regularizer", "l2"),
        (layers.Activation("relu"), "activation", "tanh"),
        (layers.ReLU(), "activation", activations.Tanh()),
        (layers.LeakyReLU(), "negative_slope", 0.5),
        (layers.BatchNormalization(), "center", False),
        (layers.Dropout(0.5), "seed", 3),
        (layers.Flatten(), "input_shape", (7,)),
    ],
    ids=show,
)
def test_what_a_layer_was_made_of_stays(layer, name, value, tmp_path):
    model = trained(layer)
    expected = model.predict(X)
    path = tmp_path / "good.safetensors"
    model.save(path)
    content = path.read_bytes()
    with pytest.raises(AttributeError, match=rf"{name}: expected no assignment(?s:.*)new model"):
        setattr(layer, name, value)
    model.save(path)
    assert path.read_bytes() == content
    np.testing.assert_array_equal(load_model(path).predict(X), expected)


def test_the_rate_of_a_dropout_takes_effect_at_once():
    model = trained(layers.Dropout(0.5))
    model.layers[0].rate = 0
    np.testing.assert_array_equal(model(X, training=True), model(X))
    model.layers[0].rate = 1.0
    np.testing.assert_array_equal(model(X, training=True), np.full((40, 1), model.layers[1].bias))
    with pytest.raises(ConfigurationError, match=r"rate as a number in \[0, 1\], got 1.5"):
        model.layers[0].rate = 1.5
    assert model.layers[0].rate == 1.0
    alpha = layers.AlphaDropout(0.5)
    with pytest.raises(ConfigurationError, match=r"rate as a number in \[0, 1\), got 1.0"):
        alpha.rate = 1.0


def test_the_momentum_of_batch_normalization_takes_effect_at_once():
    model = trained(layers.BatchNormalization())
    model.layers[0].momentum = 0.0  # the moving mean is that of the last batch
    model.fit(X[:8], Y[:8], batch_size=8, verbose=0)
    np.testing.assert_allclose(model.layers[0].moving_mean, X[:8].mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("value", ["x", 1, None, np.zeros(3)], ids=show)
def test_trainable_is_true_or_false(value):
    model = trained()
    for thing in (model, model.layers[0]):
        with pytest.raises(ConfigurationError, match="trainable as True or False"):
            thing.trainable = value
        assert thing.trainable is True
        thing.trainable = False
        assert thing.trainable is False
        thing.trainable = True


def test_a_subclass_may_set_arguments_in_its_constructor_and_its_build(tmp_path):
    @layers.register()
    class Doubled(layers.Dense):
        def __init__(self, units, **keywords):
            super().__init__(2 * units, **keywords)
            self.units = units

    @layers.register()
    class AsWide(layers.Dense):
        def __init__(self, scale=1.0, **keywords):
            keywords.pop("units", None)
            super().__init__(1, **keywords)
            self.scale = scale

        def build(self, input_shape):
            self.units = input_shape[-1]
            super().build(input_shape)

    model = trained(Doubled(3), AsWide())
    assert [layer.units for layer in model.layers] == [3, 3, 1]
    assert model.layers[1].kernel.shape == (3, 3)
    model.layers[1].scale = 2.0  # an argument of the user's own
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(trained(layers.Dense(3))))):
        with pytest.raises(AttributeError):
            again.layers[0].units = 7
        again.layers[0].trainable = False


def test_an_inner_constructor_does_not_end_the_outer_one():
    class Mine(layers.Dropout):
        def __init__(self, rate):
            super().__init__(rate)
            self.rate = "later"

    assert Mine(0.5).rate == "later"


# -- files -----------------------------------------------------------------------------------------


def test_a_good_file_is_not_replaced_by_one_that_cannot_be_read(tmp_path):
    @layers.register()
    class Own(layers.Layer):
        def __init__(self, units=3, **keywords):
            super().__init__(**keywords)
            self.units = units

        def build(self, input_shape):
            self.add_weight("w", (input_shape[-1], self.units))

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], self.w.shape[1] if self.built else self.units)

        def forward(self, x, work, *, training=False):
            work["x"] = x
            return np.dot(x, self.w, out=work.array("y", len(x), self.w.shape[1]))

        def backward(self, dy, work, *, input_gradient=True):
            np.dot(work["x"].T, dy, out=self.gradients["w"])
            return dy @ self.w.T

    model = trained(Own())
    path = tmp_path / "m.safetensors"
    model.save(path)
    content = path.read_bytes()
    model.layers[0].units = 7  # the user's own argument, which the user may set
    with pytest.raises(
        ConfigurationError,
        match=r"own: expected arguments that make the weights"
        r"|expected arguments that make the weights it has",
    ):
        model.save(path)
    assert path.read_bytes() == content
    model.layers[0].units = 3
    model.save(path)
    assert path.read_bytes() == content


# -- models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dtype", "float64"), ("dtype", "nonsense"), ("seed", 3), ("seed", "x"), ("name", "b"),
        ("layers", []), ("optimizer", "sgd"), ("loss", "mae"), ("metrics", ["mae"]),
        ("input_shape", (3,)), ("built", False), ("weights", []), ("feature_names", ["a"]),
        ("metrics_names", []), ("compiled", False), ("vector", None),
    ],
)  # fmt: skip
def test_a_model_is_not_set_but_made_or_compiled(name, value, tmp_path):
    model = trained()
    model.save(tmp_path / "before")
    with pytest.raises(
        AttributeError,
        match=rf"Sequential\.{name}: expected no assignment(?s:.*)"
        "make a new model",
    ):
        setattr(model, name, value)
    model.save(tmp_path / "after")
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()


def test_a_subclass_of_a_model_has_attributes_of_its_own():
    class Mine(Sequential):
        def __init__(self, units=4, **keywords):
            super().__init__([layers.Dense(units)], **keywords)
            self.units = units
            self.note = "mine"

    model = Mine(3, seed=0)
    model.units, model.note = 5, "yours"
    with pytest.raises(AttributeError, match="dtype"):
        model.dtype = "float64"


# -- optimizers ------------------------------------------------------------------------------------


def test_numbers_that_each_step_reads_can_be_set_and_count():
    def step(optimizer):
        model = Sequential([layers.Input((5,)), layers.Dense(1)], seed=0, dtype="float64")
        model.compile(optimizer, "mse")
        return model

    # With a rate of 0.1 and a decay of 0.5 every weight loses 5 % before the update, which takes
    # the gradient of the weights before it.
    plain, decaying = step(optimizers.SGD(0.1)), step(optimizers.SGD(0.1))
    before = plain.get_weights()
    decaying.optimizer.weight_decay = 0.5
    for model in (plain, decaying):
        model.train_on_batch(X, Y)
    for start, one, other in zip(before, plain.get_weights(), decaying.get_weights(), strict=True):
        np.testing.assert_allclose(one - other, 0.05 * start, atol=1e-14)
    # A gradient cut to 0.001 moves no weight by more than 0.0001.
    before = plain.get_weights()
    plain.optimizer.clipvalue = 0.001
    plain.train_on_batch(X, Y)
    moved = [abs(a - b).max() for a, b in zip(before, plain.get_weights(), strict=True)]
    assert max(moved) == pytest.approx(1e-4)
    with pytest.raises(ConfigurationError, match="at most one limit"):
        plain.optimizer.clipnorm = 1.0
    assert plain.optimizer.clipnorm is None


@pytest.mark.parametrize(
    ("optimizer", "name", "value"),
    [
        (optimizers.Adam(), "beta_1", 0.5),
        (optimizers.Adam(), "amsgrad", True),
        (optimizers.RMSprop(), "centered", True),
        (optimizers.SGD(), "momentum", 0.9),  # it has no velocity yet
        (optimizers.SGD(momentum=0.9), "momentum", 0.0),
        (optimizers.Adagrad(), "initial_accumulator_value", 1.0),
        (optimizers.Adam(), "use_ema", True),
        (optimizers.Adam(), "gradient_accumulation_steps", 2),
        (optimizers.Adam(), "name", "x"),
    ],
    ids=show,
)
def test_what_an_optimizer_remembers_in_stays(optimizer, name, value):
    model = trained(optimizer=optimizer)
    before = getattr(optimizer, name)
    with pytest.raises(AttributeError, match=rf"{name}: expected no assignment(?s:.*)compile"):
        setattr(model.optimizer, name, value)
    assert getattr(model.optimizer, name) == before


def test_lbfgs_has_no_weight_decay_to_set():
    optimizer = optimizers.LBFGS()
    with pytest.raises(AttributeError, match="weight_decay"):
        optimizer.weight_decay = 0.1
    optimizer.ftol = 0.5
    with pytest.raises(ConfigurationError, match="ftol"):
        optimizer.ftol = "x"
    assert optimizer.get_config()["ftol"] == 0.5


def test_momentum_can_be_changed_where_there_is_one():
    slow, fast = (trained(optimizer=optimizers.SGD(0.01, momentum=m)) for m in (0.5, 0.9))
    slow.optimizer.momentum = 0.9
    assert slow.optimizer.get_config() == fast.optimizer.get_config()


@pytest.mark.parametrize("value", ["x", -1, 1.5, None, True])
def test_iterations_are_a_count(value):
    optimizer = optimizers.Adam()
    with pytest.raises(ConfigurationError, match="iterations as an integer >= 0"):
        optimizer.iterations = value
    assert optimizer.iterations == 0


# -- losses, metrics and the like are values -------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "name", "value"),
    [
        (losses.Huber(), "delta", 2.0),
        (losses.CategoricalCrossentropy(), "label_smoothing", 0.1),
        (losses.MeanSquaredError(), "reduction", "sum"),
        (metrics.BinaryAccuracy(), "threshold", 0.7),
        (metrics.BinaryAccuracy(), "name", "x"),
        (metrics.AUC(), "num_thresholds", 3),
        (regularizers.L2(0.1), "l2", 0.2),
        (activations.LeakyReLU(), "negative_slope", 0.3),
    ],
    ids=show,
)
def test_a_value_is_made_anew(made, name, value):
    before = made.get_config()
    with pytest.raises(
        AttributeError, match=rf"{name}: expected no assignment(?s:.*)[Mm]ake a new"
    ):
        setattr(made, name, value)
    assert made.get_config() == before


# -- callbacks -------------------------------------------------------------------------------------


def test_a_callback_heeds_what_is_set():
    stop = callbacks.EarlyStopping("loss", min_delta=100.0)  # nothing is such an improvement
    model = trained()
    assert len(model.fit(X, Y, epochs=9, verbose=0, callbacks=[stop]).epoch) == 2
    stop.patience = 4
    assert len(model.fit(X, Y, epochs=9, verbose=0, callbacks=[stop]).epoch) == 5
    with pytest.raises(ConfigurationError, match="patience as an integer >= 0, got 'x'"):
        stop.patience = "x"
    assert stop.get_config()["patience"] == 4


@pytest.mark.parametrize(
    ("made", "name", "value"),
    [
        (callbacks.ModelCheckpoint("x"), "save_freq", 3),
        (callbacks.BackupAndRestore("x"), "save_freq", 3),
        (callbacks.TerminateOnNaN(), "raise_error", True),
        (callbacks.ModelCheckpoint("x"), "initial_value_threshold", 3.0),
    ],
    ids=show,
)
def test_what_counts_when_a_callback_is_made_stays(made, name, value):
    with pytest.raises(AttributeError, match=name):
        setattr(made, name, value)


def test_a_users_callback_has_its_arguments_for_itself():
    class Countdown(callbacks.Callback):
        def __init__(self, patience):
            self.patience = patience

        def on_epoch_end(self, epoch, logs=None):
            self.patience -= 1

    own = Countdown(5)
    trained().fit(X, Y, epochs=3, verbose=0, callbacks=[own])
    assert own.patience == 2


def test_a_hook_of_a_lambda_callback_can_be_set():
    seen = []
    callback = callbacks.LambdaCallback()
    callback.on_epoch_end = lambda epoch, logs: seen.append(epoch)
    with pytest.raises(ConfigurationError, match="expected a function as on_train_end"):
        callback.on_train_end = 3
    trained().fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    assert seen == [0, 1]
