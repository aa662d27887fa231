"""Cross-entropy of several classifications at once, each with a block of the network's outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.losses import LossOfVectors


def blocks(sizes: Sequence[int]) -> Iterator[slice]:
    """The columns of each block.

    >>> list(blocks([2, 3]))
    [slice(0, 2, None), slice(2, 5, None)]
    """
    for size, end in zip(sizes, accumulate(sizes), strict=True):
        yield slice(end - size, end)


class BlockCrossentropy(LossOfVectors):
    """E_r = -sum_i y_i log a_i, where a is the softmax of each block of logits z of its own.

    dE_r/dz = a - y.

    Parameters
    ----------
    sizes : sequence of int
        How many classes each block has.
    reduction, name
        As every loss.

    Examples
    --------
    >>> round(BlockCrossentropy([2, 2])([[1, 0, 0, 1]], [[0.0, 0.0, 0.0, 0.0]]), 3)  # 2 log 2
    1.386
    """

    def __init__(
        self,
        sizes: Sequence[int],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
    ) -> None:
        super().__init__(reduction, name)
        self.sizes = tuple(sizes)
        self.from_logits = True

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        E.fill(0)
        for index, block in enumerate(blocks(self.sizes)):
            P = work.array(f"probabilities/{index}", len(A), self.sizes[index])
            T = work.array(f"log/{index}", *P.shape)
            np.copyto(T, A[:, block])
            m, s = numerics.softmax(T, P, work)
            # log a = z - m - log s, of which the row's own class counts
            np.subtract(T, m, out=T)
            np.subtract(T, np.log(s, out=s), out=T)
            D = work.array(f"targets/{index}", *P.shape)
            np.copyto(D, Y[:, block])
            np.multiply(T, D, out=T)
            np.subtract(E, np.dot(T, work.ones(P.shape[1]), out=work.array("sum", len(A))), out=E)

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        for index, block in enumerate(blocks(self.sizes)):
            P = work.array(f"probabilities/{index}", len(A), self.sizes[index])
            # Copied first: on columns of a wider matrix NumPy works through a buffer of its own.
            D = work.array(f"targets/{index}", *P.shape)
            np.copyto(D, Y[:, block])
            np.copyto(dA[:, block], np.subtract(P, D, out=D))
