"""Record reference numbers from Keras 3 and PyTorch into ``numbers.json``.

annlib's tests compare with the stored numbers, so neither package is needed to
run them; this script is only for recording the numbers anew.  It needs
``keras`` (recorded with 3.15.1), ``torch`` (2.13.0, CPU, also the backend of
Keras) and ``numpy`` (2.4.6); the versions used are stored under ``versions``.

Run it with ``python record.py``: it writes ``numbers.json`` next to itself.
Every input (drawn from a seeded generator and rounded) is stored in the file,
so that a reader never depends on the generator.

Everything is float64.  Keras promotes float64 to float32 on every backend but
TensorFlow, even with ``floatx`` at float64, so ``use_float64`` changes the one
entry of its promotion table that does so.  No formula of Keras is affected:
without the change the same numbers come out, rounded to float32 on the way.

The sections of the file:

``optimizers``, ``torch_optimizers``
    Two variables after each of twelve steps, per optimizer configuration.
``losses``
    Values and gradients of the losses, per reduction and sample weight.
``activations``
    Outputs and vector-Jacobian products.
``batch_normalization``
    Outputs, moving statistics and gradients.
``training``
    Whole ``compile``/``fit``/``evaluate``/``predict`` runs.
``initializers``
    Statistics of one large sample (its numbers themselves cannot be matched).
``names``
    Keys of ``History``, return types of ``evaluate``, automatic layer names.
``regularizers``, ``constraints``, ``schedules``
    Values (and gradients) on one kernel, one bias, or at some steps.
``hooks``
    Every call that a callback gets in ``fit``, ``evaluate`` and ``predict``, with its logs.
``early_stopping``
    What EarlyStopping makes of scripted values of what it monitors.
"""

import json
import os
import platform
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import torch

DTYPE = "float64"
OUTPUT = Path(__file__).with_name("numbers.json")


# Helpers


def use_float64():
    """Make Keras compute in float64 throughout, as it does with TensorFlow."""
    from keras.src.backend.common import dtypes

    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    keras.config.set_floatx(DTYPE)
    keras.config.set_dtype_policy(DTYPE)
    assert keras.backend.result_type(DTYPE, "float32") == DTYPE


def draw(rng, *shape, scale=1.0):
    """Draw normal numbers, rounded so that they are short in the file."""
    return np.round(scale * rng.standard_normal(shape), 4)


def draw_probabilities(rng, rows, columns):
    """Draw rows of probabilities that sum to exactly one after rounding."""
    values = np.round(rng.dirichlet(np.full(columns, 2.0), size=rows), 3)
    values[:, -1] = np.round(1.0 - values[:, :-1].sum(axis=1), 3)
    return values


def plain(value):
    """Turn arrays, tensors and scalars into lists and Python numbers."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (torch.Tensor, keras.Variable)):
        value = keras.ops.convert_to_numpy(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value


def is_numeric(value):
    """Say whether a value is a number or a (nested) list of numbers."""
    if isinstance(value, list):
        return all(is_numeric(item) for item in value)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def encode(value, indent=0):
    """Encode as JSON with each array or flat list on a line of its own."""
    pad = " " * (indent + 1)
    if isinstance(value, dict) and value:
        items = [
            f"{pad}{json.dumps(key)}: {encode(item, indent + 1)}" for key, item in value.items()
        ]
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    flat = isinstance(value, list) and not any(isinstance(item, (list, dict)) for item in value)
    if isinstance(value, list) and value and not flat and not is_numeric(value):
        items = [pad + encode(item, indent + 1) for item in value]
        return "[\n" + ",\n".join(items) + "\n" + " " * indent + "]"
    return json.dumps(value, separators=(",", ":"))


def gradient_tensor(array):
    """Make a leaf tensor that collects its gradient."""
    return torch.tensor(np.asarray(array), dtype=torch.float64, requires_grad=True)


# Optimizers


def optimizer_inputs():
    """Return the starting variables (kernel, bias) and twelve gradients."""
    rng = np.random.default_rng(101)
    variables = [draw(rng, 3, 4), draw(rng, 4)]
    gradients = [[draw(rng, 3, 4), draw(rng, 4)] for _ in range(12)]
    return variables, gradients


def optimizer_configurations():
    """List (name, class, keyword arguments, names without weight decay)."""
    schedule = {
        "class": "ExponentialDecay",
        "config": {"initial_learning_rate": 0.1, "decay_steps": 4, "decay_rate": 0.5},
    }
    adam = {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}
    decay = {"learning_rate": 0.01, "weight_decay": 0.004}
    rate = {"learning_rate": 0.1}
    return [
        ("sgd", "SGD", rate, []),
        ("sgd_momentum", "SGD", {**rate, "momentum": 0.9}, []),
        ("sgd_nesterov", "SGD", {**rate, "momentum": 0.9, "nesterov": True}, []),
        ("sgd_weight_decay", "SGD", {**rate, "weight_decay": 0.01}, []),
        ("sgd_momentum_clipnorm", "SGD", {**rate, "momentum": 0.9, "clipnorm": 0.5}, []),
        ("sgd_global_clipnorm", "SGD", {**rate, "global_clipnorm": 0.5}, []),
        ("sgd_clipvalue", "SGD", {**rate, "clipvalue": 0.1}, []),
        ("adam", "Adam", {}, []),
        ("adam_options", "Adam", adam, []),
        ("adam_amsgrad", "Adam", {"learning_rate": 0.01, "amsgrad": True}, []),
        ("adam_weight_decay", "Adam", decay, []),
        ("adam_weight_decay_excluded", "Adam", decay, ["bias"]),
        ("adam_global_clipnorm", "Adam", {"learning_rate": 0.01, "global_clipnorm": 0.3}, []),
        ("sgd_exponential_decay", "SGD", {"learning_rate": schedule}, []),
        ("rmsprop", "RMSprop", {}, []),
        ("rmsprop_options", "RMSprop", {"learning_rate": 0.01, "rho": 0.7, "epsilon": 1e-3}, []),
        ("rmsprop_momentum", "RMSprop", {"momentum": 0.9}, []),
        ("rmsprop_centered", "RMSprop", {"centered": True}, []),
        ("rmsprop_centered_momentum", "RMSprop", {"centered": True, "momentum": 0.9}, []),
    ]


def build_optimizer(class_name, config):
    """Build a Keras optimizer, turning a described schedule into an object."""
    config = dict(config)
    rate = config.get("learning_rate")
    if isinstance(rate, dict):
        schedule = getattr(keras.optimizers.schedules, rate["class"])
        config["learning_rate"] = schedule(**rate["config"])
    return getattr(keras.optimizers, class_name)(**config)


def record_optimizer(name, class_name, config, excluded):
    """Record the variables after each step of one Keras optimizer."""
    start, gradients = optimizer_inputs()
    optimizer = build_optimizer(class_name, config)
    if excluded:
        optimizer.exclude_from_weight_decay(var_names=excluded)
    variables = [
        keras.Variable(value, dtype=DTYPE, name=label)
        for value, label in zip(start, ("kernel", "bias"), strict=True)
    ]
    steps = []
    with torch.no_grad():
        for pair in gradients:
            optimizer.apply([torch.tensor(g) for g in pair], variables)
            steps.append(plain(variables))
    return {
        "name": name,
        "class": class_name,
        "dtype": DTYPE,
        "config": config,
        "exclude_from_weight_decay": excluded,
        "variable_names": ["kernel", "bias"],
        "variables": plain(start),
        "gradients": plain(gradients),
        "steps": steps,
    }


def record_optimizers():
    """Record every configuration of the Keras optimizers."""
    return [record_optimizer(*case) for case in optimizer_configurations()]


def record_torch_optimizer(name, class_name, config):
    """Record the variables after each step of one PyTorch optimizer."""
    start, gradients = optimizer_inputs()
    variables = [gradient_tensor(value) for value in start]
    optimizer = getattr(torch.optim, class_name)(variables, **config)
    steps = []
    for pair in gradients:
        for variable, gradient in zip(variables, pair, strict=True):
            variable.grad = torch.tensor(gradient)
        optimizer.step()
        steps.append(plain([v.detach().clone() for v in variables]))
    return {
        "name": name,
        "class": class_name,
        "dtype": DTYPE,
        "config": config,
        "variables": plain(start),
        "gradients": plain(gradients),
        "steps": steps,
    }


def record_torch_optimizers():
    """Record plain, momentum and Nesterov SGD, and Adam, of PyTorch."""
    return [
        record_torch_optimizer("sgd", "SGD", {"lr": 0.1}),
        record_torch_optimizer("sgd_momentum", "SGD", {"lr": 0.1, "momentum": 0.9}),
        record_torch_optimizer(
            "sgd_nesterov", "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}
        ),
        record_torch_optimizer("adam", "Adam", {"lr": 0.001}),
        record_torch_optimizer(
            "adam_options", "Adam", {"lr": 0.01, "betas": [0.8, 0.95], "eps": 1e-3}
        ),
    ]


# Losses


def loss_inputs():
    """Return the named pairs of targets and predictions, and the sample weight.

    The pairs called ``edge`` hold probabilities of exactly 0 and 1 and some that
    lie outside the clipping bounds (1e-7); ``unnormalised`` ones do not sum to 1;
    the pairs of logits hold very large ones in the last row.
    """
    rng = np.random.default_rng(202)
    tiny = 1e-8
    values = draw(rng, 6, 4)
    interior = np.round(rng.uniform(0.02, 0.98, (6, 4)), 4)
    bits = rng.integers(0, 2, (6, 4)).astype(DTYPE)
    edge = interior.copy()
    edge[1] = [0.0, 1.0, 0.0, 1.0]
    edge[2] = [tiny, 1.0 - tiny, 1e-6, 1.0 - 1e-6]
    edge_bits = bits.copy()
    edge_bits[1] = [0.0, 1.0, 1.0, 0.0]
    edge_bits[2] = [1.0, 0.0, 1.0, 0.0]
    logits = draw(rng, 6, 4, scale=3.0)
    logits[5] = [90.0, -90.0, 30.0, 0.0]

    labels = np.array([0, 3, 1, 2, 2, 1])
    one_hot = np.eye(4)[labels]
    one_hot[4] = [0.1, 0.2, 0.6, 0.1]
    probabilities = draw_probabilities(rng, 6, 4)
    unnormalised = np.round(rng.uniform(0.05, 1.5, (6, 4)), 4)
    edge_rows = probabilities.copy()
    edge_rows[0] = [1.0, 0.0, 0.0, 0.0]
    edge_rows[1] = [0.5, 0.5, 0.0, 0.0]
    edge_rows[2] = [0.25, tiny, 0.5, 0.25 - tiny]
    inputs = {
        "regression": (draw(rng, 6, 4), values),
        "binary": (bits, interior),
        "binary_edge": (edge_bits, edge),
        "binary_logits": (bits, logits),
        "categorical": (one_hot, probabilities),
        "categorical_unnormalised": (one_hot, unnormalised),
        "categorical_edge": (one_hot, edge_rows),
        "categorical_logits": (one_hot, logits),
        "sparse": (labels, probabilities),
        "sparse_unnormalised": (labels, unnormalised),
        "sparse_edge": (labels, edge_rows),
        "sparse_logits": (labels, logits),
    }
    return inputs, np.array([1.0, 0.5, 2.0, 0.0, 1.5, 0.3])


def loss_configurations():
    """List (class, keyword arguments, names of the inputs)."""
    cases = [("MeanSquaredError", {}, ["regression"])]
    for smoothing in (0.0, 0.1):
        soft = {"label_smoothing": smoothing}
        cases += [
            ("BinaryCrossentropy", {"from_logits": False, **soft}, ["binary", "binary_edge"]),
            ("BinaryCrossentropy", {"from_logits": True, **soft}, ["binary_logits"]),
            (
                "CategoricalCrossentropy",
                {"from_logits": False, **soft},
                ["categorical", "categorical_unnormalised", "categorical_edge"],
            ),
            ("CategoricalCrossentropy", {"from_logits": True, **soft}, ["categorical_logits"]),
        ]
    cases += [
        (
            "SparseCategoricalCrossentropy",
            {"from_logits": False},
            ["sparse", "sparse_unnormalised", "sparse_edge"],
        ),
        ("SparseCategoricalCrossentropy", {"from_logits": True}, ["sparse_logits"]),
    ]
    return [(name, config, key) for name, config, keys in cases for key in keys]


def record_loss(class_name, config, reduction, y_true, y_pred, sample_weight):
    """Return the value of a loss, and its gradient unless nothing is reduced."""
    loss = getattr(keras.losses, class_name)(reduction=reduction, **config)
    y_pred = gradient_tensor(y_pred)
    value = loss(y_true, y_pred, sample_weight=sample_weight)
    result = {"value": plain(value.detach())}
    if reduction != "none":
        value.backward()
        result["gradient"] = plain(y_pred.grad)
    return result


def record_losses():
    """Record each loss with each reduction, without and with sample weight."""
    inputs, sample_weight = loss_inputs()
    reductions = ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight")
    records = []
    for class_name, config, key in loss_configurations():
        for reduction in reductions:
            for weighted in (False, True):
                weight = sample_weight if weighted else None
                records.append(
                    {
                        "class": class_name,
                        "dtype": DTYPE,
                        "config": config,
                        "reduction": reduction,
                        "inputs": key,
                        "weighted": weighted,
                        **record_loss(class_name, config, reduction, *inputs[key], weight),
                    }
                )
    return {
        "inputs": {
            key: {"y_true": plain(y_true), "y_pred": plain(y_pred)}
            for key, (y_true, y_pred) in inputs.items()
        },
        "sample_weight": plain(sample_weight),
        "records": records,
    }


# Activations


def record_activations():
    """Record outputs and vector-Jacobian products of the activations."""
    rng = np.random.default_rng(303)
    x = draw(rng, 5, 4)
    x[1] = [0.0, 1.0, -1.0, 0.0]
    x[2] = [20.0, -20.0, 1.0, -1.0]
    x[3] = [90.0, -90.0, 0.0, 20.0]
    cotangent = draw(rng, 5, 4)
    records = []
    for name in ("relu", "sigmoid", "tanh", "softmax", "linear"):
        tensor = gradient_tensor(x)
        output = keras.activations.get(name)(tensor)
        output.backward(torch.tensor(cotangent))
        records.append(
            {
                "name": name,
                "dtype": DTYPE,
                "output": plain(output.detach()),
                "gradient": plain(tensor.grad),
            }
        )
    return {"x": plain(x), "cotangent": plain(cotangent), "records": records}


# Batch normalization


def record_batch_normalization():
    """Record training and inference outputs, statistics and gradients."""
    rng = np.random.default_rng(404)
    batches = [draw(rng, 8, 5, scale=2.0) + 0.5 for _ in range(3)]
    batches = [np.round(batch, 4) for batch in batches]
    gamma, beta = draw(rng, 5), draw(rng, 5)
    cotangent = draw(rng, 8, 5)
    layer = keras.layers.BatchNormalization()
    layer.build((None, 5))
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)

    x = gradient_tensor(batches[0])
    output = layer(x, training=True)
    output.backward(torch.tensor(cotangent))
    gradients = {
        "x": plain(x.grad),
        "gamma": plain(layer.gamma.value.grad),
        "beta": plain(layer.beta.value.grad),
    }
    outputs = [plain(output.detach())]
    statistics = [plain([layer.moving_mean, layer.moving_variance])]
    for batch in batches[1:]:
        outputs.append(plain(layer(batch, training=True).detach()))
        statistics.append(plain([layer.moving_mean, layer.moving_variance]))
    return {
        "dtype": DTYPE,
        "config": {"momentum": layer.momentum, "epsilon": layer.epsilon, "axis": layer.axis},
        "batches": plain(batches),
        "gamma": plain(gamma),
        "beta": plain(beta),
        "cotangent": plain(cotangent),
        "training_outputs": outputs,
        "gradients_of_first_call": gradients,
        "moving_mean": [mean for mean, _ in statistics],
        "moving_variance": [variance for _, variance in statistics],
        "inference_output_of_first_batch": plain(layer(batches[0], training=False).detach()),
    }


# Training


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
        "sample_weight": np.round(rng.uniform(0.0, 2.0, 50), 3),
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


# Initializers


def record_initializers():
    """Record statistics of one sample of each initializer."""
    names = (
        "GlorotUniform",
        "GlorotNormal",
        "HeUniform",
        "HeNormal",
        "LecunUniform",
        "LecunNormal",
        "RandomUniform",
        "RandomNormal",
        "TruncatedNormal",
        "VarianceScaling",
    )
    shape = (200, 300)
    records = []
    for name in names:
        initializer = getattr(keras.initializers, name)(seed=0)
        config = {k: v for k, v in initializer.get_config().items() if k != "seed"}
        sample = np.array(plain(initializer(shape, dtype=DTYPE)))
        records.append(
            {
                "class": name,
                "dtype": DTYPE,
                "shape": list(shape),
                "seed": 0,
                "default_config": plain(config),
                "min": float(sample.min()),
                "max": float(sample.max()),
                "mean": float(sample.mean()),
                "std": float(sample.std()),
            }
        )
    return records


# Names


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


# Regularizers, constraints, schedules


def parameter_arrays():
    """Return a kernel and a bias, with zeros and columns of small and large norms."""
    rng = np.random.default_rng(707)
    kernel, bias = draw(rng, 4, 3), draw(rng, 5)
    kernel[0, 0] = kernel[2, 1] = bias[3] = 0.0
    kernel[:, 2] *= 3.0
    return {"kernel": np.round(kernel, 4), "bias": bias}


def record_regularizers():
    """Record the penalty and its gradient."""
    cases = [
        ("L1", {}),
        ("L1", {"l1": 0.3}),
        ("L2", {}),
        ("L2", {"l2": 0.2}),
        ("L1L2", {"l1": 0.3, "l2": 0.2}),
    ]
    arrays = parameter_arrays()
    records = []
    for class_name, config in cases:
        for key, value in arrays.items():
            tensor = gradient_tensor(value)
            penalty = getattr(keras.regularizers, class_name)(**config)(tensor)
            penalty.backward()
            records.append(
                {
                    "class": class_name,
                    "config": config,
                    "input": key,
                    "value": plain(penalty.detach()),
                    "gradient": plain(tensor.grad),
                }
            )
    return {"inputs": plain(arrays), "records": records}


def record_constraints():
    """Record what a constraint makes of a parameter."""
    cases = [
        ("NonNeg", {}, ("kernel", "bias")),
        ("MaxNorm", {}, ("kernel", "bias")),
        ("MaxNorm", {"max_value": 0.5}, ("kernel", "bias")),
        ("MaxNorm", {"max_value": 1.5, "axis": 1}, ("kernel",)),
    ]
    arrays = parameter_arrays()
    return {
        "inputs": plain(arrays),
        "records": [
            {
                "class": class_name,
                "config": config,
                "input": key,
                "output": plain(
                    getattr(keras.constraints, class_name)(**config)(
                        gradient_tensor(arrays[key])
                    ).detach()
                ),
            }
            for class_name, config, keys in cases
            for key in keys
        ],
    }


def record_schedules():
    """Record the rates of the schedules at some steps."""
    common = {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}
    steps = [0, 1, 6, 7, 8, 13, 14, 100, 12345]
    records = []
    for config in (common, {**common, "staircase": True}):
        schedule = keras.optimizers.schedules.ExponentialDecay(**config)
        rates = [float(plain(schedule(step))) for step in steps]
        records.append({"class": "ExponentialDecay", "config": config, "rates": rates})
    return {"steps": steps, "records": records}


# Callbacks


HOOKS = [
    f"on_{hook}"
    for hook in (
        *(f"{run}_{end}" for run in ("train", "test", "predict") for end in ("begin", "end")),
        *("epoch_begin", "epoch_end"),
        *(f"{run}_batch_{end}" for run in ("train", "test", "predict") for end in ("begin", "end")),
    )
]


def recorder(hooks, stop_at=None):
    """Return a callback that overrides these hooks, and the list that its calls go to.

    At the call ``stop_at``, a hook and a number, it sets ``stop_training``.
    """
    calls = []

    def hook_method(hook):
        def method(self, *arguments, **keywords):
            *index, logs = [*arguments, *keywords.values()]
            calls.append({"hook": hook, "index": plain(index), "logs": plain(logs)})
            if stop_at == (hook, *index):
                self.model.stop_training = True

        return method

    methods = {hook: hook_method(hook) for hook in hooks}
    return type("Recorder", (keras.callbacks.Callback,), methods)(), calls


def record_hooks():
    """Record the calls of the hooks by ``fit``, ``evaluate`` and ``predict``."""
    data = training_data()
    x, y = data["x"], data["y_value"]
    fit = {"epochs": 2, "batch_size": 16, "validation_split": 0.4, "shuffle": False}
    aliases = ["on_batch_begin", "on_batch_end"]
    cases = {
        "fit": (HOOKS, None),
        "fit_aliases": (aliases, None),
        "fit_stopped_by_batch": (HOOKS, ("on_train_batch_end", 0)),
        "fit_stopped_by_epoch": (HOOKS, ("on_epoch_end", 0)),
    }
    result = {"model": "Dense(1, kernel ones, bias zeros), sgd, mse, metrics mae", "fit": fit}
    result["calls"] = {}
    for name, (hooks, stop_at) in cases.items():
        callback, calls = recorder(hooks, stop_at)
        small_regression(["mae"]).fit(x, y, verbose=0, callbacks=[callback], **fit)
        result["calls"][name] = calls
    callback, calls = recorder(HOOKS)
    small_regression(["mae"]).evaluate(x, y, batch_size=16, verbose=0, callbacks=[callback])
    result["calls"]["evaluate"] = calls
    callback, calls = recorder(HOOKS)
    small_regression(["mae"]).predict(x[:20], batch_size=16, verbose=0, callbacks=[callback])
    result["calls"]["predict"] = calls
    return result


class ScriptedModel:
    """All that EarlyStopping sees of a model; its weights are the number of the epoch."""

    stop_training = False
    weights = None
    metrics = ()

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def record_early_stopping():
    """Record what 80 drawn configurations do; the values are dyadic, so that ties are exact."""
    rng = np.random.default_rng(808)
    records = []
    for _ in range(80):
        values = (rng.integers(0, 9, 8) / 8).tolist()
        config = {
            "monitor": "watched",
            "mode": str(rng.choice(["min", "max"])),
            "patience": int(rng.choice([0, 1, 2, 3, 6])),
            "min_delta": float(rng.choice([0.0, 0.125, 0.25])),
            "baseline": rng.choice([None, 0.25, 0.75]),
            "restore_best_weights": bool(rng.integers(0, 2)),
            "start_from_epoch": int(rng.choice([0, 0, 2])),
        }
        callback, model = keras.callbacks.EarlyStopping(**config), ScriptedModel()
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, value in enumerate(values):
            model.weights = epoch
            callback.on_epoch_end(epoch, {"watched": value})
            if model.stop_training:
                break
        callback.on_train_end()
        records.append(
            {
                "config": config,
                "values": values,
                "last_epoch": epoch,
                "stopped_epoch": callback.stopped_epoch,
                "best_epoch": callback.best_epoch,
                "best": callback.best,
                "weights_of_epoch": model.weights,
            }
        )
    return records


def main():
    """Record every section and write the file."""
    torch.set_num_threads(1)
    use_float64()
    numbers = {
        "versions": {
            "keras": keras.__version__,
            "torch": torch.__version__,
            "backend": keras.config.backend(),
            "numpy": np.__version__,
            "python": platform.python_version(),
            "floatx": keras.config.floatx(),
            "epsilon": keras.config.epsilon(),
        },
        "optimizers": record_optimizers(),
        "torch_optimizers": record_torch_optimizers(),
        "losses": record_losses(),
        "activations": record_activations(),
        "batch_normalization": record_batch_normalization(),
        "training": record_training(),
        "initializers": record_initializers(),
        "names": record_names(),
        "regularizers": record_regularizers(),
        "constraints": record_constraints(),
        "schedules": record_schedules(),
        "hooks": record_hooks(),
        "early_stopping": record_early_stopping(),
    }
    OUTPUT.write_text(encode(numbers) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
