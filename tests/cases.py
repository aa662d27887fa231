"""The tables of cases: for each family of plug-ins the objects that every contract runs over.

To add a class, add a row. ``tests/test_contracts.py`` fails while a registered class has none.
A test takes the rows of a family and makes a new object of each::

    @pytest.mark.parametrize("row", OPTIMIZERS, ids=repr)
    def test_something(row):
        optimizer = row.make()
"""

from __future__ import annotations

from typing import Any

import numpy as np

from annlib import (
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)


class Row:
    """A class, the arguments to make an object of it, and facts that the contracts need."""

    def __init__(self, cls: type, *arguments: Any, **keywords: Any) -> None:
        self.cls = cls
        self.arguments = arguments
        self.keywords = keywords

    def where(self, **facts: Any) -> Row:
        """The same row with these facts as attributes."""
        self.__dict__.update(facts)
        return self

    def make(self) -> Any:
        return self.cls(*self.arguments, **self.keywords)

    def __repr__(self) -> str:
        parts = [str(argument) for argument in self.arguments]
        parts += [f"{key}={value}" for key, value in self.keywords.items()]
        return f"{self.cls.__name__}({', '.join(parts)})"


# -- layers: ``shapes`` are shapes of one row; ``passive`` has no gradient to speak of -------------

FLAT, DEEP = (5,), (2, 5)

LAYERS = [
    Row(layers.Dense, 3),
    Row(layers.Dense, 4, activation="softmax"),
    Row(layers.Dense, 3, activation="relu", use_bias=False),
    Row(layers.Dense, 3, activation=activations.ReLU(slope_at_zero=1.0)),
    Row(
        layers.Dense,
        3,
        activation="tanh",
        kernel_initializer="he_normal",
        bias_initializer=initializers.Constant(0.1),
        kernel_regularizer=regularizers.L1L2(0.02, 0.03),
        bias_regularizer="l2",
        kernel_constraint=constraints.MaxNorm(2.5),
        bias_constraint="non_neg",
        activity_regularizer="l2",
        name="odd name",
        input_shape=FLAT,
    ).where(shapes=[FLAT]),
    Row(layers.Dense, 2, activation="sigmoid", trainable=False, input_dim=5).where(shapes=[FLAT]),
    Row(layers.Activation, "sigmoid"),
    Row(layers.Activation, "softmax"),
    Row(layers.Activation, "linear"),
    Row(layers.Activation, activations.ReLU(slope_at_zero=0.5)),
    Row(layers.BatchNormalization),
    Row(layers.BatchNormalization, momentum=0.9, epsilon=0.1, center=False),
    Row(layers.BatchNormalization, scale=False, beta_regularizer="l1"),
    Row(layers.BatchNormalization, center=False, scale=False),
    Row(layers.BatchNormalization, trainable=False),
    Row(layers.Dropout, 0.4),
    Row(layers.Dropout, 0.0, seed=3),
    Row(layers.Flatten).where(shapes=[FLAT, DEEP, ()]),
    Row(layers.Input, FLAT).where(shapes=[FLAT]),
    Row(layers.Rescaling, 0.25),
    Row(layers.Rescaling, -2.0, offset=1.5),
]

# -- activations: ``kinks`` are the inputs where there is no derivative ----------------------------

ACTIVATIONS = [
    Row(activations.Linear),
    Row(activations.ReLU).where(kinks=(0.0,)),
    Row(activations.ReLU, slope_at_zero=1.0).where(kinks=(0.0,)),
    Row(activations.ReLU, slope_at_zero=0.25).where(kinks=(0.0,)),
    Row(activations.Sigmoid),
    Row(activations.Softmax),
    Row(activations.Tanh),
]

# -- losses and metrics: what targets and predictions are, see ``targets_and_predictions`` ---------

LOSSES = [
    Row(losses.HalfSumSquaredError).where(targets="real", predictions="real"),
    Row(losses.MeanSquaredError).where(targets="real", predictions="real"),
    Row(losses.BinaryCrossentropy).where(targets="bits", predictions="unit"),
    Row(losses.BinaryCrossentropy, label_smoothing=0.2).where(targets="bits", predictions="unit"),
    Row(losses.BinaryCrossentropy, from_logits=True).where(targets="unit", predictions="real"),
    Row(losses.BinaryCrossentropy, from_logits=True, label_smoothing=0.1).where(
        targets="bits", predictions="real"
    ),
    Row(losses.CategoricalCrossentropy).where(targets="simplex", predictions="simplex"),
    Row(losses.CategoricalCrossentropy).where(targets="one-hot", predictions="unit"),
    Row(losses.CategoricalCrossentropy, label_smoothing=0.3).where(
        targets="one-hot", predictions="simplex"
    ),
    Row(losses.CategoricalCrossentropy, from_logits=True).where(
        targets="one-hot", predictions="real"
    ),
    Row(losses.CategoricalCrossentropy, from_logits=True).where(targets="unit", predictions="real"),
    Row(losses.CategoricalCrossentropy, from_logits=True, label_smoothing=0.1).where(
        targets="one-hot", predictions="real"
    ),
    Row(losses.SparseCategoricalCrossentropy).where(targets="labels", predictions="simplex"),
    Row(losses.SparseCategoricalCrossentropy, from_logits=True).where(
        targets="labels", predictions="real"
    ),
]

METRICS = [
    Row(metrics.BinaryAccuracy).where(targets="bits", predictions="unit"),
    Row(metrics.BinaryAccuracy, threshold=0.7, name="sure").where(
        targets="bits", predictions="unit"
    ),
    Row(metrics.CategoricalAccuracy).where(targets="one-hot", predictions="simplex"),
    Row(metrics.SparseCategoricalAccuracy).where(targets="labels", predictions="simplex"),
    Row(metrics.MeanSquaredError).where(targets="real", predictions="real"),
    Row(metrics.MeanAbsoluteError).where(targets="real", predictions="real"),
]


def targets_and_predictions(
    row: Row, n: int, k: int, rng: np.random.Generator, dtype: Any = np.float64
) -> tuple[np.ndarray, np.ndarray]:
    """n rows of k outputs of the kinds that the row names, nowhere special."""
    drawn = {
        "real": lambda: rng.normal(size=(n, k)) * 2,
        "unit": lambda: rng.uniform(0.05, 0.95, size=(n, k)),
        "bits": lambda: rng.integers(0, 2, size=(n, k)),
        "simplex": lambda: rng.dirichlet(np.full(k, 3.0), size=n) * 0.9 + 0.1 / k,
        "one-hot": lambda: np.eye(k)[rng.integers(0, k, size=n)],
        "labels": lambda: rng.integers(0, k, size=n),
    }
    targets = drawn[row.targets]()
    targets = targets.astype(np.intp if row.targets == "labels" else dtype)
    return targets, drawn[row.predictions]().astype(dtype)


def extremes(dtype: Any) -> np.ndarray:
    """Numbers of both signs around the places where exp overflows and to the ends of the type."""
    sizes = [0, 1e-300, 1e-30, 1e-8, 0.5, 1, 20, 87, 88.7, 90, 709, 1e3, 1e30, 1e300]
    sizes = [size for size in sizes if size < float(np.finfo(dtype).max)]
    return np.array(sizes + [-size for size in sizes], dtype)


# -- the rest --------------------------------------------------------------------------------------

OPTIMIZERS = [
    Row(optimizers.SGD),
    Row(optimizers.SGD, 0.05, momentum=0.9),
    Row(optimizers.SGD, 0.05, momentum=0.9, nesterov=True, clipvalue=0.3),
    Row(optimizers.SGD, schedules.ExponentialDecay(0.1, 3, 0.5), weight_decay=0.01),
    Row(optimizers.Adam),
    Row(optimizers.Adam, 0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-4, amsgrad=True),
    Row(optimizers.Adam, weight_decay=0.02, clipnorm=0.5, name="own"),
    Row(optimizers.RMSprop),
    Row(optimizers.RMSprop, 0.01, rho=0.8, epsilon=1e-5, global_clipnorm=0.7),
    Row(optimizers.RMSprop, 0.01, momentum=0.5, centered=True),
]

INITIALIZERS = [
    Row(initializers.Zeros),
    Row(initializers.Ones),
    Row(initializers.Constant, 0.3),
    Row(initializers.Constant, [0.1, 0.2, 0.3]).where(fits=(3,)),
    Row(initializers.Constant, np.array([[0.5, 1.0], [2.0, -1.0]])).where(fits=(2, 2)),
    Row(initializers.RandomUniform),
    Row(initializers.RandomUniform, -1, 1, seed=5),
    Row(initializers.RandomNormal, 0.5, stddev=0.2),
    Row(initializers.TruncatedNormal, stddev=0.1),
    Row(initializers.VarianceScaling),
    Row(initializers.VarianceScaling, 2.0, "fan_out", "untruncated_normal", seed=1),
    Row(initializers.VarianceScaling, 0.5, mode="fan_avg", distribution="uniform"),
    Row(initializers.GlorotUniform),
    Row(initializers.GlorotNormal),
    Row(initializers.HeUniform, seed=2),
    Row(initializers.HeNormal),
    Row(initializers.LecunUniform),
    Row(initializers.LecunNormal),
]

REGULARIZERS = [
    Row(regularizers.L1, 0.2),
    Row(regularizers.L2),
    Row(regularizers.L2, 0.3),
    Row(regularizers.L1L2),
    Row(regularizers.L1L2, l1=0.1, l2=0.4),
]

CONSTRAINTS = [
    Row(constraints.NonNeg),
    Row(constraints.MaxNorm),
    Row(constraints.MaxNorm, 0.5, axis=1),
]

SCHEDULES = [
    Row(schedules.ExponentialDecay, 0.1, 10, 0.5),
    Row(schedules.ExponentialDecay, 0.1, decay_steps=4, decay_rate=0.9, staircase=True),
]

CALLBACKS = [
    Row(callbacks.History),
    Row(callbacks.EarlyStopping),
    Row(callbacks.EarlyStopping, "loss", patience=1, mode="min", restore_best_weights=True),
    Row(callbacks.ProgressBar, 2),
    Row(callbacks.EvaluationBar),
]

#: Every family by the name of its registry.
TABLES: dict[str, list[Row]] = {
    "activation": ACTIVATIONS,
    "callback": CALLBACKS,
    "constraint": CONSTRAINTS,
    "initializer": INITIALIZERS,
    "layer": LAYERS,
    "loss": LOSSES,
    "metric": METRICS,
    "optimizer": OPTIMIZERS,
    "regularizer": REGULARIZERS,
    "schedule": SCHEDULES,
}

ALL = [row for rows in TABLES.values() for row in rows]
