"""A formula that can be shown, and how a class of one's own gets one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from annlib.core import formula
from annlib.core.config import Configurable
from annlib.core.registry import FAMILIES
from annlib.core.tracebacks import with_short_tracebacks
from annlib.formulas.mathml import as_mathml
from annlib.formulas.text import as_text


class Formula(formula.Formula):
    """The equations of a part of annlib, in LaTeX, from which text and MathML are made.

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
    values : tuple of (str, float)
        Letters in LaTeX and the numbers that they stand for in this object, in full.

    Examples
    --------
    >>> square = Formula("square", "activation", ("a_i = z_i^2",))
    >>> square.text
    'aᵢ = zᵢ²'
    >>> square.mathml[:20]
    '<math display="block'
    """

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


@with_short_tracebacks
def formula_of(cls: type[Configurable]) -> Callable[[Writer], Writer]:
    """A decorator: the function writes the formula of objects of this class, one of your own.

    The same as a method ``formula`` of the class.

    Parameters
    ----------
    cls : type
        An activation, loss, optimizer, layer, regularizer or schedule.

    Returns
    -------
    callable
        Which gives the function back as it is.

    Examples
    --------
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
        cls.formula = write  # type: ignore[attr-defined]  # the families with formulas have it
        return write

    return decorate


Writer = Callable[[Any], formula.Formula]


def write(obj: Any, kind: str) -> Formula:
    """The formula of an object of this family: its own, or what can be said of any; of what has
    none the first words of its class.
    """
    cls: type[Configurable] = obj if isinstance(obj, type) else type(obj)
    if not hasattr(cls, "formula"):
        first = (inspect.getdoc(cls) or "").partition("\n\n")[0]
        note = " ".join(first.replace("``", "").split())
        return Formula(cls._names[0], kind, (), note=note)
    return Formula(**vars(formula.described(obj, FAMILIES[kind].base)))
