"""The predicting pass of a network as a graph of symbols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from annlib.core.errors import ConfigurationError, show
from annlib.core.expression import express
from annlib.graph.symbol import NotNotedError, Symbol, joined, looked_up
from annlib.layers import Layer
from annlib.network.network import Network


class Graph(NamedTuple):
    """What goes in and comes out, by name, and what constants are called.

    Parameters
    ----------
    inputs, outputs : dict of str to Symbol
    names : dict of int to str
        The names of arrays that are parameters, by their ``id``.
    kept : list
        The arrays, which keep their ids.
    """

    inputs: dict[str, Symbol]
    outputs: dict[str, Symbol]
    names: dict[int, str]
    kept: list[Any]

    def renamed(self, inputs: Any, outputs: Any, where: str) -> Graph:
        """The same with other names, a list of as many, or None for those that it has."""
        return self._replace(
            inputs=_renamed(self.inputs, inputs, f"{where}: expected input_names"),
            outputs=_renamed(self.outputs, outputs, f"{where}: expected output_names"),
        )


def _renamed(symbols: Mapping[str, Symbol], names: Any, where: str) -> dict[str, Symbol]:
    if names is None:
        return dict(symbols)
    given = [names] if isinstance(names, str) else names
    fine = isinstance(given, list | tuple) and all(
        isinstance(n, str) and n and n.isprintable() for n in given
    )
    if not fine or len(given) != len(symbols) or len(set(given)) < len(given):
        raise ConfigurationError(
            f"{where} as {len(symbols)} different names, for {', '.join(symbols)}, got "
            f"{show(names)}."
        )
    return dict(zip(given, symbols.values(), strict=True))


def graph_of(network: Network, where: str, input_name: str = "x") -> Graph:
    """The graph of a network that is built.

    A network whose columns are looked up has an input for each column, under its name.

    Raises
    ------
    ConfigurationError
        Of the first layer that does not say what it computes.
    """
    inputs, x = inputs_of(network, input_name, where)
    y = through(network.layers, x, where)
    arrays = named_arrays(network)
    return Graph(inputs, {"y": y}, {id(value): name for name, value in arrays}, arrays)


def named_arrays(network: Network) -> list[tuple[str, Any]]:
    """The parameters, each with its path."""
    return [
        (f"{path}/{name}", value)
        for layer in network.layers
        for path, leaf in layer._leaves()
        for name, value in leaf._values().items()
    ]


def through(layers: Iterable[Layer], x: Symbol, where: str) -> Symbol:
    """What comes out of layers, one after the other."""
    for layer in layers:
        try:
            y = express(layer, x)
            if not isinstance(y, Symbol):
                raise NotNotedError(f"its expression gives {show(y)}")
        except ConfigurationError as error:
            raise ConfigurationError(f'{where}: layer "{layer.name}": {error}') from None
        # What users' functions do with a symbol that they take for an array, nobody knows.
        except Exception as error:
            raise ConfigurationError(
                f'{where}: expected layer "{layer.name}", a {type(layer).__name__}, to be made of '
                f"operations of a graph, got another: {error or type(error).__name__}. Write "
                "expression(self, x) in its class with such operations, as "
                "annlib.layers.Layer.expression shows."
            ) from error
        for symbol in operations([y]):
            symbol.scope = symbol.scope or str(layer.name)
        x = y
    return x


def inputs_of(network: Network, name: str, where: str) -> tuple[dict[str, Symbol], Symbol]:
    """The inputs by name, and what the first layer gets."""
    network.require_weights("export")
    first, shape = network.layers[0], network.input_shape
    assert shape is not None, "the network is built"
    real = np.dtype(np.float64 if first.takes_double else network.dtype)
    if not first.encodes:
        x = Symbol("input", (), shape, np.int64 if first.codes is not None else real)
        return {name: x}, x
    names = first.feature_names
    encoders = first.encoders(shape[-1] or 0, names)
    if all(layer is first for layer in encoders.values()):  # of any shape, all alike
        x = Symbol("input", (), shape, _type_of(first))
        return {name: x}, encoded(x, first, where)
    titles = names or [f"{name}{column}" for column in range(shape[-1] or 0)]
    inputs, columns = {}, []
    for column, title in enumerate(titles):
        layer = encoders.get(column)
        own = real if layer is None else _type_of(layer)
        inputs[title] = x = Symbol("input", (), (None, 1), own)
        columns.append(x if layer is None else encoded(x, layer, where).astype(real))
    return inputs, joined(columns, 1)


def _type_of(encoder: Any) -> np.dtype[Any]:
    """The type of the values that an encoder knows."""
    return np.array([*(encoder.vocabulary or [""])[:1]]).dtype


def encoded(x: Symbol, layer: Any, where: str) -> Symbol:
    """The codes of values that a layer looks up."""
    keys, codes, otherwise = layer.code_table(where)
    several = layer.num_oov_indices > 1
    y: Any = looked_up(x, np.array(keys), np.array(codes, np.int64), -1 if several else otherwise)
    if several:
        y = np.where(y < 0, layer.unknown_codes(x), y)
    y.scope = str(layer.name)
    found: Symbol = y
    return found


def operations(outputs: Iterable[Symbol], whole: Any = None) -> Iterator[Symbol]:
    """The symbols that outputs are made of, inputs included, each after those that it is made of.

    With ``whole``, a function that says of a symbol whether its ``operator`` stands for it, what
    is within such a one is left out.
    """
    seen: set[int] = set()
    ahead: list[tuple[Symbol, bool]] = [(y, False) for y in reversed([*outputs])]
    while ahead:
        symbol, ready = ahead.pop()
        if ready:
            yield symbol
        elif id(symbol) not in seen:
            seen.add(id(symbol))
            ahead.append((symbol, True))
            ahead += [(x, False) for x in reversed(made_of(symbol, whole))]


def made_of(symbol: Symbol, whole: Any = None) -> list[Symbol]:
    """The symbols that go into one."""
    if whole is not None and whole(symbol):
        assert symbol.operator is not None, "whole has seen it"
        return [symbol.operator[1]]
    return [x for x in symbol.inputs if isinstance(x, Symbol)]
