"""Estimators in files without pickle: what comes back is what was saved, or one error."""

from __future__ import annotations

import copy
import json
import pickle
import random
import time
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import annlib
from annlib import (
    HiddenLayerTransformer,
    MLPClassifier,
    MLPRegressor,
    ModelFormatError,
    Sequential,
    SequentialClassifier,
    SequentialRegressor,
    callbacks,
    layers,
    load_estimator,
    losses,
    metrics,
    optimizers,
    schedules,
)
from annlib.estimators import files
from annlib.estimators.loading import _KINDS
from annlib.saving import container, model_file

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:.*left out:UserWarning"
)

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
CODES = np.digitize(X[:, 0], [-0.4, 0.4])
NAMES = np.array(["ant", "bee", "cicada"])[CODES]
NUMBER = X @ [1.0, -2.0, 0.5, 0.0]


def build(n_classes, units=5):
    return Sequential([layers.Dense(units, "relu"), layers.Dense(n_classes, "softmax")])


def trained():
    model = Sequential([layers.Dense(5, "relu"), layers.Dense(3, "softmax")], seed=1)
    model.compile(
        optimizers.Adam(schedules.CosineDecay(0.01, 50), use_ema=True),
        losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy", metrics.AUC(num_thresholds=None)][:1],
    )
    model.fit(X, CODES, verbose=0)
    return model


SHORT = {"max_iter": 4, "random_state": 0}
NETS = {
    "plain": (MLPClassifier((5,), **SHORT), NAMES),
    "much": (
        MLPClassifier(
            (6, 4),
            ["tanh", "relu"],
            **SHORT,
            dropout=(0.2, 0.1),
            batch_normalization=True,
            early_stopping=True,
            optimizer=optimizers.AdamW(weight_decay=0.1),
            optimizer__learning_rate=0.01,
            class_weight={"ant": 2.0, "bee": 1, "cicada": 0.5},
            callbacks=["terminate_on_nan", callbacks.EarlyStopping("loss", patience=3)],
            regularizer="l2",
        ),
        NAMES,
    ),
    "rates": (
        MLPClassifier(
            np.array([5]),
            solver="sgd",
            learning_rate="invscaling",
            n_iter_no_change=np.inf,
            **SHORT,
        ),
        NAMES,
    ),
    "schedule": (MLPClassifier(learning_rate=schedules.CosineDecay(0.1, 9), **SHORT), CODES),
    "single precision": (MLPClassifier((5,), dtype=np.float32, **SHORT), CODES > 0),
    "random state": (
        MLPClassifier((5,), max_iter=3, random_state=np.random.RandomState(3)),
        CODES.astype(np.int8),
    ),
    "lbfgs": (MLPClassifier((), solver="lbfgs", max_iter=9), CODES.astype(float)),
    "hinge": (MLPClassifier((5,), loss=losses.Hinge, **SHORT), CODES > 0),
    "objects": (MLPClassifier((5,), **SHORT), NAMES.astype(object)),
    "one class": (MLPClassifier((5,), **SHORT), ["only"] * 90),
    "labels": (MLPClassifier((5,), **SHORT), np.column_stack([CODES > 0, CODES > 1]).astype(int)),
    "columns": (MLPClassifier((5,), **SHORT), np.column_stack([NAMES, NAMES[::-1]])),
    "numbers": (MLPRegressor("huber", (5,), **SHORT, loss__delta=0.3), NUMBER),
    "several numbers": (MLPRegressor(hidden_layer_sizes=[5], **SHORT), X[:, :2]),
    "deviance": (MLPRegressor("gamma", (5,), loss__from_logits=True, **SHORT), np.exp(NUMBER)),
    "quantiles": (MLPRegressor("quantile", (5,), loss__quantile=[0.1, 0.9], **SHORT), NUMBER),
    "default": (SequentialClassifier(epochs=2, random_state=0, model__units=5), NAMES),
    "given": (SequentialClassifier(trained(), epochs=2), CODES),
    "given, changed": (
        SequentialClassifier(
            Sequential([layers.Dense(4, "relu", name="first"), layers.Dense(3, "softmax")]),
            model__first__units=6,
            epochs=2,
            metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(2)],
            validation_split=0.2,
            random_state=0,
        ),
        NAMES,
    ),
    "regressor": (SequentialRegressor(epochs=2, loss="log_cosh", random_state=0), NUMBER),
}
each_net = pytest.mark.parametrize(("net", "y"), NETS.values(), ids=NETS)


def saved(net, folder):
    net.save(folder / "net.safetensors")
    return load_estimator(folder / "net.safetensors")


def outputs(net, X):
    names = [n for n in ("predict", "predict_proba", "decision_function") if hasattr(net, n)]
    found = [getattr(net, name)(X) for name in names]
    return [part for one in found for part in (one if isinstance(one, list) else [one])]


@each_net
def test_what_comes_back_is_what_was_saved(net, y, tmp_path):
    net = clone(net).fit(X, y)
    loaded = saved(net, tmp_path)
    assert type(loaded) is type(net)
    for one, other in zip(outputs(loaded, X), outputs(net, X), strict=True):
        assert_array_equal(one, other)
        assert one.dtype.kind == other.dtype.kind
    assert vars(loaded).keys() == vars(net).keys()
    assert loaded.history_ == net.history_
    for name, value in vars(net).items():
        if name.endswith("_") and isinstance(value, int | float | str | list | np.ndarray | None):
            np.testing.assert_equal(getattr(loaded, name), value)
    for name, value in net.get_params(deep=False).items():
        if isinstance(value, np.random.RandomState):
            assert loaded.random_state.randint(10**9) == copy.deepcopy(value).randint(10**9)
        elif name == "dtype" and value is not None:
            assert np.dtype(loaded.dtype) == value
        elif not isinstance(value, Sequential):
            assert repr(loaded.get_params(deep=False)[name]) == repr(value)
    assert type(clone(loaded)) is type(net)
    assert_array_equal(pickle.loads(pickle.dumps(loaded)).predict(X), net.predict(X))


@each_net
def test_training_goes_on_from_the_file_to_the_bit(net, y, tmp_path):
    net = clone(net)
    if net.random_state is None:
        net.set_params(random_state=0)
    net.set_params(warm_start=True).fit(X, y)
    loaded = saved(net, tmp_path)
    for one in (net, loaded):
        one.fit(X, y)
    for one, other in zip(outputs(loaded, X), outputs(net, X), strict=True):
        assert_array_equal(one, other)
    assert loaded.history_ == net.history_


HIDDEN = {
    "by y": (None, NAMES),
    "an estimator": (MLPClassifier((4, 3), **SHORT), NAMES),
    "its parts": (SequentialClassifier(epochs=2, optimizer=optimizers.SGD(0.1)), NAMES),
    "a function": (SequentialClassifier(build, epochs=2), NAMES),
    "a model": (Sequential([layers.Dense(3, "relu"), layers.Dense(3, "softmax")]), CODES),
    "no y": (SequentialRegressor(epochs=2), None),
}


@pytest.mark.parametrize(("estimator", "y"), HIDDEN.values(), ids=HIDDEN)
def test_a_hidden_layer_comes_back(estimator, y, tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    net = HiddenLayerTransformer(estimator, layer=0, random_state=0).fit(frame, y)
    loaded = saved(net, tmp_path)
    assert_array_equal(loaded.transform(frame), net.transform(frame))
    assert_array_equal(loaded.get_feature_names_out(), net.get_feature_names_out())
    assert loaded.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    if estimator is not None and HIDDEN["a function"][0] is estimator:
        with pytest.raises(annlib.ConfigurationError, match="model <left out"):
            loaded.fit(frame, y)
        loaded.set_params(estimator__model=build)
    assert_array_equal(clone(loaded).fit(frame, y).transform(frame), net.transform(frame))


def test_a_hidden_layer_of_what_is_fitted_comes_back(tmp_path):
    inner = SequentialClassifier(epochs=2, random_state=0).fit(X, NAMES)
    for estimator in (inner, trained()):
        net = HiddenLayerTransformer(estimator, prefit=True)
        loaded = saved(net, tmp_path)
        assert type(loaded.estimator) is type(estimator)
        assert_array_equal(loaded.transform(X), net.transform(X))
        assert_array_equal(loaded.fit(X).transform(X), net.transform(X))


def test_a_hidden_layer_of_others_is_refused(tmp_path):
    steps = make_pipeline(StandardScaler(), MLPClassifier((3,), **SHORT))
    net = HiddenLayerTransformer(steps).fit(X, NAMES)
    with pytest.raises(annlib.ConfigurationError, match=r"own estimators, got .*Pipeline"):
        net.save(tmp_path / "net")
    with pytest.raises(NotFittedError):
        HiddenLayerTransformer().save(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("estimator", "os", "KeyError"),
        ("estimator.class_name", "os.system", "an estimator of"),
        ("fitted.class_name", "HiddenLayerTransformer", "KeyError|network's estimator"),
        ("parameters", {"dict": [["layer", 9]]}, "a layer of"),
        ("parameters", {"dict": [["layer", 0.5]]}, "layer"),
    ],
)
def test_forged_hidden_layers_are_refused(place, value, message, tmp_path):
    net = HiddenLayerTransformer(MLPClassifier((3,), **SHORT), layer=0).fit(X, NAMES)
    header, tensors = net._describe()
    with pytest.raises(ModelFormatError, match=message):
        reload(put(json.loads(json.dumps(header)), place, value), tensors, tmp_path)


def test_names_of_features_are_kept(tmp_path):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    loaded = saved(MLPClassifier((3,), **SHORT).fit(frame, NAMES), tmp_path)
    assert loaded.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    loaded.predict(frame)
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame[["b", "a", "c", "d"]])


def test_a_loaded_one_needs_no_fit_where_scikit_learn_takes_a_fitted_one(tmp_path):
    loaded = saved(SequentialClassifier(build, epochs=2, random_state=0).fit(X, NAMES), tmp_path)
    calibrated = CalibratedClassifierCV(FrozenEstimator(loaded)).fit(X, NAMES)
    assert calibrated.predict_proba(X).shape == (90, 3)


def twice(y, a):
    return 2 * np.square(y - a).mean(axis=-1)


def twice_gradient(y, a):
    return 4 * (a - y) / a.shape[-1]


LEFT_OUT = {
    "model": SequentialClassifier(build, epochs=2),
    "learning_rate": MLPClassifier((3,), solver="sgd", learning_rate=lambda step: 0.1, **SHORT),
    "scoring": MLPClassifier((3,), scoring=lambda e, X, y: 1.0, **SHORT),
    "callbacks": MLPClassifier((3,), callbacks=callbacks.LambdaCallback(print), **SHORT),
    "metrics": SequentialClassifier(metrics=[lambda y, p: p[:, 0]], epochs=2),
}


@pytest.mark.filterwarnings("default:.*left out:UserWarning")
@pytest.mark.parametrize(("name", "net"), LEFT_OUT.items(), ids=LEFT_OUT)
def test_functions_are_left_out_and_named(name, net, tmp_path):
    net = clone(net).set_params(random_state=0).fit(X, NAMES)
    with pytest.warns(UserWarning, match=rf"save: .*got.* {name} \(.*left out") as caught:
        net.save(tmp_path / "net")
    assert caught[0].filename == __file__
    loaded = load_estimator(tmp_path / "net")
    assert_array_equal(loaded.predict_proba(X), net.predict_proba(X))
    for method in (lambda: loaded.fit(X, NAMES), lambda: clone(loaded)):
        with pytest.raises(annlib.ConfigurationError, match=rf"{name} <left out.*set_params"):
            method()
    copy.deepcopy(loaded).predict(X)
    loaded.set_params(**{name: getattr(net, name)})
    assert_array_equal(loaded.fit(X, NAMES).predict(X), clone(net).fit(X, NAMES).predict(X))


def test_a_loss_of_functions_is_no_obstacle(tmp_path):
    net = MLPRegressor((twice, twice_gradient), (5,), **SHORT).fit(X, NUMBER)
    loaded = saved(net, tmp_path)
    assert_array_equal(loaded.predict(X), net.predict(X))
    with pytest.raises(annlib.ConfigurationError, match="loss <left out"):
        loaded.partial_fit(X, NUMBER)


def test_callbacks_that_write_files_are_left_out(tmp_path):
    net = MLPClassifier((3,), callbacks=callbacks.CSVLogger(tmp_path / "log.csv"), **SHORT)
    with pytest.warns(UserWarning, match="CSVLogger.*left out"):
        net.fit(X, NAMES).save(tmp_path / "net")
    forged, tensors = opened(MLPClassifier((3,), **SHORT).fit(X, NAMES))
    object_ = {"class_name": "CSVLogger", "config": {"filename": "x"}, "family": "callback"}
    forged["parameters"]["callbacks"] = [{"object": object_}]
    with pytest.raises(ModelFormatError, match="no callback that writes files"):
        reload(forged, tensors, tmp_path)


@pytest.mark.parametrize(
    "y",
    [np.array(["2020-01-01", "2021-01-01"], "M8[D]")[CODES % 2], np.array([b"a", b"b"])[CODES % 2]],
    ids=["dates", "bytes"],
)
def test_other_classes_are_refused(y, tmp_path):
    net = SequentialClassifier(epochs=1)
    try:
        net.fit(X, y)
    except (TypeError, ValueError):
        pytest.skip("scikit-learn takes no such classes")
    with pytest.raises(annlib.ConfigurationError, match="numbers, texts or booleans"):
        net.save(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_before_fit_there_is_nothing_to_save(tmp_path):
    with pytest.raises(NotFittedError):
        MLPClassifier().save(tmp_path / "net")


def test_a_file_that_is_there(tmp_path):
    net = MLPClassifier((3,), **SHORT).fit(X, NAMES)
    net.save(tmp_path / "net")
    net.save(tmp_path / "net")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        net.save(tmp_path / "net", overwrite=False)


class Own(MLPClassifier):
    """A class of the user's."""


def test_a_class_of_the_users(tmp_path):
    net = Own((3,), **SHORT).fit(X, NAMES)
    net.save(tmp_path / "net")
    loaded = load_estimator(tmp_path / "net", custom_objects={"Own": Own})
    assert type(loaded) is Own
    with pytest.raises(ModelFormatError, match=r"Own.*custom_objects"):
        load_estimator(tmp_path / "net")
    impostor = type("MLPClassifier", (MLPClassifier,), {"__init__": MLPClassifier.__init__})
    with pytest.raises(annlib.ConfigurationError, match="name of its own"):
        impostor((3,), **SHORT).fit(X, NAMES).save(tmp_path / "net")


def test_models_are_no_estimators(tmp_path):
    trained().save(tmp_path / "model")
    with pytest.raises(ModelFormatError, match="'estimator', got 'model'"):
        load_estimator(tmp_path / "model")
    MLPClassifier((3,), **SHORT).fit(X, NAMES).save(tmp_path / "net")
    with pytest.raises(ModelFormatError, match="'model', got 'estimator'"):
        annlib.load_model(tmp_path / "net")


# -- from strangers --------------------------------------------------------------------------------


def opened(net):
    header, tensors = files.describe(net)
    return json.loads(json.dumps(header)), tensors


def reload(header, tensors, folder):
    path = folder / "forged"
    container.write(path, "estimator", header, tensors)
    return load_estimator(path)


HUGE = 10**12
KERNEL = "model.config.layers.1.config"
FORGED = {
    "unknown class": ("class_name", "os.system", "an estimator of MLPClassifier"),
    "a model as class": ("class_name", "Sequential", "an estimator of"),
    "another family": ("class_name", "MLPRegressor", "class_weight|what y means|unexpected"),
    "unknown parameter": ("parameters.hidden", 3, "unexpected keyword"),
    "a class that is none": (
        "parameters.optimizer",
        {"object": {"family": "optimizer", "class_name": "os.system", "config": {}}},
        r"os\.system",
    ),
    "a family that is none": (
        "parameters.optimizer",
        {"object": {"family": "os", "class_name": "system", "config": {}}},
        "KeyError",
    ),
    "an unknown kind": ("parameters.alpha", {"function": "print"}, "a known kind of value"),
    "many keys": ("parameters.alpha", {"tuple": [], "dict": []}, "one key"),
    "huge metric": (
        "parameters.callbacks",
        {"object": {"family": "metric", "class_name": "AUC", "config": {"num_thresholds": HUGE}}},
        "at most 2097152 thresholds",
    ),
    "huge array": (
        "parameters.alpha",
        {"array": {"type": "float64", "shape": [HUGE, HUGE], "values": [1.0]}},
        "ValueError",
    ),
    "texts that NumPy would spread": (
        "parameters.alpha",
        {"array": {"type": "str", "shape": [10001], "values": ["x" * 10**5, *[""] * 10**4]}},
        "about one length",
    ),
    "a type of array that is none": (
        "parameters.alpha",
        {"array": {"type": "V1000", "shape": [1], "values": [1]}},
        "a type and a shape",
    ),
    "huge features": ("data.n_features", HUGE, "n_features"),
    "a truth value of features": ("data.n_features", True, "n_features"),
    "names for others": ("data.names", ["a"], "names"),
    "huge labels": ("data.targets", {"kind": "labels", "units": HUGE}, "what y means"),
    "other labels": ("data.targets", {"kind": "labels", "units": 7}, "last layer"),
    "numbers": (
        "data.targets",
        {"kind": "numbers", "flat": True, "columns": 1, "levels": []},
        "what y means",
    ),
    "unsorted classes": (
        "data.targets.classes.values",
        ["bee", "ant", "cicada"],
        "classes in their order",
    ),
    "another type of classes": (
        "data.targets.classes.type",
        "int64",
        "values of type int64|invalid literal",
    ),
    "a class too few": (
        "data.targets.classes",
        {"type": "str", "shape": [1], "values": ["x"]},
        "last layer",
    ),
    "another link": ("data.outputs", ["exponential", True, 0.0], "outputs"),
    "no link": ("data.outputs", [], "ValueError"),
    "history": ("learned.history", {"dict": [["loss", ["x"]]]}, "history"),
    "names that play tricks": ("parameters.solver", "\x1b[2J", "printable"),
    "a history that plays tricks": ("learned.history", {"dict": [["\x1b[2J", []]]}, "printable"),
    "epochs": ("learned.epochs", -1, "epochs"),
    "rate": ("learned.rate", ["constant", -1.0, 0.5], "learning_rate_init"),
    "progress": ("learned.progress", {"dict": []}, "course of a training"),
    "no model": ("model", None, "TypeError"),
    "huge units": (f"{KERNEL}.units", HUGE, "shape"),
    "left out and there": ("left_out.alpha", "x", "left_out"),
    "left out without words": ("left_out.verbose", 3, "left_out"),
    "left out that is none": ("left_out.other", "x", "unexpected keyword"),
    "no parameters": ("parameters", [], "TypeError|AttributeError"),
    "a function for a scorer": ("parameters.scoring", {"type": {"family": "layer"}}, "KeyError"),
}


def put(header, place, value):
    header = inner = copy.deepcopy(header)
    *way, last = (int(part) if part.isdigit() else part for part in place.split("."))
    for part in way:
        inner = inner[part]
    inner[last] = value
    return header


@pytest.mark.parametrize(("place", "value", "message"), FORGED.values(), ids=FORGED)
def test_forged_files_are_refused(place, value, message, tmp_path):
    header, tensors = opened(MLPClassifier((3,), **SHORT).fit(X, NAMES))
    if place.startswith("left_out.verbose"):
        del header["parameters"]["verbose"]
    path = tmp_path / "forged"
    container.write(path, "estimator", put(header, place, value), tensors)
    with pytest.raises(ModelFormatError):
        load_estimator(path)
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(ModelFormatError, match=message) as raised:
        load_estimator(path)
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(raised.value).startswith(str(path))
    assert len(str(raised.value)) < 1000
    assert str(raised.value).isprintable()
    assert peak < 2**26 + 3 * path.stat().st_size
    assert seconds < 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model/layers/0/kernel": None}, "misfit"),
        ({"model/layers/7/kernel": np.ones(3)}, "misfit"),
        ({"other": np.ones(3)}, "course of a training"),
        ({"best_weights": np.ones(3)}, "course of a training"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, message, tmp_path):
    header, tensors = opened(MLPClassifier((3,), **SHORT).fit(X, NAMES))
    changed = {name: a for name, a in {**tensors, **changes}.items() if a is not None}
    with pytest.raises(ModelFormatError, match=message):
        reload(header, changed, tmp_path)


VALUES = (
    *(None, True, -1, 0, 2, 10**9, 2**100, 0.5, 1e308, "", "x", "relu", "os.system", "x" * 2000),
    *([], {}, [[]], [None], [1] * 300, {"tuple": [1]}, {"dict": [[[], 1]]}, {"float": "nan"}),
    {"object": {"family": "optimizer", "class_name": "Adam", "config": {}}},
    {"object": {"family": "callback", "class_name": "CSVLogger", "config": {"filename": "x"}}},
    {"array": {"type": "object", "shape": [-1], "values": [1, "a"]}},
    {"type": {"family": "layer", "class_name": "Dense"}},
)


def places(value, way=()):
    yield way
    children = value.items() if isinstance(value, dict) else ()
    children = enumerate(value) if isinstance(value, list) else children
    for key, child in children:
        yield from places(child, (*way, key))


@pytest.mark.parametrize("name", ["much", "columns", "quantiles", "given, changed"])
def test_mutants_are_estimators_or_the_one_error(name):
    chance = random.Random(0)
    net, y = NETS[name]
    header, tensors = opened(clone(net).fit(X, y))
    everywhere = [way for way in places(header) if way]
    refused = 0
    for _ in range(500):
        mutant = inner = copy.deepcopy(header)
        *way, last = chance.choice(everywhere)
        for key in way:
            inner = inner[key]
        inner[last] = copy.deepcopy(chance.choice(VALUES))
        try:
            with model_file.refusing("mutant"), warnings.catch_warnings():
                warnings.simplefilter("error")
                found = files.class_of(mutant, _KINDS)._from_file(mutant, tensors, _KINDS)
        except ModelFormatError:
            refused += 1
        else:
            found.predict(X)
            repr(found)
    assert 100 < refused < 500
