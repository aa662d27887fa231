"""A stack of layers: their order, their names, and what shapes go through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import DTYPES, BatchShape
from annlib.core.config import Configurable, near
from annlib.core.errors import (
    ConfigurationError,
    OwnershipError,
    UnknownNameError,
)
from annlib.core.streams import Streams
from annlib.layers import Input, Layer
from annlib.layers import get as get_layer_object


class Stack(Configurable):
    """What a model is before it has weights; see ``Sequential``."""

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        seed: int | None = None,
        dtype: str = "float32",
        name: str | None = None,
    ) -> None:
        if not isinstance(layers, list | tuple | None):
            raise ConfigurationError(
                f"Sequential: expected a list of layers, got {layers!r}. Write Sequential([...])."
            )
        if not isinstance(name, str | None):
            raise ConfigurationError(f"Sequential: expected name as text, got {name!r}.")
        self.streams = Streams(seed)
        # Without a seed one is drawn, and kept, so that every run can be repeated.
        self.seed = self.streams.seed
        self.dtype = _checked_dtype(dtype)
        self._name = name
        self._input: Input | None = None
        self._layers: list[Layer] = []
        for layer in layers or ():
            self._append(layer)

    @property
    def name(self) -> str:
        """The name given, or "sequential"."""
        return self._name or "sequential"

    # -- layers ----------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers in their order, without the ``Input``."""
        return list(self._layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name or at that index."""
        if (name is None) == (index is None):
            raise ConfigurationError(
                f"Sequential.get_layer: expected a name or an index, got {name!r} and {index!r}. "
                "Pass one of them."
            )
        if index is not None:
            if not isinstance(index, int) or not -len(self._layers) <= index < len(self._layers):
                raise ConfigurationError(
                    f"Sequential.get_layer: expected an index < {len(self._layers)}, got {index!r}."
                )
            return self._layers[index]
        for layer in self._layers:
            if layer.name == name:
                return layer
        raise UnknownNameError(
            f'Sequential.get_layer: expected the name of a layer, got "{name}". '
            f"{near(str(name), [str(layer.name) for layer in self._layers])}"
        )

    def _append(self, layer: Any) -> None:
        if isinstance(layer, Stack):
            if layer._input is not None and not self._layers:
                self._append(layer._input)
            for inner in layer.layers:
                self._append(inner)
            return
        if isinstance(layer, dict):
            layer = get_layer_object(layer)
        if not isinstance(layer, Layer):
            raise ConfigurationError(
                f"Sequential.add: expected a layer, got {layer!r}. Layers are in annlib.layers; "
                "pass an object, not a class or a name."
            )
        if isinstance(layer, Input):
            if self._layers or self._input is not None:
                raise ConfigurationError(
                    "Sequential.add: expected the Input first and once, got another after it."
                )
            self._input = layer
            return
        if any(layer is other for other in self._layers):
            raise OwnershipError(
                f"Sequential.add: expected a layer that is not in the model yet, got "
                f'"{layer.name}" again. Make a second one: a layer has one place.'
            )
        if type(layer).forward is Layer.forward:
            raise ConfigurationError(
                f"Sequential.add: expected a layer with a forward method, got "
                f"{type(layer).__name__} without one."
            )
        self._give_name(layer)
        self._layers.append(layer)

    def _give_name(self, layer: Layer) -> None:
        taken = [other.name for other in self._layers]
        # A name that another stack has given is no reason to refuse: it was not the user's.
        if layer.owner is None and layer.automatic_name in taken:
            layer.automatic_name = None
        if layer.name is None:
            base = type(layer).names[0]
            name, count = base, 0
            while name in taken:
                count += 1
                name = f"{base}_{count}"
            layer.automatic_name = name
        elif layer.name in taken:
            raise ConfigurationError(
                f'Sequential.add: expected names that differ, got "{layer.name}" twice. '
                "Name one of the layers otherwise."
            )

    # -- shapes ----------------------------------------------------------------------------------

    def expected_input_shape(self) -> BatchShape | None:
        """The shape of the input with the batch dimension, if it is known already."""
        if self._input is not None:
            return (None, *self._input.shape)
        if self._layers:
            first = self._layers[0]
            if first.built_shape is not None:
                return first.built_shape
            if first.row_shape is not None:
                return (None, *first.row_shape)
        return None

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        """The shape of the output for this input; builds nothing."""
        shape = tuple(input_shape)
        for layer in self._layers:
            shape = layer.compute_output_shape(shape)
        return shape

    def rng_of(self, layer: Layer) -> Any:
        """The stream that a layer draws from while training, if it draws at all."""
        if not layer.random:
            return None
        seed = getattr(layer, "seed", None)
        name = self._ordinal(layer)
        return self.streams.kept(name if seed is None else f"{name}/seed {seed}", seed)

    def _ordinal(self, layer: Any) -> str:
        """Kind and place among its kind: what names a layer's random streams."""
        kind = type(layer).names[0]
        alike = [other for other in self._layers if type(other).names[0] == kind]
        return f"{kind}/{next(i for i, other in enumerate(alike) if other is layer)}"

    # -- configuration ---------------------------------------------------------------------------

    def _argument(self, name: str) -> Any:
        if name == "layers":
            return [*([self._input] if self._input is not None else []), *self._layers]
        return self._name if name == "name" else super()._argument(name)

    # A model is itself.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def _checked_dtype(dtype: Any) -> str:
    try:
        name = "" if dtype is None else np.dtype(dtype).name
    except TypeError:
        name = ""
    if name not in DTYPES:
        raise ConfigurationError(
            f"Sequential: expected dtype one of {', '.join(DTYPES)}, got {dtype!r}."
        )
    return name
