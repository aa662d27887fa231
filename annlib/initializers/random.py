"""Random initial values, with Keras' scales."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.checks import check_choice, check_number, check_seed
from annlib.core.errors import ConfigurationError, show
from annlib.initializers.base import Initializer, register

if TYPE_CHECKING:
    from numpy.random import Generator

# The standard deviation of a standard normal cut off at two: Keras divides by it.
_TRUNCATED_STDDEV = 0.87962566103423978

Mode = Literal["fan_in", "fan_out", "fan_avg"]
Distribution = Literal["uniform", "truncated_normal", "untruncated_normal"]


def fans(shape: Shape) -> tuple[float, float]:
    """Inputs and outputs of one unit: (M, N) of a from-to kernel [W] of M rows and N columns."""
    if len(shape) < 2:
        size = float(math.prod(shape))
        return size, size
    receptive = math.prod(shape[:-2])
    return float(shape[-2] * receptive), float(shape[-1] * receptive)


def truncated_normal(shape: Shape, rng: Generator) -> Array:
    """Standard normal values between -2 and 2: those outside are drawn again."""
    values = rng.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = rng.standard_normal(int(outside.sum()))
        outside = np.abs(values) > 2
    return values


@register("random_uniform", "uniform")
class RandomUniform(Initializer):
    """Uniform in [minval, maxval); ``RandomUniform(-1, 1)`` is the paper's (5.1).

    Parameters
    ----------
    minval, maxval : float, any number
        The smallest value, and the one below which all are.
    seed : int, at least 0, optional
        With one, the same values at every call.

    Raises
    ------
    ConfigurationError
        For limits that are no numbers, or in the wrong order.

    Examples
    --------
    >>> W = RandomUniform(-1, 1, seed=0)((100, 100))
    >>> f"{W.min():.2f} {W.max():.2f}"
    '-1.00 1.00'
    """

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        self.minval = check_number(minval, "RandomUniform", "minval")
        self.maxval = check_number(maxval, "RandomUniform", "maxval")
        if minval > maxval:
            raise ConfigurationError(
                f"RandomUniform: expected minval <= maxval, got {show(minval)} and {show(maxval)}."
            )
        self.seed = check_seed(seed, "RandomUniform")

    def draw(self, shape: Shape, rng: Generator) -> Array:
        return rng.uniform(self.minval, self.maxval, shape)


@register("random_normal", "normal")
class RandomNormal(Initializer):
    """Normal with this mean and standard deviation.

    Parameters
    ----------
    mean : float, any number
    stddev : float, at least 0
        The standard deviation.
    seed : int, at least 0, optional
        With one, the same values at every call.

    Raises
    ------
    ConfigurationError
        For a negative deviation, or what is no number.

    Examples
    --------
    >>> W = RandomNormal(1.0, 0.5, seed=0)((100, 100))
    >>> f"{W.mean():.2f} {W.std():.2f}"
    '1.00 0.50'
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        where = type(self).__name__
        self.mean: float = check_number(mean, where, "mean")
        self.stddev: float = check_number(stddev, where, "stddev", "[0, inf)")
        self.seed = check_seed(seed, where)

    def draw(self, shape: Shape, rng: Generator) -> Array:
        return rng.normal(self.mean, self.stddev, shape)


@register("truncated_normal")
class TruncatedNormal(RandomNormal):
    """Normal, with values beyond two standard deviations drawn again.

    Raises
    ------
    ConfigurationError
        For a negative deviation, or what is no number.

    Examples
    --------
    >>> W = TruncatedNormal(1.0, 0.5, seed=0)((100, 100))
    >>> f"{W.min():.2f} {W.max():.2f}"
    '0.00 2.00'
    """

    def draw(self, shape: Shape, rng: Generator) -> Array:
        return self.mean + self.stddev * truncated_normal(shape, rng)


@register("variance_scaling")
class VarianceScaling(Initializer):
    """Random values of variance scale / n, n the fan-in, the fan-out or their average.

    The fans of a kernel (in, units) are in and units: how many inputs a unit has, and how many
    units an input goes to.

    Parameters
    ----------
    scale : float, positive
    mode : {"fan_in", "fan_out", "fan_avg"}
        What n is.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        Uniform is in +-sqrt(3 scale / n); truncated normal is cut at two standard deviations and
        scaled up again to the variance asked for.
    seed : int, at least 0, optional
        With one, the same values at every call.

    Raises
    ------
    ConfigurationError
        For a scale that is not positive, or an unknown mode or distribution.

    Examples
    --------
    >>> W = VarianceScaling(2.0, mode="fan_in", seed=0)((200, 100))
    >>> f"{W.var():.4f}"
    '0.0099'
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: Mode = "fan_in",
        distribution: Distribution = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        where = type(self).__name__
        self.scale = check_number(scale, where, "scale", "(0, inf)")
        self.mode: Mode = check_choice(mode, where, "mode", get_args(Mode))
        self.distribution: Distribution = check_choice(
            distribution, where, "distribution", get_args(Distribution)
        )
        self.seed = check_seed(seed, where)

    def draw(self, shape: Shape, rng: Generator) -> Array:
        fan_in, fan_out = fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return rng.normal(0, math.sqrt(variance), shape)
        return math.sqrt(variance) / _TRUNCATED_STDDEV * truncated_normal(shape, rng)


class _Named(VarianceScaling):
    """A VarianceScaling that goes by its authors' name and takes only a seed."""

    SCALING: tuple[float, Mode, Distribution]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self.SCALING, seed=seed)


@register("glorot_uniform")
class GlorotUniform(_Named):
    """Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio, 2010): the default of kernels.

    Raises
    ------
    ConfigurationError
        For a seed that is none.

    Examples
    --------
    >>> W = GlorotUniform(seed=0)((200, 100))
    >>> f"{abs(W).max():.4f} {(6 / 300) ** 0.5:.4f}"
    '0.1414 0.1414'
    """

    SCALING = (1.0, "fan_avg", "uniform")


@register("glorot_normal")
class GlorotNormal(_Named):
    """Truncated normal of variance 2 / (fan_in + fan_out) (Glorot & Bengio, 2010).

    Raises
    ------
    ConfigurationError
        For a seed that is none.

    Examples
    --------
    >>> W = GlorotNormal(seed=0)((200, 100))
    >>> f"{W.var():.4f} {2 / 300:.4f}"
    '0.0066 0.0067'
    """

    SCALING = (1.0, "fan_avg", "truncated_normal")


@register("he_uniform")
class HeUniform(_Named):
    """Uniform in +-sqrt(6 / fan_in) (He et al., 2015).

    Raises
    ------
    ConfigurationError
        For a seed that is none.

    Examples
    --------
    >>> W = HeUniform(seed=0)((200, 100))
    >>> f"{abs(W).max():.4f} {(6 / 200) ** 0.5:.4f}"
    '0.1732 0.1732'
    """

    SCALING = (2.0, "fan_in", "uniform")


@register("he_normal")
class HeNormal(_Named):
    """Truncated normal of variance 2 / fan_in (He et al., 2015): for units with a relu.

    Raises
    ------
    ConfigurationError
        For a seed that is none.

    Examples
    --------
    >>> W = HeNormal(seed=0)((200, 100))
    >>> f"{W.var():.4f} {2 / 200:.4f}"
    '0.0099 0.0100'
    """

    SCALING = (2.0, "fan_in", "truncated_normal")


@register("lecun_uniform")
class LecunUniform(_Named):
    """Uniform in +-sqrt(3 / fan_in) (LeCun et al., 1998).

    Raises
    ------
    ConfigurationError
        For a seed that is none.

    Examples
    --------
    >>> W = LecunUniform(seed=0)((200, 100))
    >>> f"{abs(W).max():.4f} {(3 / 200) ** 0.5:.4f}"
    '0.1225 0.1225'
    """

    SCALING = (1.0, "fan_in", "uniform")


@register("lecun_normal")
class LecunNormal(_Named):
    """Truncated normal of variance 1 / fan_in (LeCun et al., 1998): for units with a selu.

    Raises
    ------
    ConfigurationError
        For a seed that is none.

    Examples
    --------
    >>> W = LecunNormal(seed=0)((200, 100))
    >>> f"{W.var():.4f} {1 / 200:.4f}"
    '0.0050 0.0050'
    """

    SCALING = (1.0, "fan_in", "truncated_normal")
