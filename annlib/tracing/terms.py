"""Parts of a line of a formula in numbers: what is shown of each, and its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.formulas.grammar import Atom, Fraction, Node, Root, Row, Scripts
from annlib.formulas.latex import as_latex
from annlib.formulas.text import as_text_of
from annlib.tracing.equation import Operand, Token


class Quantity(NamedTuple):
    """What a letter of a formula stands for: a symbol of the paper, and its numbers."""

    symbol: str
    array: Array
    by_row: bool = False


#: A number stands for itself; one with an index, as mu_t, is a function of that.
Known = Quantity | float | Callable[[int], float]
#: Which axis an index goes along.
Axes = Mapping[str, int]

#: In one row, a column.
COLUMN: Axes = {"i": 0, "j": 0}
#: In all rows.
ROWS: Axes = {"i": -1, "j": -1}

#: How closely a term holds together.
SUM, QUOTIENT, PRODUCT, ONE = range(4)


class UnreadableError(Exception):
    """A formula says what cannot be put in numbers here."""


class Term(NamedTuple):
    """A part of a line: what is shown of it, and what it is of the numbers shown.

    ``constant`` is the number that it is, and ``latex`` that in letters; None of other terms.
    """

    tokens: tuple[Token, ...]
    value: Callable[[Iterator[Any], Axes], Any]
    level: int
    by_row: bool = False
    sums: bool = False
    constant: Any = None
    latex: str = ""

    def now(self, axes: Axes) -> Any:
        """Its value by the numbers that there are."""
        if self.constant is not None:
            return self.constant
        arrays = (
            token.array.astype(np.float64) for token in self.tokens if isinstance(token, Operand)
        )
        with np.errstate(all="ignore"):
            return self.value(iter(list(arrays)), axes)

    def shown(self, least: int) -> Term:
        """The same as something that is shown, in parentheses if it holds together less closely."""
        if self.constant is not None:
            symbol = f"({self.latex})" if self.level < least else self.latex
            operand = Operand(symbol, cell(self.constant), by_row=False, coefficient=True)
            return Term((operand,), lambda v, _: next(v).reshape(-1)[0], ONE)
        if self.level >= least:
            return self
        return self._replace(tokens=("(", *self.tokens, ")"), level=ONE)


def cell(number: Any) -> Array:
    """A number as an array, (1, 1)."""
    return np.array([[number]], np.float64)


def constant(number: Any, node: Node, level: int = ONE) -> Term:
    """What is one number, and in letters this."""
    return Term((), lambda v, _: number, level, constant=np.float64(number), latex=as_latex(node))


def joined(
    tokens: Sequence[Token], terms: Sequence[Term], level: int, make: Callable[..., Any]
) -> Term:
    """One of several that are shown, from their values in order."""

    def value(numbers: Iterator[Any], axes: Axes) -> Any:
        return make(*[term.value(numbers, axes) for term in terms])

    by_row = any(term.by_row for term in terms)
    return Term(tuple(tokens), value, level, by_row, any(term.sums for term in terms))


def key_of(left: Node) -> str:
    """The letter that a line is of, as text, without the index that goes over all."""
    if isinstance(left, Fraction):
        return f"{key_of(left.top)}/{key_of(left.bottom)}"
    if isinstance(left, Row):
        return "".join(map(key_of, left.items))
    if isinstance(left, Scripts) and left.below is not None and as_text_of(left.below) == "t":
        return as_text_of(left.base)
    return as_text_of(without_index(left))


def without_index(node: Node) -> Node:
    """A letter without the index that goes over all."""
    if not isinstance(node, Scripts) or node.below is None:
        return node
    if {as_text_of(part) for part in items_of(node.below)} <= {"i", "j", "r"}:
        return Scripts(node.base, None, node.above) if node.above else node.base
    return node


def items_of(node: Node) -> tuple[Node, ...]:
    """What stands one after the other."""
    return node.items if isinstance(node, Row) else (node,)


def is_atom(node: Node | None, *texts: str) -> bool:
    """Whether it is one of these symbols."""
    return isinstance(node, Atom) and node.text in texts


def kind_of(node: Node) -> str:
    """What sort of symbol it is, with its scripts or without; "" of others."""
    atom = node.base if isinstance(node, Scripts) else node
    return atom.kind if isinstance(atom, Atom) else ""


def walk(node: Node) -> Iterator[Node]:
    """It and all in it."""
    yield node
    if isinstance(node, Row):
        for item in node.items:
            yield from walk(item)
    elif isinstance(node, Fraction):
        yield from (*walk(node.top), *walk(node.bottom))
    elif isinstance(node, Root):
        yield from walk(node.body)
    elif isinstance(node, Scripts):
        yield from walk(node.base)
