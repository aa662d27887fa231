"""The number that a formula in LaTeX stands for: what is written is what is checked.

Letters are looked up in ``names``; one with an index, ``a_i``, in the array of its name at the
index' value, which is in ``names`` too. Nothing here knows what a formula should say.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from annlib.formulas import as_text
from annlib.formulas.grammar import Accent, Atom, Cases, Fraction, Node, Root, Row, Scripts, parse
from annlib.formulas.text import _text

Names = dict[str, Any]
RELATIONS = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "≤": lambda a, b: a <= b,
    "≥": lambda a, b: a >= b,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "log": np.log,
    "tanh": np.tanh,
    "cosh": np.cosh,
    "cos": np.cos,
    "sign": np.sign,
    "max": lambda *a: functools.reduce(np.maximum, a),
    "min": lambda *a: functools.reduce(np.minimum, a),
    "Φ": lambda z: 0.5 * (1 + math.erf(z / math.sqrt(2))),
    "φ": lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi),
}
FENCES: dict[str, Callable[[Any], Any]] = {
    "(": lambda value: value,
    "|": np.abs,
    "‖": np.linalg.norm,
    "⌊": np.floor,
    "⌈": np.ceil,
}


def items(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Row) else (node,)


def is_atom(node: Node | None, *texts: str) -> bool:
    return isinstance(node, Atom) and node.text in texts


def assign(latex: str, names: Names) -> Any:
    """Evaluate what is right of = or ←, for all i if there is one on the left; keep and return."""
    parts = items(parse(latex))
    place = next(k for k, part in enumerate(parts) if is_atom(part, "=", "←"))
    left, right = parts[0] if place == 1 else Row(parts[:place]), Row(parts[place + 1 :])
    indices = [name for name in ("i", "j") if name in index_names(left)]
    name = bare(left)
    if index_names(left) == {"t"}:
        names[name] = lambda t: value(right, {**names, "t": t})
        return names[name]
    size = names.get("N", 1)
    if len(indices) == 2:
        result = np.array(
            [
                [value(right, {**names, "i": i, "j": j}) for j in range(size)]
                for i in range(names.get("outputs", size))
            ]
        )
    elif indices and "i" not in names:
        result = np.array([value(right, {**names, "i": i}) for i in range(size)])
    else:
        result = value(right, names)
    names[name] = result
    return result


def index_names(node: Node) -> set[str]:
    """The letters in the subscripts of a left side."""
    if isinstance(node, Fraction):
        return index_names(node.top) | index_names(node.bottom)
    if isinstance(node, Row):
        return set().union(*map(index_names, node.items))
    if isinstance(node, Scripts) and node.below is not None:
        return {part.text for part in items(node.below) if isinstance(part, Atom)}
    return set()


def bare(node: Node) -> str:
    """The name of what is assigned to, without its index."""
    if isinstance(node, Fraction):
        return f"{bare(node.top)}/{bare(node.bottom)}"
    if isinstance(node, Row):
        return "".join(map(bare, node.items))
    return _text(node.base) if isinstance(node, Scripts) else _text(node)


def value(node: Node, names: Names) -> Any:
    """The value of an expression."""
    return _Reader(items(node), names).sum()


class _Reader:
    def __init__(self, parts: tuple[Node, ...], names: Names) -> None:
        self.parts = parts
        self.names = names
        self.place = 0

    def peek(self) -> Node | None:
        return self.parts[self.place] if self.place < len(self.parts) else None

    def next(self) -> Node:
        self.place += 1
        return self.parts[self.place - 1]

    def sum(self) -> Any:
        total = self.product()
        while is_atom(self.peek(), "+", "−"):
            sign = 1 if is_atom(self.next(), "+") else -1
            total = total + sign * self.product()
        return total

    def product(self) -> Any:
        if is_atom(self.peek(), "−", "+"):
            sign = 1 if is_atom(self.next(), "+") else -1
            return sign * self.product()
        total = self.factor()
        while (part := self.peek()) is not None:
            if is_atom(part, "·"):
                self.next()
            elif is_atom(part, "/"):
                self.next()
                total = total / self.factor()
                continue
            elif kind(part) in ("operator", "close", "point"):
                break
            total = total * self.factor()
        return total

    def factor(self) -> Any:
        node = self.next()
        base = node.base if isinstance(node, Scripts) else node
        if isinstance(base, Atom) and base.kind == "prefix" and base.text in "ΣΠ":
            return self.over_all(node)
        if isinstance(base, Atom) and base.kind == "function":
            return self.call(node, base)
        if isinstance(node, Atom) and node.kind == "open":
            found = FENCES[node.text](self.arguments()[0])
            return self.powered(found)
        return single(node, self.names)

    def powered(self, found: Any) -> Any:
        """A parenthesis to a power: the power stands at the closing one."""
        closing = self.parts[self.place - 1]
        if isinstance(closing, Scripts) and closing.above is not None:
            return found ** value(closing.above, self.names)
        return found

    def arguments(self) -> list[Any]:
        """What stands up to the closing parenthesis, by commas."""
        found = [self.sum()]
        while is_atom(self.peek(), ","):
            self.next()
            found.append(self.sum())
        closing = self.next()
        assert kind(closing) == "close", closing
        return found

    def call(self, node: Node, base: Atom) -> Any:
        function = FUNCTIONS.get(base.text) or self.names[base.text]
        self.next()  # the parenthesis: formulas that are evaluated always have one
        if isinstance(node, Scripts):  # max_i(...)
            start, size = self.place, self.names["N"]
            found = []
            for i in range(size):
                self.place, outer = start, self.names
                self.names = {**outer, "i": i}
                found.append(self.arguments()[0])
                self.names = outer
            return function(*found)
        return self.powered(function(*self.arguments()))

    def over_all(self, node: Node) -> Any:
        """A sum or product over an index, of all factors that follow."""
        prefix = _text(node.base) if isinstance(node, Scripts) else _text(node)
        rest = self.parts[self.place :]
        end = next(
            (
                k
                for k, part in enumerate(rest)
                if (is_atom(part, "+", "−", ",") or kind(part) == "close") and _depth(rest[:k]) == 0
            ),
            len(rest),
        )
        body = Row(rest[:end])
        self.place += end
        if not isinstance(node, Scripts):
            return np.sum(value(body, self.names))
        below = items(node.below)
        index = below[0].text
        if len(below) > 1:
            last = int(value(node.above, self.names))
            run = range(int(value(Row(below[2:]), self.names)), last + 1)
        else:
            run = range(self.names["n" if index == "r" else "N"])
        terms = [value(body, {**self.names, index: k}) for k in run]
        return np.prod(terms) if prefix == "Π" else np.sum(terms, axis=0)


def kind(node: Node) -> str:
    """What sort of symbol it is, with its scripts or without."""
    atom = node.base if isinstance(node, Scripts) else node
    return atom.kind if isinstance(atom, Atom) else ""


def _depth(parts: tuple[Node, ...]) -> int:
    kinds = [kind(part) for part in parts]
    return kinds.count("open") - kinds.count("close")


def single(node: Node, names: Names) -> Any:
    """The value of one thing that stands by itself."""
    if isinstance(node, Row):
        return value(node, names)
    if isinstance(node, Fraction):
        if _text(node.top).startswith("∂"):
            return names[f"{bare(node.top)}/{bare(node.bottom)}"][_index(node, names)]
        return value(node.top, names) / value(node.bottom, names)
    if isinstance(node, Root):
        return np.sqrt(value(node.body, names))
    if isinstance(node, Cases):
        return _case(node, names)
    if isinstance(node, Scripts):
        return _scripted(node, names)
    if isinstance(node, Accent) or node.kind == "letter":
        return math.pi if _text(node) == "π" else names[_text(node)]
    assert node.kind == "number", node
    return float(node.text)


def _index(node: Node, names: Names) -> Any:
    (name,) = index_names(node)
    where = names[name]
    return (names["r"], where) if "r" in names else where


def _scripted(node: Scripts, names: Names) -> Any:
    text, name = _text(Scripts(node.base, node.below, None)), _text(node.base)
    if node.below is None:
        found = math.e if name == "e" else single(node.base, names)
    elif text in names:
        found = names[text]
    elif name == "δ":
        i, j = (names[part.text] for part in items(node.below))
        found = float(i == j)
    else:
        where = int(value(node.below, names))
        found = names[name]
        if callable(found):
            found = found(where)
        elif "r" in names and np.ndim(found) == 2:
            found = found[names["r"], where]
        else:
            found = found[where]
    return found if node.above is None else found ** value(node.above, names)


def _case(node: Cases, names: Names) -> Any:
    for case, condition in node.rows:
        parts = items(condition)
        if is_atom(parts[0], "otherwise") or _holds(parts[1:], names):
            return value(case, names)
    raise AssertionError(f"no case of {as_text('x')} holds for {names}")


def _holds(parts: tuple[Node, ...], names: Names) -> bool:
    """Whether comparisons hold, with a comma between them or one after the other: 0 < z < 1."""
    sides: list[list[Node]] = [[]]
    relations: list[str] = []
    for part in (*parts, Atom("point", ",")):
        if is_atom(part, ","):
            numbers = [value(Row(tuple(side)), names) for side in sides]
            fits = zip(numbers, relations, numbers[1:], strict=False)
            if not all(RELATIONS[relation](a, b) for a, relation, b in fits):
                return False
            sides, relations = [[]], []
        elif is_atom(part, *RELATIONS):
            relations.append(part.text)
            sides.append([])
        else:
            sides[-1].append(part)
    return True
