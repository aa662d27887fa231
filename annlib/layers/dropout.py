"""Dropout: a part of the activations is left out while training (Srivastava et al., 2014)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_optional_count
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.formula import DX, DY, Formula, cases, number
from annlib.layers.base import LayerArguments, register
from annlib.layers.noise import Noise

if TYPE_CHECKING:  # loaded when first used, not with annlib
    from numpy.random import Generator


@register("dropout")
class Dropout(Noise):
    """y = m x with m = 0 with probability ``rate``, else 1 / (1 - rate); dE/dx = m dE/dy.

    x is (n, ...), as is y. Only while training; otherwise y = x. The scaling keeps the expectation
    as it is. Srivastava et al., 2014, "Dropout".

    Parameters
    ----------
    rate : float, in [0, 1], or callable
        The share that is left out; 1 leaves out all. A schedule, any callable of the steps done,
        sets it anew at each training step.
    noise_shape : tuple of int or None, optional
        As the input's, (n, ...), with 1 for each axis along which all is left out or kept together:
        ``(None, 1, 8)`` for whole columns of (n, k, 8). None is the size of the input, and so is a
        number of rows, which the last batch may have fewer of.
    seed : int, at least 0, optional
        A seed of the layer's own, instead of a stream of the model's.
    random_bits : {8, 16, 32}, optional
        Draws so many bits for each number, instead of a float of 24: with 8 a training step draws a
        mask in a quarter of the time. The share that is left out is ``rate`` rounded to
        1 / 2^random_bits, and the scaling is that of the rounded one.

    Raises
    ------
    ConfigurationError
        For a rate out of its range; ``Dropout(20)`` asks whether 0.2 was meant.
    ShapeError
        When a model is built whose input ``noise_shape`` does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dropout(0.5, seed=0)
    >>> layer(np.ones((2, 4)), training=True)
    array([[0., 2., 0., 2.],
           [0., 0., 0., 2.]], dtype=float32)
    >>> layer(np.ones((2, 4)))
    array([[1., 1., 1., 1.],
           [1., 1., 1., 1.]], dtype=float32)

    Eight bits for each number: the share is a multiple of 1 / 256.

    >>> Dropout(0.15, random_bits=8).share * 256
    38.0
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"rate": 0.5}

    _settable = ("trainable", "rate")

    #: The rates that make sense, an interval.
    rates: ClassVar[str] = "[0, 1]"

    def __init__(
        self,
        rate: Any,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        random_bits: int | None = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(seed, **keywords)
        self.rate: float = self._number(rate, "rate", self.rates)
        where = type(self).__name__
        self.noise_shape = _noise_shape(noise_shape, where)
        self.random_bits = check_optional_count(random_bits, where, "random_bits")
        if self.random_bits not in (None, *_BITS):
            raise ConfigurationError(
                f"{where}: expected random_bits as one of {_BITS}, or None for a float, got "
                f"{show(random_bits)}."
            )

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        noise = self.noise_shape
        if noise is not None:
            sizes = zip(noise[1:], input_shape[1:], strict=False)
            fits = len(noise) == len(input_shape) and all(
                one in (None, 1) or one == size for one, size in sizes
            )
            if not fits:
                raise ShapeError(
                    f"{type(self).__name__}: expected noise_shape like the input's {input_shape}, "
                    f"or with 1 for some of its sizes, got {noise}."
                )
        return input_shape

    def noise_of(self, shape: Shape) -> Shape:
        noise = self.noise_shape
        if noise is None:
            return shape
        return tuple(1 if one == 1 else size for one, size in zip(noise, shape, strict=True))

    @property
    def strength(self) -> float:
        return self.rate

    @property
    def share(self) -> float:
        """The share that is left out: the rate, as near as the random bits tell."""
        if self.random_bits is None:
            return self.rate
        steps = float(2**self.random_bits)
        return round(self.rate * steps) / steps

    @property
    def kept(self) -> float:
        """The factor of what is not left out."""
        return 1 / (1 - self.share) if self.share < 1 else 0.0

    def draw(self, M: Array, rng: Generator) -> None:
        if self.random_bits is None:
            rng.random(out=M, dtype=M.dtype.type)
            np.less(M, 1 - self.rate, out=M)
        else:
            bits, factors = self.random_bits, M.reshape(-1)
            left_out = round(self.share * 2**bits)
            together = _AT_ONCE * 64 // bits
            for start in range(0, M.size, together):
                part = factors[start : start + together]
                words = -(-part.size * bits // 64)
                drawn = rng.integers(_LARGEST, size=words, dtype=np.uint64, endpoint=True)
                pieces = drawn.view(f"u{bits // 8}")[: part.size]
                np.greater_equal(pieces, left_out, out=part)
        np.multiply(M, self.kept, out=M)

    def formula(self) -> Formula:
        p = number(self.share)
        return self._formula(
            "y_i = m_i x_i",
            "m_i = " + cases(("0", rf"\text{{a~share~of~}} {p}"), (rf"\frac{{1}}{{1 - {p}}}", "")),
            back=(f"{DX} = m_i {DY}",),
            source="Srivastava et al. (2014)",
            note=f"Only while training; otherwise y = x.{self._set_by('rate')}",
        )


#: Of a random number: as many as an unsigned integer of NumPy has.
_BITS = (8, 16, 32)
#: Words of 64 bits that are drawn at a time, which a generator puts into an array of their own; and
#: the largest one.
_AT_ONCE = 2048
_LARGEST = 2**64 - 1


def _noise_shape(given: Any, where: str) -> tuple[int | None, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list | tuple) or len(given) < 2:
        raise ConfigurationError(
            f"{where}: expected noise_shape as a tuple like the input's shape, got {show(given)}. "
            "A seed is seed=..."
        )
    return tuple(check_optional_count(size, where, "each of noise_shape") for size in given)
