"""The cases of `benchmarks.same_bits`: small trainings that between them use all of annlib.

Each is a function of its `Place` that returns what is compared: nested numbers and texts, of which
those under ``"texts"`` may be allowed to differ. Files that it writes into the place are compared
as well. They use the public interface alone, as a user types it, and are repeatable.
"""
# ruff: noqa: ARG001  # every case is given a place, and a function that builds its arguments

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import json
import pickle
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.model_selection import GridSearchCV, cross_val_score

import annlib
from annlib import (
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
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
from benchmarks.parity_table import CLASSES, FEATURES, data, made, table

FAMILIES = (
    *("activations", "callbacks", "constraints", "initializers", "layers", "losses", "metrics"),
    *("optimizers", "regularizers", "schedules"),
)

DATA = data()
X, LABELS, ONE_HOT, VALUES, BITS = (
    DATA[name] for name in ("x", "labels", "one_hot", "values", "bits")
)
WEIGHTS, CODES = DATA["weights"], DATA["codes"]
SPARSE = sparse.csr_matrix(np.where(np.abs(X) > 1, X, 0))
SPARSE_LOSS = "sparse_categorical_crossentropy"


@dataclass
class Place:
    """Where a case writes files, and where it finds those that it loads: its own or older ones."""

    folder: Path
    before: Path


Case = Callable[[Place], dict[str, Any]]
SPECIAL: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Register a case by its name."""
    SPECIAL[function.__name__] = function
    return function


def cases() -> dict[str, Case]:
    """All cases by name, which is a folder's as well."""
    found: dict[str, Case] = {}
    for name, one in [*parity_cases(), *part_cases(), *estimator_cases(), *SPECIAL.items()]:
        slug = re.sub(r"[^\w.=-]+", "_", name).strip("_")[:80]
        while slug in found:
            slug += "+"
        found[slug] = one
    return found


# -- what is measured ------------------------------------------------------------------------------


def classifier(*hidden: Any, dtype: str = "float32", **compiled: Any) -> Sequential:
    """A compiled classifier of three classes with these layers in the middle."""
    stack = hidden or (layers.Dense(8, "tanh"),)
    model = Sequential([*stack, layers.Dense(CLASSES, "softmax")], seed=3, dtype=dtype)
    arguments = {"optimizer": optimizers.Adam(0.01), "loss": SPARSE_LOSS, "metrics": ["accuracy"]}
    model.compile(**{**arguments, **compiled})
    return model


def regressor(*hidden: Any, dtype: str = "float64", **compiled: Any) -> Sequential:
    """A compiled network with two linear outputs."""
    stack = hidden or (layers.Dense(8, "tanh"),)
    model = Sequential([*stack, layers.Dense(2)], seed=3, dtype=dtype)
    model.compile(**{"optimizer": optimizers.SGD(0.05), "loss": "mse", **compiled})
    return model


def outcome(
    model: Sequential, x: Any, y: Any, place: Place, *, saved: bool = True, name: str = "model"
) -> dict[str, Any]:
    """All that a fitted model shows, its file included, and how the loaded one goes on."""
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    shown = {
        "weights": model.get_weights(),
        "history": model.history.history,
        "epochs": model.history.epoch,
        "predictions": model.predict(x),
        "on batch": model.predict_on_batch(x[:7]),
        "evaluate": model.evaluate(x, y, return_dict=True),
        "texts": {"summary": "\n".join(lines)},
    }
    if saved:
        path = place.folder / f"{name}.safetensors"
        model.save(path)
        model.save_weights(place.folder / f"{name}-weights.safetensors")
        loaded = annlib.load_model(place.before / path.name)
        shown["loaded"] = {
            "predictions": loaded.predict(x),
            "evaluate": loaded.evaluate(x, y),
            "fit": loaded.fit(x, y, epochs=1, verbose=0).history,
            "weights": loaded.get_weights(),
        }
        other = annlib.clone_model(model)
        other.build((None, *x.shape[1:]))
        other.load_weights(place.before / f"{name}-weights.safetensors")
        shown["weights loaded"] = other.get_weights()
    return shown


def fitted(model: Sequential, place: Place, x: Any = X, y: Any = LABELS, **fit: Any) -> Any:
    """`outcome` after a short `fit`."""
    saved = fit.pop("saved", True)
    model.fit(x, y, **{"batch_size": 16, "epochs": 2, "verbose": 0, **fit})
    return outcome(model, x, y, place, saved=saved)


# -- one case for each option of each part ---------------------------------------------------------


def parity_cases() -> Iterator[tuple[str, Case]]:
    """The rows of the table that annlib is compared with Keras by, in both types in turn."""
    for i, spec in enumerate(table()):
        dtype = ("float32", "float64")[i % 2]
        yield f"{spec['group']} {spec['label']}", partial(of_row, spec, dtype)


def of_row(spec: dict[str, Any], dtype: str, place: Place) -> dict[str, Any]:
    model = Sequential([made(annlib, item) for item in spec["layers"]], seed=5, dtype=dtype)
    optimizer = made(annlib, spec["optimizer"])
    if spec["excluded"]:
        optimizer.exclude_from_weight_decay(var_names=spec["excluded"])
    model.compile(optimizer, made(annlib, spec["loss"]), metrics=made(annlib, spec["metrics"]))
    fit = dict(spec["fit"])
    if "sample_weight" in fit:
        fit["sample_weight"] = DATA[fit["sample_weight"]]
    if "class_weight" in fit:
        fit["class_weight"] = {int(label): w for label, w in fit["class_weight"].items()}
    return fitted(model, place, DATA[spec["x"]], DATA[spec["y"]], **fit)


LAYERS: list[Any] = [
    [layers.Dropout(0.3)],
    [layers.Dropout(0.3, seed=4), layers.Dropout(0.1)],
    [layers.AlphaDropout(0.2)],
    [layers.GaussianDropout(0.2)],
    [layers.GaussianNoise(0.1)],
    [layers.Dense(4, use_bias=False, name="narrow")],
    [layers.Dense(4, trainable=False)],
    [layers.Activation("softmax")],
    [layers.ActivityRegularization(l1=0.01), layers.ReLU()],
    [layers.BatchNormalization(), layers.Dropout(0.2), layers.BatchNormalization(momentum=0.5)],
    [layers.Reshape((2, 4)), layers.LayerNormalization(axis=[1, 2]), layers.Flatten()],
    [layers.Reshape((4, -1)), layers.Dense(3), layers.PReLU(shared_axes=[1]), layers.Flatten()],
    [layers.Reshape((4, 2)), layers.Softmax(axis=1), layers.Flatten()],
    [layers.Reshape((4, 2)), layers.RMSNormalization(axis=1), layers.Flatten()],
    [layers.Reshape((4, 2)), layers.UnitNormalization(axis=1), layers.Flatten()],
    [layers.Normalization(mean=0.5, variance=2.0, invert=True)],
    [layers.Identity(activity_regularizer="l2"), layers.ELU(0.5), layers.LeakyReLU(0.2)],
]

ACTIVATIONS: list[Any] = [
    *("celu", "hard_tanh", "log_sigmoid", "swish", "hard_swish"),
    activations.CELU(0.5),
    activations.ELU(0.5),
    activations.GELU(approximate=True),
    activations.LeakyReLU(0.05),
    activations.ReLU(negative_slope=0.1, max_value=2.0, threshold=0.1, slope_at_zero=0.5),
    activations.LogSoftmax(),
]

LOSSES: list[tuple[Any, str, str | None]] = [
    (losses.HalfPoissonDeviance(), "positive", "exponential"),
    (losses.HalfPoissonDeviance(from_logits=True), "positive", None),
    (losses.HalfSumSquaredError(), "values", None),
    (losses.SumBinaryCrossentropy(), "bits", "sigmoid"),
    (losses.SumBinaryCrossentropy(from_logits=True, label_smoothing=0.1), "bits", None),
    (losses.MeanSquaredError(reduction="sum"), "values", "tanh"),
    (losses.KLDivergence(), "shares", "softmax"),
    (losses.CategoricalCrossentropy(), "shares", "softmax"),
    (losses.BinaryCrossentropy(), "one_hot", "sigmoid"),
]

OPTIMIZERS: list[Any] = [
    optimizers.LBFGS(),
    optimizers.LBFGS(maxcor=3, maxfun=9, ftol=0, gtol=1e-8),
    optimizers.SGD(0.05, momentum=0.9, nesterov=True, clipnorm=0.1, weight_decay=0.01),
    optimizers.RMSprop(0.01, momentum=0.5, centered=True, clipvalue=0.02),
    optimizers.Adam(0.01, amsgrad=True, global_clipnorm=0.5, gradient_accumulation_steps=3),
    optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=3),
    optimizers.Lamb(0.01, weight_decay=0.1, clipnorm=0.5),
    optimizers.Lamb(schedules.CosineDecay(0.02, 15), use_ema=True, gradient_accumulation_steps=2),
    optimizers.Lion(0.002, weight_decay=0.1, use_ema=True, ema_momentum=0.9),
    optimizers.Nadam(schedules.ExponentialDecay(0.02, 5, 0.8), clipvalue=0.05),
    optimizers.Ftrl(0.1, l1_regularization_strength=0.01, gradient_accumulation_steps=2),
    optimizers.Adagrad(0.05, weight_decay=0.01, global_clipnorm=0.1),
    optimizers.Adadelta(1.0, use_ema=True, weight_decay=0.001),
    optimizers.Adamax(0.01, clipnorm=0.05, gradient_accumulation_steps=4),
    optimizers.SGD(schedules.LinearWarmup(schedules.CosineDecay(0.2, 12), 5, 0.001)),
    optimizers.SGD(schedules.LinearWarmup(0.1, 5), momentum=0.5),
    optimizers.SGD(schedules.OneCycle(0.2, 20)),
    optimizers.SGD(schedules.OneCycle(0.2, 20, 0.4, anneal_strategy="linear", three_phase=True)),
]

INITIALIZERS: list[Any] = [
    initializers.Constant(0.1),
    initializers.GlorotNormal(),
    initializers.GlorotUniform(seed=4),
    initializers.HeNormal(),
    initializers.HeUniform(),
    initializers.Identity(0.5),
    initializers.LecunNormal(),
    initializers.LecunUniform(),
    initializers.Ones(),
    initializers.Orthogonal(0.7),
    initializers.RandomNormal(0.1, 0.2),
    initializers.RandomUniform(-0.2, 0.3, seed=1),
    initializers.TruncatedNormal(0.0, 0.3),
    initializers.VarianceScaling(2.0, "fan_avg", "uniform"),
    initializers.Zeros(),
]

REGULARIZERS = [
    regularizers.Ridge(0.01),
    regularizers.L1(0.001),
    regularizers.L2(0.003),
    regularizers.L1L2(0.001, 0.002),
]

CONSTRAINTS = [
    constraints.MaxNorm(0.8),
    constraints.MinMaxNorm(0.2, 0.9, 0.5),
    constraints.NonNeg(),
    constraints.UnitNorm(),
]

#: Metrics of one kind of targets, with the activation of the output.
METRICS: dict[str, tuple[str, str | None, list[Any]]] = {
    "binary": (
        "bits",
        "sigmoid",
        [
            *("accuracy", "binary_crossentropy", "poisson"),
            metrics.AUC(),
            metrics.AUC(20, "PR", name="pr"),
            metrics.AUC(None, name="exact"),
            metrics.AUC(50, summation_method="minoring", name="minor"),
            metrics.Accuracy(),
            metrics.BinaryAccuracy(threshold=0.4, name="at 0.4"),
            metrics.BinaryCrossentropy(label_smoothing=0.1, name="smooth"),
            metrics.Precision(),
            metrics.Recall([0.3, 0.6]),
            metrics.TruePositives(),
            metrics.TrueNegatives(),
            metrics.FalsePositives([0.2, 0.7]),
            metrics.FalseNegatives(),
            metrics.Hinge(),
            metrics.SquaredHinge(),
            metrics.F1Score(threshold=0.5),
        ],
    ),
    "one hot": (
        "one_hot",
        "softmax",
        [
            *("accuracy", "categorical_crossentropy", "categorical_hinge"),
            metrics.CategoricalAccuracy(name="again"),
            metrics.CategoricalCrossentropy(label_smoothing=0.2, name="smooth"),
            metrics.TopKCategoricalAccuracy(2),
            metrics.KLDivergence(),
            metrics.F1Score("macro"),
            metrics.FBetaScore("weighted", 2.0),
            metrics.FBetaScore("micro", 0.5, 0.4, name="micro"),
            metrics.Precision(top_k=1),
            metrics.Recall(class_id=1),
            metrics.AUC(multi_label=True, num_labels=CLASSES),
            metrics.CosineSimilarity(),
        ],
    ),
    "labels": (
        "labels",
        "softmax",
        [
            *("accuracy", "sparse_categorical_crossentropy"),
            metrics.SparseCategoricalAccuracy(name="again"),
            metrics.SparseCategoricalCrossentropy(name="entropy"),
            metrics.SparseTopKCategoricalAccuracy(2),
        ],
    ),
    "numbers": (
        "positive",
        "softplus",
        [
            *("mse", "mae", "mape", "msle", "cosine_similarity"),
            metrics.RootMeanSquaredError(),
            metrics.R2Score(),
            metrics.R2Score("variance_weighted_average", name="r2 weighted"),
            metrics.LogCoshError(),
            metrics.MeanSquaredError(name="again"),
            metrics.MeanAbsoluteError(name="absolute"),
            metrics.MeanAbsolutePercentageError(name="percent"),
            metrics.MeanSquaredLogarithmicError(name="logarithmic"),
            metrics.Poisson(),
        ],
    ),
}

LOSS_OF = {"binary": "bce", "one hot": "categorical_crossentropy", "labels": SPARSE_LOSS}

#: Arguments of `fit`, and of `compile`.
FITS: dict[str, dict[str, Any]] = {
    "validation_split": {"validation_split": 0.2},
    "validation_data": {"validation_data": (X[:50], LABELS[:50]), "validation_batch_size": 11},
    "validation weights": {"validation_data": (X[:50], LABELS[:50], WEIGHTS[:50])},
    "validation_freq": {"validation_split": 0.2, "validation_freq": 2, "epochs": 5},
    "validation_freq list": {"validation_split": 0.2, "validation_freq": [1, 4], "epochs": 4},
    "validation_steps": {"validation_data": (X, LABELS), "validation_steps": 2},
    "steps_per_epoch": {"steps_per_epoch": 4, "epochs": 4},
    "sample and class weight": {"sample_weight": WEIGHTS, "class_weight": {0: 0.5, 1: 2.0}},
    "split with weights": {"sample_weight": WEIGHTS, "validation_split": 0.25},
    "no shuffle, odd batches": {"shuffle": False, "batch_size": 27},
    "one batch": {"batch_size": 500, "epochs": 4},
    "batches of one row": {"batch_size": 1, "epochs": 1},
    "initial_epoch": {"initial_epoch": 2, "epochs": 5},
    "one thread": {"threads": 1, "batch_size": None},
}


def part_cases() -> Iterator[tuple[str, Case]]:
    """Parts and options that Keras does not have, and what the rows for Keras leave out."""

    def fit(make: Callable[[], Sequential], y: str = "labels", **arguments: Any) -> Case:
        return lambda place: fitted(make(), place, X, DATA[y], **arguments)

    types = ("float32", "float64")
    for i, stack in enumerate(LAYERS):
        make = partial(made_of, [layers.Dense(8, "tanh"), *stack], types[i % 2])
        yield f"stack {i} {type(stack[0]).__name__}", fit(make)
    for i, activation in enumerate(ACTIVATIONS):
        make = partial(made_of, [layers.Dense(8, activation)], types[i % 2])
        yield f"activation of annlib {i} {activation}", fit(make)
    for i, (loss, y, activation) in enumerate(LOSSES):
        output = layers.Dense(DATA[y].shape[1], activation)
        make = partial(compiled_of, [layers.Dense(8, "tanh"), output], types[i % 2], loss)
        yield f"loss of annlib {i} {loss.name} {activation}", fit(make, y, sample_weight=WEIGHTS)
    for i, optimizer in enumerate(OPTIMIZERS):
        hidden = [layers.Dense(8, "tanh", kernel_regularizer="l2")]
        make = partial(made_of, hidden, types[i % 2], optimizer=optimizer)
        epochs = 4
        yield f"optimizer of annlib {i} {optimizer.get_config()['name']}", fit(make, epochs=epochs)
    for i, start in enumerate(INITIALIZERS):
        hidden = [layers.Dense(FEATURES, "relu", kernel_initializer=start)]
        yield f"initializer {start}", fit(partial(made_of, hidden, types[i % 2]), epochs=1)
    for penalty, limit in zip(REGULARIZERS, CONSTRAINTS, strict=True):
        arguments = {"kernel_regularizer": penalty, "bias_constraint": limit}
        hidden = [layers.Dense(8, "relu", **arguments), layers.Dense(4, kernel_constraint=limit)]
        yield f"parameters {penalty} {limit}", fit(partial(made_of, hidden, "float32"))
    for name, (y, activation, measured) in METRICS.items():
        output = layers.Dense(
            1 if y == "bits" else DATA[y].reshape(len(X), -1).shape[1], activation
        )
        if y == "labels":
            output = layers.Dense(CLASSES, activation)
        loss = LOSS_OF.get(name, "mse")
        for dtype in types:
            make = partial(compiled_of, [layers.Dense(8, "tanh"), output], dtype, loss, measured)
            yield f"metrics {name} {dtype}", fit(make, y, validation_split=0.2)
        make = partial(compiled_of, [layers.Dense(8), output], dtype, loss, [], measured)
        yield f"weighted metrics {name}", fit(make, y, sample_weight=WEIGHTS, validation_split=0.2)
    for name, arguments in FITS.items():
        for dtype in types:
            yield f"fit {name} {dtype}", fit(partial(made_of, [], dtype), **arguments)


def made_of(hidden: list[Any], dtype: str, **compiled: Any) -> Sequential:
    """`classifier` with copies, so that each call starts from new parts."""
    return classifier(*copy.deepcopy(hidden), dtype=dtype, **copy.deepcopy(compiled))


def compiled_of(
    stack: list[Any], dtype: str, loss: Any, measured: Any = None, weighted: Any = None
) -> Sequential:
    model = Sequential(copy.deepcopy(stack), seed=2, dtype=dtype)
    model.compile(
        optimizers.SGD(0.02),
        *copy.deepcopy((loss, measured)),
        weighted_metrics=copy.deepcopy(weighted),
    )
    return model


# -- callbacks -------------------------------------------------------------------------------------


@case
def early_stopping(place: Place) -> dict[str, Any]:
    stop = callbacks.EarlyStopping(patience=2, min_delta=0.002, restore_best_weights=True)
    model = classifier(optimizer=optimizers.SGD(1.5))
    shown = fitted(model, place, epochs=30, validation_split=0.3, callbacks=[stop])
    return {**shown, "stopped": stop.stopped_epoch, "best": stop.best}


@case
def early_stopping_by_accuracy(place: Place) -> dict[str, Any]:
    stop = callbacks.EarlyStopping("accuracy", patience=1, start_from_epoch=2, baseline=0.3)
    return fitted(classifier(dtype="float64"), place, epochs=12, callbacks=[stop])


@case
def reduce_lr_on_plateau(place: Place) -> dict[str, Any]:
    reduce = callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, cooldown=1, min_lr=0.01)
    model = classifier(optimizer=optimizers.SGD(2.0, momentum=0.5))
    return fitted(model, place, epochs=15, callbacks=[reduce])


@case
def learning_rate_scheduler(place: Place) -> dict[str, Any]:
    scheduler = callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.7 if epoch else 0.3)
    return fitted(classifier(optimizer="sgd"), place, epochs=5, callbacks=[scheduler])


@case
def learning_rate_scheduler_with_schedule(place: Place) -> dict[str, Any]:
    scheduler = callbacks.LearningRateScheduler(schedules.CosineDecay(0.05, 5))
    return fitted(classifier(), place, epochs=5, callbacks=[scheduler])


@case
def model_checkpoint(place: Place) -> dict[str, Any]:
    written = [
        callbacks.ModelCheckpoint(place.folder / "{epoch:02d}-{val_loss:.3f}.safetensors"),
        callbacks.ModelCheckpoint(place.folder / "best.safetensors", save_best_only=True),
        callbacks.ModelCheckpoint(
            place.folder / "w-{epoch}.safetensors", save_weights_only=True, max_to_keep=2
        ),
        callbacks.ModelCheckpoint(place.folder / "b-{batch}.safetensors", save_freq=5),
        callbacks.CSVLogger(place.folder / "log.csv"),
    ]
    return fitted(classifier(), place, epochs=4, validation_split=0.2, callbacks=written)


@case
def swap_ema_weights(place: Place) -> dict[str, Any]:
    model = classifier(optimizer=optimizers.Adam(0.05, use_ema=True, ema_momentum=0.8))
    written = [
        callbacks.SwapEMAWeights(swap_on_epoch=True),
        callbacks.ModelCheckpoint(place.folder / "e{epoch}.safetensors"),
    ]
    shown = fitted(model, place, epochs=3, validation_split=0.2, callbacks=written)
    swap = callbacks.SwapEMAWeights()
    model.compile(model.optimizer, SPARSE_LOSS, ["accuracy"])
    model.fit(X, LABELS, epochs=1, verbose=0)
    tested = model.evaluate(X, LABELS, callbacks=[swap])
    return {**shown, "averages": model.predict(X, callbacks=[swap]), "tested": tested}


def resumed(place: Place, save_freq: Any, optimizer: Any, dtype: str) -> dict[str, Any]:
    """A run that was cut off, from its file and from an older one."""

    def run(folder: Path, epochs: int, delete: bool) -> Sequential:
        model = classifier(
            layers.Dense(8, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            optimizer=copy.deepcopy(optimizer),
            dtype=dtype,
        )
        going = [
            callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=0.05),
            callbacks.BackupAndRestore(folder, save_freq, delete_checkpoint=delete),
        ]
        arguments = {"validation_split": 0.2, "callbacks": going, "sample_weight": WEIGHTS}
        model.fit(X, LABELS, batch_size=16, epochs=epochs, verbose=0, **arguments)
        return model

    # Which BLAS comes first, NumPy's or SciPy's, is not the same in every process.
    warnings.filterwarnings("ignore", ".*not to the last bit: blas")
    run(place.folder / "backup", 2, delete=False)
    again = place.folder / "again"
    shutil.copytree(place.before / "backup", again, dirs_exist_ok=True)
    model = run(again, 4, delete=True)
    shutil.rmtree(again)
    return outcome(model, X, LABELS, place)


@case
def backup_each_epoch(place: Place) -> dict[str, Any]:
    return resumed(place, "epoch", optimizers.Adam(0.01), "float32")


@case
def backup_within_an_epoch(place: Place) -> dict[str, Any]:
    optimizer = optimizers.SGD(0.02, momentum=0.9, use_ema=True, gradient_accumulation_steps=3)
    return resumed(place, 5, optimizer, "float64")


@case
def terminate_on_nan(place: Place) -> dict[str, Any]:
    model = regressor(optimizer=optimizers.SGD(1e6), dtype="float32")
    model.fit(X, VALUES, epochs=30, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    return {"weights": model.get_weights(), "history": model.history.history}


@case
def diverging(place: Place) -> dict[str, Any]:
    model = regressor(optimizer=optimizers.SGD(1e6), dtype="float32")
    try:
        model.fit(X, VALUES, epochs=30, verbose=0)
    except annlib.DivergenceError as error:
        return {"weights": model.get_weights(), "texts": {"error": str(error)}}
    return {"weights": model.get_weights()}


@case
def doctor(place: Place) -> dict[str, Any]:
    watch = callbacks.Doctor(every=4, probe=X[:40])
    model = classifier(layers.Dense(8, "relu", bias_initializer=initializers.Constant(-3.0)))
    shown = fitted(model, place, epochs=4, callbacks=[watch])
    shown["texts"]["doctor"] = str(watch)
    return shown


@case
def every_call_of_a_callback(place: Place) -> dict[str, Any]:
    seen: list[str] = []
    numbers: list[Any] = []

    def note(name: str, *given: Any) -> None:
        seen.append(f"{name} {given[0] if len(given) > 1 else ''}".strip())
        numbers.extend(np.sum(value) for value in (given[-1] or {}).values())

    hooks = [
        name for name in dir(callbacks.Callback) if re.match(r"on_(train|test|predict|epoch)", name)
    ]
    watch = callbacks.LambdaCallback(**{name: partial(note, name) for name in hooks})
    model = classifier()
    shown = fitted(model, place, epochs=2, validation_split=0.2, callbacks=[watch])
    model.predict(X, callbacks=[watch])
    model.evaluate(X, LABELS, callbacks=[watch])
    return {**shown, "seen": seen, "numbers": numbers}


@case
def progress(place: Place) -> dict[str, Any]:
    model = classifier()
    with contextlib.redirect_stdout(io.StringIO()) as out:
        model.fit(X, LABELS, epochs=2, verbose=2, validation_split=0.2)
        model.evaluate(X, LABELS, verbose=2)
    return {"texts": {"progress": re.sub(r"\d+(\.\d+)?(ms|us|µs|s)\b", "T", out.getvalue())}}


# -- data ------------------------------------------------------------------------------------------


def pieces(n: int = 16, weighted: bool = False) -> Iterator[tuple[np.ndarray, ...]]:
    for start in range(0, len(X), n):
        rows = slice(start, start + n)
        yield (X[rows], LABELS[rows], WEIGHTS[rows])[: 3 if weighted else 2]


class Indexable:
    """Batches by index, which change after each epoch."""

    def __init__(self) -> None:
        self.epoch = 0

    def __len__(self) -> int:
        return 7

    def __getitem__(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        if i >= len(self):
            raise IndexError(i)
        rows = (np.arange(16) * 3 + 16 * i + self.epoch) % len(X)
        return X[rows], LABELS[rows]

    def on_epoch_end(self) -> None:
        self.epoch += 1


class Iterable:
    """Batches anew for each epoch."""

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        return pieces(24, weighted=True)


def endless() -> Iterator[tuple[np.ndarray, ...]]:
    while True:
        yield from pieces(20)


def streamed(place: Place, x: Any, **fit: Any) -> dict[str, Any]:
    model = classifier(layers.Dense(8, "relu"), layers.Dropout(0.1))
    model.fit(x, verbose=0, **fit)
    shown = outcome(model, X, LABELS, place)
    tested = model.evaluate(Iterable(), return_dict=True)
    return {**shown, "streamed": tested, "outputs": model.predict(X[i : i + 9] for i in (0, 9, 18))}


SPECIAL["generator"] = lambda place: streamed(place, endless(), steps_per_epoch=6, epochs=3)
SPECIAL["iterable"] = lambda place: streamed(place, Iterable(), epochs=3)
SPECIAL["list of batches"] = lambda place: streamed(place, list(pieces()), epochs=2)
SPECIAL["indexable"] = lambda place: streamed(place, Indexable(), epochs=3)
SPECIAL["indexable, validated by batches"] = lambda place: streamed(
    place, Indexable(), epochs=3, shuffle=False, validation_data=Iterable(), validation_steps=3
)
SPECIAL["class weight of batches"] = lambda place: streamed(
    place, Iterable(), epochs=2, class_weight={0: 2.0, 1: 0.5, 2: 1.0}
)


@case
def lists(place: Place) -> dict[str, Any]:
    model = classifier()
    model.fit(X.tolist(), LABELS.tolist(), epochs=2, verbose=0)
    shown = outcome(model, X, LABELS, place)
    return {**shown, "of lists": model.predict(X.tolist())}


@case
def frames(place: Place) -> dict[str, Any]:
    x = pd.DataFrame(X, columns=[f"c{i}" for i in range(FEATURES)])
    model = classifier()
    model.fit(x, pd.Series(LABELS), epochs=2, verbose=0, validation_split=0.2)
    shown = outcome(model, X, LABELS, place)
    return {**shown, "of a frame": model.predict(x), "tested": model.evaluate(x, LABELS)}


@case
def sparse_rows(place: Place) -> dict[str, Any]:
    x = SPARSE
    model = classifier()
    model.fit(x, LABELS, epochs=2, verbose=0, validation_split=0.2)
    shown = outcome(model, X, LABELS, place)
    return {**shown, "of sparse": model.predict(x), "tested": model.evaluate(x, LABELS)}


@case
def layouts_of_arrays(place: Place) -> dict[str, Any]:
    results = {}
    for name, x in {
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=0)[::2],
        "big-endian": X.astype(">f8"),
        "float16": X.astype(np.float16),
        "int": np.round(X * 3).astype(np.int64),
        "bool": X > 0,
    }.items():
        model = classifier()
        model.fit(x, LABELS.astype(np.int8), epochs=2, verbose=0)
        results[name] = [model.get_weights(), model.predict(x), model.evaluate(x, LABELS)]
    return results


# -- models ----------------------------------------------------------------------------------------


@case
def batch_by_batch(place: Place) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for dtype in ("float32", "float64"):
        model = classifier(layers.Dense(8, "relu"), layers.Dropout(0.2), dtype=dtype)
        trained = [
            model.train_on_batch(x, y, sample_weight=w, return_dict=i % 2 == 0)
            for i, (x, y, w) in enumerate(pieces(weighted=True))
        ]
        model.reset_metrics()
        weighed = model.train_on_batch(X, LABELS, class_weight={0: 0.1, 2: 3.0})
        results[dtype] = {
            "trained": trained,
            "weighed": weighed,
            "tested": [model.test_on_batch(x, y) for x, y in pieces()],
            "metrics": model.get_metrics_result(),
            "predicted": [model.predict_on_batch(x) for x, _ in pieces()],
            "weights": model.get_weights(),
        }
    return results


@case
def frozen_layers(place: Place) -> dict[str, Any]:
    model = classifier(
        layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dense(5, "tanh")
    )
    first = fitted(model, place)
    model.layers[0].trainable = False
    model.layers[1].trainable = False
    model.compile(optimizers.Adam(0.02, weight_decay=0.01), SPARSE_LOSS, ["accuracy"])
    model.fit(X, LABELS, epochs=2, verbose=0)
    second = outcome(model, X, LABELS, place, name="frozen")
    model.trainable = False
    third = [model.count_params(), len(model.trainable_weights), len(model.non_trainable_weights)]
    return {"first": first, "second": second, "third": third}


@case
def nested_models(place: Place) -> dict[str, Any]:
    encoder = Sequential([layers.Dense(5, "relu"), layers.Dense(2, "tanh")], seed=1, name="encoder")
    decoder = Sequential([layers.Dense(5, "relu"), layers.Dense(FEATURES)], seed=2, name="decoder")
    model = Sequential([encoder, decoder], seed=4)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, X, epochs=3, verbose=0)
    shown = outcome(model, X, X, place)
    return {**shown, "codes": encoder.predict(X), "decoded": decoder.predict(X[:, :2])}


@case
def autoencoder(place: Place) -> dict[str, Any]:
    normalization = layers.Normalization()
    normalization.adapt(X)
    stack = [normalization, layers.Dense(3, "elu"), layers.GaussianNoise(0.05), layers.Dense(6)]
    model = Sequential(stack, seed=6, dtype="float64")
    model.compile(optimizers.Nadam(0.01), losses.Huber(0.5), ["mse"], weighted_metrics=["mae"])
    model.fit(X, X, epochs=3, verbose=0, validation_split=0.1, sample_weight=WEIGHTS)
    return outcome(model, X, X, place)


@case
def normalization_adapted_by_batches(place: Place) -> dict[str, Any]:
    results = []
    for axis in (-1, None):
        layer = layers.Normalization(axis=axis)
        model = classifier(layer, dtype="float64")
        model.build((None, FEATURES))
        layer.adapt(X[:100])
        model.fit(X, LABELS, epochs=2, verbose=0)
        shown = outcome(model, X, LABELS, place, name=f"axis-{axis}")
        results.append([layer.mean, layer.variance, shown])
    return {"results": results}


@case
def embeddings(place: Place) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name, stack in {
        "flat": [layers.Embedding(5, 4, embeddings_constraint="unit_norm"), layers.Flatten()],
        "input": [layers.Input((3,), dtype="int32"), layers.Embedding(5, 2), layers.Flatten()],
        "normal": [layers.Embedding(5, 4), layers.LayerNormalization(), layers.Flatten()],
    }.items():
        model = classifier(*stack, layers.Dense(6, "relu"))
        model.fit(CODES, LABELS, epochs=2, verbose=0)
        results[name] = outcome(model, CODES, LABELS, place, name=name)
    return results


@case
def add_and_pop(place: Place) -> dict[str, Any]:
    model = Sequential(seed=8, name="grown")
    model.add(layers.Input((FEATURES,)))
    model.add(layers.Dense(7, "selu", kernel_initializer="lecun_normal"))
    model.add(layers.Dense(5))
    shapes = [model.output_shape, model.count_params()]
    model.pop()
    model.add(layers.Dense(CLASSES, "softmax", name="head"))
    model.compile("rmsprop", SPARSE_LOSS, metrics=["accuracy"])
    first = fitted(model, place)
    model.pop()
    model.add(layers.BatchNormalization())
    model.add(layers.Dense(CLASSES, "softmax"))
    model.compile("adagrad", SPARSE_LOSS)
    model.fit(X, LABELS, epochs=1, verbose=0)
    return {
        "shapes": shapes,
        "first": first,
        "second": outcome(model, X, LABELS, place, name="two"),
    }


@case
def fit_again(place: Place) -> dict[str, Any]:
    model = classifier(
        layers.Dense(8, "relu"),
        layers.Dropout(0.3),
        metrics=[metrics.AUC(name="a")],
        loss="categorical_crossentropy",
    )
    results = [model.fit(X, ONE_HOT, epochs=epochs, verbose=0).history for epochs in (1, 2)]
    model.optimizer.learning_rate = 0.1
    results.append(model.fit(X, ONE_HOT, epochs=1, verbose=0).history)
    model.compile("sgd", "mse")
    results.append(model.fit(X, ONE_HOT, epochs=1, verbose=0).history)
    return {"fits": results, **outcome(model, X, ONE_HOT, place)}


@case
def copies(place: Place) -> dict[str, Any]:
    model = classifier(layers.Dense(8, "relu"), layers.Dropout(0.2), layers.BatchNormalization())
    model.fit(X, LABELS, epochs=2, verbose=0)
    results = {}
    clone = annlib.clone_model(model)
    clone.compile("adam", SPARSE_LOSS)
    made_again = annlib.models.model_from_json(model.to_json())
    made_again.compile("adam", SPARSE_LOSS)
    for name, twin in {
        "deepcopy": copy.deepcopy(model),
        "pickle": pickle.loads(pickle.dumps(model)),
        "clone": clone,
        "json": made_again,
    }.items():
        twin.fit(X, LABELS, epochs=1, verbose=0)
        results[name] = [twin.get_weights(), twin.history.history]
    (place.folder / "model.json").write_text(model.to_json())
    (place.folder / "config.json").write_text(json.dumps(model.get_config()))
    (place.folder / "compile.json").write_text(json.dumps(model.get_compile_config()))
    return results


@case
def functions_of_ones_own(place: Place) -> dict[str, Any]:
    def absolute(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.abs(y_pred - y_true).mean(axis=-1)

    def slope(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        return np.sign(y_pred - y_true) / y_pred.shape[-1]

    hidden = layers.Dense(8, activation=(np.sin, np.cos))
    model = regressor(hidden, loss=(absolute, slope), metrics=[absolute, "mae"])
    return fitted(model, place, X, VALUES, saved=False)


@case
def callables(place: Place) -> dict[str, Any]:
    """Losses, metrics, activations, initializers and schedules called by themselves."""
    z = np.linspace(-4, 4, 33)
    called: dict[str, Any] = {}
    for name in activations.__all__:
        function = getattr(activations, name)
        if name[0].islower() and name not in {"get", "register", "registry", "glu"}:  # no odd sizes
            called[f"activation {name}"] = [function(z), function(z.reshape(3, 11))]
    for name, (y, activation, measured) in METRICS.items():
        outputs = regressor(layers.Dense(4), loss="mse").predict(X)
        outputs = getattr(activations, activation or "linear")(
            np.resize(outputs, (len(X), CLASSES if y == "labels" else DATA[y].shape[1]))
        )
        for metric in measured:
            if not isinstance(metric, str):
                twin = copy.deepcopy(metric)
                called[f"metric {name} {twin.name}"] = [
                    twin(DATA[y], outputs),
                    twin(DATA[y], outputs, sample_weight=WEIGHTS),
                ]
    for mean in (metrics.Mean(), metrics.Sum()):
        mean.update_state([1.0, 2.5, 4.0], sample_weight=[1, 0, 2])
        called[f"metric {mean.name}"] = mean.result()
    for i, optimizer in enumerate(OPTIMIZERS):
        config = optimizer.get_config()
        (place.folder / f"optimizer-{i}.json").write_text(json.dumps(config))
    for start in INITIALIZERS:
        called[f"initializer {start}"] = copy.deepcopy(start)((5, 5), rng=np.random.default_rng(1))
    return called


# -- estimators ------------------------------------------------------------------------------------

BINARY = np.array(["no", "yes"])[BITS[:, 0].astype(int)]
NAMED = np.array(["a", "b", "c"])[LABELS]
MULTILABEL = (VALUES > 0).astype(int)
TWO_COLUMNS = np.column_stack([NAMED, BINARY])
ATTRIBUTES = (
    *("coefs_", "intercepts_", "loss_", "loss_curve_", "best_loss_", "validation_scores_"),
    *("best_validation_score_", "n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"),
    *("n_features_in_", "classes_", "history_"),
)


def of_estimator(estimator: Any, x: Any = X, y: Any = None) -> dict[str, Any]:
    """All that a fitted estimator shows."""
    shown = {}
    for name in ATTRIBUTES:
        value = getattr(estimator, name, None)
        shown[name] = getattr(value, "history", value)
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        if hasattr(estimator, name):
            shown[name] = getattr(estimator, name)(x)
    if y is not None:
        shown["score"] = estimator.score(x, y)
        shown["score weighted"] = estimator.score(x, y, sample_weight=WEIGHTS[: len(y)])
    shown["weights"] = estimator.model_.get_weights()
    twin = pickle.loads(pickle.dumps(estimator))
    shown["pickled"] = twin.predict(x)
    shown["texts"] = {"repr": re.sub("0x[0-9A-Fa-f]+", "0x", repr(estimator))}
    return shown


def mlp(cls: Any, y: np.ndarray, options: dict[str, Any], place: Place) -> dict[str, Any]:
    options = copy.deepcopy(options)
    x = options.pop("x", X)
    fit = options.pop("fit", {})
    arguments = {"hidden_layer_sizes": (7,), "max_iter": 12, "random_state": 1, **options}
    return of_estimator(cls(**arguments).fit(x, y, **fit), x, y)


MLP_OPTIONS: dict[str, dict[str, Any]] = {
    "adam": {},
    "adam two layers": {"hidden_layer_sizes": (9, 5), "activation": "tanh", "batch_size": 30},
    "adam early_stopping": {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 40},
    "adam converges": {
        "tol": 0.05,
        "n_iter_no_change": 2,
        "learning_rate_init": 0.02,
        "max_iter": 60,
    },
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05, "nesterovs_momentum": False},
    "sgd invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.2},
    "sgd adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.1,
        "tol": 0.05,
        "n_iter_no_change": 2,
        "max_iter": 60,
    },
    "sgd early_stopping": {"solver": "sgd", "early_stopping": True, "validation_fraction": 0.2},
    "sgd no shuffle": {"solver": "sgd", "shuffle": False, "momentum": 0.5, "batch_size": 500},
    "lbfgs": {"solver": "lbfgs"},
    "lbfgs to the end": {
        "solver": "lbfgs",
        "max_iter": 400,
        "alpha": 1.0,
        "activation": "logistic",
    },
    "lbfgs max_fun": {"solver": "lbfgs", "max_fun": 9, "activation": "identity"},
    "sample_weight": {"fit": {"sample_weight": WEIGHTS}},
    "sample_weight lbfgs": {"solver": "lbfgs", "fit": {"sample_weight": WEIGHTS}},
    "sample_weight early_stopping": {"early_stopping": True, "fit": {"sample_weight": WEIGHTS}},
    "float32": {"x": X.astype(np.float32)},
    "dtype": {"dtype": "float32", "solver": "sgd"},
    "dropout and batch_normalization": {"dropout": 0.2, "batch_normalization": True},
    "optimizer of its own": {"optimizer": optimizers.RMSprop(0.01), "regularizer": "l1"},
    "callbacks": {"callbacks": [callbacks.TerminateOnNaN()], "activation": "gelu"},
    "no hidden layers": {"hidden_layer_sizes": ()},
}


def estimator_cases() -> Iterator[tuple[str, Case]]:
    """MLPClassifier and MLPRegressor with all solvers and kinds of targets."""
    targets = [
        ("three classes", MLPClassifier, NAMED),
        ("two classes", MLPClassifier, BINARY),
        ("multilabel", MLPClassifier, MULTILABEL),
        ("numbers", MLPRegressor, VALUES[:, 0]),
        ("two numbers", MLPRegressor, VALUES),
    ]
    main = {"three classes", "numbers"}
    few = {"adam", "sgd", "lbfgs", "sample_weight", "adam early_stopping", "sample_weight lbfgs"}
    for kind, cls, y in targets:
        for name, options in MLP_OPTIONS.items():
            if kind in main or name in few:
                yield f"mlp {kind} {name}", partial(mlp, cls, y, options)
    own = {
        "class_weight": {"class_weight": "balanced"},
        "class_weight dict": {"class_weight": {"a": 3.0}, "solver": "lbfgs"},
        "loss": {"loss": losses.CategoricalFocalCrossentropy(gamma=1.0)},
        "scoring": {"early_stopping": True, "scoring": "balanced_accuracy"},
    }
    for name, options in own.items():
        yield f"mlp classifier {name}", partial(mlp, MLPClassifier, NAMED, options)
    for loss, y in {"poisson": np.abs(VALUES[:, 0]), "huber": VALUES, "mae": VALUES}.items():
        yield f"mlp regressor {loss}", partial(mlp, MLPRegressor, y, {"loss": loss})
    for name, options in {"weights": {}, "lbfgs": {"solver": "lbfgs"}}.items():
        given = {"x": SPARSE, **options}
        yield f"mlp sparse {name}", partial(mlp, MLPClassifier, NAMED, given)
        yield f"mlp sparse numbers {name}", partial(mlp, MLPRegressor, VALUES, given)


@case
def mlp_given_validation(place: Place) -> dict[str, Any]:
    estimator = MLPClassifier((7,), max_iter=12, random_state=1, early_stopping=True)
    given = {"X_val": X[120:], "y_val": NAMED[120:], "sample_weight_val": WEIGHTS[120:]}
    return of_estimator(estimator.fit(X[:120], NAMED[:120], **given), X, NAMED)


@case
def mlp_partial_fit(place: Place) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for solver in ("adam", "sgd"):
        one = MLPClassifier((7,), solver=solver, random_state=2)
        two = MLPRegressor(hidden_layer_sizes=(7,), solver=solver, random_state=2)
        for i in range(4):
            rows = slice(40 * i, 40 * i + 40)
            one.partial_fit(X[rows], NAMED[rows], classes=["a", "b", "c"])
            two.partial_fit(X[rows], VALUES[rows])
        results[solver] = [of_estimator(one, X, NAMED), of_estimator(two, X, VALUES)]
        twin = pickle.loads(pickle.dumps(one))
        results[f"{solver} after pickle"] = of_estimator(twin.partial_fit(X, NAMED), X, NAMED)
    labels = MLPClassifier((7,), random_state=2)
    labels.partial_fit(X, MULTILABEL, classes=[0, 1]).partial_fit(X, MULTILABEL)
    results["multilabel"] = of_estimator(labels, X, MULTILABEL)
    return results


@case
def mlp_warm_start(place: Place) -> dict[str, Any]:
    results = {}
    for solver in ("adam", "sgd", "lbfgs"):
        one = MLPClassifier((7,), solver=solver, warm_start=True, max_iter=4, random_state=3)
        two = MLPRegressor(
            hidden_layer_sizes=(7,), solver=solver, warm_start=True, max_iter=4, random_state=3
        )
        for _ in range(3):
            one.fit(X, NAMED)
            two.fit(X, VALUES[:, 0])
        results[solver] = [of_estimator(one, X, NAMED), of_estimator(two, X, VALUES[:, 0])]
    return results


@case
def mlp_fit_twice(place: Place) -> dict[str, Any]:
    one = MLPClassifier((7,), max_iter=5, random_state=np.random.RandomState(7))
    results = [of_estimator(one.fit(X, NAMED), X, NAMED)]
    one.set_params(activation="tanh", solver="sgd")
    return {"fits": [*results, of_estimator(one.fit(X, BINARY), X, BINARY)]}


@case
def mlp_saved(place: Place) -> dict[str, Any]:
    one = MLPClassifier((7,), max_iter=5, random_state=5).fit(X, NAMED)
    one.model_.save(place.folder / "model.safetensors")
    loaded = annlib.load_model(place.before / "model.safetensors")
    return {"loaded": loaded.predict(X), **of_estimator(one, X, NAMED)}


@case
def searched(place: Place) -> dict[str, Any]:
    grid = {"alpha": [0.001, 1.0], "activation": ["relu", "tanh"]}
    search = GridSearchCV(MLPClassifier((5,), max_iter=5, random_state=0), grid, cv=3)
    search.fit(X, NAMED)
    scores = cross_val_score(
        MLPRegressor(hidden_layer_sizes=(5,), max_iter=5, random_state=0), X, VALUES
    )
    return {"scores": search.cv_results_["mean_test_score"], "folds": scores}


def build(n_features_in: int, n_outputs: int, output_activation: Any, units: int = 6) -> Sequential:
    return Sequential(
        [
            layers.Dense(units, "relu"),
            layers.Dropout(0.1),
            layers.Dense(n_outputs, output_activation),
        ]
    )


SEQUENTIAL_TARGETS: dict[str, tuple[bool, np.ndarray]] = {
    "three classes": (True, NAMED),
    "two classes": (True, BINARY),
    "multilabel": (True, MULTILABEL),
    "two columns": (True, TWO_COLUMNS),
    "numbers": (False, VALUES[:, 0]),
    "two numbers": (False, VALUES),
}


def sequential(kind: str, options: dict[str, Any], place: Place) -> dict[str, Any]:
    classifies, y = SEQUENTIAL_TARGETS[kind]
    options = copy.deepcopy(options)
    fit = options.pop("fit", {})
    arguments = {"epochs": 4, "random_state": 1, **options}
    estimator = (SequentialClassifier if classifies else SequentialRegressor)(**arguments)
    estimator.fit(X, y, **fit)
    scored = y if kind != "two columns" else None
    shown = of_estimator(estimator, X, scored)
    again = SequentialClassifier if classifies else SequentialRegressor
    warm = again(**{**arguments, "warm_start": True}).fit(X, y).fit(X, y)
    return {**shown, "warm": warm.predict(X)}


for _kind in SEQUENTIAL_TARGETS:
    for _name, _options in {
        "default": {},
        "built": {"model": build, "model__units": 5, "optimizer": "sgd", "batch_size": 20},
        "weighted": {
            "fit": {"sample_weight": WEIGHTS},
            "validation_split": 0.2,
            "dtype": "float64",
        },
    }.items():
        SPECIAL[f"sequential {_kind} {_name}"] = partial(sequential, _kind, _options)


@case
def sequential_of_a_model(place: Place) -> dict[str, Any]:
    stack = [layers.Dense(6, "relu", name="hidden"), layers.Dense(CLASSES, "softmax")]
    estimator = SequentialClassifier(
        Sequential(stack, seed=0),
        model__hidden__units=4,
        optimizer="adam",
        optimizer__learning_rate=0.02,
        metrics=["accuracy"],
        callbacks=[callbacks.EarlyStopping("loss", patience=1)],
        class_weight="balanced",
        epochs=5,
        random_state=0,
    )
    return of_estimator(estimator.fit(X, NAMED), X, NAMED)


@case
def hidden_layer_transformer(place: Place) -> dict[str, Any]:
    results = {}
    fitted_one = MLPClassifier((7, 4), max_iter=5, random_state=0).fit(X, NAMED)
    for name, transformer in {
        "classes": HiddenLayerTransformer(random_state=0),
        "mlp": HiddenLayerTransformer(
            MLPRegressor(hidden_layer_sizes=(6, 3), max_iter=4), layer=0, random_state=1
        ),
        "prefit": HiddenLayerTransformer(fitted_one, prefit=True),
    }.items():
        y = VALUES[:, 0] if name == "mlp" else NAMED
        results[name] = [
            transformer.fit(X, y).transform(X),
            list(transformer.get_feature_names_out()),
        ]
    return results


# -- texts, names and what looks into a model ------------------------------------------------------


def looked_at() -> dict[str, Sequential]:
    """Networks whose trace has most kinds of chapters."""
    deep = [layers.Dense(3, "relu"), layers.BatchNormalization(), layers.Dropout(0.2)]
    penalty = {"kernel_regularizer": "l2", "kernel_constraint": "non_neg"}
    normal = [layers.Dense(4, **penalty), layers.PReLU(), layers.LayerNormalization()]
    reshaped = [
        layers.Dense(4),
        layers.Reshape((2, 2)),
        layers.RMSNormalization(),
        layers.Flatten(),
    ]
    noisy = [layers.Rescaling(0.5), layers.GaussianNoise(0.1), layers.Dense(3, "softmax")]
    return {
        "plain": classifier(),
        "deep": classifier(*deep, dtype="float64", optimizer="sgd"),
        "normal": regressor(
            *normal, optimizer=optimizers.AdamW(0.01, clipnorm=1.0), metrics=["mae"]
        ),
        "reshaped": classifier(*reshaped, optimizer=optimizers.RMSprop(0.01, centered=True)),
        "noisy": classifier(*noisy, layers.AlphaDropout(0.1), optimizer=optimizers.Lamb(0.01)),
        "ema": regressor(optimizer=optimizers.SGD(0.1, momentum=0.9, nesterov=True, use_ema=True)),
    }


@case
def trace(place: Place) -> dict[str, Any]:
    numbers, texts = {}, {}
    for name, model in looked_at().items():
        y = VALUES if name in {"normal", "ema"} else LABELS
        model.fit(X, y, verbose=0)
        traced = model.trace(X[:5], y[:5], sample_weight=WEIGHTS[:5])
        texts[name] = str(traced)
        texts[f"{name} checked"] = str(traced.verify()) if hasattr(traced, "verify") else ""
        for form in ("to_markdown", "to_latex", "to_html"):
            if hasattr(traced, form):
                texts[f"{name} {form}"] = str(getattr(traced, form)())
        numbers[name] = [traced.gradients, traced.before, traced.after, model.get_weights()]
    return {"numbers": numbers, "texts": texts}


@case
def explained(place: Place) -> dict[str, Any]:
    texts: dict[str, str] = {}
    kinds = {family: family[:-1] for family in FAMILIES} | {"losses": "loss"}
    for family in FAMILIES:
        for name in getattr(annlib, family).__all__:
            part = getattr(getattr(annlib, family), name)
            if not (
                isinstance(part, type)
                and getattr(part, "_registered", getattr(part, "registered", False))
            ):
                continue
            try:
                explanation = annlib.explain(part, kinds[family])
            except annlib.AnnlibError as error:
                texts[f"{family} {name}"] = f"{type(error).__name__}: {error}"
            else:
                texts[f"{family} {name}"] = f"{explanation}\n{explanation.to_latex()}"
                texts[f"{family} {name} html"] = explanation._repr_html_()
    for part in [*ACTIVATIONS, *OPTIMIZERS, *REGULARIZERS, *(loss for loss, _, _ in LOSSES)]:
        texts[repr(part)] = str(annlib.explain(part))
    for stack in LAYERS:
        for layer in stack:
            texts[repr(layer)] = str(annlib.explain(layer))
    return {"texts": texts}


@case
def looked_into(place: Place) -> dict[str, Any]:
    texts, numbers = {}, {}
    dead = layers.Dense(8, "relu", bias_initializer=initializers.Constant(-9.0))
    for name, model, x, y in [
        ("well", classifier(), X, LABELS),
        ("dead", classifier(dead), X * 100, LABELS),
        ("scaled", regressor(optimizer=optimizers.SGD(10.0)), X, VALUES * 1000),
    ]:
        texts[f"checkup {name}"] = str(annlib.checkup(model, x, y))
        texts[f"gradcheck {name}"] = str(annlib.gradcheck(model, x, y))
        rates = annlib.lr_find(model, x, y, steps=20)
        texts[f"lr_find {name}"] = str(rates)
        model.fit(x, y, epochs=1, verbose=0)
        numbers[name] = [model.get_weights(), model.history.history]
    histories = {name: classifier().fit(X, LABELS, epochs=2, verbose=0) for name in ("a", "b")}
    texts["compare"] = str(annlib.compare(histories))
    return {"numbers": numbers, "texts": texts}


@case
def public_names(place: Place) -> dict[str, Any]:
    """Every name, and every class' and function's arguments with their defaults."""
    modules = (*FAMILIES, "datasets", "estimators", "formulas", "models", "tools", "tracing")
    described: dict[str, Any] = {"annlib": dict.fromkeys(annlib.__all__, "")}
    for name in modules:
        module = getattr(annlib, name)
        described[name] = {public: arguments(getattr(module, public)) for public in module.__all__}
    methods = ("fit", "evaluate", "predict", "compile", "save", "load_weights", "trace")
    described["Sequential"] = {n: arguments(getattr(Sequential, n)) for n in methods}
    (place.folder / "names.json").write_text(json.dumps(described, sort_keys=True))
    return {}


def arguments(thing: Any) -> dict[str, str]:
    if not callable(thing):
        return {}
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return {}
    plain = (bool, int, float, str, tuple, type(None))
    return {p.name: repr(p.default) if isinstance(p.default, plain) else "" for p in parameters}
