"""An explanation: a formula with its derivative, shapes and curve, for a notebook or a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from annlib.core.terminal import Printed
from annlib.core.tracebacks import with_short_tracebacks
from annlib.formulas.curve import Curve, curve_of
from annlib.formulas.drawing import as_svg
from annlib.formulas.formula import Formula, block, write
from annlib.formulas.lookup import resolve
from annlib.formulas.mathml import as_mathml
from annlib.formulas.text import as_text
from annlib.plots.axes import COLOURS, one_axes

_STYLE = (
    "display:flex;flex-wrap:wrap;gap:1.5em;align-items:flex-start;font-family:sans-serif;"
    "font-size:14px;line-height:1.5;color:inherit;text-align:left"
)
_CELL = "padding:.25em .8em .25em 0;vertical-align:top;text-align:left;background:none;border:none"


class Explanation(Printed):
    """What ``annlib.explain`` returns; a notebook shows it typeset, a terminal as text.

    Parameters
    ----------
    formula : Formula
        The equations.
    curve : Curve, optional
        What ``plot`` draws, of a function of one number.

    Attributes
    ----------
    formula : Formula
    curve : Curve or None

    Examples
    --------
    >>> import annlib
    >>> annlib.explain("tanh").formula.section
    '8.3'
    """

    def __init__(self, formula: Formula, curve: Curve | None) -> None:
        self.formula = formula
        self.curve = curve

    @property
    def title(self) -> str:
        """Its name and family: ``softmax, an activation``."""
        kind = self.formula.kind
        return f"{self.formula.name}, {'an' if kind[0] in 'aeiou' else 'a'} {kind}"

    def _equations(self) -> Iterator[tuple[str, Sequence[str]]]:
        formula = self.formula
        for label, lines in (
            ("formula", formula.equations),
            ("derivative", formula.derivatives),
            ("batch", formula.batch),
        ):
            if lines:
                yield label, lines

    def _remarks(self) -> Iterator[tuple[str, str]]:
        formula = self.formula
        section = f"section {formula.section}" if formula.section else ""
        for label, text in (
            ("shapes", formula.shapes),
            ("paper", section),
            ("source", formula.source),
            ("note", formula.note),
        ):
            if text:
                yield label, text

    def __repr__(self) -> str:
        lines = [self.title, ""]
        for label, equations in self._equations():
            lines += _labelled(label, _aligned([as_text(equation) for equation in equations]))
        symbols = [(as_text(letter), _joined(meaning)) for letter, meaning in self.formula.symbols]
        widest = max((_width(letter) for letter, _ in symbols), default=0)
        lines += _labelled("with", [_padded(s, widest) + meaning for s, meaning in symbols])
        for label, text in self._remarks():
            lines += _labelled(label, [text])
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        for label, equations in self._equations():
            maths = "".join(
                f'<div style="margin:.25em 0">{as_mathml(line, display=False, large=True)}</div>'
                for line in equations
            )
            rows.append((label, maths))
        symbols = "".join(
            f"<div>{as_mathml(letter, display=False)}{escape(_joined(meaning))}</div>"
            for letter, meaning in self.formula.symbols
        )
        if symbols:
            rows.append(("with", symbols))
        rows += [(label, escape(text)) for label, text in self._remarks()]
        table = "".join(
            f'<tr style="background:none"><td style="{_CELL};opacity:.65">{label}</td>'
            f'<td style="{_CELL}">{content}</td></tr>'
            for label, content in rows
        )
        drawing = "" if self.curve is None else f"<div>{as_svg(self.curve)}</div>"
        return (
            f'<div class="annlib-explanation" style="{_STYLE}"><div><div style="font-weight:600">'
            f"{escape(self.title)}</div>"
            f'<table style="border-collapse:collapse;margin:.3em 0;color:inherit">{table}</table>'
            f"</div>{drawing}</div>"
        )

    def to_latex(self) -> str:
        r"""Formula and derivative as LaTeX, to paste between ``$$``.

        Returns
        -------
        str

        Examples
        --------
        >>> import annlib
        >>> print(annlib.explain("linear").to_latex())
        \begin{aligned}
        a_i & = z_i \\
        \frac{\partial a_i}{\partial z_i} & = 1
        \end{aligned}
        """
        return block((*self.formula.equations, *self.formula.derivatives))

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.to_latex()}$"

    def plot(self, ax: Any = None) -> Any:
        """Draw the curve and its derivative.

        Parameters
        ----------
        ax : Axes, optional

        Returns
        -------
        Axes

        Raises
        ------
        ValueError
            If it is no function of one number.

        Examples
        --------
        >>> import annlib
        >>> axes = annlib.explain("tanh").plot()
        >>> axes.get_title()
        'tanh, an activation'
        """
        if self.curve is None:
            raise ValueError(
                f"explain: expected something with a curve to plot, got {self.title}. "
                "Activations, most losses, regularizers and schedules have one."
            )
        ax = one_axes(ax, "explain", figsize=(4.6, 3.2))
        styles = zip(COLOURS, ("-", "--", ":"), strict=False)
        for (name, values), (colour, style) in zip(self.curve.lines.items(), styles, strict=False):
            ax.plot(self.curve.x, values, style, color=colour, label=name)
        margin = 0.05 * (self.curve.high - self.curve.low)
        ax.set_ylim(self.curve.low - margin, self.curve.high + margin)
        ax.set_xlabel(self.curve.xlabel)
        ax.set_title(self.title)
        ax.grid(visible=True, alpha=0.25)
        ax.legend(frameon=False)
        return ax


@with_short_tracebacks
def explain(obj: Any, kind: str | None = None) -> Explanation:
    """The formula of something that annlib computes, its derivative, shapes and curve.

    Parameters
    ----------
    obj : str, type or object
        The name, class or object of an activation, loss, optimizer, layer, regularizer or
        schedule; or of a metric, initializer, constraint or callback, of which words say what it
        is. Of a name that several families share the first of these is meant.
    kind : {"activation", "loss", "optimizer", "layer", "regularizer", "schedule", "metric", \
"initializer", "constraint", "callback"}, optional
        The family, for a name that several share.

    Returns
    -------
    Explanation
        Prints in a terminal, is typeset in a notebook; ``to_latex`` and ``plot``.

    Raises
    ------
    UnknownNameError
        With the nearest known names.

    Examples
    --------
    >>> import annlib
    >>> annlib.explain("tanh")
    tanh, an activation
    <BLANKLINE>
      formula     aᵢ = tanh(zᵢ)
      derivative  ∂aᵢ/∂zᵢ = 1 − aᵢ²
      shapes      {Z}, {A}, {D_A,Z}: [N × 1], element by element; a batch: (n, N)
      paper       section 8.3
    """
    found = resolve(obj, kind)
    return Explanation(write(*found), curve_of(*found))


def _joined(meaning: str) -> str:
    """What follows a symbol: its value, or what it is."""
    is_value = meaning[:1].isdigit() or meaning[1:2].isdigit()
    return f" = {meaning}" if is_value else f": {meaning}"


def _labelled(label: str, lines: Sequence[str]) -> list[str]:
    return [f"  {label if not index else '':<12}{line}" for index, line in enumerate(lines)]


def _aligned(lines: list[str]) -> list[str]:
    """Equations below each other with their relations in one column."""
    parts = [line.partition(" ← " if " ← " in line else " = ") for line in lines]
    widest = max(_width(left) for left, relation, _ in parts)
    if len(lines) < 2 or not all(relation for _, relation, _ in parts) or widest > 12:
        return lines
    return [
        " " * (widest - _width(left)) + left + relation + right for left, relation, right in parts
    ]


def _width(text: str) -> int:
    """The columns that a terminal takes for it."""
    return sum(not unicodedata.combining(character) for character in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
