"""annlib against Keras itself: the same networks, weights and batches, 100 steps of training.

For each row of the table, both build the network, take the same initial weights and are fed the
same batches by ``fit``. The largest difference of any weight (moving statistics among them) and of
any value in History is printed, relative to the largest value of the same array::

    python -m pip install -e ".[bench]"
    python -m benchmarks.keras_parity                  # float64, all rows
    python -m benchmarks.keras_parity --float32 Adam   # float32, rows whose name has "Adam"
    python -m benchmarks.keras_parity --record tests/golden/parity.json --epochs 2

``--record`` writes Keras' numbers, from which the tests take theirs. Keras keeps float64 on the
PyTorch and JAX backends only if one entry of its promotion table is changed (``use_float64``); no
formula of Keras is touched by that.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.parity_table import BATCH, ROWS, data, first_weights, made, table

TOLERANCE = {"float64": 1e-9, "float32": 1e-4}


def fit_arguments(described: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    arguments = dict(described)
    if "sample_weight" in arguments:
        arguments["sample_weight"] = arrays[arguments["sample_weight"]]
    if "class_weight" in arguments:
        arguments["class_weight"] = {int(k): v for k, v in arguments["class_weight"].items()}
    return arguments


def trained(model: Any, library: Any, spec: dict[str, Any], epochs: int) -> dict[str, Any]:
    """The weights and History of this model of either library after the training."""
    arrays = data()
    optimizer = made(library, spec["optimizer"])
    if spec["excluded"]:
        optimizer.exclude_from_weight_decay(var_names=spec["excluded"])
    loss = made(library, spec["loss"])
    extra = {"jit_compile": False} if library.__name__ == "keras" else {}
    metrics = made(library, spec["metrics"])
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, **extra)
    history = model.fit(
        arrays[spec["x"]],
        arrays[spec["y"]],
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        **fit_arguments(spec["fit"], arrays),
    )
    weights = [np.asarray(value, np.float64) for value in weights_of(model)]
    return {"weights": weights, "history": {k: np.array(v) for k, v in history.history.items()}}


def run_keras(spec: dict[str, Any], epochs: int) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Keras' training, and the initial weights."""
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
    return trained(model, keras, spec, epochs), start


def functional(keras: Any, x: Any, described: list[dict[str, Any]]) -> Any:
    """Keras' network of a ``Columns`` and the layers behind it."""
    columns, *behind = described
    layers, outputs = [], []
    free = list(range(x.shape[1]))
    for chain, places in columns["config"]["chains"]:
        y = keras.ops.take(x, keras.ops.convert_to_tensor(places), axis=1)
        for item in chain if isinstance(chain, list) else [chain]:
            layers.append(made(keras, item))
            y = layers[-1](y)
        outputs.append(keras.layers.Flatten()(y))
        free = [place for place in free if place not in places]
    if free and columns["config"]["remainder"] == "passthrough":
        outputs.append(keras.ops.take(x, keras.ops.convert_to_tensor(free), axis=1))
    y = keras.layers.Concatenate()(outputs)
    for item in behind:
        layers.append(made(keras, item))
        y = layers[-1](y)
    model = keras.Model(x, y)
    model.in_order = layers
    return model


def variables_of(model: Any) -> list[Any]:
    """The variables of Keras' model, as the layers stand in the table."""
    if hasattr(model, "in_order"):
        return [weight for layer in model.in_order for weight in layer.weights]
    return list(model.weights)


def weights_of(model: Any) -> list[Any]:
    """The weights of either library's model, in the same order."""
    if hasattr(model, "in_order"):
        return [weight.numpy() for weight in variables_of(model)]
    return list(model.get_weights())


def run_annlib(
    spec: dict[str, Any], start: list[np.ndarray], dtype: str, epochs: int
) -> dict[str, Any]:
    """annlib's training from these weights."""
    import annlib

    model = annlib.Sequential([made(annlib, item) for item in spec["layers"]], dtype=dtype)
    model.build((None, *data()[spec["x"]].shape[1:]))
    model.set_weights(start)
    return trained(model, annlib, spec, epochs)


def difference(mine: Any, theirs: Any) -> float:
    """The largest difference between arrays, relative to the largest value of each."""
    worst = 0.0
    for one, two in zip(mine, theirs, strict=True):
        if one.size:
            size = max(float(np.abs(two).max()), 1e-12)
            worst = max(worst, float(np.nan_to_num(np.abs(one - two), nan=np.inf).max()) / size)
    return worst


def use_float64() -> None:
    """Make Keras compute in float64 throughout, as it does with TensorFlow."""
    import keras
    from keras.src.backend.common import dtypes

    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")


def compare(rows: list[dict[str, Any]], dtype: str, epochs: int) -> int:
    """Print the table; returns how many rows are beyond the tolerance."""
    import keras

    print(
        f"Keras {keras.__version__} on {keras.config.backend()}, {dtype}, tolerance "
        f"{TOLERANCE[dtype]:g}, {epochs * ROWS // BATCH} steps\n"
    )
    print("| | row | weights | History |\n|---|---|---|---|")
    worst: dict[str, float] = {}
    bad = 0
    for spec in rows:
        theirs, start = run_keras(spec, epochs)
        mine = run_annlib(spec, start, dtype, epochs)
        weights = difference(mine["weights"], theirs["weights"])
        keys = sorted(theirs["history"]) if spec["history"] else []
        history = difference(*([run["history"][k] for k in keys] for run in (mine, theirs)))
        beyond = max(weights, history) > TOLERANCE[dtype]
        bad += beyond and not spec["known"]
        mark = f" {spec['known'] or '**beyond**'}" if beyond else ""
        shown = f"{history:.1e}" if keys else "-"
        print(f"| {spec['group']} | {spec['label']} | {weights:.1e} | {shown} |{mark}")
        sys.stdout.flush()
        worst[spec["group"]] = max(worst.get(spec["group"], 0.0), weights, history)
    print("\n| group | largest difference |\n|---|---|")
    for group, value in worst.items():
        print(f"| {group} | {value:.1e} |")
    print(f"\n{len(rows)} rows, {bad} beyond {TOLERANCE[dtype]:g}")
    return bad


def record(rows: list[dict[str, Any]], epochs: int, path: Path) -> None:
    """Write Keras' numbers of these rows."""
    import keras

    def plain(value: Any) -> Any:
        return [float(f"{v:.15g}") for v in np.ravel(value)]

    records = []
    for spec in rows:
        result, start = run_keras(spec, epochs)
        records.append(
            {
                **spec,
                "compare_history": spec["history"],
                "start": [plain(W) for W in start],
                "weights": [plain(W) for W in result["weights"]],
                "history": {key: plain(value) for key, value in result["history"].items()},
            }
        )
    arrays = {key: value.tolist() for key, value in data().items()}
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in records)
    head = {"keras": keras.__version__, "backend": keras.config.backend(), "epochs": epochs}
    text = (
        f'{{"versions": {json.dumps(head)},\n"batch_size": {BATCH},\n'
        f'"data": {json.dumps(arrays, separators=(",", ":"))},\n"records": [\n{lines}\n]}}\n'
    )
    path.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only rows whose group or label has one of these")
    parser.add_argument("--float32", action="store_true")
    parser.add_argument("--epochs", type=int, default=10, help="of ten steps each")
    parser.add_argument("--record", type=Path, help="write Keras' numbers to this file")
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "torch")
    dtype = "float32" if arguments.float32 else "float64"
    if dtype == "float64":
        use_float64()
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)
    wanted = arguments.names
    rows = [
        item
        for item in table()
        if not wanted or any(name in f"{item['group']} {item['label']}" for name in wanted)
    ]
    if arguments.record:
        record(rows, arguments.epochs, arguments.record)
    else:
        sys.exit(compare(rows, dtype, arguments.epochs) > 0)


if __name__ == "__main__":
    main()
