"""Models with the weights and rows to compare their exports by."""

from __future__ import annotations

import io

import numpy as np
import onnxruntime
from cases import ACTIVATIONS, DEEP, FLAT, LAYERS, as_given, random_networks

from annlib import Sequential, export, layers

onnxruntime.set_default_logger_severity(3)


def activation_models(dtype="float32"):
    """An Activation layer of each row of the cases, with flat and deep rows of x."""
    for row in ACTIVATIONS:
        for shape in ((4,), (2, 4)):
            model = Sequential([layers.Activation(row.make())], dtype=dtype)
            model.build((None, *shape))
            yield f"{row!r} {shape}", model, rows_of(shape)


def layer_models(dtype="float32"):
    """A model of each row of the cases for each of its shapes, with weights that are not alike."""
    for row in LAYERS:
        for shape in getattr(row, "shapes", [FLAT, DEEP]):
            layer = row.make()
            model = Sequential([layer], dtype=dtype, seed=0)
            if not model.layers:  # an Input alone
                continue
            model.build((None, *shape))
            rng = np.random.default_rng(1)
            for weight in model._network.weights:
                weight[...] = rng.uniform(0.3, 1.5, weight.shape)
            if layer.codes or layer.encodes:
                x = as_given(layer, rng.integers(0, layer.codes, (4, *shape)))
            else:
                x = rows_of(shape, 4)
                x = np.abs(x).round() % 3 if layer.takes_codes else x
            yield f"{row!r} {shape}", model, x


def rows_of(shape, n=7):
    return np.random.default_rng(0).normal(size=(n, *shape)) * 3


def networks(count, dtype=None):
    for seed in range(count):
        model, x, _, _ = random_networks.network(seed, dtype=dtype)
        model.predict(x)  # which builds it
        yield f"network {seed}", model, x


def in_double(model, x):
    """What a model of the same weights predicts in double precision."""
    layers_ = [layer.clone() for layer in model.layers]
    double = Sequential(layers_, dtype="float64", seed=0)
    double.build((None, *np.shape(x)[1:]))
    double.set_weights(model.get_weights())
    return double.predict(x)


def onnx_bytes(model, **arguments):
    file = io.BytesIO()
    export.onnx(model, file, **arguments)
    return file.getvalue()


TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(string)": object,
}


def run(data, x):
    """What onnxruntime makes of x, or of its columns where each is an input."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options)
    inputs = session.get_inputs()
    if len(inputs) == 1:
        feed = {inputs[0].name: np.asarray(x).astype(TYPES[inputs[0].type])}
    else:
        feed = {
            one.name: np.asarray(x)[:, k : k + 1].astype(TYPES[one.type])
            for k, one in enumerate(inputs)
        }
    return session.run(None, feed)


def assert_equal(found, expected, tolerance, what=""):
    """Of one shape, and as near as this share of the largest number."""
    assert found.shape == expected.shape, what
    largest = max(1.0, float(np.abs(expected).max()))
    assert np.abs(found - expected).max() <= tolerance * largest, what
