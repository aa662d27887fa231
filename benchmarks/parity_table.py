"""The trainings that ``benchmarks.keras_parity`` compares: one row for each option of each part.

To add a part of annlib that Keras has, add its name and its options to the list of its family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

BATCH, ROWS, FEATURES, CLASSES = 16, 160, 6, 3


# -- descriptions: what both libraries are built from ----------------------------------------------


def thing(family: str, name: str, /, **config: Any) -> dict[str, Any]:
    """An object of either library, described so that JSON can hold it."""
    return {"family": family, "class": name, "config": config}


def layer(name: str, /, **config: Any) -> dict[str, Any]:
    return thing("layers", name, **config)


def einsum_dense(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Keras' layer that is a ``BatchedDense`` whose members have an input each."""
    config = dict(config)
    shape = config.pop("members"), config.pop("units")
    return "EinsumDense", {
        "equation": "nki,kio->nko",
        "output_shape": shape,
        "bias_axes": "ko",
        **config,
    }


#: What Keras has under another name and with other arguments.
IN_KERAS: dict[str, Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]] = {
    "BatchedDense": einsum_dense,
}


def made(library: Any, description: Any) -> Any:
    """The object of this library that is described, or the value itself."""
    if isinstance(description, dict) and description.keys() == {"family", "class", "config"}:
        family = library
        for part in description["family"].split("."):
            family = getattr(family, part)
        config = {key: made(library, value) for key, value in description["config"].items()}
        name = description["class"]
        if library.__name__ == "keras" and name in IN_KERAS:
            name, config = IN_KERAS[name](config)
        return getattr(family, name)(**config)
    if isinstance(description, list):
        return [made(library, item) for item in description]
    return description


def dense(units: int, activation: str | None = None, **config: Any) -> dict[str, Any]:
    return layer("Dense", units=units, activation=activation, **config)


def row(group: str, label: str, **parts: Any) -> dict[str, Any]:
    """A training: what is not given is a small classifier with Adam."""
    described = {
        "group": group,
        "label": label,
        "x": "x",
        "y": "labels",
        "layers": [dense(8, "tanh"), dense(CLASSES, "softmax")],
        "optimizer": thing("optimizers", "Adam", learning_rate=0.01),
        "excluded": [],
        "loss": "sparse_categorical_crossentropy",
        "metrics": [],
        "fit": {},
        "history": True,
        "known": None,
    }
    return {**described, **parts}


# -- the table -------------------------------------------------------------------------------------

OPTIMIZERS: dict[str, list[dict[str, Any]]] = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [
        {},
        {"rho": 0.7, "epsilon": 1e-3},
        {"momentum": 0.9},
        {"centered": True},
        {"centered": True, "momentum": 0.5},
    ],
    "Adam": [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}, {"amsgrad": True}],
    "AdamW": [{}, {"weight_decay": 0.05}, {"amsgrad": True}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.3, "epsilon": 1e-3}],
    "Adadelta": [{"learning_rate": 1.0}, {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-3}],
    "Adamax": [{}, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
    "Nadam": [{}, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
    "Lion": [{"learning_rate": 0.001}, {"learning_rate": 0.001, "beta_1": 0.8, "beta_2": 0.9}],
    "Lamb": [{}, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
    "Adafactor": [{}, {"learning_rate": 0.1, "beta_2_decay": -0.6, "clip_threshold": 0.5}],
    "Muon": [
        {"learning_rate": 0.0001},
        {"momentum": 0.8, "ns_steps": 3, "nesterov": False, "rms_rate": None},
    ],
    "Ftrl": [
        {"learning_rate": 0.1},
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.3,
            "initial_accumulator_value": 0.2,
            "l1_regularization_strength": 0.001,
            "l2_regularization_strength": 0.01,
            "l2_shrinkage_regularization_strength": 0.02,
            "beta": 0.1,
        },
    ],
}

POLICIES: list[dict[str, Any]] = [
    {"clipnorm": 0.05},
    {"clipvalue": 0.01},
    {"global_clipnorm": 0.1},
    {"weight_decay": 0.05},
    {"use_ema": True, "ema_momentum": 0.9},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 7},
    {"gradient_accumulation_steps": 4},
    {"gradient_accumulation_steps": 3, "clipnorm": 0.05, "weight_decay": 0.05, "use_ema": True},
]

SCHEDULES: dict[str, list[dict[str, Any]]] = {
    "ExponentialDecay": [
        {"decay_steps": 30, "decay_rate": 0.5},
        {"decay_steps": 30, "decay_rate": 0.5, "staircase": True},
    ],
    "PiecewiseConstantDecay": [{"boundaries": [10, 50], "values": [0.1, 0.03, 0.01]}],
    "PolynomialDecay": [
        {"decay_steps": 60, "end_learning_rate": 0.001, "power": 2.0},
        {"decay_steps": 30, "end_learning_rate": 0.001, "cycle": True},
    ],
    "InverseTimeDecay": [
        {"decay_steps": 20, "decay_rate": 0.5},
        {"decay_steps": 20, "decay_rate": 0.5, "staircase": True},
    ],
    "CosineDecay": [
        {"decay_steps": 70, "alpha": 0.1},
        {"decay_steps": 70, "warmup_target": 0.2, "warmup_steps": 20},
    ],
    "CosineDecayRestarts": [
        {"first_decay_steps": 20},
        {"first_decay_steps": 20, "t_mul": 1.0, "m_mul": 0.8, "alpha": 0.05},
    ],
}

#: Loss: its options, the targets, and the activation of an output of that many units.
LOSSES: list[tuple[str, list[dict[str, Any]], str, str | None, int]] = [
    ("MeanSquaredError", [{}], "values", None, 2),
    ("MeanAbsoluteError", [{}], "values", None, 2),
    ("MeanAbsolutePercentageError", [{}], "positive", None, 2),
    ("MeanSquaredLogarithmicError", [{}], "positive", "softplus", 2),
    ("Huber", [{}, {"delta": 0.3}], "values", None, 2),
    ("LogCosh", [{}], "values", None, 2),
    ("Poisson", [{}], "positive", "softplus", 2),
    ("KLDivergence", [{}], "shares", "softmax", CLASSES),
    ("CosineSimilarity", [{}], "values", None, 2),
    ("Hinge", [{}], "signs", "tanh", 1),
    ("SquaredHinge", [{}], "signs", None, 1),
    ("CategoricalHinge", [{}], "one_hot", None, CLASSES),
    ("BinaryCrossentropy", [{}, {"label_smoothing": 0.1}], "bits", "sigmoid", 1),
    ("BinaryCrossentropy", [{"from_logits": True}], "bits", None, 1),
    (
        "BinaryFocalCrossentropy",
        [{}, {"apply_class_balancing": True, "alpha": 0.4, "gamma": 1.5, "label_smoothing": 0.1}],
        "bits",
        "sigmoid",
        1,
    ),
    ("BinaryFocalCrossentropy", [{"from_logits": True}], "bits", None, 1),
    (
        "CategoricalFocalCrossentropy",
        [{}, {"alpha": 0.4, "gamma": 1.5, "label_smoothing": 0.1}],
        "one_hot",
        "softmax",
        CLASSES,
    ),
    ("CategoricalFocalCrossentropy", [{"from_logits": True}], "one_hot", None, CLASSES),
    ("CategoricalCrossentropy", [{}, {"label_smoothing": 0.1}], "one_hot", "softmax", CLASSES),
    ("CategoricalCrossentropy", [{"from_logits": True}], "one_hot", None, CLASSES),
    ("SparseCategoricalCrossentropy", [{}], "labels", "softmax", CLASSES),
    ("SparseCategoricalCrossentropy", [{"from_logits": True}], "labels", None, CLASSES),
    ("CategoricalGeneralizedCrossEntropy", [{}, {"q": 0.8}], "labels", "softmax", CLASSES),
]

RATES = {"MeanAbsolutePercentageError": 0.0005, "CosineSimilarity": 0.005}

REDUCTIONS = ("sum", "mean_with_sample_weight")

ACTIVATIONS = [
    *("linear", "relu", "leaky_relu", "relu6", "elu", "selu", "gelu", "silu", "mish"),
    *("sigmoid", "tanh", "softplus", "softsign", "exponential", "hard_sigmoid", "hard_silu"),
    *("hard_shrink", "soft_shrink", "tanh_shrink", "squareplus", "sparse_plus", "sparse_sigmoid"),
    *("softmax", "log_softmax"),
]

PENALTIES = [("L1", {"l1": 0.02}), ("L2", {"l2": 0.05}), ("L1L2", {"l1": 0.01, "l2": 0.03})]

#: Metrics of what a network gives for targets of this kind, by an output of that many units.
METRICS: list[tuple[str, str | None, int, str, list[tuple[str, dict[str, Any]]]]] = [
    (
        *("bits", "sigmoid", 1, "binary_crossentropy"),
        [
            ("BinaryAccuracy", {"threshold": 0.4}),
            ("Precision", {}),
            ("Precision", {"thresholds": 0.3}),
            ("Recall", {}),
            ("AUC", {}),
            ("AUC", {"curve": "PR"}),
            ("AUC", {"curve": "PRGAIN", "summation_method": "minoring", "num_thresholds": 20}),
            ("TruePositives", {"thresholds": 0.6}),
            ("FalseNegatives", {}),
            ("PrecisionAtRecall", {"recall": 0.7}),
            ("RecallAtPrecision", {"precision": 0.7}),
            ("SensitivityAtSpecificity", {"specificity": 0.6}),
            ("SpecificityAtSensitivity", {"sensitivity": 0.6}),
        ],
    ),
    (
        *("values", None, 2, "mean_squared_error"),
        [
            ("RootMeanSquaredError", {}),
            ("MeanAbsoluteError", {}),
            ("LogCoshError", {}),
            ("CosineSimilarity", {}),
            ("PearsonCorrelation", {}),
            ("ConcordanceCorrelation", {}),
        ],
    ),
    (
        *("one_hot", "softmax", CLASSES, "categorical_crossentropy"),
        [
            ("CategoricalAccuracy", {}),
            ("TopKCategoricalAccuracy", {"k": 2}),
            ("Precision", {"top_k": 2}),
            ("Recall", {"class_id": 1, "thresholds": 0.3}),
            ("CategoricalCrossentropy", {"label_smoothing": 0.1}),
            ("KLDivergence", {}),
        ],
    ),
    (
        *("labels", "softmax", CLASSES, "sparse_categorical_crossentropy"),
        [("SparseCategoricalAccuracy", {}), ("SparseTopKCategoricalAccuracy", {"k": 2})],
    ),
]

CONSTRAINTS: list[tuple[str, dict[str, Any]]] = [
    ("NonNeg", {}),
    ("MaxNorm", {"max_value": 0.7}),
    ("MaxNorm", {"max_value": 0.7, "axis": 1}),
    ("UnitNorm", {}),
    ("MinMaxNorm", {"min_value": 0.4, "max_value": 0.8}),
    ("MinMaxNorm", {"min_value": 0.4, "max_value": 0.8, "rate": 0.5, "axis": 1}),
]

#: Where Keras' backend is not exact: the row is shown, and not counted.
KNOWN = {"hard_sigmoid": "PyTorch takes 1/6 in single precision"}

#: What stands between two Dense layers.
LAYERS: list[dict[str, Any]] = [
    layer("BatchNormalization", momentum=0.9),
    layer("BatchNormalization", momentum=0.8, epsilon=0.1, center=False),
    layer("BatchNormalization", momentum=0.8, scale=False),
    layer("BatchNormalization", momentum=0.8, trainable=False),
    layer(
        "BatchNormalization",
        gamma_regularizer=thing("regularizers", "L2", l2=0.1),
        beta_constraint=thing("constraints", "NonNeg"),
    ),
    layer("LayerNormalization"),
    layer("LayerNormalization", epsilon=0.1, center=False, scale=False),
    layer("RMSNormalization"),
    layer("UnitNormalization"),
    layer("PReLU"),
    layer("PReLU", alpha_initializer="ones", alpha_constraint=thing("constraints", "NonNeg")),
    layer("ReLU", max_value=1.0, negative_slope=0.1, threshold=0.2),
    layer("LeakyReLU"),
    layer("ELU", alpha=0.7),
    layer("Softmax"),
    layer("Activation", activation="gelu"),
    layer("Identity"),
    layer("Rescaling", scale=0.5, offset=0.1),
    layer("ActivityRegularization", l1=0.01, l2=0.02),
    layer("Dropout", rate=0.0),
]


def told(config: dict[str, Any]) -> str:
    """A configuration as a label."""

    def short(value: Any) -> Any:
        described = isinstance(value, dict) and "class" in value
        return f"{value['class']}({told(value['config'])})" if described else value

    return ", ".join(f"{key}={short(value)}" for key, value in config.items())


HEAD = dense(CLASSES, "softmax")


def table() -> list[dict[str, Any]]:
    """Every row: one training each."""
    return [
        *optimizer_rows(),
        *schedule_rows(),
        *loss_rows(),
        row("weights", "sample_weight", fit={"sample_weight": "weights"}),
        row("weights", "class_weight", fit={"class_weight": {"0": 0.3, "2": 2.5}}),
        *activation_rows(ACTIVATIONS),
        *parameter_rows(),
        *layer_rows(),
        # New rows stand last: benchmarks.same_bits takes a type by a row's place.
        *activation_rows(["celu", "hard_tanh", "log_sigmoid"]),
        *further_rows(),
        *metric_rows(),
        *columns_rows(),
    ]


def optimizer_rows() -> Iterator[dict[str, Any]]:
    for name, options in OPTIMIZERS.items():
        for config in options:
            optimizer = thing("optimizers", name, **{"learning_rate": 0.01, **config})
            yield row("optimizer", f"{name}({told(config)})", optimizer=optimizer)
    for config in POLICIES:
        for name, own in (("SGD", {"momentum": 0.9}), ("Adam", {})):
            optimizer = thing("optimizers", name, learning_rate=0.02, **own, **config)
            yield row("policy", f"{name}({told({**own, **config})})", optimizer=optimizer)
    decay = thing("optimizers", "AdamW", learning_rate=0.01, weight_decay=0.1)
    yield row("policy", "AdamW, biases excluded from decay", optimizer=decay, excluded=["bias"])


def schedule_rows() -> Iterator[dict[str, Any]]:
    for name, options in SCHEDULES.items():
        for config in options:
            start = {} if "values" in config else {"initial_learning_rate": 0.1}
            schedule = thing("optimizers.schedules", name, **start, **config)
            optimizer = thing("optimizers", "SGD", learning_rate=schedule)
            yield row("schedule", f"{name}({told(config)})", optimizer=optimizer)


def loss_rows() -> Iterator[dict[str, Any]]:
    for name, options, y, activation, units in LOSSES:
        for config in options:
            for reduction in (None, *REDUCTIONS):
                given = {**config, **({"reduction": reduction} if reduction else {})}
                # Slow enough that rounding is not amplified: a training at the edge of stability
                # tells nothing about the formulas.
                rate = RATES.get(name, 0.05) * (0.05 if reduction == "sum" else 1)
                yield row(
                    "loss",
                    f"{name}({told(given)})" + (", sample_weight" if reduction else ""),
                    y=y,
                    layers=[dense(8, "tanh"), dense(units, activation)],
                    optimizer=thing("optimizers", "SGD", learning_rate=rate),
                    loss=thing("losses", name, **given),
                    fit={"sample_weight": "weights"} if reduction else {},
                    # Keras averages these batch losses by rows, annlib by what they weigh.
                    history=reduction != "mean_with_sample_weight",
                )


def activation_rows(names: list[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        yield row(
            "activation",
            name,
            layers=[dense(8, name), HEAD],
            # Slow enough that no prediction reaches Keras' clip at 1 - 1e-7.
            optimizer=thing("optimizers", "SGD", learning_rate=0.02),
            metrics=["accuracy"],
            known=KNOWN.get(name),
        )


def metric_rows() -> Iterator[dict[str, Any]]:
    for y, activation, units, loss, metrics in METRICS:
        for name, config in metrics:
            yield row(
                "metric",
                f"{name}({told(config)}), {y}",
                y=y,
                layers=[dense(8, "tanh"), dense(units, activation)],
                optimizer=thing("optimizers", "SGD", learning_rate=0.05),
                loss=loss,
                metrics=[thing("metrics", name, name="metric", **config)],
            )


def parameter_rows() -> Iterator[dict[str, Any]]:
    for name, config in PENALTIES:
        for kind in ("kernel", "bias", "activity"):
            # A bias that a penalty brings to 0 would swing about the kink of |w|.
            scale = 0.05 if kind == "bias" else 1.0
            scaled = {key: value * scale for key, value in config.items()}
            penalty = {f"{kind}_regularizer": thing("regularizers", name, **scaled)}
            yield row("regularizer", told(penalty), layers=[dense(8, "tanh", **penalty), HEAD])
    for name, config in CONSTRAINTS:
        limit = {"kernel_constraint": thing("constraints", name, **config)}
        yield row("constraint", told(limit), layers=[dense(8, "tanh", **limit), HEAD])


def layer_rows() -> Iterator[dict[str, Any]]:
    for item in LAYERS:
        label = f"{item['class']}({told(item['config'])})"
        yield row("layer", label, layers=[dense(8, "tanh"), item, HEAD])
    given = {"mean": [0.5] * FEATURES, "variance": [2.0] * FEATURES}
    normalization = layer("Normalization", **given)
    yield row("layer", "Normalization(mean, variance)", layers=[normalization, HEAD])
    penalty = thing("regularizers", "L2", l2=0.01)
    embedding = layer("Embedding", input_dim=5, output_dim=4, embeddings_regularizer=penalty)
    stack = [embedding, layer("Flatten"), HEAD]
    yield row("layer", "Embedding, Flatten", x="codes", layers=stack)
    reshaped = [
        dense(8, "tanh"),
        layer("Reshape", target_shape=[2, 4]),
        layer("BatchNormalization", axis=1, momentum=0.9),
        layer("Flatten"),
        HEAD,
    ]
    yield row("layer", "Reshape, BatchNormalization(axis=1), Flatten", layers=reshaped)


def further_rows() -> Iterator[dict[str, Any]]:
    # In the last layer: Keras does not know that it halves the units.
    yield row(
        "activation",
        "glu",
        y="values",
        layers=[dense(8, "tanh"), dense(4, "glu")],
        optimizer=thing("optimizers", "SGD", learning_rate=0.02),
        loss="mean_squared_error",
    )
    # Keras' mean of an epoch counts the rows that are ignored.
    ignoring = thing("losses", "SparseCategoricalCrossentropy", ignore_class=1)
    yield row("loss", f"{ignoring['class']}(ignore_class=1)", loss=ignoring, history=False)
    for mode in ("rows", "columns"):
        orthogonal = thing("regularizers", "OrthogonalRegularizer", factor=0.05, mode=mode)
        penalty = {"kernel_regularizer": orthogonal}
        yield row("regularizer", told(penalty), layers=[dense(8, "tanh", **penalty), HEAD])
    limits = {"rmin": 0.8, "rmax": 1.2, "dmax": 0.3}
    clipped = {"renorm_clipping": limits, "renorm_momentum": 0.7}
    scale = [0.5, 2.0, -1.0, 1.0, 0.1, 3.0, 1.0, 0.7]
    for item in (
        layer("BatchNormalization", momentum=0.9, renorm=True),
        layer("BatchNormalization", momentum=0.8, renorm=True, **clipped),
        layer("Rescaling", scale=scale, offset=[0.1] * 8),
    ):
        label = f"{item['class']}({told(item['config'])})"
        yield row("layer", label, layers=[dense(8, "tanh"), item, HEAD])
    for mode in ("multi_hot", "count"):
        front = layer("CategoryEncoding", num_tokens=5, output_mode=mode)
        yield row("layer", f"CategoryEncoding({mode})", x="codes", layers=[front, HEAD])
    bins = layer("Discretization", bin_boundaries=[-0.7, 0.1, 0.6], output_mode="one_hot")
    stack = [bins, layer("Flatten"), HEAD]
    yield row("layer", "Discretization(one_hot), Flatten", layers=stack)


def columns_rows() -> Iterator[dict[str, Any]]:
    """``Columns``, which is Keras' functional network of the same chains."""
    penalty = thing("regularizers", "L2", l2=0.05)
    numbers = [
        [dense(4, "tanh"), [0, 1]],
        [[dense(5, "relu", kernel_regularizer=penalty), dense(2)], [4, 2, 3]],
    ]
    codes = [
        [[layer("Embedding", input_dim=5, output_dim=3), layer("Flatten")], [0, 2]],
        [layer("Embedding", input_dim=5, output_dim=2), [1]],
    ]
    for x, chains, remainder in (
        ("x", numbers, "passthrough"),
        ("x", numbers, "drop"),
        ("codes", codes, "drop"),
    ):
        columns = layer("Columns", chains=chains, remainder=remainder)
        yield row("columns", f"Columns of {x}, {remainder}", x=x, layers=[columns, HEAD])
    members = [
        layer("Reshape", target_shape=[2, 3]),
        layer("BatchedDense", members=2, units=4, activation="tanh", kernel_regularizer=penalty),
        layer("Flatten"),
        HEAD,
    ]
    yield row("layer", "Reshape, BatchedDense, Flatten", layers=members)


def data() -> dict[str, np.ndarray]:
    """What the rows train on."""
    rng = np.random.default_rng(2024)
    x = np.round(rng.normal(size=(ROWS, FEATURES)), 3)
    score = x @ rng.normal(size=(FEATURES, CLASSES)) + rng.normal(size=(ROWS, CLASSES))
    labels = score.argmax(axis=1)
    return {
        "x": x,
        "codes": rng.integers(0, 5, (ROWS, 3)),
        "labels": labels,
        "one_hot": np.eye(CLASSES)[labels],
        "shares": np.round(rng.dirichlet(np.ones(CLASSES), ROWS), 3),
        "values": np.round(score[:, :2], 3),
        "positive": np.round(np.exp(score[:, :2] / 4), 3),
        "bits": (score[:, :1] > 0).astype(float),
        "signs": np.where(score[:, :1] > 0, 1.0, -1.0),
        "weights": np.round(rng.uniform(0, 2, ROWS), 3),
    }


def first_weights(shapes: list[tuple[str, tuple[int, ...]]]) -> list[np.ndarray]:
    """Initial values for parameters of these names and shapes: kernels by fan-in, biases small."""
    rng = np.random.default_rng(7)
    values = []
    for name, shape in shapes:
        drawn = np.round(rng.normal(size=shape), 3)
        if name in ("gamma", "scale", "moving_variance", "moving_stddev", "renorm_stddev"):
            drawn = 1 + 0.1 * np.abs(drawn)
        elif name in ("kernel", "embeddings"):
            drawn = drawn / np.sqrt(shape[0])
        else:
            drawn = 0.1 * drawn
        values.append(drawn)
    return values
