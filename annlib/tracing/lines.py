r"""A line of a formula with numbers for its letters, as an equation of a trace.

A formula speaks of one number with an index, ``h_i``, or of a vector without one, ``m``; here both
are arrays. What is a number whatever the row, as 1 - beta_1, is one number of the equation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from annlib.core.arrays import Array
from annlib.formulas.grammar import Atom, Cases, Fraction, Node, Root, Row, Scripts, parse
from annlib.formulas.latex import as_latex
from annlib.formulas.text import as_text_of
from annlib.tracing.equation import Operand, Token, written


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
_COLUMN: Axes = {"i": 0, "j": 0}
#: In all rows.
ROWS: Axes = {"i": -1, "j": -1}

_SUM, _QUOTIENT, _PRODUCT, _ONE = range(4)  # how closely a term holds together
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "max": lambda first, *others: np.maximum(first, others[0]) if others else first,
    "min": lambda first, *others: np.minimum(first, others[0]) if others else first,
    "sign": np.sign,
    "log": np.log,
    "exp": np.exp,
    "cos": np.cos,
    "tanh": np.tanh,
}
_RELATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "<": np.less,
    ">": np.greater,
    "≤": np.less_equal,
    "≥": np.greater_equal,
}


class UnreadableError(Exception):
    """A formula says what cannot be put in numbers here."""


class Line(NamedTuple):
    """A line in numbers.

    Parameters
    ----------
    key : str
        The letter on the left, as text.
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
    by_row: bool
    sums: bool
    number: bool


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
        parts = _items(parse(latex))
        place = next((k for k, part in enumerate(parts) if _is(part, "=", "←")), 0)
        if not place:
            raise UnreadableError(latex)
        left, right = Row(parts[:place]) if place > 1 else parts[0], Row(parts[place + 1 :])
        key = key_of(left)
        # Capital letters are matrices, whose products are those of matrices.
        letters = {as_text_of(part) for part in _walk(right)} & self.names.keys()
        arrays = [name for name in letters if isinstance(self.names[name], tuple)]
        matrices = all(name[0].isupper() for name in arrays)
        reader = _Reader(right.items, self.names, self.axes, matrices, apart=False)
        if isinstance(left, Scripts) and left.below is not None and as_text_of(left.below) == "t":
            self.names[key] = lambda t: _number(right, {**self.names, "t": t}, self.axes)
        term = reader.whole()
        if term.by_row and term.sums:  # over all rows, in an equation of one
            term = _Reader(right.items, self.names, self.axes, matrices, apart=True).whole()
        own = self.names.get(key)
        index = as_text_of(left) if callable(own) else key
        if term.constant is not None:
            written = as_latex(right, self._written())
            operand = Operand(term.latex, _cell(term.constant), False, True, written)
            return Line(
                index, as_latex(left), (operand,), lambda v: v, operand.array, False, False, True
            )
        return Line(
            index,
            as_latex(left),
            term.tokens,
            self._rule(term),
            np.asarray(term.now(self.axes)),
            term.by_row,
            term.sums and not term.by_row,
            False,
        )

    def _rule(self, term: _Term) -> Callable[..., Array]:
        axes = _COLUMN if term.by_row else self.axes
        return lambda *numbers: term.value(iter(numbers), axes)

    def _written(self) -> dict[str, str]:
        """The numbers that letters stand for, in LaTeX."""
        return {
            name: written(value)
            for name, value in self.names.items()
            if not isinstance(value, tuple) and not callable(value)
        }


def key_of(left: Node) -> str:
    """The letter that a line is of, as text, without the index that goes over all."""
    if isinstance(left, Fraction):
        return f"{key_of(left.top)}/{key_of(left.bottom)}"
    if isinstance(left, Row):
        return "".join(map(key_of, left.items))
    if isinstance(left, Scripts) and left.below is not None:
        if as_text_of(left.below) == "t":
            return as_text_of(left.base)
        if {*_indices(left.below)} <= {"i", "j", "r"}:
            bare = Scripts(left.base, None, left.above) if left.above else left.base
            return as_text_of(bare)
    return as_text_of(left)


class _Term(NamedTuple):
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

    def shown(self, least: int) -> _Term:
        """The same as something that is shown, in parentheses if it holds together less closely."""
        if self.constant is not None:
            symbol = f"({self.latex})" if self.level < least else self.latex
            operand = Operand(symbol, _cell(self.constant), by_row=False, coefficient=True)
            return _Term((operand,), lambda v, _: next(v).reshape(-1)[0], _ONE)
        if self.level >= least:
            return self
        return self._replace(tokens=("(", *self.tokens, ")"), level=_ONE)


def _cell(number: Any) -> Array:
    return np.array([[number]], np.float64)


def _constant(number: Any, node: Node, level: int = _ONE) -> _Term:
    return _Term((), lambda v, _: number, level, constant=np.float64(number), latex=as_latex(node))


def _number(node: Node, names: dict[str, Known], axes: Axes) -> float:
    """The value of what is one number."""
    term = _Reader(_items(node), names, axes, matrices=False, apart=False).whole()
    if term.constant is None:
        raise UnreadableError(as_text_of(node))
    return float(term.constant)


def _joined(
    tokens: Sequence[Token], terms: Sequence[_Term], level: int, make: Callable[..., Any]
) -> _Term:
    """One of several that are shown, from their values in order."""

    def value(numbers: Iterator[Any], axes: Axes) -> Any:
        return make(*[term.value(numbers, axes) for term in terms])

    by_row = any(term.by_row for term in terms)
    return _Term(tuple(tokens), value, level, by_row, any(term.sums for term in terms))


class _Reader:
    """Reads the nodes of a row, as the tests' evaluation does, and gathers what is shown."""

    def __init__(
        self,
        parts: Sequence[Node],
        names: dict[str, Known],
        axes: Axes,
        matrices: bool,
        apart: bool,
    ) -> None:
        self.parts, self.names, self.axes = tuple(parts), names, axes
        #: Whether two arrays make a product of matrices; whether sums over rows are done already.
        self.matrices, self.apart = matrices, apart
        self.place = 0

    def whole(self) -> _Term:
        """All of it."""
        term = self.sum()
        if self.place < len(self.parts):
            raise UnreadableError(as_text_of(self.parts[self.place]))
        return term

    def peek(self) -> Node | None:
        return self.parts[self.place] if self.place < len(self.parts) else None

    def next(self) -> Node:
        if self.place >= len(self.parts):
            raise UnreadableError("more is expected")
        self.place += 1
        return self.parts[self.place - 1]

    def inner(self, node: Node) -> _Term:
        """What stands in a node of its own."""
        return _Reader(_items(node), self.names, self.axes, self.matrices, self.apart).whole()

    def node_from(self, start: int) -> Node:
        """What was read since."""
        return Row(self.parts[start : self.place])

    def sum(self) -> _Term:
        start, signs, terms = self.place, [1], [self.product()]
        while _is(self.peek(), "+", "−"):
            signs.append(1 if _is(self.next(), "+") else -1)
            terms.append(self.product())
        if len(terms) == 1:
            return terms[0]
        if all(term.constant is not None for term in terms):
            total = sum(s * t.constant for s, t in zip(signs, terms, strict=True))
            return _constant(total, self.node_from(start), _SUM)
        pairs = [
            (sign, term.shown(_SUM if sign > 0 else _QUOTIENT))
            for sign, term in zip(signs, terms, strict=True)
        ]
        tokens: list[Token] = [*pairs[0][1].tokens]
        for sign, term in pairs[1:]:
            tokens += ["⊕" if sign > 0 else "⊖", *term.tokens]

        def add(*values: Any) -> Any:
            total = values[0]
            for sign, value in zip(signs[1:], values[1:], strict=True):
                total = total + value if sign > 0 else total - value
            return total

        return _joined(tokens, [term for _, term in pairs], _SUM, add)

    def product(self) -> _Term:
        start = self.place
        sign = -1 if _is(self.peek(), "−") else 1
        if _is(self.peek(), "−", "+"):
            self.next()
        factors: list[tuple[str, _Term, int, int]] = []
        while (part := self.peek()) is not None:
            operator = ""
            if _is(part, "·", "/"):
                operator = "/" if _is(self.next(), "/") else ""
            elif _kind(part) in ("operator", "close", "point", "sign"):
                break
            begin = self.place
            factors.append((operator, self.factor(), begin, self.place))
        if not factors:
            raise UnreadableError("a factor is expected")
        if all(term.constant is not None for _, term, _, _ in factors):
            value = np.float64(sign)
            for operator, term, _, _ in factors:
                value = value / term.constant if operator else value * term.constant
            level = _PRODUCT if len(factors) > 1 else factors[0][1].level
            return _constant(value, self.node_from(start), _SUM if sign < 0 else level)
        return self.negated(sign, self.multiplied(factors))

    def negated(self, sign: int, term: _Term) -> _Term:
        if sign > 0:
            return term
        shown = term.shown(_PRODUCT)
        return _joined(("-", *shown.tokens), [shown], _SUM, lambda value: -value)

    def multiplied(self, factors: list[tuple[str, _Term, int, int]]) -> _Term:
        """Of factors, some of them arrays; numbers that are neighbours become one."""
        merged: list[tuple[str, _Term]] = []
        k = 0
        while k < len(factors):
            operator, term, begin, end = factors[k]
            value = term.constant
            while value is not None and not operator and k + 1 < len(factors):
                after, other, _, stop = factors[k + 1]
                if other.constant is None:
                    break
                value = value / other.constant if after else value * other.constant
                k, end = k + 1, stop
            if value is not None:
                level = term.level if end - begin == 1 else _PRODUCT
                term = _constant(value, Row(self.parts[begin:end]), level)
            merged.append((operator, term))
            k += 1
        if len(merged) == 1:
            return merged[0][1]
        terms, tokens, operators = [], list[Token](), []
        for operator, term in merged:
            part = term.shown(_ONE if operator else _PRODUCT)
            both = terms and term.constant is None and merged[len(terms) - 1][1].constant is None
            sign = "⊘" if operator else "⊛" if both and not self.matrices else ""
            tokens += [sign, *part.tokens] if sign else part.tokens
            operators.append("@" if both and self.matrices and not operator else operator)
            terms.append(part)

        def multiply(*values: Any) -> Any:
            total = values[0]
            for operator, value in zip(operators[1:], values[1:], strict=True):
                if operator == "@":
                    total = total @ value
                else:
                    total = total / value if operator else total * value
            return total

        return _joined(tokens, terms, _PRODUCT, multiply)

    def factor(self) -> _Term:
        start, node = self.place, self.next()
        base = node.base if isinstance(node, Scripts) else node
        if isinstance(base, Atom) and base.kind == "prefix":
            return self.over_all(node, base, start)
        if isinstance(base, Atom) and base.kind == "function":
            return self.call(base, start)
        if isinstance(node, Atom) and node.kind == "open":
            return self.fenced(node, start)
        return self.single(node)

    def fenced(self, node: Atom, start: int) -> _Term:
        """What stands in parentheses, or between the signs of a size."""
        terms, power = self.arguments()
        whole = self.node_from(start)
        if len(terms) != 1 or node.text not in "(|‖":
            raise UnreadableError(as_text_of(whole))
        (term,) = terms
        if node.text == "‖":
            known = self.names.get(as_text_of(whole))
            length = known if isinstance(known, float) else np.linalg.norm(term.now(self.axes))
            term = _constant(length, whole)
        elif term.constant is not None:
            value = abs(term.constant) if node.text == "|" else term.constant
            term = _constant(value, whole if power is None else _without_power(whole))
        elif node.text == "|":
            term = _joined((r"\lvert", *term.tokens, r"\rvert"), [term], _ONE, np.abs)
        return term if power is None else self.powered(term, power, whole)

    def arguments(self) -> tuple[list[_Term], Node | None]:
        """What stands up to the closing parenthesis, by commas, and the power there."""
        terms = [self.sum()]
        while _is(self.peek(), ","):
            self.next()
            terms.append(self.sum())
        closing = self.next()
        if _kind(closing) != "close":
            raise UnreadableError(as_text_of(closing))
        return terms, closing.above if isinstance(closing, Scripts) else None

    def powered(self, term: _Term, power: Node, whole: Node) -> _Term:
        if as_text_of(power) == "T":
            return _joined(
                (*term.tokens, "^T"), [term], _ONE, lambda value: np.swapaxes(value, -1, -2)
            )
        p = _number(power, self.names, self.axes)
        if term.constant is not None:
            with np.errstate(all="ignore"):
                return _constant(term.constant**p, whole)
        shown = term.shown(_ONE)
        return _joined((*shown.tokens, f"^{{{p:.12g}}}"), [shown], _ONE, lambda value: value**p)

    def call(self, base: Atom, start: int) -> _Term:
        function = _FUNCTIONS.get(base.text)
        if function is None or not _is(self.peek(), "("):
            raise UnreadableError(base.text)
        self.next()
        terms, power = self.arguments()
        if power is not None:
            raise UnreadableError(base.text)
        if all(term.constant is not None for term in terms):
            return _constant(function(*(t.constant for t in terms)), self.node_from(start))
        terms = [term.shown(_SUM) for term in terms]
        tokens: list[Token] = [as_latex(base) + "("]
        for k, term in enumerate(terms):
            tokens += [","] * (k > 0) + [*term.tokens]
        return _joined([*tokens, ")"], terms, _ONE, function)

    def over_all(self, node: Node, base: Atom, start: int) -> _Term:
        """A sum over an index, of all factors that follow; or a product of numbers."""
        if not isinstance(node, Scripts) or node.below is None:
            raise UnreadableError(as_text_of(node))
        below, begin = _items(node.below), self.place
        index = as_text_of(below[0])
        if node.above is not None:  # from a number to a number
            first = round(_number(Row(below[2:]), self.names, self.axes))
            last = round(_number(node.above, self.names, self.axes))
            values, names = [], self.names
            for k in range(first, last + 1):
                self.place, self.names = begin, {**names, index: float(k)}
                values.append(self.product().constant)
            self.names = names
            if not values or None in values:
                raise UnreadableError(as_text_of(node))
            total = math.prod(values) if base.text == "Π" else sum(values)
            return _constant(total, self.node_from(start))
        if base.text != "Σ" or index not in ("i", "j", "r"):
            raise UnreadableError(as_text_of(node))
        body = self.product().shown(_PRODUCT)
        tokens = (rf"\sum_{index}", *body.tokens)
        if index != "r":
            return _Term(tokens, _summed(body, index), _PRODUCT, body.by_row, body.sums)
        if self.apart:
            total = np.sum(body.now(self.axes), axis=0)
            inside = "".join(_bare(token) for token in tokens)
            operand = Operand(rf"\{{{inside}\}}", total, by_row=False)
            return _Term((operand,), lambda v, _: next(v), _ONE)
        return _Term(
            tokens, lambda v, axes: np.sum(body.value(v, axes), axis=0), _PRODUCT, False, True
        )

    def single(self, node: Node) -> _Term:
        """One thing that stands by itself."""
        if isinstance(node, Row):
            return self.inner(node)
        if isinstance(node, Fraction):
            return self.fraction(node)
        if isinstance(node, Root):
            body = self.inner(node.body)
            if body.constant is not None:
                with np.errstate(all="ignore"):
                    return _constant(np.sqrt(body.constant), node)
            shown = body.shown(_ONE)
            return _joined((r"\surd", *shown.tokens), [shown], _ONE, np.sqrt)
        if isinstance(node, Cases):
            return self.case(node)
        if isinstance(node, Scripts):
            return self.scripted(node)
        if isinstance(node, Atom) and node.kind == "number":
            return _constant(float(node.text), node)
        return self.letter(as_text_of(node), node)

    def fraction(self, node: Fraction) -> _Term:
        if as_text_of(node.top).startswith("∂"):
            return self.letter(key_of(node), node)
        top, bottom = self.inner(node.top), self.inner(node.bottom)
        if top.constant is not None and bottom.constant is not None:
            with np.errstate(all="ignore"):
                return _constant(top.constant / bottom.constant, node)
        terms = [top.shown(_PRODUCT), bottom.shown(_ONE)]
        tokens = (*terms[0].tokens, "⊘", *terms[1].tokens)
        return _joined(tokens, terms, _QUOTIENT, lambda one, other: one / other)

    def scripted(self, node: Scripts) -> _Term:
        bare = Scripts(node.base, node.below, None) if node.below is not None else node.base
        whole = key_of(node)
        if node.above is not None and whole in self.names:  # sigma squared, which has a name
            return self.letter(whole, node)
        text = as_text_of(bare)
        if text not in self.names and node.below is not None:
            function = self.names.get(as_text_of(node.base))
            if callable(function):
                at = _number(node.below, self.names, self.axes)
                term = _constant(function(round(at)), bare)
            else:
                term = self.letter(key_of(bare), bare)
        else:
            term = self.single(bare) if node.below is None else self.letter(text, bare)
        return term if node.above is None else self.powered(term, node.above, node)

    def letter(self, name: str, node: Node) -> _Term:
        known = math.pi if name == "π" else self.names.get(name)
        if known is None or callable(known):
            raise UnreadableError(name)
        if not isinstance(known, tuple):
            return _constant(known, node)
        operand = Operand(known.symbol, known.array, known.by_row)
        return _Term((operand,), lambda v, _: next(v), _ONE, known.by_row)

    def case(self, node: Cases) -> _Term:
        """The first value whose condition holds; of numbers alone."""
        for value, condition in node.rows:
            parts = _items(condition)
            if _is(parts[0], "otherwise") or self.holds(parts[1:]):
                term = self.inner(value)
                if term.constant is None:
                    break
                return _constant(term.constant, value)
        raise UnreadableError(as_text_of(node))

    def holds(self, parts: Sequence[Node]) -> bool:
        """Whether comparisons hold, with commas between them."""
        reader = _Reader(parts, self.names, self.axes, False, False)
        while reader.place < len(parts):
            left, relation, right = reader.sum(), reader.next(), reader.sum()
            compare = _RELATIONS.get(as_text_of(relation))
            if compare is None or left.constant is None or right.constant is None:
                raise UnreadableError(as_text_of(Row(tuple(parts))))
            if not compare(left.constant, right.constant):
                return False
            if _is(reader.peek(), ","):
                reader.next()
        return True


def _summed(body: _Term, index: str) -> Callable[[Iterator[Any], Axes], Any]:
    return lambda v, axes: np.sum(body.value(v, axes), axis=axes[index], keepdims=True)


def _bare(token: Token) -> str:
    """A token inside of another symbol's braces."""
    if isinstance(token, str):
        return {"⊛": r" \circledast ", "⊖": r" \ominus ", "⊕": r" \oplus "}.get(token, token) + " "
    return token.symbol.removeprefix(r"\{").removesuffix(r"\}")


def _without_power(node: Node) -> Node:
    items = _items(node)
    last = items[-1]
    return Row((*items[:-1], last.base)) if isinstance(last, Scripts) else node


def _items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Row) else (node,)


def _is(node: Node | None, *texts: str) -> bool:
    return isinstance(node, Atom) and node.text in texts


def _kind(node: Node) -> str:
    atom = node.base if isinstance(node, Scripts) else node
    return atom.kind if isinstance(atom, Atom) else ""


def _indices(node: Node) -> Iterator[str]:
    for part in _items(node):
        yield as_text_of(part)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Row):
        for item in node.items:
            yield from _walk(item)
    elif isinstance(node, Fraction):
        yield from (*_walk(node.top), *_walk(node.bottom))
    elif isinstance(node, Root):
        yield from _walk(node.body)
    elif isinstance(node, Scripts):
        yield from _walk(node.base)
