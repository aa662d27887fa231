"""A pass of one layer: the layer bound to a vector of its own, with data that suit it."""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import numpy as np

from annlib.core.arrays import Array, Shape
from annlib.core.parameters import ParameterVector
from annlib.core.workspace import Workspace
from annlib.layers import Layer
from annlib.testing.rules import all_same


class LayerTrial:
    """A copy of a layer with parameters that are nowhere special, and one way to run it.

    Parameters
    ----------
    layer : Layer
    shape : tuple of int
        The shape of one row.
    x : array, optional
        Rows of input to repeat; without it they are drawn.
    seed : int
    training : bool
    dtype : dtype
    """

    def __init__(
        self,
        layer: Layer,
        shape: Shape,
        x: Array | None = None,
        seed: int = 0,
        training: bool = True,
        dtype: Any = "float64",
    ) -> None:
        self.arguments = layer, shape, x, seed, training
        self.shape, self.given, self.seed, self.training = shape, x, seed, training
        self.dtype = np.dtype(dtype)
        #: Whether there is a derivative by the input.
        self.smooth = layer.differentiable and (x is None or x.dtype.kind == "f")
        own = copy.deepcopy(layer)
        own._forget()
        self.output_shape = own._declare((None, *shape))
        self._attach(own)
        rng = np.random.default_rng(seed)
        self.vector.initialize(lambda entry: rng, [own])
        self.vector.values += rng.uniform(0.1, 0.6, self.vector.size).astype(dtype)

    def _attach(self, layer: Layer) -> None:
        """Use this layer from now on; it keeps its parameters."""
        self.layer, self.work = layer, Workspace(self.dtype)
        self.vector = ParameterVector([layer], self.dtype)
        self.vector.allocate_gradients()
        # One that is frozen writes its gradients, too; of layers inside those that learn do.
        self.learned = [
            entry
            for entry in self.vector.entries
            if entry.parameter.trainable and (entry.trainable or entry.layer is layer)
        ]

    def again(self, dtype: Any = "float64") -> Self:
        """A new trial of the same layer, shape and data, before any pass."""
        return type(self)(*self.arguments, dtype)

    def data(self, n: int = 6) -> tuple[Array, Array]:
        """Input, n rows, and as many of dE/dy."""
        rng = np.random.default_rng([self.seed, n])
        row = tuple(size or 0 for size in self.output_shape[1:])
        dy = rng.normal(size=(n, *row)).astype(self.dtype)
        if self.given is None and not self.smooth:
            return self._with_codes(rng, n), dy
        if self.given is None:
            return rng.normal(size=(n, *self.shape)).astype(self.dtype), dy
        x = self.given[np.arange(n, 2 * n) % len(self.given)]  # for each n other rows first
        return (x.astype(self.dtype) if self.smooth else x), dy

    def _with_codes(self, rng: np.random.Generator, n: int) -> Array:
        """Codes, with numbers beside them where only some columns are codes."""
        if self.layer.codes is not None:
            return rng.integers(0, self.layer.codes, (n, *self.shape))
        x = rng.normal(size=(n, *self.shape)).astype(self.dtype)
        for place, codes in self.layer.code_columns(self.shape[-1]).items():
            x[:, place] = rng.integers(0, codes, n)
        return x

    def many(self) -> int:
        """Rows enough that an array with one number for each is no small change."""
        widest = max(math.prod(size or 1 for size in s) for s in (self.shape, self.output_shape))
        return max(1000, min(20_000, 2_000_000 // widest))

    def forward(self, x: Array, work: Workspace | None = None) -> Array:
        """The output, with the same random numbers at every call."""
        work = self.work if work is None else work
        draws = self.training and self.layer.random
        work.rng = np.random.default_rng(self.seed) if draws else None
        return self.layer.forward(x, work, training=self.training)

    def backward(self, dy: Array, work: Workspace | None = None) -> list[Array]:
        """Copies of the input gradient and of the gradients in the model's vector."""
        work = self.work if work is None else work
        dx = self.layer.backward(dy.copy(), work, input_gradient=self.smooth)
        if not self.smooth:
            return self.gradients()
        assert dx is not None, "expected dE/dx from backward, got None"
        return [dx.copy(), *self.gradients()]

    def gradients(self) -> list[Array]:
        return [self.vector.gradients[entry.where].copy() for entry in self.learned]

    def run(self, x: Array, dy: Array, work: Workspace | None = None) -> list[Array]:
        """Copies of the output and of all gradients."""
        return [self.forward(x, work).copy(), *self.backward(dy, work)]

    @property
    def names(self) -> list[str]:
        """What ``run`` returns, as messages name it."""
        return ["the output", *["dE/dx"] * self.smooth, *self.gradient_names]

    @property
    def gradient_names(self) -> list[str]:
        return [f'gradients["{entry.parameter.name}"]' for entry in self.learned]

    def same(self, found: list[Array], expected: list[Array], when: str) -> None:
        """``AssertionError`` unless two results of ``run``, or of ``backward``, agree."""
        all_same(found, expected, self.names[len(self.names) - len(expected) :], when)
