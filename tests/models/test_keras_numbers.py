"""Losses, layers and whole trainings give the numbers that Keras gave."""

from __future__ import annotations

import numpy as np
import pytest
from golden import recorded

from annlib import (
    Input,
    Sequential,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from annlib.core.workspace import Workspace

LOSSES = recorded("losses")["losses"]
NUMBERS = recorded("training")
DATA = {key: np.array(value) for key, value in NUMBERS["training"]["data"].items()}
RUNS = {record["name"]: record for record in NUMBERS["training"]["records"]}
NAMES = NUMBERS["names"]


def close(actual, expected, rtol=1e-10, atol=1e-14):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


# Losses


def loss_case(record):
    loss = getattr(losses, record["class"])(reduction=record["reduction"], **record["config"])
    inputs = LOSSES["inputs"][record["inputs"]]
    weights = np.array(LOSSES["sample_weight"]) if record["weighted"] else None
    return loss, np.array(inputs["y_true"]), np.array(inputs["y_pred"]), weights


def name_of_loss(record):
    words = [record["class"], record["inputs"], record["reduction"]]
    words += ["smooth"] * (record["config"].get("label_smoothing", 0) > 0)
    return "-".join(words + ["weighted"] * record["weighted"])


@pytest.mark.parametrize("record", LOSSES["records"], ids=name_of_loss)
def test_losses_are_those_of_keras(record):
    loss, y_true, y_pred, weights = loss_case(record)
    close(loss(y_true, y_pred, weights), record["value"])


@pytest.mark.parametrize(
    "record", [r for r in LOSSES["records"] if "gradient" in r], ids=name_of_loss
)
def test_gradients_of_losses_are_those_of_keras(record):
    loss, y_true, y_pred, weights = loss_case(record)
    work = Workspace("float64")
    loss.value(y_true, y_pred, weights, work)
    close(loss.gradient(y_true, y_pred, weights, work), record["gradient"])


# Batch normalization


def test_batch_normalization_is_that_of_keras():
    record = recorded("layers")["batch_normalization"]
    layer = layers.BatchNormalization()
    assert {key: layer.get_config()[key] for key in record["config"]} == record["config"]
    model = Sequential([Input((5,)), layer], dtype="float64")
    model.vector.allocate_gradients()
    layer.gamma[...], layer.beta[...] = record["gamma"], record["beta"]
    work = Workspace("float64")
    batches = [np.array(batch) for batch in record["batches"]]
    for index, batch in enumerate(batches):
        close(layer.forward(batch, work, training=True), record["training_outputs"][index])
        if index == 0:
            gradients = record["gradients_of_first_call"]
            close(layer.backward(np.array(record["cotangent"]), work), gradients["x"], atol=1e-13)
            close(layer.gradients["gamma"], gradients["gamma"])
            close(layer.gradients["beta"], gradients["beta"])
        layer.commit(work)
        close(layer.moving_mean, record["moving_mean"][index])
        close(layer.moving_variance, record["moving_variance"][index])
    close(model.predict(batches[0]), record["inference_output_of_first_batch"])


# Whole trainings


def described(module, description):
    return getattr(module, description["class"])(**description["config"])


def layer_of(description):
    config = {
        key: described(regularizers, value) if key.endswith("regularizer") else value
        for key, value in description["config"].items()
    }
    return getattr(layers, description["class"])(**config)


def started(record, dtype="float64"):
    """A model as the record's was when its training began, and the arguments of fit."""
    width = DATA[record["x"]].shape[1]
    model = Sequential([Input((width,)), *map(layer_of, record["layers"])], dtype=dtype)
    model.set_weights(record["initial_weights"])
    compiled = record["compile"]
    optimizer = described(optimizers, compiled["optimizer"])
    model.compile(optimizer, compiled["loss"], compiled["metrics"])
    arguments = dict(record["fit"])
    if "class_weight" in arguments:
        arguments["class_weight"] = {int(k): w for k, w in arguments["class_weight"].items()}
    if "sample_weight" in arguments:
        arguments["sample_weight"] = DATA[arguments["sample_weight"]]
    return model, arguments


def assert_same_logs(actual, expected, **tolerance):
    assert list(actual) == list(expected)
    for key in actual:
        np.testing.assert_allclose(actual[key], expected[key], err_msg=key, **tolerance)


@pytest.mark.parametrize("record", RUNS.values(), ids=RUNS)
def test_trainings_are_those_of_keras(record):
    tolerance = {"rtol": 1e-9, "atol": 1e-12}
    model, arguments = started(record)
    x, y = DATA[record["x"]], DATA[record["y"]]
    paths = [f"{model.name}/{layer.name}/{p.name}" for layer in model.layers
             for p in layer._parameters]  # fmt: skip
    assert paths == record["weight_names"]
    history = model.fit(x, y, verbose=0, **arguments)
    assert_same_logs(history.history, record["history"], **tolerance)
    assert history.epoch == record["history_epoch"]
    for path, mine, theirs in zip(paths, model.get_weights(), record["final_weights"], strict=True):
        np.testing.assert_allclose(mine, theirs, err_msg=path, **tolerance)
    for batch_size in (16, None):
        results = model.evaluate(x, y, batch_size=batch_size, return_dict=True)
        assert_same_logs(results, record["evaluate"], **tolerance)
    if "evaluate_with_sample_weight" in record:
        results = model.evaluate(
            x, y, sample_weight=arguments["sample_weight"], batch_size=16, return_dict=True
        )
        assert_same_logs(results, record["evaluate_with_sample_weight"], **tolerance)
    close(model.predict(x[:5]), record["predict_first_5_rows"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("record", RUNS.values(), ids=RUNS)
def test_trainings_in_single_precision_come_close(record):
    model, arguments = started(record, "float32")
    history = model.fit(DATA[record["x"]], DATA[record["y"]], verbose=0, **arguments)
    assert_same_logs(history.history, record["history"], rtol=2e-4)
    assert all(weight.dtype == np.float32 for weight in model.weights)


# Names and types


def small_model(metrics_argument, regression):
    """The models of the records: one Dense of ones with mse, or of three classes."""
    if regression:
        dense, loss = layers.Dense(1, kernel_initializer="ones"), "mse"
    else:
        dense, loss = layers.Dense(3, activation="softmax"), "sparse_categorical_crossentropy"
    model = Sequential([Input((6,)), dense], dtype="float64", seed=0)
    model.compile("sgd", loss, metrics_argument)
    return model


@pytest.mark.parametrize("record", NAMES["history_keys"], ids=lambda r: r["metrics"])
def test_keys_of_history_and_results_of_evaluate_are_those_of_keras(record):
    label = record["metrics"]
    chosen = None
    if label != "no metrics":
        chosen = eval(label, {"MeanSquaredError": metrics.MeanSquaredError})
    classifies = "acc" in label
    model = small_model(chosen, regression=not classifies)
    x, y = DATA["x"], DATA["y_class" if classifies else "y_value"]
    history = model.fit(x, y, validation_split=0.2, shuffle=False, verbose=0)
    assert list(history.history) == record["history_keys"]
    result, by_name = model.evaluate(x, y), model.evaluate(x, y, return_dict=True)
    assert type(result).__name__ == record["evaluate_return_type"]
    assert list(by_name) == [key for key, _ in record["evaluate_return_dict"]]
    if not classifies:  # Keras drew the classifier's weights
        close(list(by_name.values()), [value for _, value in record["evaluate_return_dict"]])
        # Keras' list, unlike its dict, has a value too many where a name comes twice.
        if not any(key.endswith("_1") for key in by_name):
            close(result, record["evaluate"])
    # Keras 3 says ["loss", "compile_metrics"]; annlib names what evaluate returns, in its order.
    values = result if isinstance(result, list) else [result]
    assert dict(zip(model.metrics_names, values, strict=True)) == by_name


@pytest.mark.parametrize("label", ["without_metrics", "with_mae"])
@pytest.mark.parametrize("method", ["evaluate", "test_on_batch", "train_on_batch"])
def test_results_have_the_types_and_values_of_keras(method, label):
    recorded = NAMES["returns"][f"{method}_{label}"]
    model = small_model(["mae"] if label == "with_mae" else None, regression=True)
    result = getattr(model, method)(DATA["x"], DATA["y_value"])
    assert type(result).__name__ == recorded["type"]
    items = result if isinstance(result, list) else []
    assert [type(item).__name__ for item in items] == recorded.get("item_types", [])
    close(result, recorded["value"])
    by_name = NAMES["returns"].get(f"{method}_{label}_return_dict")
    if by_name:
        actual = getattr(model, method)(DATA["x"], DATA["y_value"], return_dict=True)
        assert_same_logs(actual, by_name["value"], rtol=1e-10)
        assert {type(item).__name__ for item in actual.values()} == set(by_name["item_types"])


def test_fit_and_predict_return_what_keras_returns():
    model = small_model(None, regression=True)
    history = model.fit(DATA["x"], DATA["y_value"], epochs=2, verbose=0)
    recorded = NAMES["returns"]["fit_returns"]
    assert type(history).__name__ == recorded["type"]
    assert type(history.history["loss"][0]).__name__ == recorded["item_type"]
    assert history.epoch == recorded["epoch"]
    assert history.params == recorded["params"]
    assert model.history is history
    prediction, recorded = model.predict(DATA["x"][:5]), NAMES["returns"]["predict_returns"]
    assert type(prediction).__name__ == recorded["type"]
    assert str(prediction.dtype) == recorded["dtype"]
    assert list(prediction.shape) == recorded["shape"]


def test_layers_are_named_as_keras_names_them_in_a_first_model():
    recorded = NAMES["layer_names"]
    arguments = {"Dense": (4,), "Dropout": (0.1,), "Activation": ("relu",)}
    stack = [getattr(layers, name)(*arguments.get(name, ())) for name in recorded["classes"]]
    model = Sequential([Input((6,)), *stack])
    assert model.name == recorded["first_model"]
    assert [layer.name for layer in model.layers] == recorded["first_layers"]
    weights = [p.name for layer in model.layers for p in layer._parameters]
    assert weights == recorded["first_weight_names"]


def test_names_start_anew_in_every_model():
    # A deliberate difference: Keras goes on counting in the process.
    recorded = NAMES["layer_names"]["second_layers"]
    for _ in range(2):
        model = Sequential([Input((6,)), layers.Dense(2), layers.BatchNormalization()])
        names = [layer.name for layer in model.layers]
        assert names == ["dense", "batch_normalization"]
        assert names != recorded
