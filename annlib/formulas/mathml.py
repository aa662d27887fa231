"""Formulas as MathML, which browsers typeset without a script.

>>> as_mathml("a^2", display=False)
'<math><msup><mi>a</mi><mn>2</mn></msup></math>'
"""

from __future__ import annotations

import re
from html import escape

from annlib.core.checks import check_flag
from annlib.core.tracebacks import with_short_tracebacks
from annlib.formulas import symbols
from annlib.formulas.grammar import Accent, Atom, Cases, Fraction, Node, Root, Row, Scripts, parse


@with_short_tracebacks
def as_mathml(latex: str, display: bool = True, large: bool = False) -> str:
    """A formula in LaTeX as a ``<math>`` element.

    Parameters
    ----------
    latex : str
        Without the dollars.
    display : bool
        Whether it stands on a line of its own, and not within one.
    large : bool
        Whether within a line fractions and sums are as large as on a line of their own.

    Returns
    -------
    str

    Raises
    ------
    ConfigurationError
        For LaTeX beyond the small part that formulas use, or if another argument is no bool.

    Examples
    --------
    >>> as_mathml("a^2", display=False)
    '<math><msup><mi>a</mi><mn>2</mn></msup></math>'
    """
    check_flag(display, "as_mathml", "display")
    check_flag(large, "as_mathml", "large")
    style = ' display="block"' if display else ' displaystyle="true"' if large else ""
    return f"<math{style}>{_element(parse(latex))}</math>"


_FORM = re.compile('<mo form="(prefix|postfix)">')
_LARGE = {"Σ": "∑", "Π": "∏"}
#: A border, which is as high as the cases, also where no font has a brace that grows.
_BRACE = "border-left:1.5px solid;border-radius:.4em;padding-left:.3em;margin:.2em"


def _element(node: Node) -> str:
    if isinstance(node, Atom):
        return _atom(node)
    if isinstance(node, Row):
        return f"<mrow>{_row(node.items)}</mrow>"
    if isinstance(node, Fraction):
        return f"<mfrac>{_element(node.top)}{_element(node.bottom)}</mfrac>"
    if isinstance(node, Root):
        return f"<msqrt>{_element(node.body)}</msqrt>"
    if isinstance(node, Accent):
        mark = symbols.ACCENTS[node.mark][1]
        return f'<mover accent="true">{_element(node.body)}<mo>{mark}</mo></mover>'
    if isinstance(node, Cases):
        rows = "".join(
            f'<mtr><mtd style="text-align:left">{_element(value)}</mtd>'
            f'<mtd style="text-align:left">{_element(condition)}</mtd></mtr>'
            for value, condition in node.rows
        )
        return f'<mtable displaystyle="true" style="{_BRACE}">{rows}</mtable>'
    return _scripts(node)


def _row(items: tuple[Node, ...]) -> str:
    """One after the other, with a thin space behind a function that has no parenthesis.

    What stands in parentheses is a row of its own, so that both become as high as it is.
    """
    parts, pairs = [], _pairs(items)
    flat = {k for pair in pairs.items() if not _is_tall(items[pair[0] : pair[1]]) for k in pair}
    for index, item in enumerate(items):
        after = items[index + 1] if index + 1 < len(items) else None
        parts.append("<mrow>" * (index in pairs))
        element = _element(item)
        if index in flat:  # first and last of a row, where the form is clear
            element = _FORM.sub('<mo stretchy="false">', element, count=1)
        parts.append(element)
        parts.append("</mrow>" * (index in pairs.values()))
        if _is(item, "function") and after is not None and not _is(after, "open"):
            parts.append('<mspace width="0.17em"/>')
    return "".join(parts)


def _pairs(items: tuple[Node, ...]) -> dict[int, int]:
    """Where parentheses open, and where each of these closes."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for index, item in enumerate(items):
        closing = item.base if isinstance(item, Scripts) else item
        if _is(item, "open"):
            opened.append(index)
        elif _is(closing, "close") and opened:
            pairs[opened.pop()] = index
    return pairs


def _is_tall(items: tuple[Node, ...]) -> bool:
    """Whether there is anything in it that is higher than a line."""
    flat = (Atom, Scripts, Accent)
    return not all(isinstance(item, flat) and not _is_large(item) for item in items)


def _is_large(node: Node) -> bool:
    base = node.base if isinstance(node, Scripts) else node
    return isinstance(base, Fraction | Root) or _is(base, "prefix") or isinstance(base, Row)


def _is(node: Node, kind: str) -> bool:
    return isinstance(node, Atom) and node.kind == kind


def _atom(atom: Atom) -> str:
    text = escape(atom.text)
    if atom.kind == "number":
        return f"<mn>{text}</mn>"
    if atom.kind == "letter":
        return f"<mi>{text}</mi>"
    if atom.text == "√":  # which stands too low in fonts for mathematics
        return '<mi style="font-family:system-ui,sans-serif">√</mi>'
    if atom.kind == "function":
        return f"<mi>{text}</mi>"
    if atom.kind == "text":
        return f"<mtext>{text.replace(' ', '&#160;')}</mtext>"
    if atom.kind == "space":
        return f'<mspace width="{0.5 * len(atom.text)}em"/>'
    if atom.text == "∂":
        return "<mi>∂</mi>"
    if atom.kind == "prefix":
        return f'<mo largeop="true" movablelimits="false">{_LARGE[text]}</mo>'
    form = {"open": ' form="prefix"', "close": ' form="postfix"', "sign": ' form="prefix"'}
    return f"<mo{form.get(atom.kind, '')}>{text}</mo>"


def _scripts(node: Scripts) -> str:
    limits = isinstance(node.base, Atom) and node.base.kind in ("prefix", "function")
    names = ("munder", "mover", "munderover") if limits else ("msub", "msup", "msubsup")
    base = _element(node.base)
    below = "" if node.below is None else _element(node.below)
    above = "" if node.above is None else _element(node.above)
    name = names[2] if below and above else names[0] if below else names[1]
    return f"<{name}>{base}{below}{above}</{name}>"
