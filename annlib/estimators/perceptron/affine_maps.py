"""Kernels and biases of a network as lists, with its normalizations folded into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.layers import BatchNormalization, Dense
from annlib.models import Sequential


def dense_layers(model: Sequential) -> list[Any]:
    """The layers whose kernels are ``coefs_``."""
    return [dense for dense, _ in affine_maps(model)]


def affine_maps(model: Sequential) -> list[tuple[Any, BatchNormalization | None]]:
    """Each dense layer with the normalization of what it gives, if there is one."""
    pairs = zip(model.layers, [*model.layers[1:], None], strict=True)
    return [
        (layer, after if isinstance(after, BatchNormalization) else None)
        for layer, after in pairs
        if isinstance(layer, Dense)
    ]


def folded(model: Sequential) -> tuple[list[Array], list[Array]]:
    """Kernels and biases of a network, with which it predicts the same without normalization.

    gamma (x W + b - mean) / s + beta is x (W c) + (b - mean) c + beta with c = gamma / s. What is
    not normalized are the network's own arrays; the others are new, and read-only.
    """
    kernels, biases = [], []
    for dense, norm in affine_maps(model):
        kernel, bias = dense.arrays["kernel"], dense.arrays["bias"]
        if norm is not None:
            factor = _factor(norm)
            kernel, bias = kernel * factor, (bias - norm.moving_mean) * factor + norm.beta
            kernel.flags.writeable = bias.flags.writeable = False
        kernels.append(kernel)
        biases.append(bias)
    return kernels, biases


def unfold(model: Sequential, kernels: Sequence[Array], biases: Sequence[Array]) -> None:
    """Give a network the weights with which it predicts as one without normalization has these.

    Raises
    ------
    ValueError
        If there are none, for a gamma of 0; nothing is changed then.
    """
    found = []
    for (dense, norm), kernel, bias in zip(affine_maps(model), kernels, biases, strict=True):
        if norm is None:
            found.append((dense, kernel, bias))
            continue
        factor = _factor(norm)
        if not factor.all():
            raise ValueError(
                f'coefs_: expected a gamma other than 0 in "{norm.name}", got 0 for the units '
                f"{np.flatnonzero(factor == 0).tolist()}, of which no weights come through. Set "
                "the weights of model_ instead."
            )
        found.append((dense, kernel / factor, (bias - norm.beta) / factor + norm.moving_mean))
    for dense, kernel, bias in found:
        dense.kernel[...] = kernel
        dense.bias[...] = bias


def _factor(norm: BatchNormalization) -> Array:
    factor: Array = norm.gamma / np.sqrt(norm.moving_variance + norm.epsilon)
    return factor
