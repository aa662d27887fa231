r"""A line of a formula with numbers for its letters, as an equation of a trace.

A formula speaks of one number with an index, ``h_i``, or of a vector without one, ``m``; here both
are arrays. What is a number whatever the row, as 1 - beta_1, is one number of the equation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.formulas.grammar import Row, Scripts, parse
from annlib.formulas.latex import as_latex
from annlib.formulas.text import as_text_of
from annlib.tracing.equation import Operand, Token, written
from annlib.tracing.reader import Reader, number_of
from annlib.tracing.terms import (
    COLUMN,
    Axes,
    Known,
    Term,
    UnreadableError,
    cell,
    is_atom,
    items_of,
    key_of,
    walk,
    without_index,
)


class Line(NamedTuple):
    """A line in numbers.

    Parameters
    ----------
    key, left : str
        The letter on the left, as text and in LaTeX.
    tokens : tuple
        What is right of the arrow.
    rule : callable
        From the numbers of the operands among the tokens to the result.
    value : array
        The result by these; (1, 1) of one number.
    by_row, sums, number : bool
        Whether each row has a result of its own; whether rows are added; whether it is one number.
    """

    key: str
    left: str
    tokens: tuple[Token, ...]
    rule: Callable[..., Array]
    value: Array
    by_row: bool = False
    sums: bool = False
    number: bool = False


class Lines:
    """What is known at a line of a formula, and what the next one makes of it.

    Parameters
    ----------
    names : dict of str to Known
        By the letters as text, without an index that goes over all: ``"g"``, ``"β₁"``, ``"∂E/∂y"``.
    axes : dict of str to int
        Which axes of the arrays the indices go along.
    """

    def __init__(self, names: dict[str, Known], axes: Axes) -> None:
        self.names, self.axes = names, axes

    def read(self, latex: str) -> Line:
        """One line; raises ``UnreadableError``. The caller says what its letter is from now on."""
        parts = items_of(parse(latex))
        place = next((k for k, part in enumerate(parts) if is_atom(part, "=", "←")), 0)
        if not place:
            raise UnreadableError(latex)
        left, right = Row(parts[:place]) if place > 1 else parts[0], Row(parts[place + 1 :])
        key = key_of(left)
        # Capital letters are matrices, whose products are those of matrices.
        letters = {as_text_of(part) for part in walk(right)} & self.names.keys()
        arrays = [name for name in letters if isinstance(self.names[name], tuple)]
        matrices = all(name[0].isupper() for name in arrays)
        reader = Reader(right.items, self.names, self.axes, matrices=matrices)
        if isinstance(left, Scripts) and left.below is not None and as_text_of(left.below) == "t":
            self.names[key] = lambda t: number_of(right, {**self.names, "t": t}, self.axes)
        term = reader.whole()
        if term.by_row and term.sums:  # over all rows, in an equation of one
            term = Reader(right.items, self.names, self.axes, matrices=matrices, apart=True).whole()
        own = self.names.get(key)
        index = as_text_of(left) if callable(own) else key
        if term.constant is not None:
            numbers = {name: written(norm) for name, norm in reader.norms.items()}
            in_numbers = as_latex(parse(term.latex), self._written() | numbers)
            value = cell(term.constant)
            number = Operand(term.latex, value, by_row=False, coefficient=True, written=in_numbers)
            return Line(index, as_latex(left), (number,), lambda v: v, value, number=True)
        return Line(
            index,
            as_latex(without_index(left)),
            term.tokens,
            self._rule(term),
            np.asarray(term.now(self.axes)),
            by_row=term.by_row,
            sums=term.sums and not term.by_row,
        )

    def _rule(self, term: Term) -> Callable[..., Array]:
        axes = COLUMN if term.by_row else self.axes
        return lambda *numbers: term.value(iter(numbers), axes)

    def _written(self) -> dict[str, str]:
        """The numbers that letters stand for, in LaTeX."""
        return {
            name: written(value)
            for name, value in self.names.items()
            if not isinstance(value, tuple) and not callable(value)
        }
