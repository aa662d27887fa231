"""An equation of the paper with the numbers of one training step in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from annlib.core.arrays import Array
from annlib.core.terminal import Printed
from annlib.formulas import as_mathml, as_text
from annlib.tracing.numbers import ROWS

#: The operators of the paper's equations, and how TeX calls them.
OPERATORS = {
    "←": r"\leftarrow",
    "⊕": r"\oplus",
    "⊖": r"\ominus",
    "⊛": r"\circledast",
    "⊘": r"\oslash",
    "=": "=",
}
_OPERATOR_NAME = re.compile(r"\\operatorname{([^{}]*)}")
_TIMES = "\N{MULTIPLICATION SIGN}"
_IN_WORDS = {"←": " = ", "⊕": " + ", "⊖": " \N{MINUS SIGN} ", "⊛": " ⊛ ", "⊘": " ⊘ ", "=": " = "}


@dataclass(frozen=True, eq=False)
class Operand:
    r"""A symbol of an equation, and its numbers.

    Parameters
    ----------
    symbol : str
        In TeX, with the paper's braces: ``\{Z\}`` is a column, ``[W^T]`` a matrix (2.1).
    array : array, (n, ...) or (...)
        With ``by_row`` of rows (n, ...): row r of a batch is the paper's column {V}_r.
    by_row : bool
        Whether each row of the batch has numbers of its own.
    coefficient : bool
        Whether it is one number that others are multiplied with, which has no shape to speak of.
    written : str
        How a coefficient comes about in numbers, in TeX.

    Examples
    --------
    >>> operand = Operand(r"\{Z\}", np.array([[1.0, 2.0]]))
    >>> operand.text, operand.shape
    ('{Z}', '[2×1]')
    >>> operand.of(0)
    array([[1.],
           [2.]])
    """

    symbol: str
    array: Array
    by_row: bool = True
    coefficient: bool = False
    written: str = ""

    def of(self, row: int) -> Array:
        """Its numbers for a row, as the paper writes them: a matrix, a column (N, 1), or (1, 1).

        Parameters
        ----------
        row : int, in [0, n)

        Returns
        -------
        array, (N, M)
        """
        array = self.array[row] if self.by_row else self.array
        if array.ndim < 2:
            return array.reshape(-1, 1)
        return array.reshape(-1, array.shape[-1])

    @property
    def shape(self) -> str:
        """Rows and columns, as ``[3 x 1]``."""
        rows, columns = self.of(0).shape
        return f"[{rows}{_TIMES}{columns}]"

    @property
    def text(self) -> str:
        """The symbol as plain text."""
        return plain(self.symbol)


Token = Operand | str
#: A symbol with its numbers for a row, an operator, or TeX.
Term = tuple[str, Array] | str


@dataclass(frozen=True, eq=False)
class Equation(Printed):
    """One step of a trace.

    Parameters
    ----------
    layer, phase : str
        Where it stands: a layer's name; "forward", "loss", "backward" or "update".
    title : str
        What it computes, in words.
    section : str
        Of the paper: "6.1, eq. (5)"; "" for what the paper does not have.
    tokens : tuple of Operand or str
        The equation: the result first, then operators (of ``OPERATORS``), brackets and factors in
        TeX, and other operands.
    code : str
        The line that the engine runs for the whole batch.
    rule : callable, optional
        From the arrays of all operands but the first, of any shape, to the first: how the numbers
        hang together.
    sums : bool
        Whether the rule takes the numbers of all rows, instead of those of one.
    definition : tuple of str
        In TeX, what the function in it is.
    derived : bool
        Whether the result was computed from recorded numbers, since the engine never forms it.
    note : str
        What else is to be said of it.

    Examples
    --------
    >>> from annlib import Sequential, layers, losses, optimizers
    >>> model = Sequential([layers.Dense(1, kernel_initializer="ones")], dtype="float64")
    >>> model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
    >>> trace = model.trace([2.0, 3.0], [4.0])
    >>> step = trace["dense"]["Z"]
    >>> step.title, step.shape_equation
    ('the fully connected layer', '[1×1] = [1×2][2×1] + [1×1]')
    >>> step.distance()
    0.0
    >>> [term if isinstance(term, str) else term[1].ravel().tolist() for term in step.terms(0)]
    [[5.0], '←', [1.0, 1.0], [2.0, 3.0], '⊕', [0.0]]
    """

    layer: str
    phase: str
    title: str
    section: str
    tokens: tuple[Token, ...]
    code: str = ""
    rule: Callable[..., Array | float] | None = None
    sums: bool = False
    definition: tuple[str, ...] = ()
    derived: bool = False
    note: str = ""

    @property
    def operands(self) -> list[Operand]:
        """The symbols with numbers, the result first."""
        return [token for token in self.tokens if isinstance(token, Operand)]

    @property
    def result(self) -> Operand:
        """What is on the left."""
        return self.operands[0]

    @property
    def value(self) -> Array:
        """The result's numbers: with a first axis of rows where each row has its own."""
        return self.result.array

    @property
    def by_row(self) -> bool:
        """Whether each row of the batch has an equation of its own."""
        return self.result.by_row

    @property
    def symbol(self) -> str:
        """The result's symbol as plain text: ``{Z}``."""
        return self.result.text

    @property
    def text(self) -> str:
        """The equation as plain text: ``{Z} ← [Wᵀ]{X} ⊕ {B}``."""
        return self._line(lambda operand: operand.text, lambda operator: f" {operator} ")

    @property
    def shape_equation(self) -> str:
        """The equation of the shapes: ``[2 x 1] = [2 x 3][3 x 1] + [2 x 1]``."""
        first, *others = self.operands
        if all(operand.coefficient for operand in others):
            return first.shape
        return self._line(
            lambda operand: operand.text if operand.coefficient else operand.shape,
            _IN_WORDS.__getitem__,
        )

    def _line(self, operand: Callable[[Operand], str], operator: Callable[[str], str]) -> str:
        line = ""
        after_number = False
        for token in self.tokens:
            if isinstance(token, Operand):
                part = operand(token)
            else:
                part = operator(token) if token in OPERATORS else plain(token)
            line += " " * (after_number and part[0] not in " ),^") + part
            after_number = isinstance(token, Operand) and token.coefficient
        return line

    @property
    def latex(self) -> str:
        """The equation in TeX, with the size of each symbol as its subscript (2.1)."""
        parts = []
        for token in self.tokens:
            if isinstance(token, Operand) and token.coefficient:
                parts.append(token.symbol)
            elif isinstance(token, Operand):
                size = token.shape.replace(_TIMES, r" \times ")
                parts.append(f"{{{token.symbol}}}_{{{size}}}")
            else:
                parts.append(OPERATORS.get(token, token))
        return operator_names(" ".join(parts))

    @property
    def mathml(self) -> str:
        """The equation as a ``<math>`` element."""
        parts = []
        for token in self.tokens:
            if isinstance(token, Operand) and token.coefficient:
                parts.append(element(token.symbol))
            elif isinstance(token, Operand):
                size = f"<mtext>{token.shape}</mtext>"
                parts.append(f"<msub>{element(token.symbol)}{size}</msub>")
            else:
                parts.append(f"<mo>{token}</mo>" if token in OPERATORS else element(token))
        return f"<math>{''.join(parts)}</math>"

    @property
    def lines(self) -> int:
        """How many equations in numbers there are: one, or one for each row of the batch."""
        return len(self.value) if self.by_row else 1

    @property
    def shown(self) -> range:
        """The rows whose numbers are shown."""
        return range(min(self.lines, ROWS))

    @property
    def more(self) -> str:
        """How many rows are not shown, in words; "" if all are."""
        return f"{self.lines - ROWS} more rows" if self.lines > ROWS else ""

    def terms(self, row: int) -> list[Term]:
        """The equation in the numbers of a row; where there is nothing to put in, the result.

        Parameters
        ----------
        row : int, in [0, n)

        Returns
        -------
        list of str or (str, array), (N, M) each
            Operators as they are, and operands by their symbols.
        """
        result: list[Term] = [(self.result.symbol, self.result.of(row))]
        if self.sums:
            return result + self._summands()
        if len(self.operands) == 1:
            return result
        return [_term(token, row) for token in self.tokens]

    def _summands(self) -> list[Term]:
        """The numbers of each row, as they are added."""
        *before, last = self.tokens[1:]
        if not isinstance(last, Operand) or not last.by_row or not 1 < len(last.array) <= ROWS:
            return []
        if any(isinstance(token, Operand) and not token.coefficient for token in before):
            return []
        first, terms = last, list[Term](["←"])
        factor = "".join(str(_term(token, 0)) for token in before[1:])
        if factor := factor.replace(r"\sum_r", "").strip():
            terms.append(f"{factor} (")
        for row in range(len(first.array)):
            terms += ["⊕"] * (row > 0) + [(first.symbol, first.of(row))]
        return [*terms, ")"] if factor else terms

    def distance(self) -> float:
        """How far the result is from what the rule makes of the other numbers.

        The largest difference, divided by the largest number where that is above 1; 0 without a
        rule, and NaN where a number is not finite.

        Returns
        -------
        float, at least 0
        """
        if self.rule is None:
            return 0.0
        with np.errstate(all="ignore"):
            if self.sums or not self.by_row:
                arrays = [operand.array.astype(np.float64) for operand in self.operands]
                return apart(arrays[0], np.asarray(self.rule(*arrays[1:])))
            return max(self._distance_of(row) for row in range(self.lines))

    def _distance_of(self, row: int) -> float:
        assert self.rule is not None, "asked by the caller"
        first, *others = (operand.of(row).astype(np.float64) for operand in self.operands)
        return apart(first, np.asarray(self.rule(*others)))


def apart(one: Array, other: Array) -> float:
    """The largest difference of two arrays, by the largest number of the first where above 1."""
    if one.shape != other.shape:
        raise ValueError(f"trace: expected shapes that agree, got {one.shape} and {other.shape}.")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("nan")
    if not one.size:
        return 0.0
    return float(np.abs(one - other).max() / max(1.0, np.abs(one).max()))


def _term(token: Token, row: int) -> Term:
    if isinstance(token, str):
        return token
    if token.coefficient:
        return token.written or written(float(token.array.reshape(-1)[0]))
    return token.symbol, token.of(row)


def written(number: float, digits: int = 6) -> str:
    """A number in TeX, as short as may be; in parentheses where it is not one thing."""
    if not np.isfinite(number):
        return {"inf": r"\infty", "-inf": r"(-\infty)"}.get(str(number), r"\mathrm{nan}")
    short, _, power = f"{number:.{digits}g}".partition("e")
    if power:
        ten = f"10^{{{int(power)}}}"
        short = ten if short == "1" else rf"({short} \cdot {ten})"
    return f"({short})" if number < 0 and not power else short


def operator_names(tex: str) -> str:
    r"""With names of functions by \mathop, since GitHub refuses \operatorname."""
    return _OPERATOR_NAME.sub(r"\\mathop{\\mathrm{\1}}", tex)


def plain(tex: str) -> str:
    """TeX as one line of text, with the paper's tight indices: ``{D_E,Z}``."""
    if tex.startswith("^"):
        return as_text(f"x{tex}").removeprefix("x")
    return as_text(tex).replace(", ", ",")


def element(tex: str) -> str:
    """TeX as a part of a ``<math>`` element, with parentheses of one height whatever is in them."""
    if tex.startswith("^"):
        return f"<msup><mrow></mrow>{element(tex[1:].strip('{}'))}</msup>"
    math = as_mathml(tex, display=False).removeprefix("<math>").removesuffix("</math>")
    for form in ("prefix", "postfix"):
        math = math.replace(f'<mo form="{form}">', '<mo stretchy="false">')
    return math
