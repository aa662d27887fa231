"""Hidden layers' activations with their derivatives, and dropout."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array

_SELU, _SELU_EXP = np.float32(1.0507009873554805), np.float32(1.7580993408473766)


def activate(
    name: str, z: Array, slope: Array | None, *, learning: bool
) -> tuple[Array, Array, Array | None]:
    """ReLU, or z + a (f(z) - z) of SELU or Mish, with the slopes a.

    Returns
    -------
    array, array, and array or None
        The output; if it is learning its derivative, and f(z) - z, by which the slope learns.
    """
    if slope is None:
        positive = (z > 0).astype(z.dtype)
        return z * positive, positive, None
    f, df = (_selu if name == "selu" else _mish)(z, learning)
    f -= z
    y = slope * f
    y += z
    if learning:
        df -= 1
        df *= slope
        df += 1
    return y, df, f


def _selu(z: Array, learning: bool) -> tuple[Array, Array]:
    # Sums with |z| are several times faster than np.minimum, and those than what chooses by a mask.
    e = np.abs(z)
    f = z + e
    f *= _SELU / 2
    e -= z
    e *= np.float32(-0.5)
    np.exp(e, out=e)
    e *= _SELU_EXP
    f += e
    f -= _SELU_EXP
    if learning:
        positive = (z > 0).astype(z.dtype)
        positive *= _SELU_EXP - _SELU
        e -= positive
    return f, e


def _mish(z: Array, learning: bool) -> tuple[Array, Array]:
    # With t = exp z, tanh(softplus z) = w / (w + 2) of w = t (t + 2).
    t = np.minimum(z, 20)
    np.exp(t, out=t)
    tanh = t + 2
    tanh *= t
    tanh /= tanh + 2
    f = z * tanh
    if not learning:
        return f, z
    df = 1 - tanh * tanh
    df *= z
    df *= t / (t + 1)
    df += tanh
    return f, df


def dropout_mask(shape: tuple[int, ...], rate: float, rng: np.random.Generator) -> Array:
    """Zeros at random, and elsewhere what makes up for them; a byte of chance for each."""
    size = int(np.prod(shape))
    bits = rng.integers(0, 2**64, (size + 7) // 8, np.uint64).view(np.uint8)[:size].reshape(shape)
    least = round(rate * 256)
    mask = (bits >= least).astype(np.float32)
    mask *= np.float32(256 / (256 - least))
    return mask
