r"""A small part of LaTeX as a tree: one way to write a formula, from which all others follow.

>>> parse(r"\frac{x_i}{2}").bottom
Atom(kind='number', text='2')
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from annlib.core.errors import ConfigurationError, quote, show
from annlib.formulas import symbols


@dataclass(frozen=True)
class Atom:
    """One symbol: a number, letter, function, operator, sign, prefix, open, close, ..."""

    kind: str
    text: str


@dataclass(frozen=True)
class Row:
    """One thing after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Fraction:
    r"""\\frac{top}{bottom}."""

    top: Node
    bottom: Node


@dataclass(frozen=True)
class Root:
    r"""\\sqrt{body}."""

    body: Node


@dataclass(frozen=True)
class Scripts:
    """base_below^above."""

    base: Node
    below: Node | None
    above: Node | None


@dataclass(frozen=True)
class Accent:
    r"""\\hat{body} and others."""

    mark: str
    body: Node


@dataclass(frozen=True)
class Cases:
    r"""\\begin{cases} value & condition \\\\ ... \\end{cases}."""

    rows: tuple[tuple[Node, Node], ...]


Node = Atom | Row | Fraction | Root | Scripts | Accent | Cases

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)


def parse(latex: str) -> Node:
    """The tree of a formula; raises ``ConfigurationError`` for LaTeX beyond the small part."""
    if not isinstance(latex, str):
        raise ConfigurationError(f"formula: expected latex as text, got {show(latex)}.")
    tokens = [token for token in _TOKEN.findall(latex) if not token.isspace()]
    return _Reader(latex, tokens).formula()


class _Reader:
    """Reads tokens from the left, one rule of the grammar a method."""

    def __init__(self, latex: str, tokens: list[str]) -> None:
        self.latex = latex
        self.tokens = tokens
        self.place = 0

    def formula(self) -> Node:
        row = self.row()
        if self.place < len(self.tokens):
            raise self.error(f'no "{self.tokens[self.place]}" there')
        return row

    def error(self, expected: str) -> ConfigurationError:
        return ConfigurationError(f"formula: expected {expected}, got latex {show(self.latex)}.")

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def next(self) -> str:
        token = self.peek()
        if not token:
            raise self.error("more")
        self.place += 1
        return token

    def require(self, token: str) -> None:
        if self.next() != token:
            raise self.error(f'"{token}"')

    def row(self, *ends: str) -> Node:
        """All up to one of these tokens, which is left."""
        items: list[Node] = []
        while self.peek() not in ("", "}", *ends):
            items.append(self.with_scripts(items[-1] if items else None))
        return items[0] if len(items) == 1 else Row(tuple(items))

    def with_scripts(self, before: Node | None) -> Node:
        base = self.item(before)
        below = above = None
        while self.peek() in ("_", "^"):
            if self.next() == "_":
                below = self.argument()
            else:
                above = self.argument()
        return Scripts(base, below, above) if below or above else base

    def argument(self) -> Node:
        """What stands in braces, or one symbol."""
        if self.peek() != "{":
            return self.item(None)
        self.next()
        row = self.row()
        self.require("}")
        return row

    def item(self, before: Node | None) -> Node:
        symbol = self.next()
        if symbol == "{":
            self.place -= 1
            return self.argument()
        if symbol in (r"\left", r"\right"):  # fences grow by themselves
            return self.item(before)
        name = symbol.removeprefix("\\") if len(symbol) > 1 else symbol
        if symbol == r"\frac":
            return Fraction(self.argument(), self.argument())
        if symbol == r"\sqrt":
            return Root(self.argument())
        if symbol == r"\begin":
            return self.cases()
        if name in symbols.ACCENTS:
            return Accent(name, self.argument())
        if symbol in (r"\text", r"\operatorname", r"\mathrm"):
            return self.words({"text": "text", "operatorname": "function"}.get(name, "letter"))
        if len(symbol) == 2 and name in symbols.SPACES:
            return Atom("space", symbols.SPACES[name])
        return self.symbol(name, before)

    def words(self, kind: str) -> Atom:
        """Words in braces; their spaces, which tokens do not have, are written as ``~``."""
        self.require("{")
        found = []
        while self.peek() != "}":
            found.append(self.next().removeprefix("\\"))
        self.require("}")
        return Atom(kind, "".join(found).replace("~", " "))

    def cases(self) -> Cases:
        for token in ("{", *"cases", "}"):
            self.require(token)
        rows = []
        while self.peek() != r"\end":
            value = self.row("&")
            self.require("&")
            rows.append((value, self.row(r"\\", r"\end")))
            if self.peek() == r"\\":
                self.next()
        for token in (r"\end", "{", *"cases", "}"):
            self.require(token)
        return Cases(tuple(rows))

    def symbol(self, name: str, before: Node | None) -> Atom:
        if name[0].isdigit():
            return Atom("number", name)
        if name in symbols.LETTERS:
            return Atom("letter", symbols.LETTERS[name])
        if name in symbols.FUNCTIONS:
            return Atom("function", symbols.FUNCTIONS[name])
        if name in symbols.OPERATORS:
            return Atom(
                "sign" if name in symbols.SIGNS and _is_unary(before) else "operator",
                symbols.OPERATORS[name],
            )
        for kind, table in (
            ("prefix", symbols.PREFIXES),
            ("open", symbols.OPENING),
            ("close", symbols.CLOSING),
            ("space", {"quad": "  ", "qquad": "    "}),
        ):
            if name in table:
                return Atom(kind, table[name])
        if name in (",", ";", ":", "/", "'"):
            return Atom("point", name)
        if len(name) == 1 and name.isalpha():
            return Atom("letter", name)
        raise self.error(f"no command {quote(name)}")


def _is_unary(before: Node | None) -> bool:
    """Whether a plus or minus after this is a sign and no operator."""
    return before is None or (
        isinstance(before, Atom)
        and before.kind in ("operator", "open", "point", "sign", "space", "text")
    )
