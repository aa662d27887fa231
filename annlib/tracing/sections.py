"""A section of a trace: the equations of one layer, and how its parameters are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from annlib import formulas
from annlib.core.arrays import Array
from annlib.core.errors import UnknownSymbolError, show
from annlib.core.terminal import Printed
from annlib.layers import Dense, Layer
from annlib.tracing.equation import Equation
from annlib.tracing.equation_text import Style, for_terminal, section_lines


@dataclass
class Section(Printed):
    """The equations of one layer, of the loss or of the update.

    Parameters
    ----------
    name : str
        The layer's, or "loss".
    what : str
        The object's ``repr``.
    forward, backward, update : list of Equation
        In the order in which they are computed; ``update`` for a layer's parameters.

    Examples
    --------
    >>> from annlib import Sequential, layers, losses, optimizers
    >>> model = Sequential([layers.Dense(1, kernel_initializer="ones")], dtype="float64")
    >>> model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
    >>> trace = model.trace([2.0, 3.0], [4.0])
    >>> section = trace["dense"]
    >>> section.what, [step.symbol for step in section.forward]
    ("Dense(1, kernel_initializer='ones')", ['{Z}', '{A}'])
    >>> section["Z"].code
    'Z = X @ W + b'
    """

    name: str
    what: str
    forward: list[Equation] = field(default_factory=list)
    backward: list[Equation] = field(default_factory=list)
    update: list[Equation] = field(default_factory=list)

    @property
    def steps(self) -> list[Equation]:
        """All its equations in their order."""
        return [*self.forward, *self.backward, *self.update]

    def __iter__(self) -> Iterator[Equation]:
        return iter(self.steps)

    def __getitem__(self, symbol: str) -> Equation:
        """The step whose result has this symbol: ``section["{Z}"]``, or ``section["Z"]``."""
        for step in self.steps:
            if symbol in (step.symbol, step.symbol.strip("{}[]")):
                return step
        known = ", ".join(dict.fromkeys(step.symbol for step in self.steps))
        raise UnknownSymbolError(
            f'Trace["{self.name}"]: expected a symbol of it, got {show(symbol)}. Known: {known}.'
        )

    def __repr__(self) -> str:
        return self._text(Style())

    def __str__(self) -> str:
        return for_terminal(self._text, 5)

    def _text(self, style: Style) -> str:
        return "\n".join(section_lines(self.name, self.what, self.steps, style)).rstrip()


def definition(part: Any, kind: str) -> formulas.Formula | None:
    """The formulas of a part of the model, if somebody wrote them."""
    return formulas.of(part, kind=kind) if part._holds("formula") else None


def renamed(*equations: str) -> tuple[str, ...]:
    """Formulas of a layer with a for y, which in a trace is the target."""
    return tuple(re.sub(r"(?<![A-Za-z\\])y(?![A-Za-z])", "a", line) for line in equations)


def symbol_of(layer: Layer, parameter: str, shape: tuple[int, ...]) -> str:
    """The paper's symbol for a parameter, in TeX."""
    if isinstance(layer, Dense) and parameter in ("kernel", "bias"):
        return "[W^T]" if parameter == "kernel" else r"\{B\}"
    letter = letter_of(layer, parameter)
    return f"[{letter}]" if len(shape) > 1 else rf"\{{{letter}\}}"


def gradient_symbol(symbol: str) -> str:
    """That of dE by the parameter of this symbol: ``[D_{E,W^T}]``."""
    return indexed("D", symbol, "E,")


def letter_of(layer: Layer, parameter: str) -> str:
    """What a layer's formula calls a parameter, in TeX."""
    if parameter in layer._parameter_letters:
        return layer._parameter_letters[parameter]
    name = "".join(c if c.isascii() and c.isalpha() else "~" for c in parameter)
    return rf"\{name}" if name in ("gamma", "beta", "alpha") else rf"\mathrm{{{name}}}"


def indexed(letter: str, symbol: str, before: str = "") -> str:
    """That of what belongs to the parameter of this symbol: ``[m_{W^T}]``."""
    matrix = symbol.startswith("[")
    inner = symbol[1:-1] if matrix else symbol[2:-2]
    return f"[{letter}_{{{before}{inner}}}]" if matrix else rf"\{{{letter}_{{{before}{inner}}}\}}"


def as_paper(layer: Layer, parameter: str, array: Array) -> Array:
    """A parameter or its gradient as the paper has it: the weights of a Dense transposed."""
    return array.T if isinstance(layer, Dense) and parameter == "kernel" else array


def rows_of(array: Array) -> Array:
    """A batch as rows of vectors, (n, N); of more dimensions, each position is a row of its own."""
    return array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(-1, 1)
