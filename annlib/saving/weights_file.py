"""Weights on disk: the container's kind "weights"; all of a file is checked before any is used.

Those of a model's file, of the kind "model", have the same names and are read as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ModelFormatError
from annlib.core.files import check_file, shown
from annlib.core.foreign import check_suffix
from annlib.core.tracebacks import warn_user
from annlib.layers import Layer
from annlib.network.network import Network
from annlib.saving import container, keras_weights

_HINT = "Load it into a model of the layers that it was saved from, or pass skip_mismatch=True."


def save_weights(
    network: Network, path: str | os.PathLike[str] | BinaryIO, overwrite: bool
) -> None:
    """Write every parameter as ``layers/<index>/<parameter>``; see ``Sequential.save_weights``."""
    network.require_weights("save_weights")
    file = check_file(path, "Sequential.save_weights", overwrite=overwrite)
    if isinstance(file, str):
        check_suffix(file, "Sequential.save_weights", save="save_weights")
    layers = [{"class": type(layer).__name__, "name": layer.name} for layer in network.layers]
    tensors = {key: value for _, key, value in _named(network)}
    container.write(
        file, "weights", {"config": {"layers": layers, "dtype": network.dtype}}, tensors
    )


def load_weights(
    network: Network, path: str | os.PathLike[str] | BinaryIO, skip_mismatch: bool
) -> None:
    """Read the parameters of every layer; see ``Sequential.load_weights``."""
    network.require_weights("load_weights")
    # And not a number, which ``open`` would take for an open file.
    file = check_file(path, "Sequential.load_weights")
    path = shown(file)
    if (data := keras_weights.data_of(file)) is not None:
        theirs, tensors = len(network.layers), keras_weights.read(network, data, file)
    else:
        header, tensors = container.read(file, "weights", "model")
        theirs = _layer_count(header, path)
    tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith("optimizer/")}
    if theirs != len(network.layers) and not skip_mismatch:
        raise ModelFormatError(
            f"Sequential.load_weights: expected {len(network.layers)} layers, got {theirs} in "
            f"{path}. {_HINT}"
        )
    own = list(_named(network))
    misfits = dict.fromkeys(
        layer.name
        for layer, key, value in own
        if key not in tensors or tensors[key].shape != value.shape
    )
    if not skip_mismatch:
        for layer, key, value in own:
            if layer.name in misfits:
                got = tensors[key].shape if key in tensors else "none"
                raise ModelFormatError(
                    f'Sequential.load_weights: expected shape {value.shape} for "{layer.name}/'
                    f'{key.rsplit("/", 1)[1]}", got {got} in {path}. {_HINT}'
                )
        unknown = sorted(tensors.keys() - {key for _, key, _ in own})
        if unknown:
            raise ModelFormatError(
                f"Sequential.load_weights: expected the model's parameters, got {unknown[0]} as "
                f"well in {path}. {_HINT}"
            )
    elif misfits:
        warn_user(
            f"Sequential.load_weights: left as they are, since {path} has other "
            f"shapes for them: {', '.join(map(str, misfits))}."
        )
    fitting = [(key, value) for layer, key, value in own if layer.name not in misfits]
    for key, value in fitting:
        _check_values(key, tensors[key], value.dtype, path)
    for key, value in fitting:
        value[...] = tensors[key]


def _check_values(key: str, stored: Array, dtype: Any, path: str) -> None:
    """Raise unless these are floating-point numbers, and finite ones stay finite in this type."""
    got = str(stored.dtype)
    if stored.dtype.kind == "f":
        with np.errstate(over="ignore"):
            lost = np.isfinite(stored) & ~np.isfinite(stored.astype(dtype))
        if not lost.any():
            return
        got = f"{stored[lost][0]}"
    raise ModelFormatError(
        f"Sequential.load_weights: expected numbers of {dtype} as {key}, got {got} in {path}. Load "
        "it into a model of the type that it was saved from."
    )


def _named(network: Network) -> Iterator[tuple[Layer, str, Array]]:
    for index, layer in enumerate(network.layers):
        for name, value in layer._values().items():
            yield layer, f"layers/{index}/{name}", value


def _layer_count(header: dict[str, Any], path: str) -> int:
    config = header.get("config")
    layers = config.get("layers") if isinstance(config, dict) else None
    if header["kind"] == "model":
        layers = header.get("layers")  # without the Input, which has no weights
    if not isinstance(layers, list):
        raise ModelFormatError(
            f"Sequential.load_weights: expected the list of layers in {path}, got none."
        )
    return len(layers)
