r"""The LaTeX of a formula's tree or of a part of it, with numbers for letters if wanted.

>>> from annlib.formulas.grammar import parse
>>> as_latex(parse(r"\beta_1 m + (1-\beta_1) g"), {"β₁": "0.9"})
'0.9 m + (1 - 0.9) g'
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from annlib.formulas import symbols
from annlib.formulas.grammar import Accent, Atom, Cases, Fraction, Node, Root, Row, Scripts
from annlib.formulas.text import as_text_of

_COMMANDS = {
    character: name if len(name) == 1 and not name.isalnum() else rf"\{name}"
    for table in (symbols.LETTERS, symbols.OPERATORS, symbols.PREFIXES)
    for name, character in table.items()
} | {character: rf"\{name}" for name, character in symbols.FUNCTIONS.items()}
#: Those that have no backslash.
_FENCES = {character: name for name, character in (symbols.OPENING | symbols.CLOSING).items()}

#: The name of a function at the end of a line.
_CALLED = re.compile(r"\\(operatorname\{\w+\}|max|min|log|exp|tanh|cosh|cos|sin)$")


def as_latex(node: Node, numbers: Mapping[str, str] = {}) -> str:  # never changed
    """A tree as LaTeX; ``numbers`` are in LaTeX, by the letters as text."""
    if numbers and (number := numbers.get(as_text_of(node))) is not None:
        return number
    if isinstance(node, Atom):
        return _atom(node)
    if isinstance(node, Row):
        return _row([as_latex(item, numbers) for item in node.items])
    if isinstance(node, Fraction):
        return rf"\frac{{{as_latex(node.top, numbers)}}}{{{as_latex(node.bottom, numbers)}}}"
    if isinstance(node, Root):
        return rf"\sqrt{{{as_latex(node.body, numbers)}}}"
    if isinstance(node, Accent):
        return rf"\{node.mark}{{{as_latex(node.body, numbers)}}}"
    if isinstance(node, Cases):
        rows = (f"{as_latex(v, numbers)} & {as_latex(c, numbers)}" for v, c in node.rows)
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"
    bare = Scripts(node.base, node.below, None)
    if node.above is not None and (number := numbers.get(as_text_of(bare))) is not None:
        return f"{{{number}}}^{{{as_latex(node.above, numbers)}}}"
    base = as_latex(node.base, numbers)
    below = "" if node.below is None else f"_{{{as_latex(node.below, numbers)}}}"
    above = "" if node.above is None else f"^{{{as_latex(node.above, numbers)}}}"
    return base + below + above


def _atom(atom: Atom) -> str:
    text = atom.text
    if atom.kind == "text":
        return rf"\text{{{text.replace(' ', '~')}}}"
    if atom.kind in ("open", "close"):
        name = {"|": "lvert", "‖": "lVert"}.get(text) or _FENCES[text]
        name = name.replace("l", "r", 1) if atom.kind == "close" and text in "|‖" else name
        return name if name in "()[]" else rf"\{name}"
    if atom.kind == "space":
        return r"\," if len(text) == 1 else r"\quad"
    if text in _COMMANDS:
        return _COMMANDS[text]
    if atom.kind == "function":
        return rf"\operatorname{{{text.replace(' ', '~')}}}"
    if atom.kind == "letter" and len(text) > 1:
        return rf"\mathrm{{{text.replace(' ', '~')}}}"
    return text


def _row(parts: list[str]) -> str:
    """With spaces between, but for those inside of a parenthesis."""
    line = ""
    for part in parts:
        tight = line.endswith("(") or part.startswith((")", ","))
        called = part == "(" and _CALLED.search(line)
        line += ("" if not line or tight or called else " ") + part
    return line
