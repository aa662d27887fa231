"""Whole runs of compile, fit, evaluate and predict, and the names that they give."""

import numpy as np
import torch

from golden.optimizers import build_optimizer
from golden.recorder import DTYPE, draw, keras, plain, use_float64, write


def training_data():
    """Return the arrays that the training runs use."""
    rng = np.random.default_rng(505)
    x = draw(rng, 50, 6)
    score = x @ draw(rng, 6, 3) + 0.3 * draw(rng, 50, 3)
    return {
        "x": x,
        "y_class": score.argmax(axis=1),
        "y_value": np.round(score[:, 0] + 0.5 * np.sin(score[:, 1]), 4),
        "y_binary": (score[:, 0] > 0).astype(DTYPE),
        "sample_weight": np.start_pass(rng.uniform(0.0, 2.0, 50), 3),
    }


def layer_of(class_name, **config):
    """Describe a layer, or a regularizer, as it will stand in the file."""
    return {"class": class_name, "config": config}


def training_runs():
    """List the training runs as they will stand in the file, without results."""
    classifier = [
        layer_of("Dense", units=8, activation="relu"),
        layer_of("Dense", units=5, activation="tanh"),
        layer_of("Dense", units=3, activation="softmax"),
    ]
    regularizers = {
        "kernel_regularizer": layer_of("L2", l2=0.01),
        "bias_regularizer": layer_of("L1", l1=0.01),
    }
    regularized = [layer_of("Dense", **{**item["config"], **regularizers}) for item in classifier]
    normalized = [
        classifier[0],
        layer_of("BatchNormalization"),
        classifier[1],
        layer_of("BatchNormalization"),
        classifier[2],
    ]
    adam = layer_of("Adam", learning_rate=0.01)
    sgd = layer_of("SGD", learning_rate=0.05, momentum=0.9)
    sparse = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    weights = {"class_weight": {"0": 1.0, "1": 2.0, "2": 0.5}}
    sample_weight = {"sample_weight": "sample_weight"}
    regression = [layer_of("Dense", units=8, activation="relu"), layer_of("Dense", units=1)]
    binary = [
        layer_of("Dense", units=8, activation="tanh"),
        layer_of("Dense", units=1, activation="sigmoid"),
    ]
    return [
        training_run("classifier_adam", classifier, adam, sparse, "y_class", {}),
        training_run("classifier_class_weight", classifier, sgd, sparse, "y_class", weights),
        training_run("classifier_sample_weight", classifier, sgd, sparse, "y_class", sample_weight),
        training_run(
            "regression_sgd",
            regression,
            layer_of("SGD", learning_rate=0.01),
            {"loss": "mse", "metrics": ["mae"]},
            "y_value",
            {},
        ),
        training_run("classifier_regularized", regularized, adam, sparse, "y_class", {}),
        training_run("classifier_batch_normalization", normalized, adam, sparse, "y_class", {}),
        training_run(
            "binary_adam",
            binary,
            adam,
            {"loss": "binary_crossentropy", "metrics": ["accuracy"]},
            "y_binary",
            {},
        ),
    ]


def training_run(name, layers, optimizer, compiled, y, fit):
    """Describe one run: its layers and the arguments of compile and fit."""
    common = {"shuffle": False, "batch_size": 16, "epochs": 5, "validation_split": 0.2}
    return {
        "name": name,
        "dtype": DTYPE,
        "layers": layers,
        "compile": {"optimizer": optimizer, **compiled},
        "x": "x",
        "y": y,
        "fit": {**common, **fit},
    }


def build_layer(description):
    """Build a Keras layer from its description."""
    config = dict(description["config"])
    for key in ("kernel_regularizer", "bias_regularizer"):
        if key in config:
            regularizer = getattr(keras.regularizers, config[key]["class"])
            config[key] = regularizer(**config[key]["config"])
    return getattr(keras.layers, description["class"])(**config)


def initial_weights(model, rng):
    """Draw weights: kernels scaled by their fan-in, the rest close to Keras' start."""
    result = []
    for variable in model.weights:
        value = np.array(plain(variable))
        if variable.name == "kernel":
            value = draw(rng, *value.shape, scale=1.0 / np.sqrt(value.shape[0]))
        elif variable.name in ("bias", "gamma", "beta"):
            value = np.round(value + draw(rng, *value.shape, scale=0.1), 4)
        result.append(value)
    return result


def fit_arguments(fit, data):
    """Turn the described arguments of fit into what Keras takes."""
    arguments = dict(fit)
    if "class_weight" in fit:
        arguments["class_weight"] = {int(k): v for k, v in fit["class_weight"].items()}
    if "sample_weight" in fit:
        arguments["sample_weight"] = data[fit["sample_weight"]]
    return arguments


def record_run(run, data):
    """Run one training and return its description with the results."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    x, y = data[run["x"]], data[run["y"]]
    layers = [build_layer(item) for item in run["layers"]]
    model = keras.Sequential([keras.Input((x.shape[1],)), *layers])
    start = initial_weights(model, np.random.default_rng(606))
    model.set_weights(start)
    compiled = run["compile"]
    optimizer = build_optimizer(compiled["optimizer"]["class"], compiled["optimizer"]["config"])
    model.compile(
        optimizer=optimizer, loss=compiled["loss"], metrics=compiled["metrics"], jit_compile=False
    )
    history = model.fit(x, y, verbose=0, **fit_arguments(run["fit"], data))
    evaluate = {"batch_size": 16, "verbose": 0, "return_dict": True}
    result = {
        "weight_names": [variable.path for variable in model.weights],
        "initial_weights": plain(start),
        "history": plain(history.history),
        "history_epoch": plain(history.epoch),
        "final_weights": plain(model.get_weights()),
        "evaluate": plain(model.evaluate(x, y, **evaluate)),
    }
    if "sample_weight" in run["fit"]:
        weighted = model.evaluate(x, y, sample_weight=data["sample_weight"], **evaluate)
        result["evaluate_with_sample_weight"] = plain(weighted)
    result["predict_first_5_rows"] = plain(model.predict(x[:5], verbose=0))
    return {**run, **result}


def record_training():
    """Record the data and every training run."""
    data = training_data()
    return {"data": plain(data), "records": [record_run(run, data) for run in training_runs()]}


def small_model(metrics):
    """Return a compiled two-layer model."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(
        optimizer="sgd",
        loss="sparse_categorical_crossentropy",
        metrics=metrics,
        jit_compile=False,
    )
    return model


def small_regression(metrics):
    """Return a compiled one-layer regression with constant weights."""
    keras.utils.clear_session()
    layer = keras.layers.Dense(1, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((6,)), layer])
    model.compile(optimizer="sgd", loss="mse", metrics=metrics, jit_compile=False)
    return model


def metric_cases():
    """List (label, maker of a model with these metrics, name of the targets)."""
    mse = keras.metrics.MeanSquaredError
    cases = {
        "no metrics": None,
        "['mae']": ["mae"],
        "['mse', 'mae']": ["mse", "mae"],
        "['mean_absolute_error']": ["mean_absolute_error"],
        "['mean_squared_error']": ["mean_squared_error"],
        "[MeanSquaredError()]": [mse()],
        "[MeanSquaredError(name='error')]": [mse(name="error")],
        "['mae', 'mae']": ["mae", "mae"],
        "[MeanSquaredError(), MeanSquaredError()]": [mse(), mse()],
        "['mse', MeanSquaredError()]": ["mse", mse()],
        "['mean_squared_error', MeanSquaredError()]": ["mean_squared_error", mse()],
    }
    result = [(label, small_regression, metrics, "y_value") for label, metrics in cases.items()]
    for metrics in (["accuracy"], ["acc"], ["sparse_categorical_accuracy"]):
        result.append((str(metrics), small_model, metrics, "y_class"))
    return result


def record_history_keys(data):
    """Record the keys of History, in order, or the error that Keras raises."""
    records = []
    for label, make, metrics, y in metric_cases():
        record = {"metrics": label}
        try:
            model = make(metrics)
            history = model.fit(
                data["x"], data[y], epochs=1, validation_split=0.2, shuffle=False, verbose=0
            )
            result = model.evaluate(data["x"], data[y], verbose=0)
            record["history_keys"] = list(history.history)
            record["evaluate_return_type"] = type(result).__name__
            record["evaluate"] = plain(result)
            result = model.evaluate(data["x"], data[y], verbose=0, return_dict=True)
            record["evaluate_return_dict"] = [[key, value] for key, value in result.items()]
            record["metrics_names"] = list(model.metrics_names)
        except Exception as error:  # What Keras refuses is an answer too.
            record["error"] = f"{type(error).__name__}: {error}"
        records.append(record)
    return records


def describe(value):
    """Describe a returned value: its type, that of its items, and itself."""
    items = list(value.values()) if isinstance(value, dict) else value
    result = {"type": type(value).__name__}
    if isinstance(items, (list, tuple)):
        result["item_types"] = [type(item).__name__ for item in items]
    return {**result, "value": plain(value)}


def record_returns(data):
    """Record what evaluate, predict and the batch methods return, and their types."""
    x, y = data["x"], data["y_value"]
    result = {"dtype": DTYPE, "model": "Dense(1, kernel ones, bias zeros), mse, x and y_value"}
    for label, metrics in (("without_metrics", None), ("with_mae", ["mae"])):
        model = small_regression(metrics)
        result[f"evaluate_{label}"] = describe(model.evaluate(x, y, verbose=0))
        result[f"evaluate_{label}_return_dict"] = describe(
            model.evaluate(x, y, verbose=0, return_dict=True)
        )
        result[f"test_on_batch_{label}"] = describe(model.test_on_batch(x, y))
        result[f"train_on_batch_{label}"] = describe(model.train_on_batch(x, y))
    history = model.fit(x, y, epochs=2, verbose=0)
    prediction = model.predict(x[:5], verbose=0)
    result["fit_returns"] = {
        "type": type(history).__name__,
        "item_type": type(history.history["loss"][0]).__name__,
        "epoch": history.epoch,
        "params": plain(history.params),
    }
    result["predict_returns"] = {
        "type": type(prediction).__name__,
        "dtype": str(prediction.dtype),
        "shape": list(prediction.shape),
    }
    return result


def record_layer_names():
    """Record the names that Keras gives to layers and weights by itself."""
    keras.utils.clear_session()
    layers = keras.layers
    first = [
        layers.Dense(4),
        layers.Dense(3),
        layers.Dropout(0.1),
        layers.Dense(2),
        layers.Activation("relu"),
        layers.Flatten(),
        layers.BatchNormalization(),
    ]
    model = keras.Sequential([keras.Input((6,)), *first])
    second = keras.Sequential([keras.Input((6,)), layers.Dense(2), layers.BatchNormalization()])
    return {
        "classes": [type(layer).__name__ for layer in model.layers],
        "first_model": model.name,
        "first_layers": [layer.name for layer in model.layers],
        "first_weight_paths": [variable.path for variable in model.weights],
        "first_weight_names": [variable.name for variable in model.weights],
        "second_model": second.name,
        "second_layers": [layer.name for layer in second.layers],
    }


def record_names():
    """Record keys, types and names."""
    data = training_data()
    return {
        "history_keys": record_history_keys(data),
        "returns": record_returns(data),
        "layer_names": record_layer_names(),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_float64()
    write(__file__, training=record_training(), names=record_names())
