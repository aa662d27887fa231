"""A stack of layers: their order, their names, their shapes and their weights in one vector."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import DTYPES, BatchShape
from annlib.core.config import Configurable, near
from annlib.core.errors import (
    ConfigurationError,
    NotBuiltError,
    OwnershipError,
    ShapeError,
    UnknownNameError,
)
from annlib.core.parameters import Entry, ParameterVector
from annlib.core.streams import Streams
from annlib.layers import Input, Layer
from annlib.layers import get as get_layer_object


class Stack(Configurable):
    """What a model is before it is compiled; see ``Sequential``."""

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        seed: int | None = None,
        dtype: str = "float32",
        name: str | None = None,
    ) -> None:
        if np.dtype(dtype).name not in DTYPES:
            raise ConfigurationError(f"Sequential: expected dtype one of {DTYPES}, got {dtype!r}.")
        if isinstance(layers, Layer):
            raise ConfigurationError(
                f"Sequential: expected a list of layers, got {layers!r}. Write [{layers!r}]."
            )
        self.streams = Streams(seed)
        # Without a seed one is drawn, and kept, so that every run can be repeated.
        self.seed = self.streams.seed
        self.dtype = np.dtype(dtype).name
        self.name = name or "sequential"
        self._input: Input | None = None
        self._layers: list[Layer] = []
        self._shape: BatchShape | None = None
        self._vector: ParameterVector | None = None
        for layer in layers or ():
            self._append(layer)
        self._build_if_known()

    # -- layers ----------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers in their order, without the ``Input``."""
        return list(self._layers)

    def add(self, layer: Any) -> None:
        """Append a layer; the layers of a model that is added are appended one by one.

        Raises
        ------
        ConfigurationError
            If it is no layer, or its name is taken.
        OwnershipError
            If the layer already stands in this model.
        """
        self._append(layer)
        self._changed()

    def pop(self) -> Layer:
        """Remove the last layer and return it."""
        if not self._layers:
            raise ConfigurationError("Sequential.pop: expected a model with layers, got none.")
        layer = self._layers.pop()
        if layer.owner is not None and layer.owner() is self:
            layer.release()
        self._changed()
        return layer

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name or at that index."""
        if (name is None) == (index is None):
            raise ConfigurationError(
                "Sequential.get_layer: expected a name or an index, one of them."
            )
        if index is not None:
            if not -len(self._layers) <= index < len(self._layers):
                raise ConfigurationError(
                    f"Sequential.get_layer: expected index < {len(self._layers)}, got {index}."
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
        taken = [other.name for other in self._layers]
        if layer.name is None:
            base = type(layer).names[0] if type(layer).names else type(layer).__name__.lower()
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
        self._layers.append(layer)

    def _changed(self) -> None:
        """The stack is another: lay out its weights again."""
        shape, self._shape, self._vector = self._shape, None, None
        if self._layers:
            if shape is not None:
                self.build(shape)
            else:
                self._build_if_known()

    # -- shapes ----------------------------------------------------------------------------------

    def expected_input_shape(self) -> BatchShape | None:
        """The shape of the input with the batch dimension, if it is known already."""
        if self._shape is not None:
            return self._shape
        if self._input is not None:
            return (None, *self._input.shape)
        if self._layers:
            first = self._layers[0]
            if first.built_shape is not None:
                return first.built_shape
            if first.input_shape is not None:
                return (None, *first.input_shape)
            if first.input_dim is not None:
                return (None, int(first.input_dim))
        return None

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        """The shape of the output for this input; builds nothing."""
        shape = tuple(input_shape)
        for layer in self._layers:
            shape = layer.compute_output_shape(shape)
        return shape

    @property
    def input_shape(self) -> BatchShape:
        """The shape that the model was built for, with None for the batch."""
        self.weights_exist("input_shape")
        assert self._shape is not None, "built"
        return self._shape

    @property
    def output_shape(self) -> BatchShape:
        """The shape of its output, with None for the batch."""
        return self.compute_output_shape(self.input_shape)

    # -- building --------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self._vector is not None

    def _build_if_known(self) -> None:
        if self._layers and self.expected_input_shape() is not None:
            self.build()

    def build(self, input_shape: BatchShape | None = None) -> None:
        """Make the weights for input of this shape, ``(None, n_features)``.

        Raises
        ------
        NotBuiltError
            If the shape is neither given nor known.
        ShapeError
            If it contradicts what the model was built for, or a layer cannot take it.
        """
        expected = self.expected_input_shape()
        shape = expected if input_shape is None else (None, *tuple(input_shape)[1:])
        if not self._layers:
            raise NotBuiltError(
                "Sequential.build: expected a model with layers, got none. Add some."
            )
        if shape is None:
            raise NotBuiltError(
                "Sequential.build: expected an input shape, got none. Pass (None, n_features), or "
                "put annlib.Input((n_features,)) first."
            )
        if expected is not None and shape[1:] != expected[1:]:
            raise ShapeError(
                f"Sequential.build: expected the input shape {expected}, which the model has, "
                f"got {shape}. Build a new model for other data."
            )
        if self._vector is not None:
            return
        self._declare(shape)
        self._shape = shape
        self._lay_out()

    def _declare(self, shape: BatchShape) -> None:
        declared: list[Layer] = []
        try:
            for layer in self._layers:
                if layer.built_shape is None:
                    declared.append(layer)
                elif layer.built_shape[1:] != shape[1:]:
                    raise ShapeError(
                        f"Sequential.build: expected input of shape {layer.built_shape} for layer "
                        f'"{layer.name}", which is built already, got {shape} from the one before.'
                    )
                shape = layer.declare(shape)
        except Exception:
            for layer in declared:
                layer.forget()
            raise

    def _lay_out(self) -> None:
        """All layers that no other model owns, in one vector."""
        own = [layer for layer in self._layers if _owner(layer) in (None, self)]
        fresh = [layer for layer in own if not layer.built]
        self._vector = ParameterVector(own, self.dtype)
        self._vector.initialize(self._initial_stream, fresh)
        for layer in own:
            layer.owner = weakref.ref(self)

    def _initial_stream(self, entry: Entry) -> Any:
        # By kind and ordinal, never by a name: two models built alike are alike.
        return self.streams.fresh(f"{self._ordinal(entry.layer)}/{entry.parameter.name}")

    def rng_of(self, layer: Layer) -> Any:
        """The stream that a layer draws from while training, if it draws at all."""
        if not layer.random:
            return None
        return self.streams.kept(self._ordinal(layer), getattr(layer, "seed", None))

    def _ordinal(self, layer: Any) -> str:
        alike = [other for other in self._layers if type(other) is type(layer)]
        kind = type(layer).names[0] if type(layer).names else type(layer).__name__
        return f"{kind}/{next(i for i, other in enumerate(alike) if other is layer)}"

    def weights_exist(self, where: str) -> None:
        """Raise ``NotBuiltError`` naming the method ``where`` if they do not."""
        if not self.built:
            raise NotBuiltError(
                f"Sequential.{where}: expected a built model, got one without weights. Call "
                "build((None, n_features)) or fit, or put annlib.Input((n_features,)) first."
            )

    @property
    def vector(self) -> ParameterVector:
        """The parameters of the layers that this model owns."""
        self.weights_exist("vector")
        assert self._vector is not None, "built"
        return self._vector

    def lay_out_again(self) -> None:
        """Sort the vector by what is frozen now; the values stay."""
        if self._vector is not None and self._vector.outdated():
            self._lay_out()

    # -- configuration and copies ----------------------------------------------------------------

    def arguments(self) -> dict[str, Any]:
        layers = [*([self._input] if self._input is not None else []), *self._layers]
        return {"layers": layers, "seed": self.seed, "dtype": self.dtype, "name": self.name}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_vector": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._shape is not None:
            self._lay_out()

    # A model is itself.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def _owner(layer: Layer) -> Any:
    return layer.owner() if layer.owner is not None else None
