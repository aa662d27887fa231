"""A saved model goes on as the one that was saved, to the bit; what cannot be saved says so."""

from __future__ import annotations

import contextlib
import copy
import errno
import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import TABLES, as_given, targets_and_predictions

import annlib
from annlib import (
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
    schedules,
)
from annlib.callbacks import LambdaCallback, LearningRateScheduler
from annlib.core.errors import ConfigurationError, ModelFormatError
from annlib.saving import container
from annlib.testing.passes import LayerTrial

FILES = Path(__file__).parent / "files"
X, Y = np.random.default_rng(0).normal(size=(2, 40, 5))
BITS = (Y > 0).astype(float)
WEIGHTS = np.random.default_rng(1).uniform(0.1, 2, 40)


def train(model: Sequential, y: Any = Y, x: Any = X, **how: Any):
    return model.fit(x, y, **{"epochs": 2, "batch_size": 8, "verbose": 0, **how})


def bits(model: Sequential) -> dict[str, Any]:
    """All that training goes on from."""
    found: dict[str, Any] = {
        "config": model.get_config(),
        "names": [layer.name for layer in model.layers],
        "learns": [layer._effective_trainable for layer in model.layers],
        "trainable": [layer.trainable for layer in model.layers],
        "weights": [(W.dtype.str, W.shape, W.tobytes()) for W in model.weights],
        "streams": model._network.streams.state(),
        "seed": model.seed,
    }
    if model.optimizer is not None:
        found |= {
            "optimizer": model.optimizer.get_config(),
            "rate": model.optimizer.learning_rate,
            "state": model.optimizer.state.tobytes(),
            "steps": model.optimizer.steps,
            "metrics": model.metrics_names,
        }
    return found


def reloaded(model: Sequential, path: Path, **how: Any) -> Sequential:
    model.save(path / "model.safetensors")
    return load_model(path / "model.safetensors", **how)


def goes_on(model: Sequential, path: Path, y: Any = Y, **how: Any) -> Sequential:
    """Assert that the file's model is this one, and remains so after more training."""
    again = reloaded(model, path)
    assert bits(again) == bits(model)
    one, other = train(model, y, **how), train(again, y, **how)
    assert repr(one.history) == repr(other.history)
    assert bits(again) == bits(model)
    return again


# -- every part ------------------------------------------------------------------------------------

each_type = pytest.mark.parametrize("dtype", ["float32", "float64"])


@each_type
@pytest.mark.parametrize("row", TABLES["optimizer"], ids=repr)
def test_training_goes_on_to_the_bit_with_every_optimizer(row, dtype, tmp_path):
    noisy = [layers.BatchNormalization(), layers.Dropout(0.3), layers.GaussianNoise(0.1, seed=3)]
    stack = [
        layers.Dense(6, "tanh", kernel_regularizer="l2", kernel_constraint=constraints.MaxNorm(2)),
        *([] if row.cls is optimizers.LBFGS else noisy),
        layers.Dense(4, trainable=False),
        layers.Dense(5, activity_regularizer="l1"),
    ]
    if row.cls is optimizers.LBFGS:
        stack[0] = layers.Dense(6, "tanh")
    model = Sequential(stack, seed=3, dtype=dtype)
    model.compile(row.make(), "mse", metrics=["mae"])
    train(model, sample_weight=WEIGHTS)
    goes_on(model, tmp_path, sample_weight=WEIGHTS)


def ingredients() -> Iterator[Any]:
    """Every row of the tables that a Dense can take, as one argument of it."""
    for family, argument in (
        ("activation", "activation"),
        ("regularizer", "kernel_regularizer"),
        ("constraint", "kernel_constraint"),
        ("initializer", "kernel_initializer"),
    ):
        for row in TABLES[family]:
            yield pytest.param(argument, row, id=repr(row))


@pytest.mark.parametrize(("argument", "row"), list(ingredients()))
def test_every_part_of_a_layer_comes_back(argument, row, tmp_path):
    shape = next((fit for fit in getattr(row, "fits", [(5, 4)]) if len(fit) == 2), None)
    if shape is None:
        pytest.skip("for vectors alone")
    first = layers.Dense(shape[1], **{argument: row.make()})
    model = Sequential([first, layers.Dense(5)], seed=1)
    model.compile("adam", "mse")
    x = X[:, : shape[0]]
    train(model, x=x)
    again = goes_on(model, tmp_path, x=x)
    assert getattr(again.layers[0], argument) == getattr(model.layers[0], argument)


@pytest.mark.parametrize("row", [row for row in TABLES["layer"] if row.cls is not Input], ids=repr)
def test_every_layer_comes_back(row, tmp_path):
    shape = getattr(row, "shapes", [(5,)])[0]
    model = Sequential([row.make(), layers.Flatten(), layers.Dense(2)], seed=1)
    model.compile("adam", "mse")
    x = as_given(row.make(), LayerTrial(row.make(), shape).data(20)[0])
    y = np.random.default_rng(0).normal(size=(20, 2))
    train(model, y, x=x)
    goes_on(model, tmp_path, y, x=x)


@pytest.mark.parametrize("row", TABLES["loss"], ids=repr)
def test_every_loss_comes_back(row, tmp_path):
    targets, _ = targets_and_predictions(row, 40, 3, np.random.default_rng(0))
    last = {"simplex": "softmax", "unit": "sigmoid", "positive": "softplus"}.get(row.predictions)
    model = Sequential([layers.Dense(3, last)], seed=1)
    loss = row.make()
    if loss.reduction == "none":
        return
    model.compile("sgd", loss)
    train(model, targets)
    again = goes_on(model, tmp_path, targets)
    assert again.loss == loss


@pytest.mark.parametrize("row", TABLES["metric"], ids=repr)
def test_every_metric_comes_back(row, tmp_path):
    targets, _ = targets_and_predictions(row, 40, 3, np.random.default_rng(0))
    made, wanted = row.make(), {"labels": "sparse_categorical_crossentropy"}
    model = Sequential([layers.Dense(3, "softmax")], seed=1)
    model.compile("sgd", wanted.get(row.targets, "mse"), metrics=[made], weighted_metrics=["mse"])
    with contextlib.suppress(annlib.AnnlibError):  # a metric of data that a fit does not have
        train(model, targets)
    again = reloaded(model, tmp_path)
    (own,) = again.metrics[:1]
    assert type(own) is type(made)
    assert own.get_config() == made.get_config()
    assert again.metrics_names == model.metrics_names


@pytest.mark.parametrize("row", TABLES["schedule"], ids=repr)
def test_every_schedule_goes_on_where_it_was(row, tmp_path):
    """Plain SGD has no state but the number of its steps."""
    for optimizer in (optimizers.SGD(row.make()), optimizers.Adam(row.make())):
        model = Sequential([layers.Dense(5)], seed=1)
        model.compile(optimizer, "mse")
        train(model)
        again = goes_on(model, tmp_path)
        assert again.optimizer.learning_rate == optimizer.learning_rate
        assert again.optimizer.iterations == 20


# -- every stage -----------------------------------------------------------------------------------


def network(*more: Any, activation: str | None = None, **how: Any) -> Sequential:
    stack = [layers.Dense(6, "tanh"), layers.BatchNormalization(), layers.Dropout(0.3)]
    last = layers.Dense(5, activation)
    return Sequential([*stack, *more, last], **{"seed": 7, "name": "net", **how})


def compiled(model: Sequential, optimizer: Any = "adam", **how: Any) -> Sequential:
    model.compile(optimizer, **{"loss": "mse", "metrics": ["mae"], **how})
    return model


def unbuilt():
    return network()


def unbuilt_with_input():
    return Sequential([Input((5,), batch_size=3, dtype="int32", name="in"), layers.Dense(2)])


def empty():
    return Sequential(dtype="float64")


def compiled_unbuilt():
    return compiled(network())


def built():
    model = network(seed=None)
    model.build((None, 5))
    return model


def fitted():
    model = compiled(network())
    train(model)
    return model


def frozen_before():
    model = network()
    model.layers[0].trainable = model.layers[1].trainable = False
    compiled(model)
    train(model)
    return model


def frozen_since():
    """What is frozen after ``compile`` waits for the next."""
    model = fitted()
    model.layers[0].trainable = False
    return model


def thawed_since():
    model = frozen_before()
    model.trainable = True
    return model


def frozen_and_compiled_again():
    model = fitted()
    model.layers[0].trainable = False
    compiled(model, model.optimizer)  # its state is of another layout
    return model


def all_frozen():
    model = network()
    model.trainable = False
    return compiled(model, optimizers.Adam(use_ema=True))


def grown():
    """Names and streams that a new model of these layers would not have."""
    model = fitted()
    model.add(layers.Dropout(0.2))
    model.add(layers.Dense(4))
    model.pop()
    model.pop()
    model.add(layers.Dense(5, name="last"))
    model._network.layers[0]._auto_name = "dense_7"
    return model


def shrunk():
    """A generator is left of a layer that is gone."""
    model = fitted()
    for _ in range(2):
        model.pop()
    train(model, X[:, :1] * np.ones(6))
    return model


def head_of_another():
    """Hidden features: layers that belong to another model."""
    other = fitted()
    head_of_another.kept = other
    return Sequential(other.layers[:-1], seed=1)


def adapted_in_an_unbuilt_one():
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(size=(9, 3)))
    return Sequential([layers.Dense(3), layer, layers.Dense(5)], seed=1)


def adapted():
    layer = layers.Normalization()
    layer.adapt(X * 3 + 1)
    return compiled(Sequential([layer, layers.Dense(5)], seed=1, dtype="float64"))


def many_rows_of_state():
    return with_optimizer(
        optimizers.RMSprop(
            schedules.CosineDecay(0.1, 30), momentum=0.9, centered=True, use_ema=True,
            gradient_accumulation_steps=3, ema_overwrite_frequency=4, weight_decay=0.1,
        )
    )  # fmt: skip


def with_optimizer(optimizer: Any) -> Sequential:
    model = compiled(network(), optimizer)
    train(model)
    return model


def excluding():
    optimizer = optimizers.AdamW(0.1, 0.5)
    optimizer.exclude_from_weight_decay(["dense_1/kernel"], [".*bi[a]s$", "gamma|beta"])
    return with_optimizer(optimizer)


def rate_that_was_set():
    model = fitted()
    model.optimizer.learning_rate = 0.0321
    return model


def rate_that_was_set_before_any_step():
    model = compiled_unbuilt()
    model.optimizer.learning_rate = 0.0321
    return model


def schedule_that_was_set():
    model = fitted()
    model.optimizer.learning_rate = schedules.ExponentialDecay(0.1, 5, 0.5)
    return model


def steps_that_were_set():
    model = fitted()
    model.optimizer.iterations = 1234
    return model


def all_kinds_of_metrics():
    own = metrics.AUC(name="area")
    model = compiled(
        network(activation="sigmoid"), loss="mse",
        metrics=["mae", metrics.MeanAbsoluteError, own, metrics.AUC(50), "mse", "mse"],
        weighted_metrics=["mae", metrics.MeanAbsoluteError(), {"class_name": "AUC", "config": {}}],
    )  # fmt: skip
    train(model, BITS, sample_weight=WEIGHTS)
    return model


def meanings_to_be_settled():
    model = compiled(network(layers.Dense(5, "softmax")), loss="mse")
    model.pop()
    compiled(model, loss="crossentropy", metrics=["accuracy", "acc"], weighted_metrics=["acc"])
    return model


def seeds_of_128_bits():
    return Sequential([layers.Dense(5), layers.Dropout(0.1, seed=2**127 + 1)], seed=2**128 - 1)


STAGES = [
    unbuilt, unbuilt_with_input, empty, compiled_unbuilt, built, fitted, frozen_before,
    frozen_since, thawed_since, frozen_and_compiled_again, all_frozen, grown, shrunk,
    adapted_in_an_unbuilt_one, adapted, many_rows_of_state, excluding, rate_that_was_set,
    rate_that_was_set_before_any_step, schedule_that_was_set, steps_that_were_set,
    all_kinds_of_metrics, meanings_to_be_settled, seeds_of_128_bits, head_of_another,
]  # fmt: skip


@pytest.mark.parametrize("make", STAGES, ids=lambda make: make.__name__)
@pytest.mark.filterwarnings("ignore:Sequential.fit. layers were frozen")
def test_a_model_of_any_stage_goes_on(make, tmp_path):
    model = make()
    names = model.metrics_names
    again = reloaded(model, tmp_path)
    expected, found = bits(model), bits(again)
    if make is frozen_and_compiled_again:  # what it remembers is of another layout, and is lost
        for one in (expected, found):
            del one["state"], one["steps"]
    assert found == expected
    assert again.metrics_names == names
    for one, other in zip(model.layers, again.layers, strict=True):
        assert (one.built, one._built_shape) == (other.built, other._built_shape)
        assert [p.shape for p in one._parameters] == [p.shape for p in other._parameters]
    if again.built:
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
    y = BITS if make in (all_kinds_of_metrics, meanings_to_be_settled) else Y
    if make is meanings_to_be_settled:
        y = np.eye(5)[np.arange(40) % 5]
    for one in (model, again) if make not in (empty, head_of_another) else ():
        if len(one.layers) == 4 or make in (adapted, grown):
            train(one, y) if one.compiled else compiled(one).fit(X, y, verbose=0)
    assert bits(again) == bits(model)


def test_a_file_of_a_model_is_the_same_bytes_every_time(tmp_path):
    model = fitted()
    model.save(tmp_path / "one")
    load_model(tmp_path / "one").save(tmp_path / "two")
    copy.deepcopy(model).save(tmp_path / "three")
    assert len({(tmp_path / name).read_bytes() for name in ("one", "two", "three")}) == 1


def test_without_compile_it_predicts_and_can_be_compiled_otherwise(tmp_path):
    model = fitted()
    again = reloaded(model, tmp_path, compile=False)
    assert not again.compiled
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    train(compiled(again, "sgd"))


def test_a_callback_saves_a_model_that_goes_on_as_the_run_did(tmp_path):
    """From the end of an epoch, with a rate that a callback has set."""
    saved: list[str] = []

    def save(epoch, logs):
        saved.append(f"{tmp_path}/{epoch}")
        model.save(saved[-1])

    how = {"batch_size": 8, "verbose": 0}
    slower = LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    model = compiled(network())
    model.fit(X, Y, epochs=4, callbacks=[slower, LambdaCallback(on_epoch_end=save)], **how)
    again = load_model(saved[1])
    again.fit(X, Y, epochs=4, initial_epoch=2, callbacks=[slower], **how)
    assert bits(again) == bits(model)


class MLP(Sequential):
    """Makes its layers itself."""

    def __init__(self, units: int, seed: int = 1) -> None:
        super().__init__([layers.Dense(units), layers.Dense(5)], seed=seed)
        self.units = units


class Doubled(Sequential):
    """Takes what Sequential takes."""

    def predict(self, x, **keywords):
        return 2 * super().predict(x, **keywords)


class BuiltDoubled(MLP):
    """Is built when it is made."""

    def __init__(self, units: int) -> None:
        Sequential.__init__(self, [layers.Dense(units, input_dim=X.shape[1]), layers.Dense(5)])
        self.units = units

    def predict(self, x, **keywords):
        return 2 * super().predict(x, **keywords)


class WithKeywords(Sequential):
    """Hands on what it does not know."""

    def __init__(self, units: int = 3, **keywords) -> None:
        super().__init__([layers.Dense(units), layers.Dense(5)], **keywords)
        self.units = units


@pytest.mark.parametrize(
    "make",
    [
        lambda: MLP(3),
        lambda: WithKeywords(4, seed=2, name="mine"),
        lambda: BuiltDoubled(3),
        lambda: Doubled([layers.Dense(3), layers.Dense(5)], seed=1, name="mine"),
    ],
    ids=["own arguments", "keywords", "built at once", "Sequential's arguments"],
)
def test_a_subclass_comes_back_as_itself(tmp_path, make):
    model = compiled(make())
    train(model)
    model.save(tmp_path / "m")
    with pytest.raises(ModelFormatError, match="custom_objects"):
        load_model(tmp_path / "m")
    again = load_model(tmp_path / "m", {type(model).__name__: type(model)})
    assert type(again) is type(model)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert bits(again) == bits(model)
    train(model)
    train(again)
    assert bits(again) == bits(model)
    clone = annlib.clone_model(model)
    assert type(clone) is type(model)
    assert repr(clone) == repr(model)


def test_arguments_that_make_other_layers_are_refused(tmp_path):
    model = compiled(MLP(3))
    train(model)
    header, tensors = model._describe()
    container.write(
        tmp_path / "m", "model", header | {"arguments": {"units": 4, "seed": 1}}, tensors
    )
    with pytest.raises(ModelFormatError, match="makes its layers again"):
        load_model(tmp_path / "m", {"MLP": MLP})


def test_a_registered_subclass_needs_no_custom_objects(tmp_path):
    @annlib.models.register()
    class Registered(Doubled):
        pass

    model = Registered([layers.Dense(3)], seed=1)
    model.build((None, X.shape[1]))
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert type(again) is Registered
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert type(annlib.models.model_from_json(model.to_json())) is Registered


def test_a_subclass_that_cannot_come_back_is_refused(tmp_path):
    class Forgetful(Sequential):
        def __init__(self, units: int) -> None:
            super().__init__([layers.Dense(units)])

    with pytest.raises(ConfigurationError, match=r"Store it: self\.units = units"):
        Forgetful(3).save(tmp_path / "m")
    grown = MLP(3)
    grown.add(layers.Dense(2))
    with pytest.raises(ConfigurationError, match="makes its layers again"):
        grown.save(tmp_path / "m")

    class Sequential_(Sequential):
        pass

    Sequential_.__name__ = "Sequential"
    with pytest.raises(ConfigurationError, match="a name of its own"):
        Sequential_([layers.Dense(1)]).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_keras_functions_save_and_load(tmp_path):
    model = fitted()
    annlib.models.save_model(model, tmp_path / "m")
    assert bits(annlib.models.load_model(tmp_path / "m")) == bits(model)
    with pytest.raises(FileExistsError, match="Pass overwrite=True"):
        annlib.models.save_model(model, tmp_path / "m", overwrite=False)


def test_a_warning_of_compile_is_not_repeated(tmp_path):
    model = network()
    with pytest.warns(UserWarning, match="expected probabilities"):
        compiled(model, loss="categorical_crossentropy")
    reloaded(model, tmp_path)


# -- classes of the user's own ---------------------------------------------------------------------


class Scale(layers.Layer):
    def __init__(self, start: float = 1.0, inner: Any = None, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.start = start
        self.inner = activations.get(inner)

    def build(self, input_shape):
        self.add_weight("factor", (input_shape[-1],), initializers.Constant(self.start))

    def forward(self, x, work, *, training=False):
        work["x"] = x
        return np.multiply(x, self.factor, out=work.array("y", *x.shape))

    def backward(self, dy, work, *, input_gradient=True):
        np.einsum("ij,ij->j", dy, work["x"], out=self.gradients["factor"])
        return np.multiply(dy, self.factor, out=dy)


class Cube(activations.Activation):
    needs_input = True

    def forward(self, Z, A, work):
        np.power(Z, 3, out=A)

    def backward(self, dZ, Z, A, work):
        np.multiply(dZ, 3 * Z**2, out=dZ)


class Own(losses.MeanSquaredError):
    def __init__(self, factor: float = 2.0, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.factor = factor


class Halving(schedules.LearningRateSchedule):
    def __init__(self, start: float) -> None:
        self.start = start

    def __call__(self, step):
        return self.start / 2**step


CUSTOM = {cls.__name__: cls for cls in (Scale, Cube, Own, Halving)}


def of_ones_own() -> Sequential:
    model = Sequential(
        [layers.Dense(4, Cube()), Scale(0.5, inner=Cube(), name="own"), layers.Dense(5)], seed=1
    )
    model.compile(optimizers.SGD(Halving(0.1)), Own(3.0), metrics=[metrics.AUC(None)])
    train(model, BITS)
    return model


def test_classes_of_ones_own_are_passed_or_registered(tmp_path):
    model = of_ones_own()
    model.save(tmp_path / "m")
    for missing in CUSTOM:
        some = {name: cls for name, cls in CUSTOM.items() if name != missing}
        with pytest.raises(ModelFormatError, match=rf'"{missing}".*custom_objects') as raised:
            load_model(tmp_path / "m", custom_objects=some)
        assert str(tmp_path / "m") in str(raised.value)
    passed = load_model(tmp_path / "m", custom_objects=CUSTOM)
    assert bits(passed) == bits(model)
    assert type(passed.layers[1].inner) is Cube
    layers.register()(Scale)
    activations.register("cube")(Cube)
    losses.register()(Own)
    schedules.register()(Halving)
    registered = load_model(tmp_path / "m")
    for one in (model, passed, registered):
        train(one, BITS)
    assert bits(passed) == bits(registered) == bits(model)


def test_custom_objects_are_classes_of_annlibs_kinds(tmp_path):
    fitted().save(tmp_path / "m")
    for wrong in (3, int, "Scale", Scale()):
        with pytest.raises(ConfigurationError, match=r"custom_objects: expected classes.*annlib"):
            load_model(tmp_path / "m", custom_objects={"Scale": wrong})
    # One of another kind is not found where a layer is meant.
    of_ones_own().save(tmp_path / "m")
    with pytest.raises(ModelFormatError, match="Scale"):
        load_model(tmp_path / "m", custom_objects={**CUSTOM, "Scale": Cube})


def test_an_error_of_ones_own_constructor_is_the_one_error_and_shows_where(tmp_path):
    class Strict(layers.Dense):
        strict = False

        def __init__(self, units: int, **keywords: Any) -> None:
            if self.strict:
                raise RuntimeError("not today")
            super().__init__(units, **keywords)

    Sequential([Strict(3)]).save(tmp_path / "m")
    Strict.strict = True
    with pytest.raises(ModelFormatError, match="RuntimeError says: not today") as raised:
        load_model(tmp_path / "m", custom_objects={"Strict": Strict})
    assert isinstance(raised.value.__cause__, RuntimeError)


# -- what cannot be saved --------------------------------------------------------------------------


def squared(y_true, y_pred):
    return ((y_true - y_pred) ** 2).mean(axis=-1)


def slope(y_true, y_pred):
    return 2 * (y_pred - y_true) / y_pred.shape[-1]


class Forgetful(layers.Dense):
    def __init__(self, units: int, extra: int = 0, **keywords: Any) -> None:
        super().__init__(units, **keywords)


class Changing(layers.Dense):
    def __init__(self, units: int, extra: int = 0, **keywords: Any) -> None:
        super().__init__(units, **keywords)
        self.extra = extra + 1


class Blind(layers.Dense):
    """Keeps a configuration where an object was."""

    def __init__(self, units: int, inner: Any = None, **keywords: Any) -> None:
        super().__init__(units, **keywords)
        self.inner = inner


Dense = type("Dense", (layers.Dense,), {"__module__": __name__})


def of(layer: Any, **how: Any) -> Sequential:
    return compiled(Sequential([layer, layers.Dense(5)], seed=1), **how)


UNSAVABLE: dict[str, tuple[Callable[[], Sequential], str]] = {
    "initializer": (
        lambda: of(layers.Dense(4, kernel_initializer=lambda shape, dtype: np.ones(shape, dtype))),
        r'layer "dense".*configuration can hold, got <function.*register it',
    ),
    "loss": (lambda: compiled(network(), loss=(squared, slope)), r"loss.*squared.*register it"),
    "rate": (
        lambda: compiled(network(), optimizers.SGD(lambda step: 0.1)),
        r"optimizer.*SGD\.learning_rate.*register it",
    ),
    "rate that was set": (lambda: rate_set(lambda step: 0.1), r"Adam\.learning_rate.*register it"),
    "argument not stored": (lambda: of(Forgetful(4)), r"attribute of its name.*'extra'.*Store it"),
    "argument changed": (lambda: of(Changing(4)), r"Changing\(4, extra=1\).*Store each"),
    "object not made again": (lambda: of(Blind(4, inner=Cube())), r"take objects by the get"),
    "name of another": (lambda: of(Dense(4)), r'"Dense" is .*Name it otherwise'),
    "not finite": (
        lambda: compiled(network(), optimizers.SGD(Halving(float("inf")))),
        "a value that JSON can hold, got inf",
    ),
    "too many layers": (
        lambda: Sequential([layers.Identity() for _ in range(1001)]),
        "at most 1000 layers, got 1001",
    ),
    "too many thresholds": (
        lambda: compiled(network(), metrics=[metrics.AUC(5_000_000)]),
        "at most 2097152 thresholds",
    ),
    "patterns of what is not there": (lambda: excluding_unbuilt(), "expected a built model.*Build"),
}


def rate_set(rate: Any) -> Sequential:
    model = fitted()
    model.optimizer.learning_rate = rate
    return model


def excluding_unbuilt() -> Sequential:
    optimizer = optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return compiled(network(), optimizer)


@pytest.mark.parametrize("name", UNSAVABLE)
def test_what_no_file_can_hold_is_refused_before_anything_is_written(name, tmp_path):
    make, message = UNSAVABLE[name]
    model, path = make(), tmp_path / "m"
    path.write_bytes(b"the file before")
    with pytest.raises(annlib.AnnlibError, match=message):
        model.save(path)
    assert path.read_bytes() == b"the file before"
    assert os.listdir(tmp_path) == ["m"]
    with pytest.raises(annlib.AnnlibError, match=message):
        model._check_saving()


def test_a_class_that_a_notebook_defines_again_is_no_other(tmp_path):
    def define():
        class Again(layers.Dense):
            pass

        return Again

    first, second = define(), define()
    layers.register()(first)
    model = of(first(4))
    layers.register()(second)
    assert type(reloaded(model, tmp_path).layers[0]) is second


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_full_disk_leaves_the_file_before(call, tmp_path, monkeypatch):
    model, path = fitted(), tmp_path / "m"
    model.save(path)
    before = path.read_bytes()
    train(model)

    def full(*arguments: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            model.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["m"]
    goes_on(model, tmp_path)


def test_a_file_of_a_thousand_layers_loads(tmp_path):
    model = Sequential([Input((2,)), *[layers.Dense(2) for _ in range(1000)]], seed=0)
    assert bits(reloaded(model, tmp_path)) == bits(model)


def sized(part, n):
    """A model with ``n`` numbers in the configuration of a part, or so many parts or letters."""
    numbers = np.random.default_rng(n).uniform(0.5, 1, n)
    dense, optimizer, metric, before, name = layers.Dense(1), "sgd", "mae", [], "m"
    if part == "given mean":
        before = [layers.Normalization(mean=numbers, variance=numbers)]
    elif part == "whole numbers":
        before = [layers.Normalization(mean=np.arange(n), variance=np.arange(n))]
    elif part == "adapted":
        before = [layers.Normalization()]
        before[0].adapt(np.array([numbers, 2 * numbers]))
    elif part == "constant":
        value = initializers.Constant(np.stack([numbers, -numbers], axis=1))
        dense = layers.Dense(2, kernel_initializer=value)
    elif part == "schedule":
        schedule = schedules.PiecewiseConstantDecay(list(range(1, n)), numbers.tolist())
        optimizer = optimizers.SGD(schedule)
    elif part == "thresholds":
        metric = metrics.Precision(thresholds=np.sort(numbers).tolist())
    elif part == "layers":
        before = [layers.Dropout(0.1) for _ in range(n)]
    elif part == "names":
        before, name = [layers.Dropout(0.1, name="d" * n)], "n" * n
    width = 2 if part in ("schedule", "thresholds", "layers", "names") else n
    model = Sequential([Input((width,)), *before, dense], seed=1, name=name)
    model.compile(optimizer, "mse", metrics=[metric])
    return model


@pytest.mark.parametrize(
    "n",
    [
        1,
        2,
        900,
        999,
        1000,
        1024,
        1025,
        40_000,
        pytest.param(100_000, marks=pytest.mark.slow),
        pytest.param(700_000, marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize(
    "part",
    [
        "given mean", "whole numbers", "adapted", "constant", "schedule", "thresholds", "layers",
        "names",
    ],
)  # fmt: skip
def test_what_can_be_saved_can_be_read(part, n, tmp_path):
    """And what cannot says so when it is saved, and leaves the file before."""
    if part == "layers" and n > 1025:
        pytest.skip("takes minutes to be made")
    path = tmp_path / "m"
    path.write_bytes(b"before")
    model = sized(part, n)
    try:
        model.save(path)
    except ModelFormatError as error:
        said = str(error)
        assert n > (999 if part == "layers" else 500_000)
        assert "expected at most" in said and "damaged" not in said
        assert path.read_bytes() == b"before"
        return
    other = load_model(path)
    assert other.get_config() == model.get_config()
    assert other.get_compile_config() == model.get_compile_config()
    other.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_nothing_is_drawn_or_allocated_by_initializers_when_a_file_is_read(tmp_path, monkeypatch):
    for name in ("orthogonal", "he_normal", "glorot_uniform", "truncated_normal"):
        model = Sequential([Input((5,)), layers.Dense(4, kernel_initializer=name)])
        model.save(tmp_path / name)
    for cls in initializers.registry:
        monkeypatch.setattr(cls, "draw", None)
    for path in tmp_path.iterdir():
        load_model(path)


# -- files of this version and of all before it ----------------------------------------------------


def made_files() -> Any:
    """The script beside the files."""
    spec = importlib.util.spec_from_file_location("make", FILES / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECORDS = sorted(FILES.glob("*/*.json"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_files_of_every_version_load_predict_and_go_on(record):
    """Every later version must load each of these files, and give the numbers recorded with it.

    A file is never made again: a version whose format is another adds a folder of its own.
    """
    made, expected = made_files(), json.loads(record.read_text())
    model = load_model(record.with_suffix(".safetensors"), custom_objects=made.CUSTOM)
    single = model.dtype == "float32"
    if "predictions" in expected:
        found = model.predict(made.data(model)[0])
        tolerance = {"rtol": 1e-6, "atol": 1e-6} if single else {"rtol": 1e-12, "atol": 1e-15}
        np.testing.assert_allclose(found, expected["predictions"], **tolerance)
    assert model.built == ("predictions" in expected)
    assert model.compiled == ("history" in expected)
    if model.compiled:
        assert model.optimizer.steps == expected["calls"]
        found, tolerance = made.go_on(model), {"rtol": 1e-5 if single else 1e-6, "atol": 1e-6}
        assert found.keys() == expected["history"].keys()
        for name, values in expected["history"].items():
            np.testing.assert_allclose(found[name], values, err_msg=name, **tolerance)


def test_there_are_files_of_each_type_and_state():
    assert len([record for record in RECORDS if record.parent.name == "0.1"]) >= 8
