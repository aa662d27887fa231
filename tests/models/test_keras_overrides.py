"""Classes ported from Keras: what annlib would never call is named, what it can take it takes."""

from __future__ import annotations

import numpy as np
import pytest
from cases import ALL

from annlib import (
    AnnlibError,
    Input,
    Sequential,
    activations,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)

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
