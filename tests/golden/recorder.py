"""What every recorder shares: Keras in float64, drawn inputs, and JSON that people can read.

annlib's tests compare with the stored numbers, so they need neither Keras nor PyTorch; the modules
beside this one record the numbers anew (with keras 3.15.1, torch 2.13.0 and numpy 2.4.6; what was
used is stored under ``versions``). From the folder ``tests``::

    python -m golden.losses

writes ``golden/losses.json``. Every input (drawn from a seeded generator and rounded) is stored in
the file, so that a reader never depends on the generator.

Everything is float64. Keras promotes float64 to float32 on every backend but TensorFlow, even with
``floatx`` at float64, so ``use_float64`` changes the one entry of its promotion table that does so.
No formula of Keras is affected: without the change the same numbers come out, rounded to float32 on
the way.
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


def parameter_arrays():
    """Return a kernel and a bias, with zeros and columns of small and large norms."""
    rng = np.random.default_rng(707)
    kernel, bias = draw(rng, 4, 3), draw(rng, 5)
    kernel[0, 0] = kernel[2, 1] = bias[3] = 0.0
    kernel[:, 2] *= 3.0
    return {"kernel": np.round(kernel, 4), "bias": bias}


def write(recorder, **sections):
    """Write the sections beside the module ``recorder``, under its name."""
    versions = {
        "keras": keras.__version__,
        "torch": torch.__version__,
        "backend": keras.config.backend(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
    }
    output = Path(recorder).with_suffix(".json")
    output.write_text(encode({"versions": versions, **sections}) + "\n", encoding="utf-8")
