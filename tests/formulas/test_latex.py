"""A formula's tree written as LaTeX is that tree again; numbers stand where letters were."""

from __future__ import annotations

import pytest
from cases import ACTIVATIONS, LAYERS, LOSSES, OPTIMIZERS, REGULARIZERS, SCHEDULES

from annlib import formulas
from annlib.formulas.grammar import parse
from annlib.formulas.latex import as_latex

ROWS = [*ACTIVATIONS, *LAYERS, *LOSSES, *OPTIMIZERS, *REGULARIZERS, *SCHEDULES]


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_every_formula_comes_back(row):
    formula = formulas.of(row.make())
    for line in (*formula.equations, *formula.derivatives, *formula.batch):
        written = as_latex(parse(line))
        assert written.isascii()
        assert parse(written) == parse(line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r"\beta_1 m + (1 - \beta_1) g", "0.9 m + (1 - 0.9) g"),
        (r"\frac{\sqrt{1 - \beta_1^t}}{2}", r"\frac{\sqrt{1 - {0.9}^{3}}}{2}"),
        (r"\lVert g \rVert + \max(t, 1)", r"\lVert g \rVert + \max(3, 1)"),
    ],
)
def test_numbers_for_letters(line, expected):
    assert as_latex(parse(line), {"β₁": "0.9", "t": "3"}) == expected
