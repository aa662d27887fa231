"""A layer that holds layers: their parameters are its own, and so is all that is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_flag
from annlib.core.errors import ConfigurationError, show
from annlib.core.parameters import Parameter
from annlib.core.workspace import Workspace
from annlib.layers.base import Layer, get
from annlib.layers.input import Input
from annlib.layers.passes import Pass

if TYPE_CHECKING:  # loaded when first used, not with annlib
    import numpy.typing as npt


class Container(Layer):
    """Base class of a layer made of chains of layers.

    A subclass calls ``_hold`` at the end of its constructor, builds each chain with
    ``_declare_chain``, and runs them through ``self._passes(work)``. The parameters of the layers
    inside lie in the model's vector one by one, under ``outer/inner/parameter``; here they are
    seen under ``inner/parameter``. Each layer inside is frozen, draws and has its name as it would
    in a ``Sequential``; setting ``trainable`` here sets it for all of them, as in Keras.
    """

    _chains: Sequence[list[Layer]] = ()
    #: What the last build has declared, and a failed one takes back.
    _declared: Sequence[Layer] = ()
    _trains = True

    def _hold(self, chains: Iterable[Sequence[Layer]]) -> None:
        """Take the layers of these chains in, and give names to those that have none."""
        where = type(self).__name__
        self._chains = [list(chain) for chain in chains]
        held = [layer for chain in self._chains for layer in chain]
        seen: set[int] = set()
        for index, layer in enumerate(held):
            mine = {id(part) for part in layer._parts()}
            if mine & seen:
                raise ConfigurationError(
                    f'{where}: expected each layer once, got "{layer.name}" again. Make a second '
                    "one: a layer has one place."
                )
            seen |= mine
            layer._name_among(held[:index], where)
        self._held = tuple(held)
        if not self._trains:
            self.trainable = False

    # -- what is that of the layers inside -------------------------------------------------------

    def _leaves(self) -> Iterator[tuple[str, Layer]]:
        for inner in self._held:
            for path, leaf in inner._leaves():
                yield f"{self.name}/{path}", leaf

    @property
    def trainable(self) -> bool:
        """Whether any layer inside trains; setting it sets all. Takes effect at ``compile``."""
        return any(inner.trainable for inner in self._held) if self._held else self._trains

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = check_flag(value, type(self).__name__, "trainable")
        if self._made or not value:
            for inner in self._held:
                inner.trainable = value
        self._trains = value

    @property
    def _effective_trainable(self) -> bool:
        return any(inner._effective_trainable for inner in self._held)

    @_effective_trainable.setter
    def _effective_trainable(self, value: bool) -> None:
        for inner in self._held:
            inner._effective_trainable = value

    @property
    def _owner(self) -> Any:
        return next((leaf._owner for _, leaf in self._leaves() if leaf._owner is not None), None)

    @_owner.setter
    def _owner(self, owner: Any) -> None:
        for inner in self._held:
            inner._owner = owner

    @property
    def random(self) -> bool:  # type: ignore[override]  # it depends on the layers inside
        """Whether any layer inside draws, each from a stream of its own."""
        return any(inner.random for inner in self._held)

    @property
    def _parameters(self) -> list[Parameter]:  # type: ignore[override]  # read, not set
        return [
            p._replace(name=f"{inner.name}/{p.name}")
            for inner in self._held
            for p in inner._parameters
        ]

    @property
    def gradients(self) -> dict[str, Array]:  # type: ignore[override]  # read, not set
        """Those of the layers inside, under ``inner/parameter``."""
        return {
            f"{inner.name}/{name}": gradient
            for inner in self._held
            for name, gradient in inner.gradients.items()
        }

    @property
    def built(self) -> bool:
        return self._built_shape is not None and all(inner.built for inner in self._held)

    def count_multiplications(self) -> int | None:
        counts = [inner.count_multiplications() for inner in self._held]
        return None if None in counts else sum(count or 0 for count in counts)

    def _values(self) -> dict[str, Array]:
        return {
            f"{inner.name}/{name}": value
            for inner in self._held
            for name, value in inner._values().items()
        }

    def _attach(self, values: dict[str, Array], gradients: dict[str, Array]) -> None:
        for inner in self._held:
            start = f"{inner.name}/"
            own, theirs = (
                {name.removeprefix(start): v for name, v in some.items() if name.startswith(start)}
                for some in (values, gradients)
            )
            inner._attach(own, theirs)

    def _detach(self) -> None:
        for inner in self._held:
            inner._detach()

    def _forget(self) -> None:
        self._built_shape = None
        for inner in self._declared:
            inner._forget()
        self._declared = []

    # -- building and passes ---------------------------------------------------------------------

    def _declare_chain(self, chain: Sequence[Layer], shape: Any) -> Any:
        """Let the layers of a chain declare their parameters; returns the output's shape."""
        for index, layer in enumerate(chain):
            if layer.encodes and index:
                raise ConfigurationError(
                    f'{type(self).__name__}: expected layer "{layer.name}" first in its chain, '
                    "since it takes values that are no numbers of the network."
                )
            if layer._built_shape is None:
                self._declared = [*self._declared, layer]
                layer._effective_trainable = layer.trainable
            elif layer._built_shape[1:] != shape[1:]:
                raise ConfigurationError(
                    f"{type(self).__name__}.build: expected input of shape {layer._built_shape} "
                    f'for layer "{layer.name}", which is built already, got {shape}. Put a new '
                    "layer in its place."
                )
            shape = layer._declare(shape)
        return shape

    def _entering(self, input_shape: BatchShape | None) -> list[BatchShape | None]:
        """The shape of what each chain gets, for the shape of the input."""
        raise NotImplementedError

    def _workspace(self, dtype: npt.DTypeLike, rng_of: Callable[[Layer], Any]) -> Workspace:
        work = Workspace(dtype)
        work.passes = [Pass(chain, dtype, rng_of) for chain in self._chains]
        return work

    def _passes(self, work: Workspace) -> Sequence[Pass]:
        """A pass of each chain, with memory that is kept in ``work``."""
        if len(work.passes) != len(self._chains):
            work.passes = self._workspace(work.dtype, lambda layer: work.rng).passes
        return work.passes

    def commit(self, work: Workspace) -> None:
        for inner in work.passes:
            inner.commit()

    # -- copies ----------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_declared": []}  # the layers inside see to themselves


def layers_of(given: Any, where: str) -> list[Layer]:
    """A layer, or a list of layers, as a list; each may be the configuration of one.

    Raises
    ------
    ConfigurationError
        For what is no layer, or only says what the input is.
    """
    found = []
    for item in given if isinstance(given, list | tuple) else [given]:
        layer = get(item) if isinstance(item, dict) else item
        works = isinstance(layer, Layer) and type(layer).forward is not Layer.forward
        if not works or isinstance(layer, Input):
            raise ConfigurationError(
                f"{where}: expected a layer or a list of layers, got {show(layer)}. Layers are in "
                "annlib.layers; pass objects, and of a model its layers."
            )
        layer._refuse_keras_methods(where)
        found.append(layer)
    return found


def shapes_of(
    layers: Sequence[Layer], shape: BatchShape | None
) -> Iterator[tuple[Layer, int, BatchShape | None, BatchShape | None]]:
    """The layers with their depth, and the shapes of what goes in and comes out, None before they
    are known; those inside of a layer follow it.
    """
    for layer in layers:
        before = shape
        shape = None if shape is None else layer.compute_output_shape(shape)
        yield layer, 0, before, shape
        if isinstance(layer, Container):
            for chain, first in zip(layer._chains, layer._entering(before), strict=True):
                for inner, depth, entering, leaving in shapes_of(chain, first):
                    yield inner, depth + 1, entering, leaving
