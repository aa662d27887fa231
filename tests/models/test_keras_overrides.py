"""Classes ported from Keras: what annlib would never call is named, what it can take it takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from cases import ALL

from annlib import (
    AnnlibError,
    Input,
    Sequential,
    activations,
    constraints,
    initializers,
    layers,
    load_model,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from annlib.core.errors import DataError

X = np.random.default_rng(0).normal(size=(8, 3))
Y = X[:, :1]


def overriding(base, *names):
    """A subclass that overrides methods in Keras' way."""
    return type("Mine", (base,), {name: lambda self, *arguments, **keywords: 2 for name in names})


def dense(**keywords):
    return Sequential([Input((3,)), layers.Dense(1, **keywords)])


LAYERS = [layers.Layer, layers.Dense, layers.Dropout, layers.BatchNormalization, layers.Activation]


@pytest.mark.parametrize("base", LAYERS)
@pytest.mark.parametrize("name", ["call", "__call__"])
def test_a_layer_that_overrides_what_is_never_called_is_not_added(base, name):
    arguments = {layers.Dense: [2], layers.Dropout: [0.5], layers.Activation: ["relu"]}
    layer = overriding(base, name)(*arguments.get(base, []))
    model = Sequential([layers.Dense(3)])
    says = rf"Sequential\.add: expected forward in Mine.* got {name} alone.*forward\(self, x, work"
    for add in (model.add, lambda layer: Sequential([layer])):
        with pytest.raises(AnnlibError, match=says):
            add(layer)
    with pytest.raises(AnnlibError, match=r"model\(x, training=True\)"):
        model.add(layer)
    assert len(model.layers) == 1


def test_a_layer_that_has_forward_beside_it_is_taken():
    class Twice(layers.Dense):
        def call(self, x):
            return 2 * x

        def forward(self, x, work, *, training=False):
            return self.call(super().forward(x, work, training=training))

    class Further(Twice):
        pass

    class Hidden(Twice):
        def call(self, x):
            return 3 * x

    for cls in (Twice, Further):
        twice = Sequential([Input((3,)), cls(2)])
        once = Sequential([Input((3,)), layers.Dense(2)])
        once.set_weights(twice.get_weights())
        np.testing.assert_allclose(twice.predict(X), 2 * once.predict(X), rtol=1e-6)
    with pytest.raises(AnnlibError, match="Hidden"):
        Sequential([Hidden(2)])


PARTS = {
    "call of a loss": (losses.MeanSquaredError, "call", lambda p: dense().compile("sgd", p)),
    "__call__ of a loss": (losses.Loss, "__call__", lambda p: dense().compile("sgd", p)),
    "call of a cross-entropy": (
        losses.CategoricalCrossentropy, "call", lambda p: dense().compile("sgd", p),
    ),
    "reset_states": (
        metrics.MeanSquaredError, "reset_states", lambda p: dense().compile("sgd", "mse", [p]),
    ),
    "__call__ of a metric": (
        metrics.Precision, "__call__", lambda p: dense().compile("sgd", "mse", None, [p]),
    ),
    "update_step": (optimizers.SGD, "update_step", lambda p: dense().compile(p, "mse")),
    "update_step of none": (optimizers.Optimizer, "update_step", lambda p: dense().compile(p)),
    "apply_gradients": (optimizers.Adam, "apply_gradients", lambda p: dense().compile(p, "mse")),
    "call of an activation": (activations.ReLU, "call", lambda p: dense(activation=p)),
    "__call__ of an activation": (
        activations.Activation, "__call__", lambda p: layers.Activation(p),
    ),
    "__call__ of a regularizer": (
        regularizers.Regularizer, "__call__", lambda p: dense(kernel_regularizer=p),
    ),
    "__call__ of L2": (regularizers.L2, "__call__", lambda p: layers.Dense(2, bias_regularizer=p)),
    "of activities": (
        regularizers.L1, "__call__", lambda p: layers.Dense(2, activity_regularizer=p),
    ),
}  # fmt: skip


@pytest.mark.parametrize("as_class", [False, True])
@pytest.mark.parametrize(("base", "name", "use"), PARTS.values(), ids=PARTS)
def test_a_part_that_overrides_what_does_nothing_alone_is_refused(base, name, use, as_class):
    cls = overriding(base, name)
    with pytest.raises(AnnlibError, match=rf": expected \w+ in Mine.* got {name} alone.*Write "):
        use(cls if as_class else cls())


MODEL_METHODS = ["call", "__call__", "train_step", "test_step", "predict_step", "compute_loss"]


@pytest.mark.parametrize("name", MODEL_METHODS)
@pytest.mark.parametrize("built", [False, True])
def test_a_model_that_overrides_what_is_never_called_is_refused_before_it_is_used(name, built):
    model = overriding(Sequential, name)([*([Input((3,))] * built), layers.Dense(1)])
    uses = {
        "compile": lambda: model.compile("sgd", "mse"),
        "predict": lambda: model.predict(X),
        "predict in batches": lambda: model.predict(X, batch_size=2),
        "predict_on_batch": lambda: model.predict_on_batch(X),
        "add": lambda: Sequential([model]),
    }
    for use in uses.values():
        with pytest.raises(AnnlibError, match=rf"Sequential\.\w+: .* in Mine.* got {name} alone"):
            use()
    assert model.built == built
    assert not model.compiled


def test_a_model_with_a_fit_of_its_own_is_free():
    class Own(Sequential):
        def train_step(self, x, y):
            return self.train_on_batch(x, y)

        def fit(self, x, y):
            return [self.train_step(x, y) for _ in range(2)]

    model = Own([layers.Dense(1)], seed=0)
    model.compile("sgd", "mse")
    assert len(model.fit(X, Y)) == 2


def test_no_part_of_annlib_and_no_other_subclass_is_refused():
    for row in ALL:
        row.cls._refuse_keras_methods("here")
        type("Mine", (row.cls,), {"describe": lambda self: ""})._refuse_keras_methods("here")


def test_dropout_while_predicting_as_the_message_shows_it():
    """Monte Carlo: the mean over many draws is the prediction, and no weight has changed."""
    model = Sequential([Input((3,)), layers.Dropout(0.5), layers.Dense(2)], seed=0)
    before = model.get_weights()
    draws = np.stack([model(X, training=True) for _ in range(4000)])
    assert len({draw.tobytes() for draw in draws}) > 3000
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - model.predict(X)) < 5 * error).all()
    for mine, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)


# -- metrics ---------------------------------------------------------------------------------------


class Variables(metrics.Metric):
    """Keras' metric, as its guide shows it."""

    def __init__(self, name="variables"):
        super().__init__(name=name)
        self.s = self.add_weight(name="s", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.s.assign_add(np.abs(y_true - y_pred).sum())

    def result(self):
        return self.s


class Resetting(Variables):
    def reset_state(self):
        self.s.assign(0.0)


class Late(Variables):
    def reset_state(self):
        pass


class Plain(metrics.Metric):
    """The same as the message shows it."""

    def reset_state(self):
        self.s = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.s += float(np.abs(y_true - y_pred).sum())

    def result(self):
        return self.s


@pytest.mark.parametrize("cls", [Variables, Resetting, Late])
def test_a_metric_with_keras_variables_is_shown_reset_state(cls):
    says = rf"{cls.__name__}: expected a reset_state that makes the state.*self\.total = 0\.0"
    for make in (cls, lambda: metrics.get(cls), lambda: dense().compile("sgd", "mse", [cls])):
        with pytest.raises(AnnlibError, match=says):
            make()


def test_the_metric_that_the_message_shows_streams():
    model = dense()
    model.compile("sgd", "mse", [Plain()])
    found = model.evaluate(X, Y, batch_size=3, return_dict=True)["plain"]
    assert found == pytest.approx(np.abs(Y - model.predict(X)).sum(), rel=1e-6)


# -- initializers ----------------------------------------------------------------------------------


class Ramp(initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


class RampWithKeywords(initializers.Initializer):
    def __init__(self, first=0.0):
        self.first = first

    def __call__(self, shape, dtype=None, **keywords):
        return self.first + np.arange(np.prod(shape)).reshape(shape)


class Doubled(initializers.GlorotUniform):
    def __call__(self, shape, dtype=None):
        return 2 * super().__call__(shape, dtype=dtype)


class NoInitializer:
    def __call__(self, shape, dtype=None):
        return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


@pytest.mark.parametrize("initializer", [Ramp(), Ramp, RampWithKeywords(), NoInitializer()])
def test_an_initializer_with_keras_call_is_taken(initializer):
    ramp = np.arange(6.0).reshape(3, 2)
    model = Sequential([Input((3,)), layers.Dense(2, kernel_initializer=initializer)])
    np.testing.assert_array_equal(model.layers[0].kernel, ramp)
    assert model.layers[0].kernel.dtype == np.float32


def test_an_initializer_with_keras_call_draws_from_the_models_seed_and_is_saved(tmp_path):
    def model(cls, seed):
        return Sequential([Input((3,)), layers.Dense(2, kernel_initializer=cls())], seed=seed)

    one, again, other = (model(Doubled, seed).layers[0].kernel for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, 2 * model(initializers.GlorotUniform, 0).layers[0].kernel)
    first = Sequential([Input((3,)), layers.Dense(2, kernel_initializer=RampWithKeywords(5.0))])
    first.save(tmp_path / "model.safetensors")
    loaded = load_model(
        tmp_path / "model.safetensors", custom_objects={"RampWithKeywords": RampWithKeywords}
    )
    assert loaded.layers[0].kernel_initializer == RampWithKeywords(5.0)


def test_a_function_of_the_shape_alone_is_an_initializer():
    model = dense(kernel_initializer=lambda shape: np.full(shape, 0.5), bias_initializer=np.ones)
    np.testing.assert_array_equal(model.layers[0].kernel, np.full((3, 1), 0.5))
    np.testing.assert_array_equal(model.layers[0].bias, [1])


def test_values_of_another_shape_are_refused():
    class Flat(initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return np.zeros(1)

    with pytest.raises(AnnlibError, match=r"expected values of the parameter's shape \(3, 1\)"):
        dense(kernel_initializer=Flat())


class Assigning(layers.Layer):
    """Keras' way to hold a weight, under its own name or another."""

    def __init__(self, called, **keywords):
        super().__init__(**keywords)
        self.called = called

    def build(self, input_shape):
        self.w = self.add_weight(shape=input_shape[1:], initializer="ones", name=self.called)

    def forward(self, x, work, *, training=False):
        return x * self.w

    def backward(self, dy, work, *, input_gradient=True):
        self.gradients["w"].fill(0)
        return dy * self.w


def test_a_weight_that_keras_way_is_assigned_to_its_own_name_is_bound_and_no_other():
    model = Sequential([Input((3,)), Assigning("w")])
    np.testing.assert_array_equal(model.predict(X), np.float32(X))
    model.layers[0].w[...] = 2
    np.testing.assert_array_equal(model.predict(X), 2 * np.float32(X))
    with pytest.raises(AnnlibError, match=r'"kernel" under its name.*self\.add_weight\("w"'):
        Sequential([Input((3,)), Assigning("kernel")])


@pytest.mark.parametrize("penalty", [lambda W: (W**2).sum(), NoInitializer()])
def test_a_penalty_without_its_gradient_is_shown_the_pair(penalty):
    with pytest.raises(AnnlibError, match=r"kernel_regularizer: .*\(penalty, gradient\)"):
        layers.Dense(1, kernel_regularizer=penalty)


# -- constraints, schedules ------------------------------------------------------------------------


class Ball(constraints.Constraint):
    def __call__(self, w):
        return w / np.maximum(np.linalg.norm(w), 1)


class Object:
    def __call__(self, w):
        return np.clip(w, 0, None)


class Inverse(schedules.LearningRateSchedule):
    def __init__(self, initial_learning_rate):
        self.initial_learning_rate = initial_learning_rate

    def __call__(self, step):
        return self.initial_learning_rate / (step + 1)


def test_constraints_and_schedules_of_keras_kind_are_taken():
    model = dense(kernel_constraint=Ball(), bias_constraint=Object())
    model.compile(optimizers.SGD(Inverse(0.5)), "mse")
    model.fit(10 * X, Y - 9, 4, epochs=2, verbose=0)
    assert np.linalg.norm(model.layers[0].kernel) <= 1 + 1e-6
    assert model.layers[0].bias >= 0
    assert model.optimizer.learning_rate == 0.5 / 5


# -- several inputs, several outputs, Keras' arguments ---------------------------------------------


WIDE = np.ones((8, 2))
SEVERAL = {
    "two inputs": (lambda m: m.fit([X, WIDE], Y), "x.*list of 2.*one input"),
    "as wide": (lambda m: m.fit([X, X], Y), "x.*list of 2.*one input"),
    "in a tuple": (lambda m: m.fit((X, X), Y), "x.*tuple of 2.*one input"),
    "frames": (lambda m: m.fit([pd.DataFrame(X), pd.DataFrame(X)], Y), "x.*list of 2.*one input"),
    "by name": (lambda m: m.fit({"a": X, "b": WIDE}, Y), r"x.*dict of \['a', 'b'\].*one input"),
    "two outputs": (lambda m: m.fit(X, [Y, Y]), "y.*list of 2.*one output"),
    "two of one dimension": (lambda m: m.fit(X, [Y[:, 0]] * 2), "y.*list of 2.*one output"),
    "outputs by name": (lambda m: m.fit(X, {"a": Y}), r"y.*dict of \['a'\].*one output"),
    "two outputs of sparse rows": (
        lambda m: m.fit(sp.csr_array(X), [Y, Y]), "y.*list of 2.*one output",
    ),
    "both": (lambda m: m.fit([X, WIDE], [Y, Y]), "x.*list of 2.*one input"),
    "to evaluate": (lambda m: m.evaluate([X, WIDE], Y), "x.*list of 2.*one input"),
    "on a batch": (lambda m: m.train_on_batch([X, WIDE], Y), "x.*list of 2.*one input"),
    "to predict by name": (lambda m: m.predict({"a": X}), "x.*dict"),
    "in a stream": (lambda m: m.fit(iter([((X, WIDE), Y)])), "batch 1: .* x.*tuple of 2"),
    "to validate": (
        lambda m: m.fit(X, Y, validation_data=([X, X], Y)), "validation_data: .*list of 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize(("call", "says"), SEVERAL.values(), ids=SEVERAL)
def test_several_inputs_and_outputs_are_named_and_shown_how_to_join(call, says, built):
    model = Sequential([*([Input((3,))] * built), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(DataError, match=says) as caught:
        call(model)
    assert "np.column_stack(" in str(caught.value)
    assert model.built == built


def test_two_inputs_of_a_built_model_are_not_predicted():
    with pytest.raises(DataError, match="one input"):
        dense().predict([X, X])


def test_a_list_of_rows_is_one_input():
    images = [np.eye(3), 2 * np.eye(3)]
    model = Sequential([layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(images, [1.0, 2.0], verbose=0)
    np.testing.assert_array_equal(model.predict(images), model.predict(np.array(images)))
    plain = dense()
    np.testing.assert_array_equal(plain.predict([*X]), plain.predict(X))


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.compile("sgd", "mse", eagerly=True),
        lambda model: model.fit(X, Y, workers=2),
        lambda model: model.predict(),
        lambda model: model.evaluate(X, Y, 1, 2, 3, 4, 5, 6, 7, 8),
        lambda model: model.train_on_batch(),
    ],
)
def test_calls_that_do_not_fit_name_the_class_that_users_know(call):
    with pytest.raises(TypeError, match=r"^Sequential\.\w+: expected"):
        call(dense())
