"""A graph as a file of plain Python: lists and one function, without NumPy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from annlib._version import __version__
from annlib.graph.network_graph import Graph
from annlib.graph.source_writer import SourceSize, SourceWriter, wrapped
from annlib.graph.symbol import Symbol

#: What Python's own functions raise an error for, where NumPy gives inf or nan.
_FUNCTIONS = {
    "_div": """
def _div(a, b):
    if b:
        return a / b
    return a * math.inf if a == a else a
""",
    "_exp": """
def _exp(a):
    return math.exp(a) if not a > 709.0 else math.inf
""",
    "_expm1": """
def _expm1(a):
    return math.expm1(a) if not a > 709.0 else math.inf
""",
    "_log": """
def _log(a):
    return math.log(a) if a > 0.0 else -math.inf if a == 0.0 else math.nan
""",
    "_log1p": """
def _log1p(a):
    return math.log1p(a) if a > -1.0 else -math.inf if a == -1.0 else math.nan
""",
    "_pow": """
def _pow(a, b):
    try:
        return math.pow(a, b)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan if a else math.inf
""",
    "_row": """
def _row(table, code):
    if not 0 <= code < len(table):
        raise ValueError(f"predict: expected a code from 0 to {len(table) - 1}, got {code}.")
    return table[int(code)]
""",
    "_sqrt": """
def _sqrt(a):
    return math.sqrt(a) if not a < 0.0 else math.nan
""",
}


class PythonSource(SourceWriter):
    """Writes the statements in Python."""

    operators: ClassVar[Mapping[str, str]] = {
        "abs": "abs({0})",
        "add": "{0} + {1}",
        "and": "float({0} != 0.0 and {1} != 0.0)",
        "cast": "{0}",
        "cos": "math.cos({0})",
        "div": "_div({0}, {1})",
        "equal": "float({0} == {1})",
        "exp": "_exp({0})",
        "expm1": "_expm1({0})",
        "floor": "math.floor({0})",
        "greater": "float({0} > {1})",
        "greater_equal": "float({0} >= {1})",
        "less": "float({0} < {1})",
        "less_equal": "float({0} <= {1})",
        "log": "_log({0})",
        "log1p": "_log1p({0})",
        "max": "max({0}, {1})",
        "min": "min({0}, {1})",
        "mod": "{0} % {1}",
        "mul": "{0} * {1}",
        "neg": "-{0}",
        "not": "float({0} == 0.0)",
        "not_equal": "float({0} != {1})",
        "or": "float({0} != 0.0 or {1} != 0.0)",
        "pow": "_pow({0}, {1})",
        "sign": "float({0} > 0.0) - float({0} < 0.0)",
        "sin": "math.sin({0})",
        "sqrt": "_sqrt({0})",
        "sub": "{0} - {1}",
        "tanh": "math.tanh({0})",
        "truncate": "math.trunc({0})",
        "where": "{1} if {0} else {2}",
    }

    @contextmanager
    def loop(self, name: str, size: int) -> Iterator[None]:
        self.line(f"for {name} in range({size}):")
        self.depth += 1
        yield
        self.depth -= 1

    def local(self, name: str, expression: str) -> None:
        self.line(f"{name} = {expression}")

    variable = local

    def number(self, value: float) -> str:
        value = float(value)
        if math.isfinite(value):
            return f"{value!r}" if value >= 0 else f"({value!r})"
        return "math.nan" if math.isnan(value) else f"({'-' if value < 0 else ''}math.inf)"

    def write_lookup(self, symbol: Symbol) -> None:
        codes = zip(symbol.attributes["keys"].tolist(), symbol.attributes["codes"], strict=True)
        table = f"{{{', '.join(f'{key!r}: {code}' for key, code in codes)}}}"
        into, offset = self.place(symbol)
        (x,) = symbol.inputs
        assert isinstance(x, Symbol), "the values"
        own, start = self.place(x)
        self.line(f"known = {table}")
        with self.loop("i", math.prod(x.row)):
            otherwise = symbol.attributes["otherwise"]
            self.line(f"{into}[{offset} + i] = known.get({own}[{start} + i], {otherwise})")

    def write_take(self, symbol: Symbol) -> None:
        table, x = symbol.inputs
        assert isinstance(x, Symbol), "the codes"
        assert not isinstance(table, Symbol), "a constant"
        size = symbol.row[-1] if table.ndim > 1 else 1
        into, offset = self.place(symbol)
        own, start = self.place(x)
        with self.loop("i", math.prod(x.row)):
            self.line(f"r = _row({self.name(table)}, {own}[{start} + i])")
            with self.loop("k", size):
                self.line(f"{into}[{offset} + i * {size} + k] = r{'[k]' * (table.ndim > 1)}")

    def write_argmax(self, symbol: Symbol) -> None:
        (x,) = symbol.inputs
        assert isinstance(x, Symbol), "of an array that is not constant"
        axis = symbol.attributes["axis"] - 1
        size, inner = x.row[axis], math.prod(x.row[axis + 1 :])
        into, offset = self.place(symbol)
        own, start = self.place(x)
        with self.loop("i", math.prod(x.row[:axis])), self.loop("j", inner):
            at = f"{start} + i * {size * inner} + j + k * {inner}"
            self.line(f"r = [{own}[{at}] for k in range({size})]")
            self.line(f"{into}[{offset} + i * {inner} + j] = r.index(max(r))")


def python_source(graph: Graph, where: str, function: str) -> tuple[str, SourceSize]:
    """The text of the file, and its sizes: of numbers as Python's lists hold them."""
    writer = PythonSource(graph, where, function)
    writer.write()
    tables = {id(s.inputs[0]) for s in writer.order if s.operation == "take"}
    arrays: list[str] = []
    size = 0
    for name, array in writer.constants.values():
        size += 8 * array.size
        rows = array if id(array) in tables else array.reshape(-1)
        values = [_literal(value) for value in rows]
        arrays += [f"{name} = [", *wrapped(values, "    "), "]", ""]
    inputs = sum(math.prod(x.row) for x in graph.inputs.values())
    outputs = sum(math.prod(y.row) for y in writer.outputs.values())
    memory = 8 * (sum(writer.memory.values()) + outputs)
    body = [
        *(f"    {name} = [0.0] * {count}" for name, count in writer.memory.items()),
        f"    y = [0.0] * {outputs}",
        *writer.lines,
        "    return y",
        "",
    ]
    said = (
        f'    """{outputs} numbers ({", ".join(writer.outputs)}) of a list of {inputs} values."""'
    )
    text = "\n".join([*arrays, "", f"def {function}(x):", said, *body])
    helpers = [code for name, code in _FUNCTIONS.items() if re.search(rf"\b{name}\(", text)]
    uses_math = re.search(r"\bmath\.", text + "".join(helpers))
    head = f'"""Written by annlib {__version__}: {inputs} values in, {outputs} numbers out."""\n'
    start = f"{head}\n{'import math' if uses_math else ''}\n"
    text = start + "\n".join(helpers) + "\n\n" + text
    return text, SourceSize(size, memory, len(text.encode()))


def _literal(value: Any) -> str:
    """A number, or a row of them, as Python reads it."""
    if isinstance(value, np.ndarray):
        return f"[{', '.join(map(_literal, value))}]"
    if value.dtype.kind == "f" and not math.isfinite(value):
        return "math.nan" if math.isnan(value) else f"{'-' if value < 0 else ''}math.inf"
    return str(value)
