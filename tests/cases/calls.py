"""One right call of everything public, for the sweep of nonsense through its arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import annlib
from annlib import (
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    TabularClassifier,
    TabularRegressor,
    activations,
    callbacks,
    config,
    constraints,
    data,
    datasets,
    export,
    formulas,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    parallel,
    plots,
    regularizers,
    schedules,
    testing,
    tools,
    tracing,
    utils,
)
from annlib.core.constructors import constructor_arguments
from cases import ALL, TABLES, targets_and_predictions
from cases.row import Row

N = 12
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 4)).astype(np.float32)
CLASSES, NUMBERS = np.arange(N) % 3, rng.normal(size=N)


class Call(NamedTuple):
    """A function, arguments that are right, and what a refusal must leave as it was."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    state: Callable[[], Any] = lambda: None

    def names(self) -> list[str]:
        """The arguments that can be passed by name."""
        parameters = inspect.signature(self.function).parameters.values()
        several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        own = [p.name for p in parameters if p.kind not in several]
        return list(dict.fromkeys([*own, *self.arguments]))


#: What makes a call anew, by its name in a test.
Maker = Callable[[], Call]


def trained(width: int = 4) -> Sequential:
    model = Sequential([layers.Dense(3, "softmax")], seed=0)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(X[:, :width], CLASSES, verbose=0)
    return model


def state_of(model: Sequential) -> Any:
    """Everything of a model that a refused call must leave as it was."""
    optimizer = model.optimizer
    return (
        model.built,
        model.compiled,
        [(id(layer), layer.name) for layer in model.layers],
        [weight.tobytes() for weight in model.weights],
        optimizer and (id(optimizer), optimizer.iterations, optimizer.state.tobytes()),
        repr(model._network.streams.state()),
        id(model.loss),
        [(id(metric), str(metric.get_state())) for metric in model.metrics],
        model.history and (id(model.history), str(model.history.history)),
    )


def _of_model(method: str, arguments: Callable[[Sequential], dict[str, Any]], **make: Any) -> Call:
    model = trained()
    return Call(getattr(model, method), arguments(model), lambda: state_of(model))


def _of_unbuilt_model() -> Call:
    model = Sequential([layers.Dense(2)], seed=0)
    return Call(model.build, {"input_shape": (None, 4)}, lambda: state_of(model))


def _saved(method: str, path: str) -> str:
    getattr(trained(), method)(path)
    return path


OF_MODELS: dict[str, Callable[[Sequential], dict[str, Any]]] = {
    "fit": lambda _: {"x": X, "y": CLASSES, "verbose": 0},
    "evaluate": lambda _: {"x": X, "y": CLASSES},
    "predict": lambda _: {"x": X},
    "initialize_from_data": lambda _: {"x": X, "rows": 5, "points": 2, "output": False},
    "train_on_batch": lambda _: {"x": X, "y": CLASSES},
    "test_on_batch": lambda _: {"x": X, "y": CLASSES},
    "predict_on_batch": lambda _: {"x": X},
    "__call__": lambda _: {"x": X},
    "compile": lambda _: {"optimizer": "sgd", "loss": "mse"},
    "compile_from_config": lambda model: {"config": model.get_compile_config()},
    "add": lambda _: {"layer": layers.Dense(2)},
    "compute_output_shape": lambda _: {"input_shape": (None, 4)},
    "get_layer": lambda _: {"index": 0},
    "export": lambda _: {"filepath": "other.onnx"},
    "save": lambda _: {"filepath": "other.annlib"},
    "save_weights": lambda _: {"filepath": "other.safetensors"},
    "load_weights": lambda _: {"filepath": _saved("save_weights", "model.safetensors")},
    "set_weights": lambda model: {"weights": model.get_weights()},
    "summary": lambda _: {"print_fn": len},
    "trace": lambda _: {"x": X, "y": CLASSES},
    "from_config": lambda model: {"config": model.get_config()},
}


def _metric(row: Row) -> Call:
    metric = row.make()
    if "values" in inspect.signature(metric.update_state).parameters:
        arguments = {"values": NUMBERS}
    else:
        drawn = targets_and_predictions(row, 6, 3, np.random.default_rng(0))
        arguments = dict(zip(("y_true", "y_pred"), drawn, strict=True))
    return Call(metric.update_state, arguments, lambda: str(metric.get_state()))


def _loss(row: Row) -> Call:
    drawn = targets_and_predictions(row, 6, 3, np.random.default_rng(0))
    return Call(row.make().__call__, dict(zip(("y_true", "y_pred"), drawn, strict=True)))


def _layer_weights(row: Row) -> Call:
    model = Sequential([row.make()], seed=0)
    model.build((None, *getattr(row, "shapes", [(5,)])[0]))
    layer = model.layers[0]
    weights = layer.get_weights()
    return Call(layer.set_weights, {"weights": weights}, lambda: str(layer.get_weights()))


ESTIMATORS: dict[str, tuple[Callable[[], Any], np.ndarray]] = {
    "MLPClassifier": (lambda: MLPClassifier(hidden_layer_sizes=(3,), max_iter=1), CLASSES),
    "MLPRegressor": (lambda: MLPRegressor(hidden_layer_sizes=(3,), max_iter=1), NUMBERS),
    "SequentialClassifier": (
        lambda: SequentialClassifier(Sequential([layers.Dense(3, "softmax")]), epochs=1),
        CLASSES,
    ),
    "SequentialRegressor": (
        lambda: SequentialRegressor(Sequential([layers.Dense(1)]), epochs=1),
        NUMBERS,
    ),
    "HiddenLayerTransformer": (
        lambda: HiddenLayerTransformer(
            SequentialRegressor(Sequential([layers.Dense(3), layers.Dense(1)]), epochs=1)
        ),
        NUMBERS,
    ),
    "TabularClassifier": (lambda: TabularClassifier(epochs=1, members=1), CLASSES),
    "TabularRegressor": (lambda: TabularRegressor(epochs=1, members=1), NUMBERS),
}
OF_ESTIMATORS = (
    *("fit", "partial_fit", "predict", "score", "predict_proba", "predict_log_proba"),
    *("decision_function", "transform", "get_params"),
    *("predict_interval", "contributions", "summary"),
)


def _parameters(name: str, method: str) -> Call:
    """The constructor of an estimator, whose arguments its fit checks, and then its fit."""
    make, y = ESTIMATORS[name]

    def call(**parameters: Any) -> Any:
        estimator = make().set_params(**parameters)
        first = method == "partial_fit" and "Classifier" in name
        return getattr(estimator, method)(X, y, **({"classes": [0, 1, 2]} if first else {}))

    own = make().get_params(deep=False)
    return Call(call, {key: own[key] for key in own if not key.startswith("random_state")})


def _of_estimator(name: str, method: str) -> Call:
    make, y = ESTIMATORS[name]
    estimator = make().fit(X, y)
    arguments = {"X": X, "y": y} if method in ("fit", "partial_fit", "score") else {"X": X}
    more = {"predict_interval": {"coverage": 0.9}, "contributions": {"orders": 1}}.get(method, {})
    model = getattr(estimator, "model_", None)
    return Call(
        getattr(estimator, method),
        {} if method in ("get_params", "summary") else arguments | more,
        lambda: model and state_of(model),
    )


def _axes() -> Any:
    import matplotlib.pyplot as plt

    plt.close("all")
    return plt.figure().add_subplot()


def _plot(function: Callable[..., Any], **arguments: Any) -> Call:
    return Call(function, {**arguments, "ax": _axes()})


@cache
def _tabular() -> TabularRegressor:
    return TabularRegressor(epochs=1, members=1, random_state=0).fit(X, NUMBERS)


def _doctor(method: str) -> Call:
    doctor = callbacks.Doctor(1)
    trained().fit(X, CLASSES, verbose=0, callbacks=[doctor])
    return Call(getattr(doctor, method), {"ax": None})


def _trace(method: str, **arguments: Any) -> Call:
    return Call(getattr(trained().trace(X[:2], CLASSES[:2]), method), arguments)


def _register(names: Any) -> None:
    layers.register(names)(type("Another", (layers.Identity,), {}))


def _exclude(**names: Any) -> None:
    optimizers.AdamW().exclude_from_weight_decay(**names)


def _adapted(make: Callable[[], Any], data: Any) -> Call:
    layer = make()
    return Call(layer.adapt, {"data": data}, lambda: str(layer.get_config()))


def _lookup(cls: type, terms: list[Any]) -> Call:
    layer = cls(vocabulary=terms[:1])
    return Call(layer.set_vocabulary, {"vocabulary": terms}, layer.get_vocabulary)


def _rows() -> dict[str, Any]:
    np.save("rows.npy", X)
    return {"paths": "row*.npy"}


def _files() -> dict[str, Any]:
    return {"model": trained(), **_rows(), "folder": "predictions"}


def _array() -> dict[str, Any]:
    array = pytest.importorskip("dask.array")
    return {"model": trained(), "x": array.from_array(X, chunks=(5, 4)), "method": "predict"}


@cache
def _client() -> Any:
    """A cluster within the process, for calls alone."""
    kind = pytest.importorskip("distributed").Client
    within = {"processes": False, "n_workers": 1, "threads_per_worker": 1}
    return kind(**within, dashboard_address=None, set_as_default=False)


def _of_dask(method: str, *, regression: bool = False, **arguments: Any) -> Call:
    x = pytest.importorskip("dask.array").from_array(X, chunks=(5, 4))
    cls = parallel.DaskMLPRegressor if regression else parallel.DaskMLPClassifier
    net = cls(hidden_layer_sizes=(2,), max_iter=1, random_state=0)
    net.client = _client()
    net.fit(x, NUMBERS if regression else CLASSES)
    return Call(getattr(net, method), {"X": x, **arguments}, lambda: state_of(net.model_))


def _search() -> dict[str, Any]:
    net = MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, random_state=0)
    grid = {"alpha": [0.1, 1.0]}
    return {"estimator": net, "grid": grid, "X": X, "y": NUMBERS, "client": _client()}


def _file() -> dict[str, Any]:
    Path("rows.csv").write_text("1,2")
    return {"fname": "rows.csv", "origin": Path("rows.csv").absolute().as_uri(), "cache_dir": "."}


def _saving(name: str) -> Call:
    make, y = ESTIMATORS[name]
    return Call(make().fit(X, y).save, {"path": "other.safetensors"})


def _saved_estimator() -> str:
    ESTIMATORS["MLPRegressor"][0]().fit(X, NUMBERS).save("net.safetensors")
    return "net.safetensors"


GETTERS = {
    activations: "relu",
    callbacks: "history",
    constraints: "non_neg",
    initializers: "zeros",
    layers: "flatten",
    losses: "mse",
    metrics: "mae",
    optimizers: "adam",
    regularizers: "l2",
    schedules: schedules.CosineDecay(0.1, 10),
}


def _calls() -> dict[str, Maker]:
    found: dict[str, Maker] = {}
    for row in {row.cls: row for row in ALL}.values():
        names = list(constructor_arguments(row.cls))
        given = dict(zip(names, row.arguments, strict=False)) | row.keywords
        found[f"{row.cls.__module__}.{row.cls.__name__}"] = partial(Call, row.cls, given)
    for method, arguments in OF_MODELS.items():
        found[f"Sequential.{method}"] = partial(_of_model, method, arguments)
    found["Sequential.build"] = _of_unbuilt_model
    found["Sequential"] = lambda: Call(Sequential, {"layers": [layers.Dense(2)]})
    found["clone_model"] = lambda: Call(annlib.clone_model, {"model": trained()})
    found["save_model"] = lambda: Call(
        models.save_model, {"model": trained(), "filepath": "other.annlib"}
    )
    found["load_model"] = lambda: Call(annlib.load_model, {"path": _saved("save", "model.annlib")})
    found["model_from_json"] = lambda: Call(models.model_from_json, {"text": trained().to_json()})
    for family, rows in TABLES.items():
        for row in {row.cls: row for row in rows}.values():
            name = f"{family} {row.cls.__name__}"
            if not getattr(row, "holds_functions", False):
                found[f"{name}.from_config"] = lambda row=row: Call(
                    row.cls.from_config, {"config": row.make().get_config()}
                )
            if family == "activation":
                found[f"{name}()"] = lambda row=row: Call(row.make().__call__, {"x": X})
            elif family == "initializer":
                found[f"{name}()"] = lambda row=row: Call(row.make().__call__, {"shape": (2, 2)})
            elif family == "loss":
                found[f"{name}()"] = partial(_loss, row)
            elif family == "metric":
                found[f"{name}.update_state"] = partial(_metric, row)
            elif family == "layer" and row.cls is not layers.Input:
                found[f"{name}.set_weights"] = partial(_layer_weights, row)
    for module, known in GETTERS.items():
        found[f"{module.__name__}.get"] = lambda module=module, known=known: Call(
            module.get, {"identifier": known}
        )
    found["register"] = lambda: Call(_register, {"names": "another"})
    found["exclude_from_weight_decay"] = lambda: Call(
        _exclude, {"var_list": [], "var_names": ["bias"]}
    )
    found["add_weight"] = lambda: Call(layers.Dense(2).add_weight, {"name": "w", "shape": (2,)})
    found["adapt"] = lambda: Call(layers.Normalization().adapt, {"data": X})
    found["Discretization.adapt"] = partial(_adapted, lambda: layers.Discretization(num_bins=3), X)
    found["RobustScaling.adapt"] = partial(_adapted, layers.RobustScaling, X)
    found["PiecewiseLinearEncoding.adapt"] = partial(_adapted, layers.PiecewiseLinearEncoding, X)
    found["StringLookup.adapt"] = partial(_adapted, layers.StringLookup, ["b", "a"])
    found["IntegerLookup.adapt"] = partial(_adapted, layers.IntegerLookup, [[1, 2], [2, 1]])
    found["Columns.adapt"] = partial(
        _adapted, lambda: layers.Columns([(layers.Normalization(), [0, 1])], "drop"), X
    )
    for lookup, terms in ((layers.StringLookup, ["b", "a"]), (layers.IntegerLookup, [2, 1])):
        found[f"{lookup.__name__}.set_vocabulary"] = partial(_lookup, lookup, terms)
    found["get_vocabulary"] = lambda: Call(
        layers.StringLookup(vocabulary=["a"]).get_vocabulary, {"include_special_tokens": False}
    )
    found["clear_session"] = lambda: Call(utils.clear_session, {"free_memory": True})
    found["get_file"] = lambda: Call(utils.get_file, _file())
    found["mean_squared_error"] = lambda: Call(
        losses.mean_squared_error.__call__, {"y_true": [[0.0]], "y_pred": [[1.0]]}
    )
    shapes = {"target_shape": (3,), "output_shape": (3, 3)}
    found["resolve_crossentropy"] = lambda: Call(losses.resolve_crossentropy, shapes)
    found["binary_accuracy"] = lambda: Call(
        metrics.binary_accuracy.__call__, {"y_true": [[0.0]], "y_pred": [[1.0]]}
    )
    found["resolve_accuracy"] = lambda: Call(metrics.resolve_accuracy, {**shapes, "name": "a"})
    for name, (make, _) in ESTIMATORS.items():
        found[f"{name}, fitted"] = partial(_parameters, name, "fit")
        if hasattr(make(), "partial_fit"):
            found[f"{name}, fitted in parts"] = partial(_parameters, name, "partial_fit")
        for method in OF_ESTIMATORS:
            if hasattr(make(), method):
                found[f"{name}.{method}"] = partial(_of_estimator, name, method)
        if hasattr(make(), "save"):
            found[f"{name}.save"] = partial(_saving, name)
    found["load_estimator"] = lambda: Call(annlib.load_estimator, {"path": _saved_estimator()})
    found["SequentialClassifier.from_fitted"] = lambda: Call(
        SequentialClassifier.from_fitted, {"model": trained(), "classes": ["a", "b", "c"]}
    )
    found["SequentialRegressor.from_fitted"] = lambda: Call(
        SequentialRegressor.from_fitted, {"model": trained()}
    )
    found |= _looks() | _checks()
    found["Layer.__call__"] = lambda: Call(layers.Dense(2).__call__, {"x": X, "training": True})
    if datasets.california_housing.is_available():
        load = datasets.california_housing.load_data
        found["california_housing"] = lambda: Call(load, {"test_split": 0.2})
    return found


def _looks() -> dict[str, Maker]:
    """What draws and explains."""
    model, flat = trained(), trained(2)
    history = model.history
    fitting = {"fit": {"epochs": 1, "verbose": 0}, "cv": 2, "train_sizes": [0.5, 1.0]}
    small = {"shape": (2, 2), "count": 2}
    return {
        "explain": lambda: Call(annlib.explain, {"obj": "relu"}),
        "formulas.of": lambda: Call(formulas.of, {"obj": "relu"}),
        "formula_of": lambda: Call(formulas.formula_of, {"cls": layers.Dense}),
        "as_mathml": lambda: Call(formulas.as_mathml, {"latex": "x"}),
        "as_text": lambda: Call(formulas.as_text, {"latex": "x"}),
        "Explanation.plot": lambda: _plot(annlib.explain("relu").plot),
        "compare_histories": lambda: _plot(plots.compare_histories, histories={"a": history}),
        "plot_history": lambda: _plot(plots.plot_history, history=history, metrics="loss"),
        "History.plot": lambda: _plot(history.plot, metrics="loss"),
        "confusion_matrix": lambda: _plot(plots.confusion_matrix, model=model, X=X, y=CLASSES),
        "decision_boundary": lambda: _plot(
            plots.decision_boundary, model=flat, X=X[:, :2], y=CLASSES, grid_resolution=5
        ),
        "learning_curve": lambda: _plot(
            plots.learning_curve, model=model, X=X, y=CLASSES, **fitting
        ),
        "calibration": lambda: _plot(plots.calibration, model=model, X=X, y=CLASSES),
        "contributions": lambda: _plot(plots.contributions, model=_tabular(), X=X[:2]),
        "feature_importances": lambda: _plot(plots.feature_importances, model=_tabular()),
        "prediction_intervals": lambda: _plot(
            plots.prediction_intervals, model=_tabular(), X=X, y=NUMBERS
        ),
        "first_layer": lambda: Call(plots.first_layer, {"model": model, **small}),
        "mistakes": lambda: Call(
            plots.mistakes, {"model": model, "images": X, "y": CLASSES, **small}
        ),
        "plot_model": lambda: Call(annlib.plot_model, {"model": model, "to_file": "model.svg"}),
        "model_html": lambda: Call(plots.model_html, {"model": model}),
        "LearningRates.plot": lambda: _plot(
            annlib.lr_find(model, X, CLASSES, steps=10, batch_size=4).plot
        ),
        "Comparison.plot": lambda: _plot(annlib.compare({"a": history}).plot, metric="loss"),
        **{
            f"Doctor.plot_{what}": partial(_doctor, f"plot_{what}")
            for what in ("activations", "gradients", "updates", "weights")
        },
        "Trace.step": partial(_trace, "step", i=0),
        "Trace.jacobian": partial(_trace, "jacobian", name="dense", row=0),
        "Trace.save": partial(_trace, "save", path="trace.html"),
        "Report.worst": lambda: Call(
            model.trace(X[:2], CLASSES[:2]).verify().worst, {"against": "engine"}
        ),
        "jacobian": lambda: Call(
            tracing.jacobian, {"activation": activations.ReLU(), "z": np.zeros(3)}
        ),
    }


def _checks() -> dict[str, Maker]:
    """What checks, compares and converts."""
    model = trained()
    rows = {"model": model, "x": X, "y": CLASSES}
    column = NUMBERS.reshape(-1, 1)
    return {
        "checkup": lambda: Call(tools.checkup, rows),
        "gradcheck": lambda: Call(tools.gradcheck, {**rows, "elements": 2, "rows": 2}),
        "lr_find": lambda: Call(tools.lr_find, {**rows, "steps": 10, "batch_size": 4}),
        "compare": lambda: Call(tools.compare, {"histories": {"a": model.history}}),
        "onnx": lambda: Call(export.onnx, {"model": model, "filepath": "other.onnx"}),
        "source": lambda: Call(export.source, {"model": model, "filepath": "other.c"}),
        "source_size": lambda: Call(export.source_size, {"model": model}),
        "normalize": lambda: Call(utils.normalize, {"x": X}),
        "to_categorical": lambda: Call(utils.to_categorical, {"x": CLASSES}),
        "predict_files": lambda: Call(parallel.predict_files, _files()),
        "parallel.predict": lambda: Call(parallel.predict, _array()),
        "search": lambda: Call(parallel.search, _search()),
        "DaskMLPClassifier.fit": partial(_of_dask, "fit", y=CLASSES),
        "DaskMLPClassifier.predict": partial(_of_dask, "predict"),
        "DaskMLPClassifier.predict_proba": partial(_of_dask, "predict_proba"),
        "DaskMLPClassifier.score": partial(_of_dask, "score", y=CLASSES),
        "DaskMLPRegressor.score": partial(_of_dask, "score", y=NUMBERS, regression=True),
        "Shards": lambda: Call(data.Shards, {**_rows(), "columns": [0, 1]}),
        "Shards, some columns": lambda: Call(data.Shards, {**_rows(), "drop": 0}),
        "pad_sequences": lambda: Call(utils.pad_sequences, {"sequences": [[1, 2], [3]]}),
        "set_random_seed": lambda: Call(utils.set_random_seed, {"seed": 1}),
        "set_jit_compile": lambda: Call(config.set_jit_compile, {"value": "auto"}),
        # Without these packages the arguments are checked all the same.
        "from_keras": lambda: Call(_if_installed(export.from_keras), {"model": model}),
        "to_keras": lambda: Call(_if_installed(export.to_keras), {"model": model}),
        "to_torch": lambda: Call(_if_installed(export.to_torch), {"model": model}),
        "from_torch": lambda: Call(_if_installed(export.from_torch), {"module": _Modules()}),
        "check_activation": lambda: Call(
            testing.check_activation, {"activation": activations.Tanh()}
        ),
        "check_layer": lambda: Call(
            testing.check_layer, {"layer": layers.Dense(2), "input_shape": (3,)}
        ),
        "check_loss": lambda: Call(
            testing.check_loss,
            {"loss": losses.MeanSquaredError(), "y_true": column, "y_pred": column + 1},
        ),
        "check_optimizer": lambda: Call(testing.check_optimizer, {"optimizer": optimizers.SGD()}),
        "check_callback": lambda: Call(
            testing.check_callback, {"callback": callbacks.TerminateOnNaN()}
        ),
        "check_config": lambda: Call(testing.check_config, {"thing": layers.Dense(2)}),
        "check_gradient": lambda: Call(
            testing.check_gradient, {"f": np.sum, "gradient": [1.0, 1.0], "at": [1.0, 2.0]}
        ),
    }


class _Modules:
    """What could be a module of PyTorch's."""

    def named_modules(self) -> list[Any]:
        return []


def _if_installed(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(**arguments: Any) -> Any:
        try:
            return function(**arguments)
        except ImportError:
            return None

    return call


CALLS = _calls()
