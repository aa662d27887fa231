"""The weights of a stack: made when shapes are known, in one vector, and read and replaced."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Any

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_numeric, check_shape
from annlib.core.errors import ConfigurationError, NotBuiltError, ShapeError
from annlib.core.parameters import Entry, ParameterVector
from annlib.layers import Layer
from annlib.layers.base import as_arrays
from annlib.models.stack import Stack

# One for all models: building is rare, and a lock of a model's own could not be pickled.
_BUILDING = threading.RLock()


class Weighted(Stack):
    """A stack with weights; see ``Sequential``."""

    _shape: BatchShape | None = None
    _vector: ParameterVector | None = None

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
        if not self._layers:
            raise NotBuiltError(
                "Sequential.build: expected a model with layers, got none. Add some."
            )
        if expected is None and input_shape is None:
            raise NotBuiltError(
                "Sequential.build: expected an input shape, got none. Pass (None, n_features), or "
                "put annlib.Input((n_features,)) first."
            )
        shape = expected if input_shape is None else _with_batch(input_shape)
        assert shape is not None, "one of the two is given"
        if expected is not None and shape[1:] != expected[1:]:
            raise ShapeError(
                f"Sequential.build: expected the input shape {expected}, which the model has, "
                f"got {shape}. Build a new model for other data."
            )
        if self._vector is None:
            with _BUILDING:  # the first predict may come from many threads at once
                if self._vector is None:
                    self._build(shape)

    def _build(self, shape: BatchShape) -> None:
        declared = self._declare(shape)
        try:
            self._lay_out(refreeze=False)
        except Exception:  # an initializer that cannot make this shape
            self._vector = None
            for layer in declared:
                layer.forget()
            raise
        self._shape = shape

    def _declare(self, shape: BatchShape) -> list[Layer]:
        """Let each layer declare its parameters; returns those that had not, or changes nothing."""
        declared: list[Layer] = []
        try:
            for layer in self._layers:
                if layer.built_shape is None:
                    declared.append(layer)
                    layer.learns = layer.trainable
                elif layer.built_shape[1:] != shape[1:]:
                    raise ShapeError(
                        f"Sequential.build: expected input of shape {layer.built_shape} for layer "
                        f'"{layer.name}", which is built already, got {shape} from the one before. '
                        "Put a new layer in its place."
                    )
                shape = layer.declare(shape)
        except Exception:
            for layer in declared:
                layer.forget()
            raise
        return declared

    def _lay_out(self, refreeze: bool = True) -> None:
        """All layers that no other model owns, in one vector."""
        own = [layer for layer in self._layers if _owner(layer) in (None, self)]
        for layer in self._layers:
            if layer not in own and any(W.dtype != self.dtype for W in layer.values().values()):
                raise ConfigurationError(
                    f'Sequential: expected layers of dtype {self.dtype}, got "{layer.name}" of a '
                    f'{_owner(layer).dtype} model. Pass dtype="{_owner(layer).dtype}".'
                )
        fresh = [layer for layer in own if not layer.built]
        vector = ParameterVector(own, self.dtype, refreeze)
        vector.initialize(self._initial_stream, fresh)
        for layer in own:
            layer.owner = weakref.ref(self)
        self._vector = vector  # last: from now on other threads take the model for built

    def _initial_stream(self, entry: Entry) -> Any:
        # By kind and ordinal, never by a name: two models built alike are alike.
        return self.streams.fresh(f"{self._ordinal(entry.layer)}/{entry.parameter.name}")

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

    def lay_out_again(self, refreeze: bool = True) -> None:
        """Sort the vector by what is frozen now, and take in layers whose model is gone."""
        if self._vector is None:
            return
        own = [layer for layer in self._layers if _owner(layer) in (None, self)]
        if self._vector.layers != own or (refreeze and self._vector.outdated()):
            self._lay_out(refreeze)

    # -- another stack ---------------------------------------------------------------------------

    def add(self, layer: Any) -> None:
        """Append a layer; the layers of a model that is added are appended one by one.

        Raises
        ------
        ConfigurationError
            If it is no layer, or its name is taken.
        OwnershipError
            If the layer already stands in this model.
        """
        before = (list(self._layers), self._input, self._shape)
        built = self.built
        try:
            self._append(layer)
            self._changed()
        except Exception:
            self._layers, self._input, self._shape = before
            if built:
                self._lay_out(refreeze=False)
            raise
        self._rearranged()

    def pop(self) -> Layer:
        """Remove the last layer and return it."""
        if not self._layers:
            raise ConfigurationError("Sequential.pop: expected a model with layers, got none.")
        layer = self._layers.pop()
        if layer.owner is not None and layer.owner() is self:
            layer.release()
        self._changed()
        self._rearranged()
        return layer

    def _rearranged(self) -> None:
        """Called when a layer has come or gone."""

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
        return super().expected_input_shape() if self._shape is None else self._shape

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

    # -- values ----------------------------------------------------------------------------------

    @property
    def weights(self) -> list[Array]:
        """All parameters, layer after layer: the arrays themselves, not copies."""
        return [value for layer in self._layers for value in layer.values().values()]

    @property
    def trainable_weights(self) -> list[Array]:
        """Those that training changes."""
        return [value for value, trains in self._flagged() if trains]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """Those that it does not: of frozen layers, and moving statistics."""
        return [value for value, trains in self._flagged() if not trains]

    def _flagged(self) -> list[tuple[Array, bool]]:
        return [
            (layer.values()[p.name], layer.trainable and p.trainable)
            for layer in self._layers
            for p in layer.parameters
        ]

    @property
    def trainable(self) -> bool:
        """Whether any layer trains; setting it sets every layer's. Takes effect at ``compile``."""
        return any(layer.trainable for layer in self._layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._layers:
            layer.trainable = bool(value)

    def get_weights(self) -> list[Array]:
        """Copies of all parameters, layer after layer."""
        self.weights_exist("get_weights")
        return [value.copy() for value in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all parameters; all shapes are checked before any is touched."""
        self.weights_exist("set_weights")
        paths = [f"{layer.name}/{p.name}" for layer in self._layers for p in layer.parameters]
        arrays = as_arrays(weights, "Sequential.set_weights")
        if len(arrays) != len(paths):
            raise ShapeError(
                f"Sequential.set_weights: expected {len(paths)} arrays ({', '.join(paths)}), got "
                f"{len(arrays)}."
            )
        for path, own, array in zip(paths, self.weights, arrays, strict=True):
            if own.shape != array.shape:
                raise ShapeError(
                    f'Sequential.set_weights: expected shape {own.shape} for "{path}", got '
                    f"{array.shape}."
                )
            check_numeric(array, "Sequential.set_weights", path)
        for own, array in zip(self.weights, arrays, strict=True):
            own[...] = array

    def count_params(self) -> int:
        """How many numbers the parameters hold."""
        self.weights_exist("count_params")
        return sum(layer.count_params() for layer in self._layers)

    # -- copies ----------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_vector": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._shape is not None:
            self._lay_out(refreeze=False)


def _with_batch(input_shape: Any) -> BatchShape:
    """A shape that ``build`` was given, with None for the batch."""
    if not isinstance(input_shape, tuple | list) or not input_shape:
        raise ShapeError(
            f"Sequential.build: expected input_shape as (None, n_features), got {input_shape!r}."
        )
    return (None, *check_shape(input_shape[1:], "Sequential.build", "the shape of a row"))


def _owner(layer: Layer) -> Any:
    return layer.owner() if layer.owner is not None else None
