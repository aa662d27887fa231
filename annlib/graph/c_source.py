"""A graph as a file of C99: static arrays and one function, in single precision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import numpy as np

from annlib._version import __version__
from annlib.core.errors import ConfigurationError
from annlib.graph.network_graph import Graph
from annlib.graph.source_writer import SourceSize, SourceWriter, wrapped
from annlib.graph.symbol import Symbol

#: Whole numbers up to this are numbers of float.
_WHOLE = 2**24


class CSource(SourceWriter):
    """Writes the statements in C."""

    line_end = ";"
    operators: ClassVar[Mapping[str, str]] = {
        "abs": "fabsf({0})",
        "add": "{0} + {1}",
        "and": "(float)({0} != 0.0f && {1} != 0.0f)",
        "cast": "{0}",
        "cos": "cosf({0})",
        "div": "{0} / {1}",
        "equal": "(float)({0} == {1})",
        "exp": "expf({0})",
        "expm1": "expm1f({0})",
        "floor": "floorf({0})",
        "greater": "(float)({0} > {1})",
        "greater_equal": "(float)({0} >= {1})",
        "less": "(float)({0} < {1})",
        "less_equal": "(float)({0} <= {1})",
        "log": "logf({0})",
        "log1p": "log1pf({0})",
        "max": "fmaxf({0}, {1})",
        "min": "fminf({0}, {1})",
        "mod": "{0} - {1} * floorf({0} / {1})",
        "mul": "{0} * {1}",
        "neg": "-{0}",
        "not": "(float)({0} == 0.0f)",
        "not_equal": "(float)({0} != {1})",
        "or": "(float)({0} != 0.0f || {1} != 0.0f)",
        "pow": "powf({0}, {1})",
        "sign": "(float)({0} > 0.0f) - (float)({0} < 0.0f)",
        "sin": "sinf({0})",
        "sqrt": "sqrtf({0})",
        "sub": "{0} - {1}",
        "tanh": "tanhf({0})",
        "truncate": "truncf({0})",
        "where": "{0} != 0.0f ? {1} : {2}",
    }

    @contextmanager
    def loop(self, name: str, size: int) -> Iterator[None]:
        self.lines.append(
            "    " * self.depth + f"for (int {name} = 0; {name} < {size}; {name}++) {{"
        )
        self.depth += 1
        yield
        self.depth -= 1
        self.lines.append("    " * self.depth + "}")

    def local(self, name: str, expression: str) -> None:
        self.line(f"const float {name} = {expression}")

    def variable(self, name: str, expression: str) -> None:
        self.line(f"float {name} = {expression}")

    def number(self, value: float) -> str:
        return _literal(np.float32(value))

    def write_lookup(self, symbol: Symbol) -> None:
        keys = symbol.attributes["keys"]
        if keys.dtype.kind == "U" or np.abs(keys).max() > _WHOLE:
            raise ConfigurationError(
                f'{self.where}: expected layer "{symbol.scope}" to look up whole numbers up to '
                f"{_WHOLE}, which float holds, got others. Look them up before, or take "
                'language="python" or ONNX.'
            )
        table, codes = self.name(keys), self.name(symbol.attributes["codes"])
        with self._each(symbol) as (into, at):
            r = self.fresh("r")
            self.variable(r, self.number(symbol.attributes["otherwise"]))
            with self.loop("k", len(keys)):
                self.line(f"{r} = {at} == {table}[k] ? {codes}[k] : {r}")
            self.line(f"{into} = {r}")

    def write_take(self, symbol: Symbol) -> None:
        table, x = symbol.inputs
        assert isinstance(x, Symbol), "the codes"
        size, last = symbol.row[-1] if table.ndim > 1 else 1, len(table) - 1
        into, offset = self.place(symbol)
        with self._each(x, symbol) as (_, at):
            self.local("r", f"fminf(fmaxf({at}, 0.0f), {self.number(last)})")
            with self.loop("k", size):
                here = f"{offset} + i * {size} + k" if offset else f"i * {size} + k"
                self.line(f"{into}[{here}] = {self.name(table)}[(int)r * {size} + k]")

    @contextmanager
    def _each(self, symbol: Symbol, into: Symbol | None = None) -> Iterator[tuple[str, str]]:
        """A loop over the numbers of a row: where one goes to, and where it comes from."""
        x = symbol if into is not None else symbol.inputs[0]
        assert isinstance(x, Symbol), "of an array that is not constant"
        size = int(np.prod(x.row))
        to, offset = self.place(symbol if into is None else into)
        own, start = self.place(x)
        with self.loop("i", size):
            yield f"{to}[{offset} + i]", f"{own}[{start} + i]"

    def write_argmax(self, symbol: Symbol) -> None:
        (x,) = symbol.inputs
        assert isinstance(x, Symbol), "of an array that is not constant"
        axis = symbol.attributes["axis"] - 1
        size, inner = x.row[axis], int(np.prod(x.row[axis + 1 :]))
        outer = int(np.prod(x.row[:axis]))
        into, offset = self.place(symbol)
        own, start = self.place(x)
        with self.loop("i", outer), self.loop("j", inner):
            at = f"{start} + i * {size * inner} + j"
            self.lines.append("    " * self.depth + "int r = 0;")
            with self.loop("k", size):
                self.line(f"r = {own}[{at} + k * {inner}] > {own}[{at} + r * {inner}] ? k : r")
            self.line(f"{into}[{offset} + i * {inner} + j] = (float)r")


def c_source(graph: Graph, where: str, function: str) -> tuple[str, SourceSize]:
    """The text of the file, and its sizes."""
    writer = CSource(graph, where, function)
    writer.write()
    arrays: list[str] = []
    size = 0
    places = {id(x) for s in writer.order if s.operation == "gather" for x in s.inputs[1:]}
    for name, array in writer.constants.values():
        whole = id(array) in places
        values = [
            str(int(v)) if whole else _literal(np.float32(v)).strip("()") for v in array.reshape(-1)
        ]
        size += 4 * len(values)
        kind = "int" if whole else "float"
        arrays += [f"static const {kind} {name}[{len(values)}] = {{", *wrapped(values, "    ")]
        arrays += ["};", ""]
    memory = 4 * sum(writer.memory.values())
    inputs = sum(int(np.prod(x.row)) for x in graph.inputs.values())
    outputs = sum(int(np.prod(y.row)) for y in writer.outputs.values())
    names = ", ".join(writer.outputs)
    head = [
        f"/* Written by annlib {__version__}: {inputs} numbers in, {outputs} out, {names}.",
        f" * Constants: {size} bytes. Memory: {memory} bytes, static: one call at a time. */",
        "#include <math.h>",
        "",
    ]
    own = [f"    static float {name}[{count}];" for name, count in writer.memory.items()]
    body = [
        f"void {function}(const float x[{inputs}], float y[{outputs}]);",
        "",
        f"void {function}(const float x[{inputs}], float y[{outputs}]) {{",
        *own,
        *writer.lines,
        "}",
        "",
    ]
    text = "\n".join([*head, *arrays, *body])
    return text, SourceSize(size, memory, len(text.encode()))


def _literal(value: np.float32) -> str:
    """A number of float that C reads as the same."""
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    text = f"{value!s}"
    text = text if any(c in text for c in ".e") else f"{text}.0"
    return f"{text}f" if value >= 0 else f"({text}f)"
