"""A layer by its own formula: each line in the numbers of every row, forward and backward."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.core.workspace import Workspace
from annlib.formulas import Formula, as_text
from annlib.formulas.grammar import Node, Row, Scripts, parse
from annlib.formulas.latex import as_latex
from annlib.formulas.text import as_text_of
from annlib.layers import axes
from annlib.tracing.equation import Equation, Operand
from annlib.tracing.lines import Lines
from annlib.tracing.recording import LayerRecord, Recording
from annlib.tracing.sections import definition, gradient_symbol, letter_of, renamed, symbol_of
from annlib.tracing.terms import ROWS, Known, Quantity, key_of, without_index

_DX, _DY = "∂E/∂x", "∂E/∂y"


def by_formula(recording: Recording, record: LayerRecord) -> ByFormula | None:
    """The equations of a layer whose formula can be put in numbers, or None."""
    formula = definition(record.layer, "layer")
    if record.letters is None or formula is None:
        return None
    return ByFormula(recording, record, record.letters, formula)


class ByFormula:
    """The equations of one layer; ``forward`` comes before ``backward`` and ``update``."""

    def __init__(
        self,
        recording: Recording,
        record: LayerRecord,
        letters: dict[str, Array],
        formula: Formula,
    ) -> None:
        self.recording, self.record, self.formula = recording, record, formula
        self._axis = getattr(record.layer, "axis", -1)
        X = self._rows(record.x)
        #: Numbers of the engine's own, by the letters as text.
        self._engines = {as_text(letter): numbers for letter, numbers in letters.items()}
        self._engines["y"] = self._rows(record.y)
        names: dict[str, Known] = {as_text(letter): value for letter, value in formula.values}
        names |= {
            as_text(letter): Quantity(rf"\{{{letter}\}}", numbers)
            for letter, numbers in letters.items()
        }
        names["x"] = Quantity(r"\{X\}", X, by_row=True)
        names |= {"n": float(len(X)), "N": float(X.shape[1])}
        self._parameters = {
            as_text(letter_of(record.layer, parameter.name)): parameter.name
            for parameter in record.layer._parameters
        }
        for letter, name in self._parameters.items():
            statistics = recording.statistics_before.get(f"{record.name}/{name}")
            if statistics is not None:
                symbol = symbol_of(record.layer, name, statistics.shape)
                names.setdefault(letter, Quantity(symbol, statistics))
        self._lines = Lines(names, ROWS)

    def _rows(self, array: Array) -> Array:
        """As rows along the layer's axis."""
        rows = axes.rows_along(self._axis, array, Workspace(array.dtype), "rows")
        return np.array(rows)

    def forward(self) -> Iterator[Equation]:
        """From {X} to {A}."""
        taken = [line for line in self.formula.batch if not _is_kept(line)]
        for latex in (*taken, *self.formula.equations):
            yield self._equation(latex, "forward")

    def backward(self, trainable: set[str]) -> Iterator[Equation]:
        """From {D_E,A} to the gradients, and to {D_E,X}."""
        record = self.record
        assert record.dy is not None, "the caller sees to that"
        D_EA = Quantity(r"\{D_{E,A}\}", self._rows(record.dy), by_row=True)
        self._lines.names[_DY] = D_EA
        if record.dx is not None:
            self._engines[_DX] = self._rows(record.dx)
        for latex in self.formula.derivatives:
            key = key_of(_left(latex))
            of = self._parameters.get(key.removeprefix("∂E/∂"), "")
            if of:
                if f"{record.name}/{of}" in trainable:
                    yield from self._gradient(latex, of)
            elif record.dx is not None:
                yield self._equation(latex, "backward")

    def update(self) -> Iterator[Equation]:
        """What the layer keeps of the batch, after the step."""
        if not self.recording.trained:
            return
        kept = [line for line in self.formula.batch if _is_kept(line)]
        for latex in kept:
            name = self._parameters[key_of(_left(latex))]
            after = self.recording.statistics_after[f"{self.record.name}/{name}"]
            self._engines[key_of(_left(latex))] = after
            yield self._equation(latex, "update")

    def _gradient(self, latex: str, name: str) -> Iterator[Equation]:
        """That of a parameter: of each row, where the formula speaks of one, and accumulated."""
        record, line = self.record, self._lines.read(latex)
        numbers = record.gradients[name]
        symbol = gradient_symbol(symbol_of(record.layer, name, numbers.shape))
        total = Operand(symbol, numbers.reshape(-1), by_row=False)
        if line.by_row:
            row = Operand(f"{symbol}_r", line.value)
            yield Equation(
                record.name,
                "backward",
                f"the gradient of {name}, row by row",
                "",
                (row, "←", *line.tokens),
                "",
                line.rule,
                definition=renamed(latex),
                derived=True,
            )
            yield Equation(
                record.name,
                "backward",
                f"the accumulated gradient of {name}",
                "5.2",
                (total, "←", r"\sum_r", row),
                "",
                lambda rows: rows.sum(axis=0),
                sums=True,
            )
            return
        yield Equation(
            record.name,
            "backward",
            f"the accumulated gradient of {name}",
            "5.2",
            (total, "←", *line.tokens),
            "",
            line.rule,
            line.sums,
            definition=renamed(latex),
        )

    def _equation(self, latex: str, phase: str) -> Equation:
        left, line = _left(latex), self._lines.read(latex)
        array = self._engines.get(line.key)
        derived = array is None
        if array is None:
            array = line.value
        symbol = self._symbol(left, line.key, line.by_row)
        self._lines.names[line.key] = Quantity(symbol, array, line.by_row)
        return Equation(
            self.record.name,
            phase,
            self._title(left, line.key, phase),
            "",
            (Operand(symbol, array, line.by_row), "←", *line.tokens),
            "",
            line.rule,
            line.sums,
            definition=renamed(latex),
            derived=derived,
            note=self._note(line.key),
        )

    def _note(self, key: str) -> str:
        if key != "y" or self._axis in (-1, self.record.x.ndim - 1):
            return ""
        return f"A row of these equations is one along axis {self._axis} of the input."

    def _title(self, left: Node, key: str, phase: str) -> str:
        words = type(self.record.layer)._names[0].replace("_", " ")
        if key == "y":
            return words
        if key == _DX:
            return f"back through {words}"
        meanings = {as_text(letter): meaning for letter, meaning in self.formula.symbols}
        meaning = meanings.get(as_text_of(left), key).partition(",")[0]
        return f"the moving average {key}" if phase == "update" else meaning

    def _symbol(self, left: Node, key: str, by_row: bool) -> str:
        """In the paper's notation: columns are in braces, and vectors capital letters."""
        known = {"y": r"\{A\}", _DX: r"\{D_{E,X}\}"}
        if key in known:
            return known[key]
        if not isinstance(left, Scripts):  # one number of a row
            return as_latex(left)
        bare = as_latex(without_index(left))
        return rf"\{{{bare.upper() if len(bare) == 1 else bare}\}}"


def _is_kept(line: str) -> bool:
    """Whether the layer keeps what the line says."""
    return r"\leftarrow" in line


def _left(latex: str) -> Node:
    """What is left of the sign."""
    parts: Any = parse(latex)
    place = next(k for k, part in enumerate(parts.items) if as_text_of(part) in ("=", "←"))
    return Row(parts.items[:place]) if place > 1 else parts.items[0]
