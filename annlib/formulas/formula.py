"""What a formula is, and who writes the one of a class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from annlib.core.config import Configurable
from annlib.core.errors import UnknownNameError
from annlib.formulas.mathml import as_mathml
from annlib.formulas.text import as_text


@dataclass(frozen=True)
class Formula:
    """The equations of one activation, loss, optimizer, layer, regularizer or schedule.

    All are LaTeX; text and MathML are made from it.

    Parameters
    ----------
    name : str
        The registered name.
    kind : str
        The family: ``"activation"``, ``"loss"``, ...
    equations : tuple of str
        What it computes, line by line.
    derivatives : tuple of str
        What goes back through it; empty for optimizers and schedules.
    shapes : str
        The law of the shapes, N outputs from M inputs, n rows.
    batch : tuple of str
        The same for a whole batch, as annlib computes it, where that is written otherwise.
    section : str
        Of the paper; empty if it is not in there.
    source : str
        Who wrote of it first, or where the form is from.
    symbols : tuple of (str, str)
        Letters in LaTeX, and what they are or their value in this object.
    note : str
        What else one should know.
    """

    name: str
    kind: str
    equations: tuple[str, ...]
    derivatives: tuple[str, ...] = ()
    shapes: str = ""
    batch: tuple[str, ...] = ()
    section: str = ""
    source: str = ""
    symbols: tuple[tuple[str, str], ...] = ()
    note: str = ""

    @property
    def latex(self) -> str:
        """The equations as one block of LaTeX, without the dollars."""
        return block(self.equations)

    @property
    def text(self) -> str:
        """The equations as Unicode, a line each."""
        return "\n".join(map(as_text, self.equations))

    @property
    def mathml(self) -> str:
        """The equations as MathML, an element each."""
        return "".join(map(as_mathml, self.equations))

    @property
    def derivative_latex(self) -> str:
        """The derivatives as one block of LaTeX."""
        return block(self.derivatives)

    @property
    def derivative_text(self) -> str:
        """The derivatives as Unicode, a line each."""
        return "\n".join(map(as_text, self.derivatives))

    @property
    def derivative_mathml(self) -> str:
        """The derivatives as MathML, an element each."""
        return "".join(map(as_mathml, self.derivatives))


def block(equations: tuple[str, ...]) -> str:
    """One equation as it is; several below each other, aligned at their relation."""
    if len(equations) < 2:
        return "".join(equations)
    lines = []
    for equation in equations:
        first = min(
            (equation.find(r) for r in (" = ", r" \leftarrow ", r" \sim ") if r in equation),
            default=0,
        )
        lines.append(f"{equation[:first]} &{equation[first:]}")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


Writer = Callable[[Any], Formula]
_WRITERS: dict[type, Writer] = {}
_BUILT_IN: dict[tuple[str, str], Writer] = {}


def formula_of(cls: type[Configurable]) -> Callable[[Writer], Writer]:
    """A decorator: the function writes the formula of objects of this class, one of your own.

    >>> import numpy as np
    >>> from annlib import activations
    >>> class Square(activations.Activation):
    ...     def forward(self, Z, A, work):
    ...         np.square(Z, out=A)
    >>> @formula_of(Square)
    ... def square(f):
    ...     return Formula("square", "activation", ("a_i = z_i^2",))
    >>> write(Square(), "activation").text
    'aᵢ = zᵢ²'
    """

    def decorate(write: Writer) -> Writer:
        _WRITERS[cls] = write
        return write

    return decorate


def built_in(kind: str, *names: str) -> Callable[[Writer], Writer]:
    """The same for those of annlib, by kind and registered name: their classes stay unloaded."""

    def decorate(write: Writer) -> Writer:
        for name in names:
            _BUILT_IN[kind, name] = write
        return write

    return decorate


def write(obj: Any, kind: str) -> Formula:
    """The formula of an object of this family; ``UnknownNameError`` if nobody writes it."""
    cls = type(obj)
    writer = _WRITERS.get(cls) or _BUILT_IN.get((kind, cls.names[0]))
    if writer is None:
        raise UnknownNameError(
            f"explain: expected something with a formula, got {cls.__name__}, of which none is "
            "known. Write one for a class of your own: annlib.formulas.formula_of."
        )
    return writer(obj)
