"""What layers share that learn a number for each number of a row."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import check_count
from annlib.core.errors import ShapeError
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, LayerArguments


class RowParameter(Layer):
    """A layer with a parameter of the shape of a row, or one along axes that share it.

    A subclass names it, declares it by ``_add_row_weight``, and sums its gradient by ``_sum``.

    Parameters
    ----------
    shared_axes : int or sequence of int, optional
        Axes of the input, from 1.
    """

    #: What the subclass calls it.
    parameter: ClassVar[str]

    def __init__(self, shared_axes: Any = None, **keywords: Unpack[LayerArguments]) -> None:
        super().__init__(**keywords)
        where = type(self).__name__
        self.shared_axes: Shape | None = None
        if shared_axes is not None:
            axes = shared_axes if isinstance(shared_axes, tuple | list) else [shared_axes]
            self.shared_axes = tuple(check_count(axis, where, "shared_axes") for axis in axes)

    def _add_row_weight(self, input_shape: BatchShape, *arguments: Any) -> None:
        """Declare it, with initializer, regularizer and constraint, for input of this shape."""
        shared = self.shared_axes or ()
        row = [1 if axis in shared else size for axis, size in enumerate(input_shape)][1:]
        if max(shared, default=0) > len(row) or None in row:
            raise ShapeError(
                f"{type(self).__name__}: expected rows of known sizes with the axes {shared} to "
                f"share, got shape {input_shape}."
            )
        self.add_weight(self.parameter, tuple(size or 0 for size in row), *arguments)

    count_multiplications = Layer._each_number

    def _sum(self, term: Array, work: Workspace) -> None:
        """Sum over the rows and the shared axes into its gradient."""
        gradient, n = self.gradients[self.parameter], len(term)
        if not self.shared_axes:
            np.dot(work.ones(n), term.reshape(n, gradient.size), out=gradient.reshape(-1))
            return
        row = work.array("row", *term.shape[1:])
        np.dot(work.ones(n), term.reshape(n, row.size), out=row.reshape(-1))
        axes = tuple(axis - 1 for axis in self.shared_axes)
        np.add.reduce(row, axis=axes, keepdims=True, out=gradient)
