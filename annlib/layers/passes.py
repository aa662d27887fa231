"""A pass: layers in a row with the memory that one run of data through them needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer
from annlib.regularizers import Regularizer

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt


class ActivityPenalty(Layer):
    """The identity behind a layer with an ``activity_regularizer``; adds R(x) / n to the loss."""

    def __init__(self, regularizer: Regularizer) -> None:
        super().__init__()
        self.regularizer = regularizer

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        work["x"] = x
        work["penalty"] = self.regularizer(x) / work.of_whole_batch(len(x))
        return x

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array:
        self.regularizer.add_gradient(work["x"], dy, work, 1 / work.of_whole_batch(len(dy)))
        return dy


class Pass:
    """Runs batches forward and backward through layers; owns one workspace a layer.

    Any number of passes may share the same layers, in threads too; one pass serves one thread.

    Parameters
    ----------
    layers : sequence of Layer
        Bound layers.
    dtype : dtype
    rng_of : callable, optional
        The random stream of a layer, in a pass that trains; also of those inside of the layers.
    to_input : bool
        Whether ``backward`` goes down to the input and returns its gradient.

    Attributes
    ----------
    learns : bool
        Whether any of the layers has parameters that training changes.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        dtype: npt.DTypeLike,
        rng_of: Callable[[Layer], Any] = lambda layer: None,
        *,
        to_input: bool = False,
    ) -> None:
        steps: list[Layer] = []
        for layer in layers:
            steps.append(layer)
            if layer.activity_regularizer is not None:
                steps.append(ActivityPenalty(layer.activity_regularizer))
        self.steps = [(layer, layer._workspace(dtype, rng_of)) for layer in steps]
        self._forward = [(layer.forward, work) for layer, work in self.steps]
        # No layer before the first trainable one needs a gradient, nor does that one's input.
        learning = [layer._learns for layer in steps]
        first = learning.index(True) if any(learning) else len(steps)
        self.learns = first < len(steps)
        # Below the last layer without a derivative by its input nothing is to go.
        blind = [index for index, layer in enumerate(steps) if not layer.differentiable]
        if to_input:
            first = min(max(blind), first) if blind else -1
        self._backward, self._down = self._back_to(first), self._back_to(-1)
        self._commits = [
            (layer.commit, work)
            for layer, work in self.steps
            if type(layer).commit is not Layer.commit
        ]
        self._penalties = [w for layer, w in self.steps if isinstance(layer, ActivityPenalty)]
        for _, work in self.steps:
            self._penalties += [each for inner in work.passes for each in inner._penalties]

    def forward(self, x: Array, *, training: bool = False) -> Array:
        """The output for a batch, borrowed until the next call."""
        for forward, work in self._forward:
            x = forward(x, work, training=training)
        return x

    def _back_to(self, first: int) -> list[tuple[Any, Workspace, bool]]:
        """The steps of ``backward`` from the last layer to this one; -1 is the input."""
        return [
            (layer.backward, work, index > first)
            for index, (layer, work) in reversed(list(enumerate(self.steps)))
            if index >= first
        ]

    def backward(self, dy: Array | None, *, to_input: bool = False) -> Array | None:
        """Write every gradient, from dE/dy of the last forward pass; returns dE/dx if wanted.

        With ``to_input`` it is, whatever the constructor was told, as by a layer below.
        """
        for backward, work, input_gradient in self._down if to_input else self._backward:
            dy = backward(dy, work, input_gradient=input_gradient)
            if dy is None and input_gradient:
                raise no_gradient(backward.__self__)
        return dy

    def check_derivatives(self) -> None:
        """Raise ``ConfigurationError`` if a layer has none by its input that ``backward`` needs."""
        for backward, work, input_gradient in self._backward:
            layer = backward.__self__
            if input_gradient and not layer.differentiable:
                raise layer.no_derivative()
            for inner in work.passes:
                inner.check_derivatives()

    def commit(self) -> None:
        """Let the layers take over the statistics of the last forward pass."""
        for commit, work in self._commits:
            commit(work)

    def clear(self) -> None:
        """Drop references to the last batch, which may be views of the user's data."""
        for _, work in self.steps:
            work.clear()

    def penalty(self) -> float:
        """The activity penalties of the last forward pass."""
        if not self._penalties:
            return 0.0
        return float(sum(work["penalty"] for work in self._penalties))

    def first_not_finite(self, x: Array) -> str | None:
        """The name of the first layer whose output for x has a NaN or infinity."""
        for layer, work in self.steps:
            x = layer.forward(x, work, training=True)
            if not np.isfinite(x).all():
                return layer.name
        return None


def no_gradient(layer: Layer) -> ConfigurationError:
    """Of a layer whose ``backward`` returns nothing where dE/dx is wanted."""
    return ConfigurationError(
        f"{type(layer).__name__}.backward: expected dE/dx, got None, in layer "
        f'"{layer.name}". Return it, unless input_gradient is false.'
    )
