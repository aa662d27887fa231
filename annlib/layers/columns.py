"""Columns: chains of layers side by side, each on some columns of the one input."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Unpack

import numpy as np

from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_choice, check_count
from annlib.core.errors import ConfigurationError, DataError, ShapeError, show
from annlib.core.expression import express
from annlib.core.formula import Formula
from annlib.core.workspace import Workspace
from annlib.data import check_names, is_stream, raw_columns
from annlib.layers.base import Layer, LayerArguments, register
from annlib.layers.container import Container, layers_of
from annlib.layers.selection import Selection, runs


class _Part(NamedTuple):
    """Where the columns of a chain lie in x, and what it gives in the output."""

    places: Array
    #: Runs of neighbours: where they lie in x, and where in what the chain gets.
    runs: list[tuple[slice, slice]]
    given: slice
    #: Whether that is of each member its own.
    own: bool
    #: Whether it takes them in the type that they come in, and not in the model's.
    as_given: bool


@register("columns")
class Columns(Container):
    """y = [f_1(x[:, c_1]), f_2(x[:, c_2]), ...]: chains of layers, each on its columns c of x.

    (n, features) -> (n, units): each chain gets its columns as (n, k) and works as in a
    ``Sequential``; what comes out is flattened to (n, units of the chain), and the results stand
    side by side in the order of the chains. The remainder, the columns that no chain has taken,
    stands last. The gradient by a column is the sum over the chains that have it.

    With ``members``, those of a ``BatchedDense`` behind it, (n, members, units) comes out: of a
    chain that gives (n, members, units) each member gets its own, and of the others all get the
    same.

    Parameters
    ----------
    chains : list of (layer or list of layers, columns)
        Columns are a position or a name, or a list of them; names are those of the frame that
        the model learns from, and negative positions count from the end. Chains may share columns.
        An empty list of layers gives its columns on as they are.
    remainder : {"passthrough", "drop"}
        What becomes of the columns that no chain has taken.
    members : int, optional
        Of an ensemble. A chain for all of them ends in (n, units): ``Flatten`` makes that of the
        vectors of an ``Embedding``.

    Raises
    ------
    ConfigurationError, ShapeError
        For what is no layer, columns that are not there, or twice in one chain.
    DataError
        In ``fit`` and the others, if a column has no such codes as its chain takes.

    Notes
    -----
    In front of a model a chain may begin with what takes codes or texts (``Embedding``,
    ``StringLookup``, ``CategoryEncoding``): only its own columns are asked for them.

    Examples
    --------
    A category with seven codes, two numbers, and a third that goes on as it is:

    >>> from annlib import Sequential, layers
    >>> columns = layers.Columns([(layers.Embedding(7, 3), 0), (layers.Normalization(), [1, 2])])
    >>> model = Sequential([columns, layers.Dense(1)], seed=0)
    >>> model.build((None, 4))
    >>> model.layers[0].compute_output_shape((None, 4))
    (None, 6)
    >>> [entry.path for entry in model.vector.entries][0]
    'columns/embedding/embeddings'
    """

    example_arguments: ClassVar[Mapping[str, Any]] = {"chains": [([], [0])]}

    _column_names: tuple[str, ...] | None = None
    _layout: list[_Part] | None = None

    def __init__(
        self,
        chains: Any,
        remainder: str = "passthrough",
        members: int | None = None,
        **keywords: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**keywords)
        where = "Columns"
        self.chains = [_chain(item, f"{where}, chain {k}") for k, item in enumerate(_items(chains))]
        self.remainder = check_choice(remainder, where, "remainder", ("passthrough", "drop"))
        self.members = None if members is None else check_count(members, where, "members")
        columns = [columns for _, columns in self.chains]
        self._selection = Selection(columns, self.remainder == "passthrough", where)
        self._hold(layers_of(given, where) for given, _ in self.chains)

    def _forget(self) -> None:
        super()._forget()
        self._layout = None

    # -- which columns ---------------------------------------------------------------------------

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """The names of the columns of x, by which chains find theirs."""
        return self._column_names

    @feature_names.setter
    def feature_names(self, names: tuple[str, ...] | None) -> None:
        every = self._selection.places(len(names), names) if names else [[]] * len(self._chains)
        self._column_names, self._layout = names, None
        for chain, places in zip(self._chains, every, strict=False):
            if chain and isinstance(chain[0], Columns):
                chain[0].feature_names = tuple(names[p] for p in places) if names else None

    @property
    def takes_names(self) -> bool:  # type: ignore[override]  # it depends on the chains
        """Whether a chain takes a column by its name."""
        return self._selection.by_name or any(
            chain[0].takes_names for chain in self._chains if chain
        )

    @property
    def adaptable(self) -> bool:  # type: ignore[override]  # it depends on the arguments
        """Whether a chain begins with a layer that learns from data before training."""
        return any(chain[0].adaptable for chain in self._chains if chain)

    def adapt(self, data: Any) -> None:
        """Let each layer at the front of a chain that has ``adapt`` learn from its columns.

        Those with numbers or a vocabulary of their own stay as they are.

        Parameters
        ----------
        data : array_like or frame, (n, features)
            Rows as the layer will get them. What comes in batches each layer can read by itself.

        Raises
        ------
        DataError, ShapeError, ConfigurationError
            Of the first layer that cannot; those before it have learned then.
        """
        where = "Columns.adapt"
        if is_stream(data):
            raise DataError(
                f"{where}: expected data as an array or a frame, got a {type(data).__name__} that "
                "gives batches. Call adapt of the layers, each with batches of its columns."
            )
        names = check_names(data, self.feature_names if self._owner else None, where, "data")
        columns = raw_columns(data, where, "data")
        if not columns or columns[0][1] is None:
            raise ShapeError(f"{where}: expected data of rows, (n, features), got others.")
        every = self._selection.places(len(columns), names)
        for chain, places in zip(self._chains, every, strict=False):
            if chain and chain[0].adaptable:
                chain[0].adapt(_table([columns[place] for place in places], data))
        if names is not None:
            self.feature_names = names

    # -- what a layer does -----------------------------------------------------------------------

    @property
    def takes_codes(self) -> bool:
        return any(chain[0].takes_codes for chain in self._chains if chain)

    @property
    def differentiable(self) -> bool:
        return all(inner.differentiable for inner in self._held)

    def no_derivative(self) -> ConfigurationError:
        return next(inner.no_derivative() for inner in self._held if not inner.differentiable)

    @property
    def takes_double(self) -> bool:  # type: ignore[override]  # it depends on the arguments
        """Whether the layer at the front of a chain does."""
        return any(chain[0].takes_double for chain in self._chains if chain)

    @property
    def encodes(self) -> bool:  # type: ignore[override]  # it depends on the chains
        """Whether a chain begins with a layer that does."""
        return any(chain[0].encodes for chain in self._chains if chain)

    def encoders(self, features: int, names: tuple[str, ...] | None = None) -> dict[int, Layer]:
        found: dict[int, Layer] = {}
        every = self._selection.places(features, names or self._column_names)
        for chain, places in zip(self._chains, every, strict=False):
            of_x = None if names is None else tuple(names[place] for place in places)
            inner = chain[0].encoders(len(places), of_x) if chain else {}
            for column, layer in inner.items():
                place = places[column]
                if sum(place in others for others in every) > 1:
                    raise ConfigurationError(
                        f'Columns "{self.name}": expected a column that is looked up in one chain '
                        f"alone, got column {place} in several. Pass it twice in x."
                    )
                found[place] = layer
        return found

    def encode(self, x: Array, where: str, name: str) -> Array:
        raise ShapeError(
            f"{where}: expected {name} of features, (n, features), got shape {x.shape}."
        )

    def code_columns(self, features: int, names: tuple[str, ...] | None = None) -> dict[int, int]:
        every = self._selection.places(features, names or self._column_names)
        found: dict[int, int] = {}
        for chain, places in zip(self._chains, every, strict=False):
            of_x = None if names is None else tuple(names[place] for place in places)
            inner = chain[0].code_columns(len(places), of_x) if chain else {}
            for column, codes in inner.items():
                found[places[column]] = min(codes, found.get(places[column], codes))
        return found

    def _entering(self, input_shape: BatchShape | None) -> list[BatchShape | None]:
        if input_shape is None:
            return [None] * len(self._chains)
        return [(None, count) for count in self._counts(input_shape)[: len(self._chains)]]

    def _counts(self, input_shape: BatchShape) -> list[int]:
        """The number of columns of each chain, and of the remainder."""
        features = input_shape[-1] if len(input_shape) == 2 else None
        if features is None:
            raise ShapeError(
                f"Columns: expected rows of features, (n, features), got shape {input_shape}. "
                "Put a Flatten in front."
            )
        return self._selection.counts(features, self._column_names)

    def build(self, input_shape: BatchShape) -> None:
        for chain, count in zip(self._chains, self._counts(input_shape), strict=False):
            self._declare_chain(chain, (None, count))

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        units = sum(width for width, _ in self._widths(input_shape))
        return (None, units) if self.members is None else (None, self.members, units)

    def _widths(self, input_shape: BatchShape) -> list[tuple[int, bool]]:
        """How many numbers a row each chain gives, and the remainder; and whether these are of
        each member its own.
        """
        widths = []
        counts = self._counts(input_shape)
        for index, count in enumerate(counts):
            shape: BatchShape = (None, count)
            for layer in self._chains[index] if index < len(self._chains) else ():
                shape = layer.compute_output_shape(shape)
            own = len(shape) == 3 and shape[1] is not None and shape[1] == self.members
            widths.append((math.prod(size or 0 for size in shape[1 + own :]), own))
        return widths

    def _parts_of_x(self) -> list[_Part]:
        """Where the columns lie, found once the names are known."""
        if self._layout is None:
            assert self._built_shape is not None, "a pass is of a built layer"
            features = self._built_shape[-1] or 0
            layout, start = [], 0
            widths = self._widths(self._built_shape)
            every = self._selection.places(features, self._column_names)
            for index, (places, (width, own)) in enumerate(zip(every, widths, strict=True)):
                chain = self._chains[index] if index < len(self._chains) else []
                layout.append(
                    _Part(
                        np.array(places, np.intp),
                        runs(places),
                        slice(start, start + width),
                        own,
                        bool(chain) and (chain[0].takes_codes or chain[0].takes_double),
                    )
                )
                start += width
            self._layout = layout
        return self._layout

    def forward(self, x: Array, work: Workspace, *, training: bool = False) -> Array:
        n, parts = len(x), self._parts_of_x()
        passes = self._passes(work)
        each = () if self.members is None else (self.members,)
        if self._is_one(parts):
            own = passes[0].forward(_columns(x, parts[0], work, 0), training=training)
            work["shape 0"] = own.shape
            return own.reshape(n, *each, -1)
        y = work.array("y", n, *each, parts[-1].given.stop)
        for index, part in enumerate(parts):
            out = y[..., part.given]
            if index < len(passes) and self._chains[index]:
                own = passes[index].forward(_columns(x, part, work, index), training=training)
                work[f"shape {index}"] = own.shape
                out[...] = own if part.own else own.reshape(n, *[1] * len(each), -1)
            else:
                for there, here in part.runs:
                    out[..., here] = x[:, np.newaxis, there] if each else x[:, there]
        return y

    def _is_one(self, parts: list[_Part]) -> bool:
        """Whether all that it gives is what one chain gives, with nothing to repeat."""
        first, *others = parts
        one = len(self._chains) == 1 and bool(self._chains[0]) and not any(o.runs for o in others)
        return one and (first.own or self.members is None)

    def backward(self, dy: Array, work: Workspace, *, input_gradient: bool = True) -> Array | None:
        n, parts = len(dy), self._parts_of_x()
        passes = self._passes(work)
        dx = None
        if input_gradient:
            assert self._built_shape is not None, "a pass is of a built layer"
            dx = work.array("dx", n, self._built_shape[-1] or 0)
            dx.fill(0.0)
        for index, part in enumerate(parts):
            chained = index < len(passes) and bool(self._chains[index])
            if dx is None and not (chained and passes[index].learns):
                continue
            own: Array | None = self._gradient_of(dy[..., part.given], part, work, index)
            if chained and own is not None:
                own = own.reshape(work[f"shape {index}"])
                own = passes[index].backward(own, to_input=input_gradient)
            if dx is not None and own is not None:
                own = own.reshape(n, -1)  # in the chain's memory, or a view of dy
                for there, here in part.runs:
                    np.add(dx[:, there], own[:, here], out=dx[:, there])
        return dx

    def _gradient_of(self, dy: Array, part: _Part, work: Workspace, index: int) -> Array:
        """That of what a chain gives: of what goes to all members the sum over them."""
        chained = index < len(self._chains) and bool(self._chains[index])
        if self._is_one(self._parts_of_x()) or (dy.ndim == 2 and not chained):
            return dy
        shape = dy.shape if part.own or dy.ndim == 2 else (len(dy), dy.shape[-1])
        own = work.array(f"dy {index}", *shape)
        if shape == dy.shape:
            own[...] = dy
        else:
            np.add.reduce(dy, axis=1, out=own)
        return own

    def expression(self, x: Any) -> Any:
        results = []
        each = 1 if self.members is None else self.members
        for index, part in enumerate(self._parts_of_x()):
            if not part.places.size:
                continue
            y = np.take(x, part.places, axis=1)
            y = y if part.as_given else y.astype(self.dtype)
            for layer in self._chains[index] if index < len(self._chains) else ():
                y = express(layer, y)
            y = y.reshape(-1, each if part.own else 1, part.given.stop - part.given.start)
            results.append(y if part.own or each == 1 else y * np.ones((each, 1), y.dtype))
        y = np.concatenate(results, axis=-1)
        return y.reshape(-1, y.shape[-1]) if self.members is None else y

    def formula(self) -> Formula:
        return self._formula(
            r"\{Y_k\} = \operatorname{f}_k(\{X_k\})",
            back=(r"\{D_{E,X_k}\} = [D_{Y_k,X_k}]^T \{D_{E,Y_k}\}",),
            shapes="a batch: (n, features) to (n, "
            + ("" if self.members is None else f"{self.members}, ")
            + "units of all chains)",
            symbols=(
                (r"\{X_k\}", "the columns that chain k takes"),
                (r"\{Y_k\}", "what it gives; {Y} is all of them, one below the other"),
                (r"\{D_{E,X}\}", "the sum over the chains that have the column"),
            ),
        )


def _columns(x: Array, part: _Part, work: Workspace, index: int) -> Array:
    """The columns of a chain side by side: as they are, or numbers in the model's type."""
    dtype = x.dtype if part.as_given else work.dtype
    shape = len(x), len(part.places)
    own = work.array(f"x {index} {dtype.char}", *shape, dtype=dtype)
    if len(part.runs) <= 2:
        for there, here in part.runs:
            own[:, here] = x[:, there]
        return own
    if dtype == x.dtype:
        return np.take(x, part.places, axis=1, out=own, mode="clip")
    given = work.array(f"x {index} {x.dtype.char}", *shape, dtype=x.dtype)
    own[...] = np.take(x, part.places, axis=1, out=given, mode="clip")
    return own


def _table(columns: Sequence[tuple[Array, Any]], data: Any) -> Any:
    """Some columns of data, as an array or as a frame of the kind that it is."""
    if hasattr(data, "columns"):
        return data[[name for _, name in columns]]
    parts = [column for column, _ in columns]
    if any(part.dtype.kind == "O" for part in parts):
        parts = [np.array(part.tolist()) for part in parts]
        if len({part.dtype.kind in "fiub" for part in parts}) > 1:
            parts = [part.astype(object) for part in parts]
    return np.stack(parts, axis=1)


def _items(chains: Any) -> list[Any]:
    """The pairs of the argument ``chains``."""
    if not isinstance(chains, list | tuple) or not chains:
        raise ConfigurationError(
            "Columns: expected chains as a list of (layer or list of layers, columns), got "
            f"{show(chains)}."
        )
    return list(chains)


def _chain(item: Any, where: str) -> tuple[Any, Any]:
    """A chain as the constructor stores it: a layer or a list of layers, and its columns."""
    if not isinstance(item, list | tuple) or len(item) != 2:
        raise ConfigurationError(
            f"{where}: expected chains of (layer or list of layers, columns), got {show(item)}."
        )
    given, columns = item
    layers = layers_of(given, where)
    if isinstance(columns, np.ndarray | range):
        columns = np.asarray(columns).tolist()
    elif isinstance(columns, tuple):
        columns = list(columns)
    return (layers if isinstance(given, list | tuple) else layers[0], columns)
