"""Cross-entropy of several classifications at once, each with a block of the network's outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Unpack

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_count, check_number
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.formula import Formula, number
from annlib.core.workspace import Workspace
from annlib.losses.base import LossArguments, LossOfVectors, register
from annlib.losses.targets import targets_between


def blocks(sizes: Sequence[int]) -> Iterator[slice]:
    """The columns of each block.

    >>> list(blocks([2, 3]))
    [slice(0, 2, None), slice(2, 5, None)]
    """
    for size, end in zip(sizes, accumulate(sizes), strict=True):
        yield slice(end - size, end)


@register("block_crossentropy")
class BlockCrossentropy(LossOfVectors):
    """E_r = -sum_i y_i log a_i, where a is the softmax of each block of logits z of its own.

    dE_r/dz = a - y where the targets of each block add up to 1. It is the loss of several labels a
    row that have several classes each.

    Parameters
    ----------
    sizes : sequence of int
        How many classes each block has. What outputs there are beyond them are one block more.
    label_smoothing : float, in [0, 1]
        Targets become y (1 - s) + s / N in a block of N classes. It may be set anew while training.

    Raises
    ------
    ConfigurationError
        For sizes that are no list of numbers, or another argument out of its range.
    ShapeError
        When it is called, or in ``fit``, for fewer outputs than the blocks have.
    DataError
        For targets that are not between 0 and 1.

    Examples
    --------
    >>> round(BlockCrossentropy([2, 2])([[1, 0, 0, 1]], [[0.0, 0.0, 0.0, 0.0]]), 3)  # 2 log 2
    1.386
    """

    task = "classes"
    from_logits = True
    drawn = (-5.0, 5.0, 1.0)
    _settable = ("label_smoothing",)

    def __init__(
        self,
        sizes: Sequence[int] = (),
        *shared: Any,
        label_smoothing: float = 0.0,
        **keywords: Unpack[LossArguments],
    ) -> None:
        super().__init__(*shared, **keywords)
        if not isinstance(sizes, list | tuple):
            raise ConfigurationError(
                f"BlockCrossentropy: expected sizes as a list of numbers, got {show(sizes)}."
            )
        self.sizes = tuple(check_count(size, "BlockCrossentropy", "sizes") for size in sizes)
        self.label_smoothing: float = check_number(
            label_smoothing, "BlockCrossentropy", "label_smoothing", "[0, 1]"
        )

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        y = super().check_targets(y, output_shape, where)
        if sum(self.sizes) > y.shape[-1]:
            raise ShapeError(
                f"{where}: expected an output of at least {sum(self.sizes)} units for blocks of "
                f"{', '.join(map(str, self.sizes))} classes, got {y.shape[-1]}."
            )
        return targets_between(y, 0, 1, where, "Pass one-hot rows, a block beside the other.")

    def blocks(self, units: int) -> Iterator[slice]:
        """The columns of each block of so many outputs, ``units``."""
        rest = units - sum(self.sizes)
        return blocks((*self.sizes, rest) if rest else self.sizes)

    def inverse_link(self, Z: Array, work: Workspace) -> Array:
        P = work.array(self.PROBABILITIES, *Z.shape)
        for index, block in enumerate(self.blocks(Z.shape[1])):
            B = work.array(f"block/{index}", len(Z), block.stop - block.start)
            np.copyto(B, Z[:, block])
            numerics.softmax(B, B, work)
            np.copyto(P[:, block], B)
        return P

    def effective_targets(self, Y: Array, work: Workspace) -> Array:
        s = self.label_smoothing
        if not s:
            return Y
        smooth = np.multiply(Y, 1 - s, out=work.array("smooth", *Y.shape))
        for block in self.blocks(Y.shape[1]):
            smooth[:, block] += s / (block.stop - block.start)
        return smooth

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        E.fill(0)
        Y = self.effective_targets(Y, work)
        for index, block in enumerate(self.blocks(A.shape[1])):
            P = work.array(f"probabilities/{index}", len(A), block.stop - block.start)
            T = work.array(f"log/{index}", *P.shape)
            np.copyto(T, A[:, block])
            unit = numerics.log_softmax(T, P, T, work)
            D = work.array(f"targets/{index}", *P.shape)
            np.copyto(D, Y[:, block])
            np.multiply(T, D, out=T)
            sums = np.dot(T, work.ones(P.shape[1]), out=work.array("sum", len(A)))
            np.subtract(E, np.multiply(sums, unit, out=sums), out=E)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        Y = self.effective_targets(Y, work)
        for index, block in enumerate(self.blocks(A.shape[1])):
            P = work.array(f"probabilities/{index}", len(A), block.stop - block.start)
            # Copied first: on columns of a wider matrix NumPy works through a buffer of its own.
            D = work.array(f"targets/{index}", *P.shape)
            np.copyto(D, Y[:, block])
            sums = np.dot(D, work.ones(P.shape[1]), out=work.array("sum", len(A)))
            S = np.multiply(P, sums.reshape(-1, 1), out=work.array(f"log/{index}", *P.shape))
            np.copyto(dA[:, block], np.subtract(S, D, out=D))

    def formula(self) -> Formula:
        s = number(self.label_smoothing)
        smooth = rf"y_i \leftarrow (1 - {s}) y_i + \frac{{{s}}}{{N}}"
        return self._formula(
            *([smooth] if self.label_smoothing else []),
            r"a_i = \frac{e^{z_i}}{\sum_j e^{z_j}}",
            r"E = -\sum_i y_i \log(a_i)",
            slope=r"a_i \sum_j y_j - y_i",
            note="Sums over j go over the block that output i is in, of N classes."
            if self.sizes
            else "",
        )
