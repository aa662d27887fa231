"""Networks that go from Keras and PyTorch to annlib and back, and train on.

Every row of the table of ``keras_parity`` is trained in Keras, comes in with ``from_keras``, and is
trained on for an epoch by both; then it goes out with ``to_keras``, and both train on again. Random
networks of annlib's go through Keras and PyTorch and back, for predictions::

    python -m pip install -e ".[bench]" h5py
    python -m benchmarks.interchange                     # all rows, float64
    python -m benchmarks.interchange --float32 Adam      # rows whose name has "Adam"
    python -m benchmarks.interchange --random 200 --float32     # networks through both libraries

The first column is the largest difference of predictions, the second that of weights and History
after further training in annlib and in Keras, the third that after training what ``to_keras`` gave.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import Any

import numpy as np

from benchmarks.keras_parity import difference, fit_arguments, functional, use_float64, variables_of
from benchmarks.parity_table import BATCH, data, first_weights, made, table

TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
PREDICTIONS = {"float64": 1e-12, "float32": 1e-6}


def keras_model(spec: dict[str, Any]) -> Any:
    """Keras' model of a row, compiled, with first weights that have no pattern."""
    import keras

    keras.utils.clear_session()
    inputs = data()[spec["x"]]
    first = keras.Input(inputs.shape[1:], dtype="int32" if spec["x"] == "codes" else None)
    if spec["layers"][0]["class"] == "Columns":
        model = functional(keras, first, spec["layers"])
    else:
        model = keras.Sequential([first, *(made(keras, item) for item in spec["layers"])])
    start = first_weights([(w.name, tuple(w.shape)) for w in variables_of(model)])
    for variable, value in zip(variables_of(model), start, strict=True):
        variable.assign(value)
    optimizer = made(keras, spec["optimizer"])
    if spec["excluded"]:
        optimizer.exclude_from_weight_decay(var_names=spec["excluded"])
    loss, metrics = made(keras, spec["loss"]), made(keras, spec["metrics"])
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=False)
    return model


def fit(model: Any, spec: dict[str, Any]) -> list[np.ndarray]:
    """Weights and History after an epoch in order."""
    arrays = data()
    history = model.fit(
        arrays[spec["x"]],
        arrays[spec["y"]],
        batch_size=BATCH,
        shuffle=False,
        verbose=0,
        **fit_arguments(spec["fit"], arrays),
    ).history
    weights = [np.asarray(value, np.float64) for value in model.get_weights()]
    values = [np.array(history[k]) for k in sorted(history)] if spec["history"] else []
    return weights + values


def round_trip(spec: dict[str, Any]) -> tuple[float, float, float]:
    """The three differences of a row."""
    from annlib import export

    theirs = keras_model(spec)
    fit(theirs, spec)
    mine = export.from_keras(theirs)
    x = data()[spec["x"]]
    predictions = [model.predict(x, verbose=0) for model in (mine, theirs)]
    came_in = difference(fit(mine, spec), fit(theirs, spec))
    back = export.to_keras(mine)
    went_out = difference(fit(mine, spec), fit(back, spec))
    return difference(*([p] for p in predictions)), came_in, went_out


def compare(rows: list[dict[str, Any]], dtype: str) -> int:
    """Print the table; returns how many rows are beyond the tolerance or refused."""
    print("| | row | predictions | from_keras, trained on | to_keras, trained on |")
    print("|---|---|---|---|---|")
    bad = 0
    for spec in rows:
        label = f"| {spec['group']} | {spec['label']} "
        try:
            predictions, *trained = round_trip(spec)
        except Exception as error:
            expected = any(item["class"] in ("Columns", "BatchedDense") for item in spec["layers"])
            bad += not expected
            print(f"{label}| {'refused' if expected else '**refused**'}: {str(error)[:200]} |")
            continue
        beyond = predictions > PREDICTIONS[dtype] or max(trained) > TOLERANCE[dtype]
        bad += beyond and not spec["known"]
        shown = " | ".join(f"{value:.1e}" for value in (predictions, *trained))
        mark = (spec["known"] or "**beyond**") if beyond else ""
        print(f"{label}| {shown} | {mark}")
        sys.stdout.flush()
    print(f"\n{len(rows)} rows, {bad} beyond")
    return bad


#: Activations that Keras and PyTorch both have as modules, and Keras' alone.
COMMON = [
    *("relu", "sigmoid", "tanh", "elu", "gelu", "silu", "softplus", "softsign", "mish", "selu"),
    *("relu6", "leaky_relu", "hard_sigmoid", "hard_silu", "log_sigmoid", "celu", "hard_tanh"),
    *("hard_shrink", "soft_shrink", "tanh_shrink", "log_softmax", "softmax", "linear"),
]
# And no sparsemax, of which it has another.
OF_KERAS = ["exponential", "squareplus", "sparse_plus", "sparse_sigmoid"]


def random_layer(rng: np.random.Generator, keras: bool) -> Any:
    from annlib import layers

    units, activation = int(rng.integers(2, 9)), str(rng.choice(COMMON + OF_KERAS * keras))
    kinds = [
        lambda: layers.Dense(units, activation, use_bias=bool(rng.random() < 0.8)),
        lambda: layers.Dense(units, layers.LeakyReLU(float(rng.random()))),
        lambda: layers.BatchNormalization(momentum=0.9, scale=bool(rng.random() < 0.5)),
        lambda: layers.LayerNormalization(center=bool(rng.random() < 0.5)),
        layers.RMSNormalization,
        lambda: layers.Dropout(0.3),
        lambda: layers.AlphaDropout(0.2),
        lambda: layers.Activation(activation),
        layers.PReLU,
        lambda: layers.ReLU(max_value=6.0),
        lambda: layers.ELU(0.7),
        layers.Softmax,
        layers.Identity,
        *([lambda: layers.GaussianNoise(0.1), layers.UnitNormalization] * keras),
    ]
    return kinds[int(rng.integers(len(kinds)))]()


def random_network(rng: np.random.Generator, dtype: str, keras: bool) -> Any:
    """A network of the layers that the other library has, with weights that have no pattern."""
    from annlib import Sequential, layers

    width = int(rng.integers(1, 9))
    parts: list[Any] = [layers.Input((width,))]
    if rng.random() < 0.2:
        parts = [layers.Input((3,)), layers.Embedding(7, width), layers.Flatten()]
    elif keras and rng.random() < 0.5:
        parts.append(layers.Normalization() if rng.random() < 0.5 else layers.Rescaling(0.5, 1.0))
    parts += [random_layer(rng, keras) for _ in range(int(rng.integers(1, 6)))]
    parts.append(layers.Dense(int(rng.integers(1, 5))))
    model = Sequential(parts, seed=0, dtype=dtype)
    for layer in model.layers:
        drawn = []
        for parameter in layer._parameters:
            sizes = np.abs(rng.normal(size=parameter.shape)) + 0.2
            signs = 1 if "variance" in parameter.name else rng.choice([-1, 1], parameter.shape)
            drawn.append(np.asarray(sizes * signs, dtype))
        layer.set_weights(drawn)
    return model


def rows_for(model: Any, rng: np.random.Generator) -> np.ndarray:
    if type(model.layers[0]).__name__ == "Embedding":
        return rng.integers(0, 7, (40, 3))
    return rng.normal(size=(40, *model.input_shape[1:])).astype(model.dtype)


def in_double(model: Any, x: np.ndarray) -> np.ndarray:
    """What the network predicts in double precision."""
    from annlib import Sequential

    double = Sequential([layer.clone() for layer in model.layers], dtype="float64", seed=0)
    double.build((None, *x.shape[1:]))
    double.set_weights(model.get_weights())
    return double.predict(x)


def random_round_trips(count: int, library: str, dtype: str) -> int:
    """Networks there and back; returns how many predict otherwise.

    A network may round to numbers that are further apart, as ``LayerNormalization`` of rows that
    are nearly constant does. So each of them may be that far from what the network predicts in
    double precision.
    """
    from annlib import export

    rng, worst, bad = np.random.default_rng(0), 0.0, 0
    for _ in range(count):
        model = random_network(rng, dtype, library == "keras")
        x = rows_for(model, rng)
        mine = model.predict(x)
        if library == "keras":
            other = export.to_keras(model)
            theirs, back = other.predict(x, verbose=0), export.from_keras(other)
        else:
            import torch

            other = export.to_torch(model)
            with torch.no_grad():
                theirs = other(torch.tensor(x)).numpy()
            back = export.from_torch(other, model.input_shape[1:])
        size = max(1.0, float(np.abs(mine).max()))
        found = max(float(np.abs(one - mine).max()) for one in (theirs, back.predict(x))) / size
        worst = max(worst, found)
        if found > PREDICTIONS[dtype]:
            true = in_double(model, x)
            errors = [float(np.abs(one - true).max()) / size for one in (theirs, mine)]
            bad += max(errors) > PREDICTIONS[dtype]
            print(
                f"{found:.1e}; to double precision {errors[0]:.1e}, annlib {errors[1]:.1e}:", model
            )
    print(f"{count} random networks through {library}, {dtype}: largest difference {worst:.1e}")
    return bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only rows whose group or label has one of these")
    parser.add_argument("--float32", action="store_true")
    parser.add_argument("--random", type=int, metavar="N", help="N networks through each library")
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "torch")
    dtype = "float32" if arguments.float32 else "float64"
    if dtype == "float64":
        use_float64()
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)
    if arguments.random:
        pairs = ((library, kind) for library in ("keras", "torch") for kind in PREDICTIONS)
        found = [random_round_trips(arguments.random, *pair) for pair in pairs if pair[1] == dtype]
        sys.exit(sum(found) > 0)
    wanted = arguments.names
    rows = [
        item
        for item in table()
        if not wanted or any(name in f"{item['group']} {item['label']}" for name in wanted)
    ]
    sys.exit(compare(rows, dtype) > 0)


if __name__ == "__main__":
    main()
