"""What compile makes of losses: by the shapes of the data, and with the activation before them."""

import numpy as np
import pytest

from annlib import Sequential, layers, losses, metrics
from annlib.core.errors import ConfigurationError, NotBuiltError, ShapeError

X = np.random.default_rng(0).normal(size=(24, 3))
LABELS = np.arange(24) % 4


@pytest.mark.parametrize("name", ["crossentropy", "ce"])
@pytest.mark.parametrize(
    ("y", "units", "activation", "meant"),
    [
        (LABELS % 2, 1, "sigmoid", losses.BinaryCrossentropy),
        ((LABELS % 2)[:, None], 1, "sigmoid", losses.BinaryCrossentropy),
        (LABELS, 4, "softmax", losses.SparseCategoricalCrossentropy),
        (LABELS[:, None], 4, "softmax", losses.SparseCategoricalCrossentropy),
        (np.eye(4)[LABELS], 4, "softmax", losses.CategoricalCrossentropy),
    ],
)
def test_crossentropy_is_the_one_that_fits_the_shapes(name, y, units, activation, meant):
    late, named = (
        Sequential([layers.Dense(units, activation)], seed=0, dtype="float64") for _ in range(2)
    )
    late.compile("sgd", name, metrics=["acc"])
    named.compile("sgd", meant(), metrics=["acc"])
    assert late.loss is None
    a, b = (m.fit(X, y, epochs=2, validation_split=0.25, verbose=0) for m in (late, named))
    assert a.history == b.history
    assert type(late.loss) is meant
    assert late.evaluate(X, y) == named.evaluate(X, y)


def test_until_the_data_come_crossentropy_is_unknown_and_says_so():
    model = Sequential([layers.Input((3,)), layers.Dense(4, "softmax")])
    model.compile("sgd", "crossentropy")
    with pytest.raises(NotBuiltError, match="which crossentropy is meant"):
        model.get_metrics_result()
    with pytest.raises(ShapeError, match=r"\(n, 4\)"):
        model.fit(X, np.eye(5)[LABELS], verbose=0)
    assert model.loss is None
    model.fit(X, LABELS, verbose=0)
    # Other targets may come: the loss follows the shapes.
    model.fit(X, np.eye(4)[LABELS], verbose=0)
    assert isinstance(model.loss, losses.CategoricalCrossentropy)


def test_crossentropy_of_a_linear_output_warns_when_the_data_come():
    model = Sequential([layers.Dense(4)])
    model.compile("sgd", "crossentropy")
    with pytest.warns(UserWarning, match='activation="softmax"'):
        model.fit(X, LABELS, verbose=0)


@pytest.mark.parametrize("loss", ["BinaryCrossentropy", "CategoricalCrossentropy"])
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_logits_are_not_what_softmax_gives(loss, activation):
    model = Sequential([layers.Dense(2, activation)])
    with pytest.raises(
        ConfigurationError, match=r"which gives probabilities.*Leave out from_logits"
    ):
        model.compile("sgd", getattr(losses, loss)(from_logits=True))
    assert not model.compiled


# -- names of metrics ------------------------------------------------------------------------------

TAKEN = ["loss", "learning_rate", "epoch", "batch", "val_loss", "val_mae", "val_"]


def function_named(name):
    def error(y_true, y_pred):
        return np.abs(y_true - y_pred).mean(axis=-1)

    error.__name__ = name
    return error


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("argument", ["metrics", "weighted_metrics"])
@pytest.mark.parametrize(
    "make", [lambda name: metrics.MeanAbsoluteError(name=name), function_named]
)
def test_a_metric_that_would_replace_another_value_of_the_logs(name, argument, make):
    model = Sequential([layers.Dense(1)], seed=0)
    model.compile("sgd", "mse", metrics=["mae"])
    before = model.optimizer
    with pytest.raises(ConfigurationError, match=f'got "{name}", which .*name="my_{name}"'):
        model.compile("sgd", "mse", **{argument: [make(name)]})
    assert model.optimizer is before
    model.compile("sgd", "mse", **{argument: [make(f"my_{name}")]})
    model.fit(X, X[:, :1], epochs=1, verbose=0, validation_split=0.5)
    both = ["loss", f"my_{name}"]
    assert sorted(model.history.history) == sorted([*both, *(f"val_{n}" for n in both)])


@pytest.mark.parametrize(
    "given",
    [
        {"run_eagerly": True, "auto_scale_loss": False},
        {"steps_per_execution": 10, "run_eagerly": None},
        {"steps_per_execution": "auto", "loss_weights": None},
        *({"loss_weights": one} for one in (1, 1.0, [1.0], (1,), {"dense": 1.0})),
    ],
)
def test_arguments_of_keras_that_change_nothing(given):
    plain, same = (Sequential([layers.Dense(1)], seed=0) for _ in range(2))
    plain.compile("adam", "mse", metrics=["mae"])
    same.compile("adam", "mse", metrics=["mae"], **given)
    assert same.get_compile_config() == plain.get_compile_config()
    for model in (plain, same):
        model.fit(X, X[:, :1], epochs=2, verbose=0)
    assert same.history.history == plain.history.history


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"loss_weights": 0.5}, "loss_weights None or 1, .* got 0.5"),
        ({"loss_weights": [1.0, 1.0]}, "loss_weights None or 1"),
        ({"loss_weights": {"dense": 2.0}}, "loss_weights None or 1, .*sample_weight"),
        ({"loss_weights": "1"}, "loss_weights None or 1"),
        ({"loss_weights": True}, "loss_weights None or 1"),
        ({"steps_per_execution": 0}, "steps_per_execution as an integer >= 1"),
        ({"steps_per_execution": 1.5}, "steps_per_execution as an integer >= 1"),
        ({"run_eagerly": "no"}, "run_eagerly as True or False"),
        ({"auto_scale_loss": None}, "auto_scale_loss as True or False"),
    ],
)
def test_arguments_of_keras_that_would_change_something_are_refused(given, says):
    model = Sequential([layers.Dense(1)])
    with pytest.raises(ConfigurationError, match=says):
        model.compile("adam", "mse", **given)
    assert not model.compiled


def test_metrics_of_one_name_are_told_apart():
    """Neither takes the other's place: y is 3 and the prediction 0, errors 3 and 9."""
    model = Sequential([layers.Dense(1, kernel_initializer="zeros")], seed=0)
    same = [metrics.MeanAbsoluteError(name="a"), metrics.MeanSquaredError(name="a")]
    model.compile("sgd", "mse", metrics=same, weighted_metrics=[metrics.MeanSquaredError(name="a")])
    results = model.evaluate(X, np.full((24, 1), 3.0), return_dict=True)
    assert results == {"loss": 9.0, "a": 3.0, "a_1": 9.0, "weighted_a": 9.0}
