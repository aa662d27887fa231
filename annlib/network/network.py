"""A network: layers in their order, their names, shapes and random streams, in one vector."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from annlib.activations import Activation
from annlib.core.arrays import DTYPES, Array, BatchShape
from annlib.core.checks import check_batch_shape, check_name, check_numeric
from annlib.core.errors import ConfigurationError, NotBuiltError, OwnershipError, ShapeError, show
from annlib.core.parameters import Entry, ParameterVector
from annlib.core.random_streams import RandomStreams
from annlib.core.threads import ProcessLock
from annlib.layers import Input, Layer
from annlib.layers import get as get_layer
from annlib.layers.base import as_arrays
from annlib.layers.container import shapes_of
from annlib.network.output import output_of

# One for all networks: building is rare, and a lock of a network's own could not be pickled.
_building = ProcessLock()
T = TypeVar("T")


class Network:
    """Layers one after the other; it knows nothing of losses, optimizers or data.

    Its parameters are made when the shape of the input is known, and lie in one vector. A layer's
    parameters belong to one network, the one that claimed them last; others that have the layer
    read them there.

    Parameters
    ----------
    layers : sequence of Layer, dict or Network
        May begin with an ``Input``; a network among them stands for its layers.
    seed : int, optional
        Without one a seed is drawn and kept.
    dtype : {"float32", "float64"}
    name : str, optional

    Attributes
    ----------
    layers : list of Layer
        In their order, without the ``Input``.
    input : Input or None
    streams : RandomStreams
        The random generators, by name.
    """

    def __init__(
        self,
        layers: Sequence[Any] = (),
        seed: int | None = None,
        dtype: str = "float32",
        name: str | None = None,
    ) -> None:
        check_name(None if isinstance(name, str) and not name else name, "Sequential")
        self.streams = RandomStreams(seed)
        self.dtype = _checked_dtype(dtype)
        self._name = name
        self.input: Input | None = None
        self.layers: list[Layer] = []
        self._shape: BatchShape | None = None
        self._vector: ParameterVector | None = None
        for layer in layers:
            self.append(layer)

    @property
    def name(self) -> str:
        """The name given, or "sequential"."""
        return self._name or "sequential"

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name, as they would be passed again."""
        layers = [*([] if self.input is None else [self.input]), *self.layers]
        return {"layers": layers, "seed": self.seed, "dtype": self.dtype, "name": self._name}

    @property
    def seed(self) -> int:
        """The seed given, or the one that was drawn."""
        return self.streams.seed

    # -- layers ----------------------------------------------------------------------------------

    def append(self, layer: Any, *, nested: bool = False) -> None:
        """Put a layer, or the layers of another network, at the end; lays out nothing.

        Among those of another network names that nobody gave yield to names that were given.

        Raises
        ------
        ConfigurationError
            If it is no layer, or its name is taken.
        OwnershipError
            If the layer already stands in this network.
        """
        if isinstance(layer, Network):
            if layer.input is not None and not self.layers:
                self.append(layer.input)
            for inner in layer.layers:
                self.append(inner, nested=True)
            return
        if isinstance(layer, dict):
            layer = get_layer(layer, "Sequential.add: layer")
        if not isinstance(layer, Layer):
            raise ConfigurationError(
                f"Sequential.add: expected a layer, got {show(layer)}. Layers are in "
                "annlib.layers; pass an object, not a class or a name."
            )
        layer._refuse_keras_methods("Sequential.add")
        if isinstance(layer, Input):
            if self.layers or self.input is not None:
                raise ConfigurationError(
                    "Sequential.add: expected the Input first and once, got another after it."
                )
            self.input = layer
            return
        mine = {id(part) for part in layer._parts()}
        if any(id(part) in mine for other in self.layers for part in other._parts()):
            raise OwnershipError(
                f"Sequential.add: expected a layer that is not in the model yet, got "
                f'"{layer.name}" again. Make a second one: a layer has one place.'
            )
        if type(layer).forward is Layer.forward:
            raise ConfigurationError(
                f"Sequential.add: expected a layer with a forward method, got "
                f"{type(layer).__name__} without one."
            )
        layer._check_dtype(self.dtype, "Sequential.add")
        layer._name_among(self.layers, "Sequential.add", yields=nested)
        self.layers.append(layer)
        if layer._followed_by is not None:
            self.append(layer._followed_by)
            layer._followed_by = None

    def add(self, layer: Any) -> None:
        """Append a layer and lay out the parameters again; all or nothing."""
        before = (list(self.layers), self.input, self._shape)
        built = self.built
        try:
            self.append(layer)
            self._rebuild()
        except Exception:
            self.layers, self.input, self._shape = before
            if built:
                self._lay_out(refreeze=False)
            raise

    def pop(self) -> Layer:
        """Remove the last layer and return it, with its values."""
        layer = self.layers.pop()
        if owner_of(layer) is self:
            layer._detach()
        self._rebuild()
        return layer

    def _borrowed(self) -> list[Layer]:
        """The layers whose parameters are another network's."""
        return [layer for layer in self.layers if owner_of(layer) not in (None, self)]

    @property
    def owns_all(self) -> bool:
        """Whether the parameters of all its layers are its own."""
        return all(owner_of(layer) is self for layer in self.layers)

    def trained_elsewhere(self) -> Layer | None:
        """The first layer that training would change whose parameters are another network's."""
        for layer in self._borrowed():
            if layer._learns or (layer._effective_trainable and layer.learns_statistics):
                return layer
        return None

    def check_ownership(self, where: str) -> None:
        """Raise ``OwnershipError`` if training would change parameters of another network."""
        if (layer := self.trained_elsewhere()) is not None:
            raise OwnershipError(
                f'{where}: expected layers of this model\'s own, got "{layer.name}", which trains '
                f'in "{owner_of(layer).name}" since that was compiled with it. Call compile again '
                "to train it here, or take copies: copy.deepcopy(layers)."
            )

    def claim(self) -> None:
        """Take over the layers of other networks, with their values; those go on reading them.

        Raises
        ------
        ConfigurationError
            If they are of another type, or two layers have one name; nothing is changed then.
        """
        self._check_types()
        for index, layer in enumerate(self.layers):
            layer._name_among(self.layers[:index], "Sequential.compile", yields=True)
        self._take_over(self._borrowed())

    def _take_over(self, layers: Sequence[Layer]) -> None:
        owners = {id(owner): owner for owner in map(owner_of, layers)}
        for layer in layers:
            layer._detach()
            layer._owner = weakref.ref(self)
        for owner in owners.values():
            owner.relayout(refreeze=False)

    # -- shapes ----------------------------------------------------------------------------------

    def expected_input_shape(self) -> BatchShape | None:
        """The shape of the input with the batch dimension, if it is known already."""
        if self._shape is not None:
            return self._shape
        if self.input is not None:
            return (None, *self.input.shape)
        if self.layers:
            return self.layers[0]._expected_shape
        return None

    @property
    def input_shape(self) -> BatchShape:
        """The shape that the network was built for, with None for the batch."""
        self.require_weights("input_shape")
        assert self._shape is not None, "built"
        return self._shape

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        """The shape of the output for this input; builds nothing."""
        shape = check_batch_shape(input_shape, "Sequential.compute_output_shape", "input_shape", 1)
        for layer in self.layers:
            shape = layer.compute_output_shape(shape)
        return shape

    def members(self, input_shape: BatchShape) -> int | None:
        """How many networks side by side its output is of, along axis 1, if it is of several."""
        found, shape = None, input_shape
        for layer in self.layers:
            before, shape = shape, layer.compute_output_shape(shape)
            kept = len(shape) == len(before) and shape[:2] == before[:2]
            found = layer.members or (found if kept else None)
        return found

    def shapes(self) -> Iterator[tuple[Layer, int, BatchShape | None, BatchShape | None]]:
        """The layers, those inside of others too, with their depth, and the shapes of what goes in
        and comes out, None before they are known.
        """
        return shapes_of(self.layers, self.expected_input_shape())

    @property
    def takes_sparse(self) -> bool:
        """Whether its first layer takes sparse rows as they are, in SciPy's CSR format."""
        return bool(self.layers) and self.layers[0]._reads_sparse

    @property
    def output_activation(self) -> Activation | None:
        """The activation whose outputs are those of the network, at rest; None if there is none."""
        return output_of(self.layers).given

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """The names of the columns of x that it has learned from, which its first layer keeps."""
        return self.layers[0].feature_names if self.layers else None

    def learn_names(self, names: tuple[str, ...] | None) -> None:
        """Keep the names of the columns of x, unless some are known."""
        if self.feature_names is None and self.layers:
            self.layers[0].feature_names = names

    # -- random streams --------------------------------------------------------------------------

    def scheduled_layers(self) -> list[Layer]:
        """The layers, those inside of others too, of which a number follows a schedule."""
        parts = (part for layer in self.layers for part in layer._parts())
        return [part for part in parts if part._schedules]

    def rng_of(self, layer: Layer) -> Any:
        """The stream that a layer draws from while training, if it draws at all."""
        if not layer.random:
            return None
        seed = getattr(layer, "seed", None)
        name = str(self._place(layer, self.layers))
        return self.streams.persistent(name if seed is None else f"{name}/seed {seed}", seed)

    def _initial_stream(self, entry: Entry) -> Any:
        # By kind and ordinal, never by a name: two networks built alike are alike.
        place = self._place(entry.layer, self.layers)
        return self.streams.new(f"{place}/{entry.parameter.name}")

    def _place(self, layer: Any, among: Sequence[Layer]) -> str | None:
        """Kind and place among its kind, behind those of the layer that holds it: what names a
        layer's random streams.
        """
        counts: dict[str, int] = {}
        for other in among:
            kind = type(other)._names[0]
            own = f"{kind}/{counts.setdefault(kind, 0)}"
            counts[kind] += 1
            if other is layer:
                return own
            if inner := self._place(layer, other._held):
                return f"{own}/{inner}"
        return None

    # -- parameters ------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the parameters exist."""
        return self._vector is not None

    @property
    def has_weights(self) -> bool:
        """Whether all layers have values, if only since another network with them was built."""
        return self.built or (bool(self.layers) and all(layer.built for layer in self.layers))

    def build(
        self, input_shape: BatchShape | None = None, names: tuple[str, ...] | None = None
    ) -> None:
        """Make the parameters for input of this shape, ``(None, n_features)``.

        Parameters
        ----------
        input_shape : tuple, optional
        names : tuple of str, optional
            Those of its columns, which are kept where the first layer finds columns by them.

        Raises
        ------
        NotBuiltError
            If the shape is neither given nor known.
        ShapeError
            If it contradicts what the network was built for, or a layer cannot take it.
        """
        expected = self.expected_input_shape()
        if not self.layers:
            raise NotBuiltError(
                "Sequential.build: expected a model with layers, got none. Add some."
            )
        if expected is None and input_shape is None:
            raise NotBuiltError(
                "Sequential.build: expected an input shape, got none. Pass (None, n_features), or "
                "put annlib.Input((n_features,)) first."
            )
        shape = (
            expected
            if input_shape is None
            else (None, *check_batch_shape(input_shape, "Sequential.build", "input_shape", 1)[1:])
        )
        assert shape is not None, "one of the two is given"
        if expected is not None and shape[1:] != expected[1:]:
            raise ShapeError(
                f"Sequential.build: expected the input shape {expected}, which the model has, "
                f"got {shape}. Build a new model for other data."
            )
        if names and self.layers[0].takes_names:
            self.learn_names(names)
        if self._vector is None:
            with _building.held:  # the first predict may come from many threads at once
                if self._vector is None:
                    self._build(shape)

    def build_if_known(self) -> None:
        """Build, if there are layers and the shape of their input is known."""
        if self.layers and self.expected_input_shape() is not None:
            self.build()

    def _build(self, shape: BatchShape) -> None:
        declared = self._declare(shape)
        try:
            self._lay_out(refreeze=False)
        except Exception:  # an initializer that cannot make this shape
            self._vector = None
            for layer in declared:
                layer._forget()
            raise
        self._shape = shape

    def _rebuild(self) -> None:
        """Lay out the parameters of the layers as they stand now."""
        shape, self._shape, self._vector = self._shape, None, None
        if shape is None:
            self.build_if_known()
        elif self.layers:
            self.build(shape)

    def _declare(self, shape: BatchShape) -> list[Layer]:
        """Let each layer declare its parameters; returns those that had not, or changes nothing."""
        declared: list[Layer] = []
        try:
            for index, layer in enumerate(self.layers):
                if layer.encodes and index:
                    raise ConfigurationError(
                        f'Sequential.build: expected layer "{layer.name}" first, since it takes '
                        "values that are no numbers of the network, got it behind another."
                    )
                if layer._built_shape is None:
                    declared.append(layer)
                    for _, leaf in layer._leaves():
                        leaf._effective_trainable = leaf.trainable
                elif layer._built_shape[1:] != shape[1:]:
                    raise ShapeError(
                        f"Sequential.build: expected input of shape {layer._built_shape} for layer "
                        f'"{layer.name}", which is built already, got {shape} from the one before. '
                        "Put a new layer in its place."
                    )
                shape = layer._declare(shape)
        except Exception:
            for layer in declared:
                layer._forget()
            raise
        return declared

    def _lay_out(self, refreeze: bool) -> None:
        """Put the parameters of all layers that no other network owns into one vector."""
        own = [layer for layer in self.layers if owner_of(layer) in (None, self)]
        self._check_types()
        leaves = (leaf for layer in own for _, leaf in layer._leaves())
        new = [leaf for leaf in leaves if not leaf.built]
        vector = ParameterVector(own, self.dtype, refreeze)
        vector.initialize(self._initial_stream, new)
        for layer in own:
            layer._owner = weakref.ref(self)
        self._vector = vector  # last: from now on other threads take the network for built

    def _check_types(self) -> None:
        """Raise ``ConfigurationError`` if layers of other networks are of another type."""
        for layer in self._borrowed():
            if any(W.dtype != self.dtype for W in layer._values().values()):
                dtype = owner_of(layer).dtype
                raise ConfigurationError(
                    f'Sequential: expected layers of dtype {self.dtype}, got "{layer.name}" of a '
                    f'{dtype} model. Pass dtype="{dtype}".'
                )

    def relayout(self, refreeze: bool = True) -> bool:
        """Rebuild the vector if layers were frozen, unfrozen or became free; say if it was.

        Parameters
        ----------
        refreeze : bool
            Whether ``trainable`` of the layers counts as it is now, or as at the last layout.
        """
        if self._vector is None:
            return False
        own = [layer for layer in self.layers if owner_of(layer) in (None, self)]
        if self._vector.layers == own and not (refreeze and self._vector.outdated()):
            return False
        self._lay_out(refreeze)
        return True

    def convert(self, dtype: str) -> None:
        """Change to another floating-point type, with the same values."""
        self.dtype = _checked_dtype(dtype)
        self._lay_out(refreeze=False)

    def require_weights(self, where: str) -> None:
        """Raise ``NotBuiltError`` naming the model's method ``where`` if they do not exist."""
        if self.has_weights and not self.built:
            self.build()
        if not self.built:
            raise NotBuiltError(
                f"Sequential.{where}: expected a built model, got one without weights. Call "
                "build((None, n_features)) or fit, or put annlib.Input((n_features,)) first."
            )

    @property
    def vector(self) -> ParameterVector:
        """The parameters of the layers that this network owns."""
        if self._vector is None:
            self.require_weights("vector")
        assert self._vector is not None, "built"
        return self._vector

    def has_left(self, vector: ParameterVector | None) -> bool:
        """Whether its parameters exist, and lie in another vector than this one."""
        return self._vector is not vector and self._vector is not None

    @property
    def weights(self) -> list[Array]:
        """All parameters, layer after layer: the arrays themselves, not copies."""
        return [value for layer in self.layers for value in layer._values().values()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all parameters; all shapes are checked before any is touched."""
        self.require_weights("set_weights")
        where = "Sequential.set_weights"
        paths = [f"{layer.name}/{p.name}" for layer in self.layers for p in layer._parameters]
        arrays = self.as_listed(as_arrays(weights, where))
        if len(arrays) != len(paths):
            raise ShapeError(
                f"{where}: expected {len(paths)} arrays ({', '.join(paths)}) as weights, got "
                f"{len(arrays)}."
            )
        for path, own, array in zip(paths, self.weights, arrays, strict=True):
            if own.shape != array.shape:
                raise ShapeError(
                    f'{where}: expected weights of shape {own.shape} for "{path}", got '
                    f"{array.shape}."
                )
            check_numeric(array, where, path)
        for own, array in zip(self.weights, arrays, strict=True):
            own[...] = array

    def as_listed(self, weights: list[T]) -> list[T]:
        """What stands for each parameter, of a list that may have what Keras has besides."""
        places = [
            own is not None
            for layer in self.layers
            for own in (*layer._parameters, *[None] * layer.keras_weights_besides)
        ]
        if len(weights) == len(places):
            return [one for one, own in zip(weights, places, strict=True) if own]
        return weights

    # -- copies ----------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # A copied view would come apart from its vector: the copy lays out one of its own.
        owned = [layer for layer in self.layers if owner_of(layer) is self]
        return {**self.__dict__, "_vector": None, "_owned": owned}

    def __setstate__(self, state: dict[str, Any]) -> None:
        owned = state.pop("_owned", ())
        self.__dict__.update(state)
        # Where models that share layers are copied together, each may be the first.
        self._take_over([layer for layer in self._borrowed() if layer in owned])
        if self._shape is not None:
            self._lay_out(refreeze=False)


def owner_of(layer: Layer) -> Any:
    """The network whose vector holds the layer's parameters, or None."""
    return layer._owner() if layer._owner is not None else None


def _checked_dtype(dtype: Any) -> str:
    try:
        name = np.dtype(dtype).name if isinstance(dtype, str | type | np.dtype) else ""
    except (TypeError, ValueError):
        name = ""
    if name not in DTYPES:
        raise ConfigurationError(
            f"Sequential: expected dtype one of {', '.join(DTYPES)}, got {show(dtype)}."
        )
    return name
