"""Reads the right side of a line of a formula, and puts numbers in the place of letters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from annlib.formulas.grammar import Atom, Cases, Fraction, Node, Root, Row, Scripts
from annlib.formulas.latex import as_latex
from annlib.formulas.text import as_text_of
from annlib.tracing.equation import Operand, Token
from annlib.tracing.terms import (
    ONE,
    PRODUCT,
    QUOTIENT,
    SUM,
    Axes,
    Known,
    Term,
    UnreadableError,
    constant,
    is_atom,
    items_of,
    joined,
    key_of,
    kind_of,
)

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


class Reader:
    """Reads the nodes of a row, as the tests' evaluation does, and gathers what is shown."""

    def __init__(
        self,
        parts: Sequence[Node],
        names: dict[str, Known],
        axes: Axes,
        *,
        matrices: bool = False,
        apart: bool = False,
    ) -> None:
        self.parts, self.names, self.axes = tuple(parts), names, axes
        #: Whether two arrays make a product of matrices; whether sums over rows are done already.
        self.matrices, self.apart = matrices, apart
        self.place = 0
        #: The norms that were computed.
        self.norms: dict[str, float] = {}

    def whole(self) -> Term:
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

    def inner(self, node: Node) -> Term:
        """What stands in a node of its own."""
        reader = Reader(items_of(node), self.names, self.axes)
        reader.matrices, reader.apart, reader.norms = self.matrices, self.apart, self.norms
        return reader.whole()

    def node_from(self, start: int) -> Node:
        """What was read since."""
        return Row(self.parts[start : self.place])

    def sum(self) -> Term:
        start, signs, terms = self.place, [1], [self.product()]
        while is_atom(self.peek(), "+", "−"):
            signs.append(1 if is_atom(self.next(), "+") else -1)
            terms.append(self.product())
        if len(terms) == 1:
            return terms[0]
        if all(term.constant is not None for term in terms):
            total = sum(s * t.constant for s, t in zip(signs, terms, strict=True))
            return constant(total, self.node_from(start), SUM)
        pairs = [
            (sign, term.shown(SUM if sign > 0 else QUOTIENT))
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

        return joined(tokens, [term for _, term in pairs], SUM, add)

    def product(self) -> Term:
        start = self.place
        sign = -1 if is_atom(self.peek(), "−") else 1
        if is_atom(self.peek(), "−", "+"):
            self.next()
        factors: list[tuple[str, Term, int, int]] = []
        while (part := self.peek()) is not None:
            operator = ""
            if is_atom(part, "·", "/"):
                operator = "/" if is_atom(self.next(), "/") else ""
            elif kind_of(part) in ("operator", "close", "point", "sign"):
                break
            begin = self.place
            factors.append((operator, self.factor(), begin, self.place))
        if not factors:
            raise UnreadableError("a factor is expected")
        if sign > 0 and len(factors) == 1:
            return factors[0][1]
        if all(term.constant is not None for _, term, _, _ in factors):
            value = np.float64(sign)
            for operator, term, _, _ in factors:
                value = value / term.constant if operator else value * term.constant
            level = PRODUCT if len(factors) > 1 else factors[0][1].level
            return constant(value, self.node_from(start), SUM if sign < 0 else level)
        return self.negated(sign, self.multiplied(factors))

    def negated(self, sign: int, term: Term) -> Term:
        if sign > 0:
            return term
        shown = term.shown(PRODUCT)
        return joined(("-", *shown.tokens), [shown], SUM, lambda value: -value)

    def multiplied(self, factors: list[tuple[str, Term, int, int]]) -> Term:
        """Of factors, some of them arrays; numbers that are neighbours become one."""
        merged: list[tuple[str, Term]] = []
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
                level = term.level if end - begin == 1 else PRODUCT
                term = constant(value, Row(self.parts[begin:end]), level)
            merged.append((operator, term))
            k += 1
        if len(merged) == 1:
            return merged[0][1]
        terms, tokens, operators = list[Term](), list[Token](), list[str]()
        for operator, term in merged:
            part = term.shown(ONE if operator else PRODUCT)
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

        return joined(tokens, terms, PRODUCT, multiply)

    def factor(self) -> Term:
        start, node = self.place, self.next()
        base = node.base if isinstance(node, Scripts) else node
        if isinstance(base, Atom) and base.kind == "prefix":
            return self.over_all(node, base, start)
        if isinstance(base, Atom) and base.kind == "function":
            return self.call(base, start)
        if isinstance(node, Atom) and node.kind == "open":
            return self.fenced(node, start)
        return self.single(node)

    def fenced(self, node: Atom, start: int) -> Term:
        """What stands in parentheses, or between the signs of a size."""
        terms, power = self.arguments()
        whole = self.node_from(start)
        if len(terms) != 1 or node.text not in "(|‖":
            raise UnreadableError(as_text_of(whole))
        (term,) = terms
        if node.text == "‖":
            known = self.names.get(as_text_of(whole))
            length = known if isinstance(known, float) else np.linalg.norm(term.now(self.axes))
            self.norms[as_text_of(whole)] = float(length)
            term = constant(length, whole)
        elif term.constant is not None:
            value = abs(term.constant) if node.text == "|" else term.constant
            term = constant(value, whole if power is None else _without_power(whole))
        elif node.text == "|":
            term = joined((r"\lvert", *term.tokens, r"\rvert"), [term], ONE, np.abs)
        return term if power is None else self.powered(term, power, whole)

    def arguments(self) -> tuple[list[Term], Node | None]:
        """What stands up to the closing parenthesis, by commas, and the power there."""
        terms = [self.sum()]
        while is_atom(self.peek(), ","):
            self.next()
            terms.append(self.sum())
        closing = self.next()
        if kind_of(closing) != "close":
            raise UnreadableError(as_text_of(closing))
        return terms, closing.above if isinstance(closing, Scripts) else None

    def powered(self, term: Term, power: Node, whole: Node) -> Term:
        if as_text_of(power) == "T":
            return joined(
                (*term.tokens, "^T"), [term], ONE, lambda value: np.swapaxes(value, -1, -2)
            )
        p = number_of(power, self.names, self.axes)
        if term.constant is not None:
            with np.errstate(all="ignore"):
                return constant(term.constant**p, whole)
        shown = term.shown(ONE)
        return joined((*shown.tokens, f"^{{{p:.12g}}}"), [shown], ONE, lambda value: value**p)

    def call(self, base: Atom, start: int) -> Term:
        function = _FUNCTIONS.get(base.text)
        if function is None or not is_atom(self.peek(), "("):
            raise UnreadableError(base.text)
        self.next()
        terms, power = self.arguments()
        if power is not None:
            raise UnreadableError(base.text)
        if all(term.constant is not None for term in terms):
            return constant(function(*(t.constant for t in terms)), self.node_from(start))
        terms = [term.shown(SUM) for term in terms]
        tokens: list[Token] = [as_latex(base) + "("]
        for k, term in enumerate(terms):
            tokens += [","] * (k > 0) + [*term.tokens]
        return joined([*tokens, ")"], terms, ONE, function)

    def over_all(self, node: Node, base: Atom, start: int) -> Term:
        """A sum over an index, of all factors that follow; or a product of numbers."""
        if not isinstance(node, Scripts) or node.below is None:
            raise UnreadableError(as_text_of(node))
        below, begin = items_of(node.below), self.place
        index = as_text_of(below[0])
        if node.above is not None:  # from a number to a number
            first = round(number_of(Row(below[2:]), self.names, self.axes))
            last = round(number_of(node.above, self.names, self.axes))
            values, names = [], self.names
            for k in range(first, last + 1):
                self.place, self.names = begin, {**names, index: float(k)}
                values.append(self.product().constant)
            self.names = names
            if not values or None in values:
                raise UnreadableError(as_text_of(node))
            total = math.prod(values) if base.text == "Π" else sum(values)
            return constant(total, self.node_from(start))
        if base.text != "Σ" or index not in ("i", "j", "r"):
            raise UnreadableError(as_text_of(node))
        body = self.product().shown(PRODUCT)
        tokens = (rf"\sum_{index}", *body.tokens)
        if index != "r":
            return Term(tokens, _summed(body, index), PRODUCT, body.by_row, body.sums)
        if self.apart:
            total = np.sum(body.now(self.axes), axis=0)
            inside = "".join(_bare(token) for token in tokens)
            operand = Operand(rf"\{{{inside}\}}", total, by_row=False)
            return Term((operand,), lambda v, _: next(v), ONE)
        return Term(tokens, lambda v, axes: np.sum(body.value(v, axes), axis=0), PRODUCT, sums=True)

    def single(self, node: Node) -> Term:
        """One thing that stands by itself."""
        if isinstance(node, Row):
            return self.inner(node)
        if isinstance(node, Fraction):
            return self.fraction(node)
        if isinstance(node, Root):
            body = self.inner(node.body)
            if body.constant is not None:
                with np.errstate(all="ignore"):
                    return constant(np.sqrt(body.constant), node)
            shown = body.shown(ONE)
            return joined((r"\surd", *shown.tokens), [shown], ONE, np.sqrt)
        if isinstance(node, Cases):
            return self.case(node)
        if isinstance(node, Scripts):
            return self.scripted(node)
        if isinstance(node, Atom) and node.kind == "number":
            return constant(float(node.text), node)
        return self.letter(as_text_of(node), node)

    def fraction(self, node: Fraction) -> Term:
        if as_text_of(node.top).startswith("∂"):
            return self.letter(key_of(node), node)
        top, bottom = self.inner(node.top), self.inner(node.bottom)
        if top.constant is not None and bottom.constant is not None:
            with np.errstate(all="ignore"):
                return constant(top.constant / bottom.constant, node)
        terms = [top.shown(PRODUCT), bottom.shown(ONE)]
        tokens = (*terms[0].tokens, "⊘", *terms[1].tokens)
        return joined(tokens, terms, QUOTIENT, lambda one, other: one / other)

    def scripted(self, node: Scripts) -> Term:
        bare = Scripts(node.base, node.below, None) if node.below is not None else node.base
        whole = key_of(node)
        if node.above is not None and whole in self.names:  # sigma squared, which has a name
            return self.letter(whole, node)
        text = as_text_of(bare)
        if text not in self.names and node.below is not None:
            function = self.names.get(as_text_of(node.base))
            if callable(function):
                at = number_of(node.below, self.names, self.axes)
                term = constant(function(round(at)), bare)
            else:
                term = self.letter(key_of(bare), bare)
        else:
            term = self.single(bare) if node.below is None else self.letter(text, bare)
        return term if node.above is None else self.powered(term, node.above, node)

    def letter(self, name: str, node: Node) -> Term:
        known = math.pi if name == "π" else self.names.get(name)
        if known is None or callable(known):
            raise UnreadableError(name)
        if not isinstance(known, tuple):
            return constant(known, node)
        operand = Operand(known.symbol, known.array, known.by_row)
        return Term((operand,), lambda v, _: next(v), ONE, known.by_row)

    def case(self, node: Cases) -> Term:
        """The first value whose condition holds; of numbers alone."""
        for value, condition in node.rows:
            parts = items_of(condition)
            if is_atom(parts[0], "otherwise") or self.holds(parts[1:]):
                term = self.inner(value)
                if term.constant is None:
                    break
                return constant(term.constant, value)
        raise UnreadableError(as_text_of(node))

    def holds(self, parts: Sequence[Node]) -> bool:
        """Whether comparisons hold, with commas between them."""
        reader = Reader(parts, self.names, self.axes)
        while reader.place < len(parts):
            left, relation, right = reader.sum(), reader.next(), reader.sum()
            compare = _RELATIONS.get(as_text_of(relation))
            if compare is None or left.constant is None or right.constant is None:
                raise UnreadableError(as_text_of(Row(tuple(parts))))
            if not compare(left.constant, right.constant):
                return False
            if is_atom(reader.peek(), ","):
                reader.next()
        return True


def number_of(node: Node, names: dict[str, Known], axes: Axes) -> float:
    """The value of what is one number."""
    term = Reader(items_of(node), names, axes).whole()
    if term.constant is None:
        raise UnreadableError(as_text_of(node))
    return float(term.constant)


def _summed(body: Term, index: str) -> Callable[[Iterator[Any], Axes], Any]:
    return lambda v, axes: np.sum(body.value(v, axes), axis=axes[index], keepdims=True)


def _bare(token: Token) -> str:
    """A token inside of another symbol's braces."""
    if isinstance(token, str):
        return {"⊛": r" \circledast ", "⊖": r" \ominus ", "⊕": r" \oplus "}.get(token, token) + " "
    return token.symbol.removeprefix(r"\{").removesuffix(r"\}")


def _without_power(node: Node) -> Node:
    items = items_of(node)
    last = items[-1]
    return Row((*items[:-1], last.base)) if isinstance(last, Scripts) else node
