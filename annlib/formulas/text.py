r"""Formulas as a line of Unicode, for terminals.

>>> as_text(r"\frac{\partial a_i}{\partial z_j} = a_i (\delta_{ij} - a_j)")
'∂aᵢ/∂zⱼ = aᵢ (δᵢⱼ − aⱼ)'
"""

from __future__ import annotations

from annlib.core.tracebacks import with_short_tracebacks
from annlib.formulas import symbols
from annlib.formulas.grammar import Accent, Atom, Cases, Fraction, Node, Root, Row, Scripts, parse


@with_short_tracebacks
def as_text(latex: str) -> str:
    r"""A formula in LaTeX as one line of Unicode.

    Parameters
    ----------
    latex : str
        Without the dollars.

    Returns
    -------
    str

    Raises
    ------
    ConfigurationError
        For LaTeX beyond the small part that formulas use.

    Examples
    --------
    >>> as_text(r"\frac{\partial a_i}{\partial z_j} = a_i (\delta_{ij} - a_j)")
    '∂aᵢ/∂zⱼ = aᵢ (δᵢⱼ − aⱼ)'
    """
    return as_text_of(parse(latex))


def as_text_of(node: Node) -> str:
    """The same of a formula's tree, or of a part of it."""
    return _text(node)


def _text(node: Node) -> str:
    if isinstance(node, Atom):
        return node.text
    if isinstance(node, Row):
        return _row(node.items)
    if isinstance(node, Fraction):
        return _fraction(node)
    if isinstance(node, Root):
        return "√" + _grouped(node.body)
    if isinstance(node, Accent):
        return _text(node.body) + symbols.ACCENTS[node.mark][0]
    if isinstance(node, Cases):
        return "{ " + "; ".join(f"{_text(v)} {_text(c)}" for v, c in node.rows) + " }"
    return _scripts(node)


def _row(items: tuple[Node, ...]) -> str:
    line = ""
    for index, item in enumerate(items):
        before = items[index - 1] if index else None
        after = items[index + 1] if index + 1 < len(items) else None
        part = _text(item)
        factor = _is_factor(before, "close") or _is_factor(after, "open")
        if isinstance(item, Fraction) and " " in part and factor:
            part = f"({part})"
        line += (" " if before is not None and _is_apart(before, item) else "") + part
    return line


def _is_factor(node: Node | None, parenthesis: str) -> bool:
    """Whether it multiplies what stands on the side of its "open" or "close"."""
    if isinstance(node, Atom):
        return node.kind in ("number", "letter", "function", parenthesis)
    return node is not None and not isinstance(node, Cases)


def _is_apart(before: Node, after: Node) -> bool:
    """Whether there is a space between the two."""
    left, right = _kind(before), _kind(after)
    if "text" in (left, right):
        return not (_text(before).endswith(" ") or _text(after).startswith(" "))
    if left in ("open", "sign", "space") or right in ("close", "space"):
        return False
    if right == "point" or left == "point":
        return left == "point" and _text(before) in (",", ";", ":") and right != "point"
    if left == "prefix" and _text(before) == "∂":
        return False
    called = isinstance(before, Scripts) or right != "open"
    return left != "function" or called


def _kind(node: Node) -> str:
    if isinstance(node, Scripts):
        return _kind(node.base)
    return node.kind if isinstance(node, Atom) else ""


def _fraction(node: Fraction) -> str:
    top, bottom = _text(node.top), _text(node.bottom)
    derivative = top.startswith("∂") and bottom.startswith("∂")
    if derivative or not (" " in top or " " in bottom):
        return f"{top}/{bottom}"
    return f"{_grouped(node.top)} / {_grouped(node.bottom)}"


def _grouped(node: Node) -> str:
    """In parentheses, unless it is one thing."""
    text = _text(node)
    if isinstance(node, Fraction):
        return f"({text})"
    if " " not in text and not (isinstance(node, Row) and _kind(node.items[0]) == "sign"):
        return text
    return text if _is_closed(node) else f"({text})"


def _is_closed(node: Node) -> bool:
    """Whether it is a root, a sum over one symbol, or something from one fence to the other."""
    if not isinstance(node, Row):
        return isinstance(node, Root)
    first, kinds = _kind(node.items[0]), [_kind(item) for item in node.items]
    if first in ("prefix", "function") and len(kinds) == 2:
        return True
    inner = kinds[1:] if first == "function" else kinds
    return inner[0] == "open" and inner.count("close") == 1 and inner[-1] == "close"


def _scripts(node: Scripts) -> str:
    base = _text(node.base)
    if base == "e" and node.above is not None:
        return f"exp({_text(node.above)})"
    below = "" if node.below is None else _script(_text(node.below), symbols.SUBSCRIPTS, "_")
    above = "" if node.above is None else _script(_text(node.above), symbols.SUPERSCRIPTS, "^")
    return base + below + above


def _script(text: str, table: dict[str, str], mark: str) -> str:
    tight = text.replace(" ", "")
    plain = tight.replace("−", "-")
    if all(character in table for character in plain):
        return "".join(table[character] for character in plain)
    return mark + (tight if len(text) == 1 or mark == "_" else f"({text})")
