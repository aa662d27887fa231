"""Mistakes of beginners, and what each of them must be told.

A row is the mistake, what it says (the words that lead to the right thing), and whether it is
refused or, since it may be meant, warned of.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import annlib
from annlib import (
    HiddenLayerTransformer,
    Input,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    TabularClassifier,
    TabularRegressor,
    activations,
    callbacks,
    data,
    explain,
    export,
    layers,
    load_model,
    losses,
    metrics,
    optimizers,
    parallel,
    plots,
    utils,
)

Dense = layers.Dense

_rng = np.random.default_rng(0)
X = _rng.normal(size=(60, 4)).astype(np.float32)
VALUES = X[:, 0] - 0.5 * X[:, 1] + 0.1 * _rng.normal(size=60).astype(np.float32)
TWO, THREE = np.arange(60) % 2, np.arange(60) % 3
SPARSE, CROSS = "sparse_categorical_crossentropy", "binary_crossentropy"


class Mistake(NamedTuple):
    """What is done wrong, and the words that the message must have."""

    act: Callable[[], Any]
    says: tuple[str, ...]
    warns: bool = False


def model(*stack: Any, optimizer: Any = "adam", loss: Any = "mse", **more: Any) -> Sequential:
    made = Sequential([*(stack or (Dense(1),))], seed=0)
    made.compile(optimizer, loss, **more)
    return made


def fit(made: Sequential, x: Any = X, y: Any = VALUES, **more: Any) -> Any:
    return made.fit(x, y, verbose=0, **more)


def trained(made: Sequential | None = None, y: Any = VALUES) -> Sequential:
    made = model() if made is None else made
    fit(made, y=y)
    return made


def softmax(units: int = 3, **more: Any) -> Sequential:
    return model(Dense(units, "softmax"), **{"loss": SPARSE, **more})


def sigmoid(units: int = 1, **more: Any) -> Sequential:
    return model(Dense(units, "sigmoid"), **{"loss": CROSS, **more})


MISTAKES: dict[str, Mistake] = {
    # -- labels, outputs and losses
    "labels for mse": Mistake(
        lambda: fit(softmax(loss="mse"), y=THREE), (SPARSE, "(n, 3)", "(60,)")
    ),
    "labels for one-hot": Mistake(
        lambda: fit(softmax(loss="categorical_crossentropy"), y=THREE), (SPARSE,)
    ),
    "one-hot for labels": Mistake(
        lambda: fit(softmax(), y=np.eye(3)[THREE]), ("categorical_crossentropy",)
    ),
    "three classes in one sigmoid": Mistake(
        lambda: fit(sigmoid(), y=THREE), ("3 units", "softmax", SPARSE)
    ),
    "labels for two sigmoids": Mistake(lambda: fit(sigmoid(2), y=TWO), (SPARSE, "1 unit")),
    "labels for two softmax": Mistake(lambda: fit(softmax(2, loss=CROSS), y=TWO), (SPARSE,)),
    "labels of -1 and 1": Mistake(lambda: fit(sigmoid(), y=2 * TWO - 1), ("as 0 and 1",)),
    "labels from 1": Mistake(lambda: fit(softmax(), y=THREE + 1), ("re-code y from 0", "4 units")),
    "labels with halves": Mistake(lambda: fit(softmax(), y=THREE + 0.5), ("LabelEncoder",)),
    "labels as texts": Mistake(
        lambda: fit(softmax(), y=np.array(["a", "b", "c"])[THREE]), ("LabelEncoder", "text")
    ),
    "three units for one value": Mistake(lambda: fit(model(Dense(3))), ("1 unit",)),
    "softmax of one unit": Mistake(
        lambda: fit(softmax(1, loss=CROSS), y=TWO), ("sigmoid", CROSS), warns=True
    ),
    "sigmoid for labels": Mistake(
        lambda: fit(sigmoid(3, loss=SPARSE), y=THREE), ('activation="softmax"',), warns=True
    ),
    "no activation for probabilities": Mistake(
        lambda: model(Dense(3), loss=SPARSE), ('"softmax"', "from_logits=True"), warns=True
    ),
    "softmax of a softmax": Mistake(
        lambda: softmax(loss=losses.SparseCategoricalCrossentropy(from_logits=True)),
        ("Leave out from_logits=True",),
    ),
    "targets of millions": Mistake(
        lambda: fit(model(), y=1e5 * VALUES + 2e6), ("TransformedTargetRegressor",), warns=True
    ),
    "sorted labels held out": Mistake(
        lambda: fit(softmax(), y=np.sort(THREE), validation_split=0.2),
        ("sorted by class", "Shuffle"),
        warns=True,
    ),
    "batches of one row": Mistake(
        lambda: fit(model(Dense(3), layers.BatchNormalization(), Dense(1)), batch_size=1),
        ("batch_normalization", "batch_size"),
        warns=True,
    ),
    "a last batch of one row": Mistake(
        lambda: fit(model(Dense(3), layers.BatchNormalization(), Dense(1)), X[:33], VALUES[:33]),
        ("batch_normalization", "drop_last=True"),
        warns=True,
    ),
    # -- numbers that cannot be meant
    "validation_split in per cent": Mistake(lambda: fit(model(), validation_split=20), ("0.2?",)),
    "dropout in per cent": Mistake(lambda: layers.Dropout(20), ("0.2?",)),
    "half an epoch": Mistake(lambda: fit(model(), epochs=1.5), ("an integer",)),
    "batches of no row": Mistake(lambda: fit(model(), batch_size=0), ("an integer >= 1",)),
    "a negative rate": Mistake(lambda: optimizers.Adam(-1), ("learning_rate", ">= 0")),
    "a rate as text": Mistake(lambda: optimizers.Adam("0.1"), ("a number",)),
    "units as text": Mistake(lambda: Dense("relu"), ("units", "an integer >= 1")),
    "half a unit": Mistake(lambda: Dense(2.5), ("an integer >= 1",)),
    "no units": Mistake(lambda: Dense(), ("units", "Dense(units=...)")),
    "an input of a number": Mistake(lambda: Input(4), ("(n,)",)),
    "a number for a regularizer": Mistake(
        lambda: Dense(1, kernel_regularizer=0.01), ("annlib.regularizers",)
    ),
    "verbose as a word": Mistake(lambda: model().fit(X, VALUES, verbose="loud"), ("0, 1, 2",)),
    "shuffle as a word": Mistake(lambda: fit(model(), shuffle="yes"), ("True, False",)),
    # -- misspelt names
    "optimizer Adma": Mistake(lambda: model(optimizer="Adma"), ('Did you mean "adam"?',)),
    "loss": Mistake(lambda: model(loss="mean_square_error"), ('"mean_squared_error"?',)),
    "loss cross_entropy": Mistake(lambda: model(loss="cross_entropy"), (SPARSE,)),
    "loss log_loss": Mistake(lambda: model(loss="log_loss"), (CROSS,)),
    "metric f1": Mistake(lambda: model(metrics=["f1"]), ('"f1_score"?',)),
    "metric acuracy": Mistake(lambda: model(metrics=["acuracy"]), ('"accuracy"?',)),
    "metric r2": Mistake(lambda: model(metrics=["r2"]), ('"r2_score"?',)),
    "metric rmse": Mistake(lambda: model(metrics=["rmse"]), ('"root_mean_squared_error"?',)),
    "metric precision_score": Mistake(
        lambda: model(metrics=["precision_score"]), ('"precision"?',)
    ),
    "metrics as text": Mistake(lambda: model(metrics=3), ('metrics=["accuracy"]',)),
    "activation rleu": Mistake(lambda: Dense(1, "rleu"), ('"relu"?',)),
    "activation logistic": Mistake(lambda: Dense(1, "logistic"), ('"sigmoid"?',)),
    "initializer xavier": Mistake(
        lambda: Dense(1, kernel_initializer="xavier"), ('"glorot_uniform"?',)
    ),
    "regularizer l3": Mistake(lambda: Dense(1, kernel_regularizer="l3"), ("l1", "l2")),
    "monitor val_acc": Mistake(
        lambda: fit(model(), validation_split=0.2, callbacks=[callbacks.EarlyStopping("val_acc")]),
        ("val_loss",),
    ),
    "monitor without validation": Mistake(
        lambda: fit(model(), callbacks=[callbacks.EarlyStopping()]), ("validation data",)
    ),
    "explain sofmax": Mistake(lambda: explain("sofmax"), ('"softmax"?',)),
    "explain a callback": Mistake(lambda: explain("EarlyStoping"), ('"early_stopping"?',)),
    "explain an initializer": Mistake(lambda: explain("glorot_uniforn"), ('"glorot_uniform"?',)),
    "annlib.Sequental": Mistake(lambda: annlib.Sequental, ('"Sequential"?',)),
    "layers.Desne": Mistake(lambda: layers.Desne, ('"Dense"?',)),
    "activations.rleu": Mistake(lambda: activations.rleu, ('"ReLU"?',)),
    "metrics.Acuracy": Mistake(lambda: metrics.Acuracy, ('"Accuracy"?',)),
    # -- misspelt arguments
    **{
        f"{name} of {where}": Mistake(act, (f'"{meant}"?',))
        for name, where, meant, act in (
            ("lr", "Adam", "learning_rate", lambda: optimizers.Adam(lr=0.1)),
            ("eps", "Adam", "epsilon", lambda: optimizers.Adam(eps=0.1)),
            ("activaton", "Dense", "activation", lambda: Dense(3, activaton="relu")),
            ("init", "Dense", "kernel_initializer", lambda: Dense(3, init="uniform")),
            ("output_dim", "Dense", "units", lambda: Dense(output_dim=3)),
            ("W_regularizer", "Dense", "kernel_regularizer", lambda: Dense(3, W_regularizer="l2")),
            ("p", "Dropout", "rate", lambda: layers.Dropout(p=0.2)),
            ("patient", "EarlyStopping", "patience", lambda: callbacks.EarlyStopping(patient=3)),
            ("nb_epoch", "fit", "epochs", lambda: fit(model(), nb_epoch=3)),
            ("epoch", "fit", "epochs", lambda: fit(model(), epoch=3)),
            ("batchsize", "fit", "batch_size", lambda: fit(model(), batchsize=3)),
            ("val_split", "fit", "validation_split", lambda: fit(model(), val_split=0.1)),
            ("batchsize", "predict", "batch_size", lambda: model().predict(X, batchsize=3)),
            ("batchsize", "evaluate", "batch_size", lambda: model().evaluate(X, batchsize=3)),
            ("optimiser", "compile", "optimizer", lambda: Sequential().compile(optimiser="sgd")),
            ("metric", "compile", "metrics", lambda: Sequential().compile(metric=["mae"])),
            ("criterion", "compile", "loss", lambda: Sequential().compile(criterion="mse")),
            ("layer", "Sequential", "layers", lambda: Sequential(layer=[])),
            ("path", "save", "filepath", lambda: model().save(path="x")),
            (
                "hidden_layers",
                "MLPClassifier",
                "hidden_layer_sizes",
                lambda: MLPClassifier(hidden_layers=(3,)),
            ),
            ("lr", "MLPClassifier", "learning_rate_init", lambda: MLPClassifier(lr=0.1)),
            ("epochs", "MLPRegressor", "max_iter", lambda: MLPRegressor(epochs=3)),
            ("epoch", "TabularRegressor", "epochs", lambda: TabularRegressor(epoch=3)),
            ("member", "TabularClassifier", "members", lambda: TabularClassifier(member=3)),
            (
                "hiden_layer_sizes",
                "MLPClassifier",
                "hidden_layer_sizes",
                lambda: MLPClassifier(hiden_layer_sizes=3),
            ),
            ("x", "TabularClassifier.fit", "X", lambda: TabularClassifier().fit(x=X, y=TWO)),
            (
                "sample_weights",
                "MLPClassifier.fit",
                "sample_weight",
                lambda: MLPClassifier().fit(X, TWO, sample_weights=X),
            ),
            (
                "coverge",
                "predict_interval",
                "coverage",
                lambda: TabularRegressor().predict_interval(X, coverge=0.9),
            ),
            (
                "esimator",
                "HiddenLayerTransformer",
                "estimator",
                lambda: HiddenLayerTransformer(esimator=3),
            ),
            (
                "custom_object",
                "load_model",
                "custom_objects",
                lambda: load_model("x", custom_object={}),
            ),
            ("identifer", "optimizers.get", "identifier", lambda: optimizers.get(identifer="sgd")),
            ("y_tru", "a loss", "y_true", lambda: losses.MeanSquaredError()(y_tru=1, y_pred=1)),
            ("filpath", "export.onnx", "filepath", lambda: export.onnx(model(), filpath="x.onnx")),
            ("worker", "PyDataset", "workers", lambda: utils.PyDataset(worker=2)),
            (
                "num_clases",
                "to_categorical",
                "num_classes",
                lambda: utils.to_categorical([0], num_clases=2),
            ),
            ("axs", "first_layer", "ax", lambda: plots.first_layer(model(), axs=None)),
            (
                "grids",
                "parallel.search",
                "grid",
                lambda: parallel.search(MLPClassifier(), grids={}),
            ),
            (
                "lr",
                "optimizer__lr",
                "learning_rate",
                lambda: MLPClassifier(optimizer__lr=0.1).fit(X, TWO),
            ),
        )
    },
    "an argument of a class that has none": Mistake(
        lambda: activations.SELU(alpha=1), ('got "alpha"', "Known: none")
    ),
    "max_iter of fit": Mistake(
        lambda: MLPClassifier().fit(X, TWO, epochs=3), ("MLPClassifier(max_iter=...)",)
    ),
    "metrics of fit": Mistake(
        lambda: fit(model(), metrics=["mae"]), ("an argument of compile(metrics=...)",)
    ),
    "too many by position": Mistake(
        lambda: TabularRegressor("fast", 3), ("at most 1 argument by position (preset)", "by name")
    ),
    "no y for an estimator": Mistake(lambda: TabularRegressor().fit(X), (".fit(X, y=...)",)),
    "no data for checkup": Mistake(
        lambda: annlib.checkup(model()), ("checkup(model, x=..., y=...)",)
    ),
    "fit of a class": Mistake(lambda: TabularRegressor.fit(X, VALUES), ("Make one first",)),
    # -- what is the name of another thing
    "a loss for an optimizer": Mistake(
        lambda: Sequential([Dense(1)]).compile("mse", "adam"), ("the name of a loss",)
    ),
    "an activation for a loss": Mistake(lambda: model(loss="relu"), ("the name of an activation",)),
    "annlib.Adam": Mistake(lambda: annlib.Adam, ("annlib.optimizers.Adam?",)),
    "annlib.save_model": Mistake(lambda: annlib.save_model, ("annlib.models.save_model?",)),
    "a name for a callback": Mistake(
        lambda: fit(model(), callbacks=["EarlyStoping"]), ("callbacks.get", '"early_stopping"?')
    ),
    "a hook of other arguments": Mistake(
        lambda: callbacks.LambdaCallback(on_epoch_end=lambda: None), ("(epoch, logs)",)
    ),
    # -- what objects do not have
    "history[...]": Mistake(lambda: fit(model())["loss"], ("history.history['loss']",)),
    "evaluate of an estimator": Mistake(lambda: MLPClassifier().evaluate(X, TWO), ("score(X, y)",)),
    "compile of an estimator": Mistake(lambda: MLPClassifier().compile("sgd"), ("constructor",)),
    "an attribute before fit": Mistake(lambda: MLPClassifier().classes_, ("call fit first",)),
    "coef_ of an estimator": Mistake(
        lambda: MLPRegressor().partial_fit(X, VALUES).coef_,
        ('"coefs_"?',),
    ),
    "predict_classes": Mistake(lambda: trained().predict_classes(X), ("argmax",)),
    "predict_proba": Mistake(lambda: trained().predict_proba(X), ("SequentialClassifier",)),
    "score": Mistake(lambda: trained().score(X, VALUES), ("evaluate", "SequentialClassifier")),
    "fit_generator": Mistake(lambda: model().fit_generator, ("generator",)),
    "coefs_": Mistake(lambda: trained().coefs_, ("get_weights",)),
    "model.optimiser": Mistake(lambda: model().optimiser, ('"optimizer"?',)),
    "optimizer.lr": Mistake(lambda: model().optimizer.lr, ('"learning_rate"?',)),
    "optimizer.lr =": Mistake(
        lambda: setattr(model().optimizer, "lr", 0.1), (".learning_rate = 0.1",)
    ),
    "kernel of a layer that is not built": Mistake(lambda: Dense(3).kernel, ("build",)),
    "weights of a model that is not built": Mistake(
        lambda: Sequential([Dense(1)]).get_weights(), ("build",)
    ),
    # -- what is out of scope
    "Conv2D": Mistake(lambda: layers.Conv2D(3, 3), ("out of scope", "Flatten")),
    "LSTM": Mistake(lambda: layers.LSTM(3), ("out of scope", "Flatten")),
    "Model": Mistake(lambda: annlib.Model(), ("out of scope", "Sequential([")),
    "a layer of an Input": Mistake(lambda: Dense(3)(Input((4,))), ("Sequential([",)),
    # -- classes, lists and functions
    "layers side by side": Mistake(lambda: Sequential(Dense(3), Dense(1)), ("Sequential([...])",)),
    "a class for a layer": Mistake(lambda: Sequential([Dense]), ("not a class",)),
    "a name for a layer": Mistake(lambda: Sequential(["relu"]), ("not a class or a name",)),
    "a class for a callback": Mistake(
        lambda: fit(model(), callbacks=[callbacks.EarlyStopping]), ("Callback objects",)
    ),
    "a NumPy function for an activation": Mistake(
        lambda: Dense(3, activation=np.tanh), ('"tanh"', "(function, derivative)")
    ),
    "a function for an activation": Mistake(
        lambda: Dense(3, activation=lambda z: z**2), ("(function, derivative)",)
    ),
    "a function for a loss": Mistake(
        lambda: model(loss=lambda y, a: np.mean((y - a) ** 2)), ("(fn, gradient)",)
    ),
    # -- files
    "a file that is not there": Mistake(
        lambda: load_model(Path(__file__).with_name("mistake.py")), ('"mistakes.py"?',)
    ),
    "a folder that is not there": Mistake(
        lambda: trained().save(Path(__file__).parent / "none" / "x.annlib"), ("os.makedirs",)
    ),
    "a folder for a file": Mistake(lambda: load_model(Path(__file__).parent), ("a folder",)),
    # -- pictures
    "a few quantiles": Mistake(
        lambda: plots.plot_spread([1, 2], np.zeros((2, 5)), "size"), ("(2, 7)", "(2, 5)")
    ),
    "a line too many": Mistake(
        lambda: plots.plot_layers([1], np.zeros((1, 3)), ["a", "b"], "size"), ("(1, 2)", "(1, 3)")
    ),
    "images of two channels": Mistake(
        lambda: plots.mistakes(trained(sigmoid(), TWO), np.zeros((2, 4, 4, 2)), [0, 1]),
        ("1, 3 or 4 channels",),
    ),
    "labels of some rows": Mistake(
        lambda: plots.confusion_matrix(trained(sigmoid(), TWO), X, TWO[:3]),
        ("plots.confusion_matrix", "each row of 60", "of 3"),
    ),
    # -- states
    "half a state": Mistake(
        lambda: optimizers.SGD().check_state({"calls": 1}), ("calls, learning_rate", "get_state")
    ),
    "no state of a metric": Mistake(lambda: metrics.AUC().check_state({}), ("state of auc",)),
    "loaded batches of no row": Mistake(
        lambda: data.ArrayLoader(X, batch_size=0, dtype="f4", target_dtype="f4"), (">= 1",)
    ),
    # -- data
    "fit before compile": Mistake(lambda: Sequential([Dense(1)]).fit(X, VALUES), ("compile(",)),
    "no y": Mistake(lambda: model().fit(X), ("y",)),
    "x and y of two lengths": Mistake(lambda: fit(model(), y=VALUES[:50]), ("60", "50")),
    "NaN in x": Mistake(
        lambda: fit(model(), np.where(X > 2, np.nan, X)), ("SimpleImputer", "column 3")
    ),
    "NaN in y": Mistake(
        lambda: fit(model(), y=np.where(VALUES > 1, np.nan, VALUES)), ("SimpleImputer",)
    ),
    "None in x": Mistake(
        lambda: fit(model(), [[1.0, None], [2.0, 3.0]], [0, 1]),
        ("row 0, column 1", "SimpleImputer"),
    ),
    "texts in x": Mistake(
        lambda: fit(model(), np.array([["1", "a"], ["2", "b"]]), [0, 1]),
        ("Column 1 holds texts", "OneHotEncoder"),
    ),
    "numbers as texts in x": Mistake(
        lambda: fit(model(), np.array([["1", "3"], ["2", "4"]]), [0, 1]), (".astype(float)",)
    ),
    "objects in x": Mistake(
        lambda: fit(model(), np.array([[1.0, "a"], [2.0, "b"]], object), [0, 1]),
        ("column 1", "'a'", "OneHotEncoder"),
    ),
    "texts in a frame": Mistake(
        lambda: fit(model(), pd.DataFrame({"age": [1, 2], "town": ["x", "y"]}), [0, 1]),
        ('x["town"]', "OneHotEncoder"),
    ),
    "dates in x": Mistake(
        lambda: fit(model(), np.array([["2026-01-01"], ["2026-01-02"]], "M8[D]"), [0, 1]),
        ("dates", "days"),
    ),
    "two inputs": Mistake(lambda: fit(model(), [X, X]), ("np.column_stack",)),
    "a dict of columns": Mistake(lambda: fit(model(), {"a": X}), ("np.column_stack",)),
    "one number a row": Mistake(lambda: fit(model(), [1, 2, 3], [1, 2, 3]), ("reshape(-1, 1)",)),
    "no rows": Mistake(lambda: fit(model(), X[:0], VALUES[:0]), ("at least one row",)),
    "other columns to predict": Mistake(lambda: trained().predict(X[:, :3]), ("(n, 4)",)),
    "one row to predict": Mistake(lambda: trained().predict(X[0]), ("reshape(1, -1)",)),
    "images": Mistake(lambda: fit(model(), np.zeros((20, 5, 5)), np.zeros(20)), ("Flatten",)),
    "codes beyond an embedding": Mistake(
        lambda: fit(model(layers.Embedding(3, 2), layers.Flatten(), Dense(1)), THREE[:, None] + 2),
        ("larger input_dim",),
    ),
    "numbers for an embedding": Mistake(
        lambda: fit(model(layers.Embedding(3, 2), layers.Flatten(), Dense(1))),
        ("OrdinalEncoder",),
    ),
    "validation_data without y": Mistake(
        lambda: fit(model(), validation_data=X), ("a tuple (x, y)",)
    ),
    "validation_data of other columns": Mistake(
        lambda: fit(model(), validation_data=(X[:, :2], VALUES)), ("(n, 4)",)
    ),
    "weights of a class that is not there": Mistake(
        lambda: fit(softmax(), y=THREE, class_weight={0: 1, 7: 2}), ("a weight for 7",)
    ),
    "sample_weight of another length": Mistake(
        lambda: fit(model(), sample_weight=np.ones(3)), ("(60,)", "(3,)")
    ),
    "weights of other shapes": Mistake(
        lambda: trained().set_weights([np.ones(3)]), ("2 arrays", "dense/kernel")
    ),
}
