"""All parameters of a model in one contiguous vector, and their gradients in a second.

    [ trainable, in layer order | not trainable ]

A layer declares its parameters and allocates nothing; the vector lays them out and hands each
layer named views. So an optimizer is a few whole-vector calls whatever the depth, the global
gradient norm is one dot product, and saving or restoring all weights is one copy.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np

from annlib.core.alignment import aligned
from annlib.core.arrays import Array, Shape
from annlib.core.errors import ShapeError

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt


class Parameter(NamedTuple):
    """The declaration of one of a layer's parameters."""

    name: str
    shape: Shape
    initializer: Callable[..., Array]
    regularizer: Any = None
    constraint: Any = None
    trainable: bool = True


class ParameterOwner(Protocol):
    """The attributes of a layer that the vector uses."""

    _parameters: list[Parameter]
    trainable: bool
    _effective_trainable: bool
    gradients: dict[str, Array]

    @property
    def name(self) -> str | None: ...

    def _leaves(self) -> Iterator[tuple[str, ParameterOwner]]: ...

    def _values(self) -> dict[str, Array]: ...

    def _attach(self, values: dict[str, Array], gradients: dict[str, Array]) -> None: ...


class Entry(NamedTuple):
    """A parameter and its slice of the vector."""

    layer: ParameterOwner
    parameter: Parameter
    where: slice
    trainable: bool
    #: ``layer/parameter``, as in messages, files and ``exclude_from_weight_decay``; of a layer
    #: inside of another ``outer/inner/parameter``.
    path: str


class ParameterVector:
    """The parameters of some layers in one vector; the layers' attributes are views into it.

    Making one moves the layers' present values, if they have any, into the new memory.

    Parameters
    ----------
    layers : sequence of layers
        Built layers; none may be bound to another vector that is still in use. Those that hold
        layers stand for these.
    dtype : dtype
        float32 or float64.
    refreeze : bool
        Whether to read each layer's ``trainable`` again, or to keep what was frozen at the last
        layout (for a copied model).
    """

    def __init__(
        self, layers: Sequence[ParameterOwner], dtype: npt.DTypeLike, refreeze: bool = True
    ) -> None:
        self.layers = list(layers)
        self._leaves = [pair for layer in layers for pair in layer._leaves()]
        if refreeze:
            for _, layer in self._leaves:
                layer._effective_trainable = layer.trainable
        declared = [
            (layer, parameter, layer._effective_trainable and parameter.trainable, path)
            for path, layer in self._leaves
            for parameter in layer._parameters
        ]
        # A stable sort: within each half the layers keep their order.
        declared.sort(key=lambda item: not item[2])
        self.entries: list[Entry] = []
        start = 0
        for layer, parameter, trainable, path in declared:
            stop = start + math.prod(parameter.shape)
            where, name = slice(start, stop), f"{path}/{parameter.name}"
            self.entries.append(Entry(layer, parameter, where, trainable, name))
            start = stop
        self.size = start
        self.n_trainable = sum(
            entry.where.stop - entry.where.start for entry in self.entries if entry.trainable
        )
        self.values = aligned(self.size, dtype=dtype)
        self.gradients = np.zeros(0, dtype)
        for entry in self.entries:
            old = entry.layer._values().get(entry.parameter.name)
            if old is not None:
                self.values[entry.where] = old.ravel()
        self._bind()

    def allocate_gradients(self) -> None:
        """Allocate the gradient vector, which a model that only predicts does not need."""
        if self.gradients.size != self.size:
            self.gradients = aligned(self.size, dtype=self.values.dtype)
            self._bind()

    def initialize(self, rng_of: Callable[[Entry], Any], fresh: Sequence[ParameterOwner]) -> None:
        """Draw the initial values of the layers in ``fresh`` (paper 5.1)."""
        owners = [leaf for layer in fresh for _, leaf in layer._leaves()]
        for entry in self.entries:
            if any(entry.layer is layer for layer in owners):
                parameter = entry.parameter
                try:
                    value = parameter.initializer(parameter.shape, self.values.dtype, rng_of(entry))
                except ShapeError as error:  # which knows the shape, but not whose it is
                    raise ShapeError(f"{entry.path}: {error}") from None
                self.values[entry.where] = np.asarray(value).ravel()

    def restricted(self, paths: Collection[str]) -> Self:
        """The same memory, with the parameters of these paths alone as those to be trained.

        Where they lie it says as before: they need be no neighbours.
        """
        other = copy.copy(self)
        other.entries = [
            entry._replace(trainable=entry.trainable and entry.path in paths)
            for entry in self.entries
        ]
        sizes = (e.where.stop - e.where.start for e in other.entries if e.trainable)
        other.n_trainable = sum(sizes)
        return other

    def outdated(self) -> bool:
        """Whether a layer was frozen or unfrozen after the layout was made."""
        return any(layer._effective_trainable != layer.trainable for _, layer in self._leaves)

    def penalized(self) -> Iterator[Entry]:
        """The trainable entries with a regularizer: the penalty of a frozen one is constant."""
        return (e for e in self.entries if e.trainable and e.parameter.regularizer is not None)

    def _bind(self) -> None:
        for _, layer in self._leaves:
            mine = [entry for entry in self.entries if entry.layer is layer]
            layer._attach(self._views(mine, self.values), self._views(mine, self.gradients))

    @staticmethod
    def _views(entries: list[Entry], vector: Array) -> dict[str, Array]:
        if not vector.size:
            return {}
        return {
            entry.parameter.name: vector[entry.where].reshape(entry.parameter.shape)
            for entry in entries
        }
