"""A graph as loops over the numbers of one row, for languages that have nothing else.

Operations that go element by element stand together in one loop, as far as nobody else needs what
is in between; those that only see the same numbers in another shape cost nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError
from annlib.graph.network_graph import Graph, operations
from annlib.graph.symbol import BINARY, COMPARISONS, LOGICAL, UNARY, Symbol

ELEMENTWISE = {
    *UNARY.values(),
    *BINARY.values(),
    *COMPARISONS.values(),
    *LOGICAL.values(),
    *("where", "cast"),
}
REDUCTIONS = {"sum", "amax", "amin"}


class SourceSize(NamedTuple):
    """How many bytes a network takes as a source.

    Parameters
    ----------
    constants : int, at least 0
        Bytes of its numbers, which may lie in read-only memory.
    memory : int, at least 0
        Bytes that a prediction writes to, besides input and output.
    file : int, at least 0
        Bytes of the text.

    Examples
    --------
    >>> from annlib import Sequential, export, layers
    >>> size = export.source_size(Sequential([layers.Input((3,)), layers.Dense(2)]))
    >>> size.constants  # 8 numbers of 4 bytes
    32
    """

    constants: int
    memory: int
    file: int


class Index(NamedTuple):
    """Loops over a space of numbers, and where a number lies in arrays that go with it."""

    sizes: tuple[int, ...]
    names: tuple[str, ...]


class SourceWriter:
    """Writes the statements of a graph; a subclass knows a language.

    Parameters
    ----------
    graph : Graph
    where : str
        What to name in errors.
    function : str
        The name of the function.
    """

    #: How each operation element by element is written, of its operands.
    operators: ClassVar[Mapping[str, str]]
    #: What an array that is passed on is declared with, and its length behind it.
    line_end: ClassVar[str] = ""

    def __init__(self, graph: Graph, where: str, function: str) -> None:
        self.graph, self.where, self.function = graph, where, function
        self.outputs = _numbers_of(graph, where)
        self.order = [s for s in operations(self.outputs.values()) if s.operation != "input"]
        self.inputs: dict[int, tuple[str, int]] = {}
        self.lines: list[str] = []
        self.depth = 1
        self.constants: dict[int, tuple[str, Array]] = {}
        self._kept: list[Array] = []
        self._count = 0
        self.places: dict[int, tuple[str, int]] = {}
        self.memory: dict[str, int] = {}
        self._names = {"x", "y", function}
        self.groups = self._grouped()
        self.last_use = self._last_uses()

    # -- what a language writes --------------------------------------------------------------------

    @contextmanager
    def loop(self, name: str, size: int) -> Iterator[None]:
        """Statements for name = 0, 1, ..., size - 1."""
        raise NotImplementedError
        yield

    def declare(self, name: str, size: int) -> None:
        """Make an array for numbers."""
        raise NotImplementedError

    def local(self, name: str, expression: str) -> None:
        """A number that does not change."""
        raise NotImplementedError

    def variable(self, name: str, expression: str) -> None:
        """A number that does."""
        raise NotImplementedError

    def number(self, value: float) -> str:
        """A number as it is written."""
        raise NotImplementedError

    def write_lookup(self, symbol: Symbol) -> None:
        """The codes of values."""
        raise NotImplementedError

    def write_take(self, symbol: Symbol) -> None:
        """Rows of a table by codes."""
        raise NotImplementedError

    def write_argmax(self, symbol: Symbol) -> None:
        """The place of the largest number along an axis."""
        raise NotImplementedError

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text + self.line_end)

    # -- statements --------------------------------------------------------------------------------

    def write(self) -> None:
        """Write all statements of the function."""
        sizes = [(symbol, math.prod(symbol.row)) for symbol in self.graph.inputs.values()]
        for start, (symbol, _) in zip(_starts(sizes), sizes, strict=True):
            self.places[id(symbol)] = "x", start
        ends = [(symbol, math.prod(symbol.row)) for symbol in self.outputs.values()]
        for start, (symbol, _) in zip(_starts(ends), ends, strict=True):
            if id(symbol) not in self.places and self._source(symbol) is symbol:
                self.places[id(symbol)] = "y", start
        for step, symbol in enumerate(self.order):
            if self.groups[id(symbol)] is symbol and symbol.operation != "reshape":
                self._place(symbol, step)
                self._write(symbol)
        for start, (symbol, size) in zip(_starts(ends), ends, strict=True):
            if self.place(symbol) != ("y", start):
                self._copy("y", start, (size,), (1,), symbol, 0, (1,))

    def _write(self, symbol: Symbol) -> None:
        if symbol.operation in ELEMENTWISE:
            self._write_group(symbol)
        elif symbol.operation in REDUCTIONS:
            self._write_reduction(symbol)
        else:
            getattr(self, f"write_{symbol.operation}")(symbol)

    def _write_group(self, root: Symbol) -> None:
        """A loop over the numbers of a row that computes all of a group."""
        members = self._members(root)
        index = self._index(root.row, members)
        with self._loops(index):
            value = self._compute(members, root, index)
            self.line(f"{self.at(root, root.row, index)} = {value}")

    def _compute(self, members: Sequence[Symbol], last: Symbol, index: Index) -> str:
        """Write the members but for the last as local numbers; returns the last's expression."""
        local: dict[int, str] = {}
        value = ""
        for symbol in members:
            operands = [
                local[id(x)] if id(x) in local else self.operand(x, index) for x in symbol.inputs
            ]
            value = self.expression(symbol, operands)
            if symbol is not last:
                local[id(symbol)] = name = self.fresh("t")
                self.local(name, value)
        return value

    def expression(self, symbol: Symbol, operands: Sequence[str]) -> str:
        """An operation on numbers."""
        operation = symbol.operation
        if operation == "cast":
            (x,) = symbol.inputs
            whole = symbol.dtype.kind in "iu" and getattr(x, "dtype", symbol.dtype).kind == "f"
            operation = "truncate" if whole else "cast"
        return self.operators[operation].format(*operands)

    def _write_reduction(self, symbol: Symbol) -> None:
        (x,) = symbol.inputs
        assert isinstance(x, Symbol), "of an array that is not constant"
        members = [s for s in self._members(symbol) if s is not symbol]
        axes = [a - 1 for a in symbol.attributes["axes"]]
        outer = [a for a in range(len(x.row)) if a not in axes]
        names = tuple(f"i{a}" for a in range(len(x.row)))
        index = Index(x.row, names)
        start = {"sum": 0.0, "amax": -math.inf, "amin": math.inf}[symbol.operation]
        kept = [1 if a in axes else size for a, size in enumerate(x.row)]
        step = {"sum": "add", "amax": "max", "amin": "min"}[symbol.operation]
        with self._loops(Index(tuple(x.row[a] for a in outer), tuple(names[a] for a in outer))):
            r = self.fresh("r")
            self.variable(r, self.number(start))
            with self._loops(Index(tuple(x.row[a] for a in axes), tuple(names[a] for a in axes))):
                value = self._compute(members, x, index) if members else self.operand(x, index)
                self.line(f"{r} = {self.operators[step].format(r, value)}")
            self.line(f"{self.at(symbol, tuple(kept), index)} = {r}")

    def write_matmul(self, symbol: Symbol) -> None:
        a, b = symbol.inputs
        own = a.row if isinstance(a, Symbol) else a.shape
        other = b.row if isinstance(b, Symbol) else b.shape
        out = symbol.row
        if len(out) == 1:
            own, out = (1, *own), (1, *out)
        *batch, p, r = out
        q = own[-1]
        names = tuple(f"i{k}" for k in range(len(batch)))
        index = Index(tuple(batch), names)
        into, _ = self.place(symbol)
        at_y = _sum(self._offset(symbol), _flat(out[:-2], index, p * r), _times("p", r, p))
        at_a = _sum(self._offset(a), _flat(own[:-2], index, p * q), _times("p", q, p))
        at_b = _sum(self._offset(b), _flat(other[:-2], index, q * r))
        y = _at(into, at_y, "j")
        with self._loops(Index((*batch, p), (*names, "p"))):
            with self.loop("j", r):
                self.line(f"{y} = {self.number(0.0)}")
            with self.loop("k", q):
                self.local("v", _at(self.name(a), at_a, "k"))
                with self.loop("j", r):
                    self.line(f"{y} += v * {_at(self.name(b), at_b, _times('k', r, q), 'j')}")

    def write_transpose(self, symbol: Symbol) -> None:
        (x,) = symbol.inputs
        assert isinstance(x, Symbol), "of an array that is not constant"
        strides = _strides(x.row)
        order = [axis - 1 for axis in symbol.attributes["order"][1:]]
        self._move(symbol, x, 0, tuple(strides[axis] for axis in order))

    def write_slice(self, symbol: Symbol) -> None:
        (x,) = symbol.inputs
        assert isinstance(x, Symbol), "of an array that is not constant"
        strides, start = [*_strides(x.row)], 0
        of = symbol.attributes
        for axis, first, step in zip(of["axes"], of["starts"], of["steps"], strict=True):
            start += strides[axis - 1] * first
            strides[axis - 1] *= step
        self._move(symbol, x, start, tuple(strides))

    def write_gather(self, symbol: Symbol) -> None:
        x, places = symbol.inputs
        assert isinstance(x, Symbol), "of an array that is not constant"
        assert not isinstance(places, Symbol), "a constant"
        axis = symbol.attributes["axis"] - 1
        index = Index(symbol.row, tuple(f"i{a}" for a in range(len(symbol.row))))
        wide = places.ndim
        table = _flat(places.shape, Index(places.shape, index.names[axis : axis + wide]))
        parts = [f"i{a}" for a in range(len(symbol.row))]
        inner = [*parts[:axis], _at(self.name(places), table), *parts[axis + wide :]]
        strides = zip(inner, _strides(x.row), x.row, strict=True)
        source = _sum(self._offset(x), *(_times(i, step, size) for i, step, size in strides))
        with self._loops(index):
            self.line(f"{self.at(symbol, symbol.row, index)} = {_at(self.name(x), source)}")

    def write_concat(self, symbol: Symbol) -> None:
        axis, start = symbol.attributes["axis"] - 1, 0
        strides = _strides(symbol.row)
        into, offset = self.place(symbol)
        for x in symbol.inputs:
            assert isinstance(x, Symbol), "of arrays that are not constant"
            first = offset + start * strides[axis]
            self._copy(into, first, x.row, strides, x, 0, _strides(x.row))
            start += x.row[axis]

    def _move(self, symbol: Symbol, x: Symbol, start: int, strides: Sequence[int]) -> None:
        into, offset = self.place(symbol)
        self._copy(into, offset, symbol.row, _strides(symbol.row), x, start, strides)

    def _copy(
        self,
        into: str,
        offset: int,
        sizes: Sequence[int],
        strides: Sequence[int],
        x: Symbol,
        start: int,
        steps: Sequence[int],
    ) -> None:
        """Copy numbers, so many along each axis, between places at these distances."""
        names = tuple(f"i{a}" for a in range(len(sizes)))
        here = _sum(_text(offset), *map(_times, names, strides, sizes))
        there = _sum(_text(self.place(x)[1] + start), *map(_times, names, steps, sizes))
        with self._loops(Index(tuple(sizes), names)):
            self.line(f"{_at(into, here)} = {_at(self.name(x), there)}")

    @contextmanager
    def _loops(self, index: Index) -> Iterator[None]:
        """Nested loops, without those of a single step."""
        first, *others = [*zip(index.names, index.sizes, strict=True)] or [("", 1)]
        if not first[0]:
            yield
            return
        rest = Index(tuple(s for _, s in others), tuple(n for n, _ in others))
        if first[1] == 1:
            with self._loops(rest):
                yield
        else:
            with self.loop(*first), self._loops(rest):
                yield

    # -- where numbers lie -------------------------------------------------------------------------

    def _index(self, row: tuple[int, ...], members: Sequence[Symbol]) -> Index:
        """Loops over a row: one, where all that goes in has the row's shape or is one number."""
        plain = all(
            math.prod(shape) == 1 or shape == row
            for symbol in members
            for shape in map(_row_of, symbol.inputs)
        )
        if plain:
            return Index((math.prod(row),), ("i",))
        return Index(row, tuple(f"i{axis}" for axis in range(len(row))))

    def operand(self, x: Symbol | Array, index: Index) -> str:
        """A number of an array at the place of the loops."""
        if not isinstance(x, Symbol) and x.size == 1:
            return self.number(x.reshape(-1)[0])
        return self.at(x, _row_of(x), index)

    def at(self, x: Symbol | Array, row: tuple[int, ...], index: Index) -> str:
        """The number of an array of this shape at the place of the loops."""
        if math.prod(row) == 1:
            place = ""
        elif index.names == ("i",):
            place = "i"
        else:
            place = _flat(row, index)
        return _at(self.name(x), self._offset(x), place)

    def name(self, x: Symbol | Array) -> str:
        """The name of the array that has the numbers."""
        if isinstance(x, Symbol):
            return self.place(x)[0]
        if id(x) not in self.constants:
            title = self.graph.names.get(id(x), "c")
            self.constants[id(x)] = self._free(re.sub(r"\W", "_", title)), x
            self._kept.append(x)
        return self.constants[id(x)][0]

    def place(self, symbol: Symbol) -> tuple[str, int]:
        """The array that has its numbers, and where they begin."""
        return self.places[id(self._source(symbol))]

    def _source(self, symbol: Symbol) -> Symbol:
        """The symbol itself, or of one in another shape that it is made of."""
        while symbol.operation == "reshape":
            symbol = symbol.inputs[0]  # type: ignore[assignment]  # it is made of one
        return symbol

    def _offset(self, x: Symbol | Array) -> str:
        return _text(self.place(x)[1]) if isinstance(x, Symbol) else ""

    def _free(self, title: str) -> str:
        name, count = title if title[:1].isalpha() else f"c_{title}", 0
        while name in self._names or re.fullmatch(r"[a-z]\d*", name):
            count += 1
            name = f"{title if title[:1].isalpha() else 'c'}_{count}"
        self._names.add(name)
        return name

    def fresh(self, letter: str) -> str:
        """The name of a number that no other has."""
        self._count += 1
        return f"{letter}{self._count}"

    def _place(self, symbol: Symbol, step: int) -> None:
        """Give a symbol memory: that of what is needed no more, if there is some."""
        if id(symbol) in self.places:
            return
        size = math.prod(symbol.row)
        busy = {
            self.places[id(other)][0]
            for other in self.order
            if id(other) in self.places and self.last_use[id(other)] >= step
        }
        if symbol.operation in ELEMENTWISE:  # each number goes where it came from
            busy -= {
                self.place(x)[0]
                for member in self._members(symbol)
                for x in member.inputs
                if isinstance(x, Symbol)
                and self.groups.get(id(x), x) is not symbol
                and x.row == symbol.row
                and self.last_use[id(self._source(x))] == step
                and self.place(x)[1] == 0
            }
        idle = [name for name in self.memory if name not in busy]
        if idle:
            name = min(idle, key=lambda name: (abs(self.memory[name] - size), name))
        else:
            name = self._memory_name(len(self.memory))
            self.memory[name] = 0
        self.memory[name] = max(self.memory[name], size)
        self.places[id(symbol)] = name, 0

    @staticmethod
    def _memory_name(count: int) -> str:
        return f"m{count}"

    # -- which operations stand together -----------------------------------------------------------

    def _grouped(self) -> dict[int, Symbol]:
        """For each symbol the last of those that are computed in its loop."""
        users: dict[int, list[Symbol]] = {}
        for symbol in self.order:
            for x in symbol.inputs:
                if isinstance(x, Symbol):
                    users.setdefault(id(x), []).append(symbol)
        wanted = {id(y) for y in self.outputs.values()}
        groups: dict[int, Symbol] = {}
        for symbol in reversed(self.order):
            roots = {id(groups[id(u)]): groups[id(u)] for u in users.get(id(symbol), ())}
            root = next(iter(roots.values()), symbol)
            joins = (
                len(roots) == 1
                and id(symbol) not in wanted
                and symbol.operation in ELEMENTWISE
                and root.operation in ELEMENTWISE | REDUCTIONS
                and symbol.row == _space(root)
            )
            groups[id(symbol)] = root if joins else symbol
        return groups

    def _members(self, root: Symbol) -> list[Symbol]:
        return [symbol for symbol in self.order if self.groups[id(symbol)] is root]

    def _last_uses(self) -> dict[int, int]:
        """At which statement the numbers of each symbol are needed last."""
        last: dict[int, int] = {}
        steps = {id(symbol): step for step, symbol in enumerate(self.order)}
        for symbol in self.order:
            root = self.groups[id(symbol)]
            last.setdefault(id(symbol), steps[id(root)])
            for x in symbol.inputs:
                if isinstance(x, Symbol):
                    source = id(self._source(x))
                    last[source] = max(last.get(source, 0), steps[id(root)])
            if symbol.operation == "reshape":  # its numbers are those of its source
                continue
        for symbol in self.outputs.values():
            last[id(self._source(symbol))] = len(self.order)
        return last


def _space(root: Symbol) -> tuple[int, ...]:
    """The shape of the loop that a group stands in."""
    x = root.inputs[0]
    return x.row if root.operation in REDUCTIONS and isinstance(x, Symbol) else root.row


def _numbers_of(graph: Graph, where: str) -> dict[str, Symbol]:
    """The outputs that are numbers: of a classifier the probabilities, if it has some."""
    outputs = graph.outputs
    named = {name: y for name, y in outputs.items() if name.startswith("probabilities")} or outputs
    if texts := [name for name, y in named.items() if y.dtype.kind == "U"]:
        raise ConfigurationError(
            f"{where}: expected outputs that are numbers, got texts, {texts[0]}. Export the "
            "network, estimator.model_, and find the largest output."
        )
    return named


def _row_of(x: Symbol | Array) -> tuple[int, ...]:
    """The shape of a row; of a constant its own, without the axis of the rows that it may have."""
    return x.row if isinstance(x, Symbol) else x.shape


def _starts(sizes: Sequence[tuple[Symbol, int]]) -> list[int]:
    starts, total = [], 0
    for _, size in sizes:
        starts.append(total)
        total += size
    return starts


def _strides(row: Sequence[int]) -> tuple[int, ...]:
    return tuple(math.prod(row[axis + 1 :]) for axis in range(len(row)))


def _flat(row: Sequence[int], index: Index, inner: int = 1) -> str:
    """The place in an array of this shape, whose last axes are the loops' and may be of size 1."""
    row = row[len(row) - len(index.names) :] if len(row) > len(index.names) else row
    names = index.names[len(index.names) - len(row) :]
    strides = [inner * step for step in _strides(row)]
    return _sum(*(_times(*each) for each in zip(names, strides, row, strict=True)))


def _times(name: str, step: int, size: int) -> str:
    """Name * step, or nothing where there is one place only."""
    if size == 1 or step == 0:
        return ""
    return name if step == 1 else f"{name} * {step}"


def _sum(*parts: str) -> str:
    text = " + ".join(part for part in parts if part)
    return text.replace("+ -", "- ")


def _at(name: str, *parts: str) -> str:
    """The number of an array at a place."""
    return f"{name}[{_sum(*parts) or '0'}]"


def _text(offset: int) -> str:
    return str(offset) if offset else ""


def wrapped(values: Sequence[str], indent: str, width: int = 96) -> list[str]:
    """Values with commas between them, in lines of this width."""
    lines, line = [], indent
    for value in values:
        if len(line) + len(value) > width and line != indent:
            lines.append(line.rstrip())
            line = indent
        line += f"{value}, "
    lines.append(line.rstrip())
    return lines
